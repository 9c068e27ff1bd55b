"""What is given: tables, targets, their splits, and what can be said about them before any training."""
