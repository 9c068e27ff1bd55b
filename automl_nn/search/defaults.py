"""What a search does unless somebody says otherwise; importing it imports nothing."""

STORAGE = "sqlite:///automl_nn.db"
"""Where studies are kept: a file in the working folder."""

TIMEOUT = 600.0
"""Seconds that a search takes if neither trials nor a time-out are given."""
