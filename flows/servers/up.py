"""`triptych up`: the home's Prefect server, a worker for its deployments and MLflow's pages, detached, on loopback.

Where TRIPTYCH_MLFLOW names a server elsewhere, that one has the pages, and none is started here.
"""

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from flows.servers import detached_process, service
from flows.servers.detached_process import LOOPBACK, Detached
from flows.servers.prefect_api import PrefectApi
from flows.servers.prefect_server import SERVER, ensure_server, environment, inherited, worker_environment
from flows.servers.reconcile import reconcile
from flows.servers.service import Service
from tasks.errors import UserError
from tasks.home import Home
from tasks.progress import say
from tasks.tracking.server import mlflow_server

POOL = "triptych"
WORKER = "prefect-worker"
MLFLOW = "mlflow-ui"
SECONDS_FOR_WORKER = 60.0  # until it has registered with the server
SECONDS_BETWEEN_QUERIES = "5"  # of the worker for new runs
STOPPED_IN_ORDER = (WORKER, MLFLOW, SERVER.name)  # the worker may still have something to report to the server


def start_servers(home: Home, webhook: str = "") -> dict[str, Any]:
    """{"prefect": page, "password", "mlflow": page, "worker": pid}; what was running already stays as it is.

    The password is Prefect's: its page asks for it once.

    A webhook is called from then on for each deployed run that failed or was missed (`flows/servers/webhook.py`).
    """
    prefect = ensure_server(home)
    reconcile(home, prefect)
    with service.exclusive(home, "up"):
        if not mlflow_server():
            service.ensure(home, _mlflow(home), _mlflow_environment())
        say("deploying the pipeline, and a worker for it")
        _deploy(home, webhook)
        worker = detached_process.find(home, WORKER) or start_worker(home, prefect)
    return {"prefect": prefect.page, "password": prefect.password, "mlflow": mlflow_address(home), "worker": worker.pid}


def stop_servers(home: Home) -> dict[str, list[str]]:
    """{"stopped": names}: what this home had running and has no more."""
    return {"stopped": [name for name in STOPPED_IN_ORDER if detached_process.end(home, name)]}


def start_worker(home: Home, prefect: PrefectApi) -> Detached:
    """A worker that takes the runs of the home's deployments, registered with the server."""
    name = f"{POOL}-{time.time():.0f}"  # an earlier worker's row is still there, and says ONLINE for a while
    command = (sys.executable, "-m", "prefect", "worker", "start", "--pool", POOL, "--type", "process", "--name", name)
    settings = {"PREFECT_WORKER_QUERY_SECONDS": SECONDS_BETWEEN_QUERIES, "PYTHONUNBUFFERED": "1"}
    worker = detached_process.start(home, WORKER, command, inherited() | worker_environment(home) | settings)
    waited_from = time.monotonic()
    while not _is_online(prefect, name):
        if not detached_process.is_alive(worker) or time.monotonic() - waited_from > SECONDS_FOR_WORKER:
            log = detached_process.log_of(home, WORKER)
            raise UserError(
                f"the worker did not start:\n{detached_process.last_lines(log)}", f"see {log}; `triptych up` again"
            )
        time.sleep(0.2)
    return worker


def mlflow_address(home: Home) -> str:
    """The address of MLflow's pages: of the server elsewhere, or of the one that `triptych up` starts."""
    server = mlflow_server()
    return str(server) if server else service.address(home, MLFLOW)


def _deploy(home: Home, webhook: str) -> None:
    command = (sys.executable, "-m", "flows.servers.deployments", *([webhook] if webhook else []))
    settings = inherited() | environment(home) | {"PWD": str(Path.cwd())}
    done = subprocess.run(command, env=settings, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise UserError(
            f"the pipeline could not be deployed to the Prefect server:\n{done.stderr[-2000:]}",
            "triptych doctor; then `triptych up --stop` and `triptych up`",
        )


def _is_online(prefect: PrefectApi, name: str) -> bool:
    workers = prefect.post(f"/work_pools/{POOL}/workers/filter", {})
    return any(worker["name"] == name and worker["status"] == "ONLINE" for worker in workers)


def _mlflow(home: Home) -> Service:
    store = ("--backend-store-uri", f"sqlite:///{home.mlflow_database}")
    artifacts = ("--default-artifact-root", home.mlflow_artifacts.as_uri(), "--no-serve-artifacts")
    server = (sys.executable, "-m", "mlflow", "server", *store, *artifacts, "--host", LOOPBACK, "--workers", "1")
    return Service(
        name=MLFLOW,
        title="MLflow's pages",
        command=lambda port: (*server, "--port", str(port), *_only_itself(port)),
        health="/health",
        cure="`triptych up --stop`, then `triptych up`",
    )


def _only_itself(port: int) -> tuple[str, ...]:
    """Refused are names that another machine gives to this one, and pages of another origin."""
    own = [f"{name}:{port}" for name in (LOOPBACK, "localhost")]
    origins = ",".join(f"http://{name}" for name in own)
    return ("--allowed-hosts", ",".join(own), "--cors-allowed-origins", origins)


def _mlflow_environment() -> dict[str, str]:
    return inherited() | {
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
    }
