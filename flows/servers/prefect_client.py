"""Running a flow without waiting for a Prefect server that is gone.

Prefect's client is made for a far server that will come back: it retries each event for seven seconds and each call for
a minute, so a run whose server died would hang for minutes after its last step. Ours is on the same machine, and a run
is judged by its own record: what cannot be reported to the server at once is reported at the
next start (`flows/servers/reconcile.py`).
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from prefect.client.schemas.objects import State
from prefect.events.clients import PrefectEventsClient
from prefect.events.worker import EventsWorker
from prefect.settings import (
    PREFECT_API_REQUEST_TIMEOUT,
    PREFECT_CLIENT_MAX_RETRIES,
    PREFECT_FLOWS_HEARTBEAT_FREQUENCY,
    temporary_settings,
)

from tasks.progress import say

SECONDS_TO_SEND_THE_REST = 5.0
SECONDS_FOR_AN_ANSWER = 15.0  # of a server that is there, and hangs


def final_state(flow: Callable[[], State]) -> State | None:
    """What the flow ended in; None where the server went away before the end could be reported."""
    try:
        with short_timeouts():
            return flow()
    except httpx.HTTPError as error:  # gone, or too busy to note an end
        say(f"  the Prefect server went away ({error}): the end of this run is reported to it at the next start")
        return None


@contextmanager
def short_timeouts() -> Iterator[None]:
    """Within, calls and events to a dead server fail at once; on leaving, what was queued has been sent."""
    settings: dict[Any, Any] = {
        PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None,  # its thread costs a flow a second at the end
        PREFECT_CLIENT_MAX_RETRIES: 1,  # two seconds later: a server whose database is busy answers 503
        PREFECT_API_REQUEST_TIMEOUT: SECONDS_FOR_AN_ANSWER,
    }
    logging_raises = logging.raiseExceptions
    EventsWorker.set_client_override(PrefectEventsClient, reconnection_attempts=0)
    logging.raiseExceptions = False  # a log line that the server did not take is not worth a word on stderr
    try:
        with temporary_settings(settings):
            yield
    finally:
        EventsWorker.drain_all(timeout=SECONDS_TO_SEND_THE_REST)
        EventsWorker.set_client_override(None)
        logging.raiseExceptions = logging_raises
