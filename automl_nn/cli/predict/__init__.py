"""`automl-nn predict`: rows, maps and streams."""
