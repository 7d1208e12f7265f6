"""MLflow, and the outbox between it and a run; MLflow is imported in this package only.

tracker      a run's events, shipped by a thread           outbox      events that MLflow does not have yet
connection   a home's MLflow, opened or created            moved       its paths, after the home was moved
runs         how a run and its steps look in MLflow        series      a training's metrics, while it runs
artifacts    files of a step, copied or named              versions    changes to the registry
registry     versions, aliases and weights, read           pyfunc_model    the model that MLflow serves
"""
