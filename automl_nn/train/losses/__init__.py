"""Losses: what rows, labels and embeddings cost, for a stack of networks whose knobs may differ."""
