"""The graph of the steps as a value, run under Prefect or only explained.

graph            which step reads which                      scope            the labels that one run is to make
recipe           the configs of one run together             recipe_files     TOML files, their parents, --set
recipe_mistakes  every mistake, as a person reads it         resolve          paths located, hashes taken, SQL checked
load             a recipe: read, validated, resolved         takedown         what a takedown list withholds
named_models     models by registered name or of a hub
session          a checked request, and its run              runner           one run of the graph
start            a run from the command line                 pipeline         the Prefect flow
publish          what `register` does after packaging        explain          `run --explain`
record           the record of a run                         run_tables       the tables of one run
mlflow_runs      what MLflow shows of a label                prefect_pages    what Prefect shows of a label
report           one HTML page on a run                      report_opening   its first section: the run in short
headline         what one wants to know first of a run       retention        the disk of a home, and `gc`
servers/         the home's Prefect server, worker and pages
"""
