"""automl_nn."""
