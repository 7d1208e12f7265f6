"""The recipes that come with triptych, one TOML file a run."""
