"""Choices between several classes: by offsets, by a cut-off each, by expected cost."""
