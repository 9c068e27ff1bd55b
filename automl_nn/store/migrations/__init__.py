"""The history of our tables, one file a step; the version stands in the table `automl_version`."""
