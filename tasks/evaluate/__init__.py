"""What a model is worth: scores an item, beside honest baselines of the same run, each figure with its interval."""
