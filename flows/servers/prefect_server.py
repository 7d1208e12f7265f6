"""One real Prefect server a home: reused, or started detached on a free loopback port.

Everything of it lies in the home: `prefect/` is its PREFECT_HOME with the database, `logs/` what it says. So two homes
on one machine never meet, and deleting a home leaves nothing behind.

A worker executes what the server tells it, and any page that a browser has open can send requests to loopback. So the
server asks for the password in `prefect/password`, of its page's reader too, and no page of another origin may read it.
"""

import os
import secrets
import sys

from flows.servers import detached_process, service
from flows.servers.detached_process import LOOPBACK
from flows.servers.prefect_api import PrefectApi
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
    "PREFECT_CLIENT_CSRF_SUPPORT_ENABLED": "false",  # the server asks for the password, which no page has
    "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": "http://127.0.0.1:0",  # none: its own page needs no permission
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


def ensure_server(home: Home) -> PrefectApi:
    """The home's server, which answers: the running one, or one started now."""
    secret = password(home)
    settings = inherited() | _variables(home) | {"PREFECT_SERVER_API_AUTH_STRING": secret}
    return PrefectApi(f"{service.ensure(home, SERVER, settings).url}/api", secret)


def running(home: Home) -> PrefectApi | None:
    """The home's server if it answers; nothing is started."""
    server = detached_process.find(home, SERVER.name)
    if server is None or not service.answers(server.url, SERVER.health):
        return None
    return PrefectApi(f"{server.url}/api", password(home))


def password(home: Home) -> str:
    """USER:PASSWORD of the home's server, made where there is none; the file is its owner's alone."""
    file = home.prefect / "password"
    if file.is_file():
        return file.read_text(encoding="utf-8")
    with service.exclusive(home, "password"):
        if not file.is_file():  # another process may have made it meanwhile
            made = file.with_suffix(".partial")
            made.unlink(missing_ok=True)
            made.touch(mode=0o600)
            made.write_text(f"triptych:{secrets.token_urlsafe(24)}", encoding="utf-8")
            made.rename(file)
    return file.read_text(encoding="utf-8")


def environment(home: Home) -> dict[str, str]:
    """The variables under which Prefect works, quietly, with the home's server; set them before Prefect is imported."""
    return worker_environment(home) | QUIET


def worker_environment(home: Home) -> dict[str, str]:
    """The same for a process that nobody watches: its log is all that is left of it."""
    server = detached_process.recorded(home, SERVER.name)
    access = {"PREFECT_API_URL": f"{server.url}/api", "PREFECT_API_AUTH_STRING": password(home)} if server else {}
    return _variables(home) | access


def inherited() -> dict[str, str]:
    """Our environment without the Prefect settings of another server."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}


def _variables(home: Home) -> dict[str, str]:
    return SETTINGS | ON_STDERR | {"PREFECT_HOME": str(home.prefect), "TRIPTYCH_HOME": str(home)}
