"""A study for other programs: files of tables, TensorBoard, MLflow. Nothing here is needed by the rest."""
