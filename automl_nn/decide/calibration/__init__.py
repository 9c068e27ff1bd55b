"""From outputs to probabilities that can be believed, and how far they can."""
