"""Models to compare networks with: a linear one and untuned boosting, on the same rows, kept as plain arrays."""
