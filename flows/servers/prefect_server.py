"""One real Prefect server a home: reused, or started detached on a free loopback port.

Everything of it lies in the home: `prefect/` is its PREFECT_HOME with the database, `logs/` what it says. So two homes
on one machine never meet, and deleting a home leaves nothing behind.
"""

import os
import sys

from flows.servers import detached_process, service
from flows.servers.detached_process import LOOPBACK
from flows.servers.service import Service
from tasks.home import Home

SETTINGS = {
    "DO_NOT_TRACK": "true",
    "PREFECT_SERVER_UI_API_URL": "/api",  # else the page asks port 4200, wherever the server listens
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",  # with their logs and pages
    "PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD": str(
        90 * 24 * 3600
    ),  # seconds; what a run did is in its record
    "PREFECT_CLIENT_SERVER_VERSION_CHECK_ENABLED": "false",  # the server comes out of our own environment
    "PREFECT_CLIENT_CSRF_SUPPORT_ENABLED": "false",  # the server asks for no token: saves a question a client
}
# Each line goes to the run's page; on stderr the house speaks for itself.
QUIET = {"PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL", "PREFECT_LOGGING_INTERNAL_LEVEL": "CRITICAL"}
ON_STDERR = {"PREFECT_LOGGING_HANDLERS_CONSOLE_STREAM": "ext://sys.stderr", "PREFECT_CLI_COLORS": "false"}

SERVER = Service(
    name="prefect-server",
    title="the Prefect server",
    command=lambda port: (sys.executable, "-m", "prefect", "server", "start", "--host", LOOPBACK, "--port", str(port)),
    health="/api/health",
    cure="`triptych up --stop`, then run again; if its database is broken, move the home's folder `prefect` away"
    " (it holds the history of runs and the schedule, no result)",
)


def ensure_server(home: Home) -> str:
    """The API address of the home's server, which answers: the running one, or one started now."""
    return service.ensure(home, SERVER, inherited() | _variables(home)).url + "/api"


def running(home: Home) -> str | None:
    """The API address of the home's server if it answers; nothing is started."""
    server = detached_process.find(home, SERVER.name)
    return f"{server.url}/api" if server and service.answers(server.url, SERVER.health) else None


def environment(home: Home) -> dict[str, str]:
    """The variables under which Prefect works, quietly, with the home's server; set them before Prefect is imported."""
    return worker_environment(home) | QUIET


def worker_environment(home: Home) -> dict[str, str]:
    """The same for a process that nobody watches: its log is all that is left of it."""
    server = detached_process.recorded(home, SERVER.name)
    return _variables(home) | ({"PREFECT_API_URL": f"{server.url}/api"} if server else {})


def inherited() -> dict[str, str]:
    """Our environment without the Prefect settings of another server."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}


def _variables(home: Home) -> dict[str, str]:
    return SETTINGS | ON_STDERR | {"PREFECT_HOME": str(home.prefect), "TRIPTYCH_HOME": str(home)}
