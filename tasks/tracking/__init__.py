"""MLflow, and the outbox between it and a run; MLflow is imported in this package only.

tracker      a run's events, shipped by a thread           outbox      events that MLflow does not have yet
connection   the MLflow that is written to                 server      one elsewhere, which TRIPTYCH_MLFLOW names
runs         how a run and its steps look in MLflow        series      a training's metrics, while it runs
artifacts    files of a step, copied or named              versions    changes to the registry
registry     what is registered, read                      registry_tables, registry_rest   … from the home, a server
model_version    one version and its files                 pyfunc_model    the model that MLflow serves
moved        the database's paths, after the home was moved
"""
