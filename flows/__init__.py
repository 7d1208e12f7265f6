"""The order of the steps: a graph as a value, run under Prefect or only explained."""
