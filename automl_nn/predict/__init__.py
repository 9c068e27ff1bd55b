"""The model that is deployed: what it predicts, and the file that it is kept in."""
