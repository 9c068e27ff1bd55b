"""Augmentation: images changed at random while networks are trained on them."""
