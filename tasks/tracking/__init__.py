"""MLflow, seen from the line: runs through an outbox on disk, the registry of models, the model that MLflow serves."""
