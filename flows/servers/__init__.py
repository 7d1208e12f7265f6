"""The servers of a home: Prefect's, a worker, MLflow's pages. All listen on loopback and outlive their command.

up               `triptych up` and `up --stop`               service          a detached process that answers HTTP
detached_process a process and its record                    prefect_server   one Prefect server per home
prefect_api      Prefect's REST interface                    prefect_client   short timeouts for Prefect's client
deployments      the work pool and the deployments           schedule         the nightly run, on and off
reconcile        runs whose process is gone                  webhook          a call for each failed or late run
"""
