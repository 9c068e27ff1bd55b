"""Refit: networks of chosen trials, trained again on all rows, those that chose them included."""
