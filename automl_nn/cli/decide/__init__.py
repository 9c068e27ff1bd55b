"""`automl-nn decide`: on a study, on scores of any model, on events, or as it was decided before."""
