"""The report of a run: one self-contained HTML page, made of what its artifacts say."""
