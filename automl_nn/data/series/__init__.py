"""Series: their steps in a long table, the shapes they come in, and what they show before any training."""
