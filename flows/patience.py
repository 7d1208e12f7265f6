"""Running a flow without waiting for a Prefect server that is gone.

Prefect's client is made for a far server that will come back: it retries every event for seven seconds and every call
for a minute, so a run whose server dies would hang for minutes after its last step. Ours is on the same machine, and a
run is judged by its own record: what cannot be told to the server at once is told at the next start
(`flows/reconcile.py`).
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from prefect.events.clients import PrefectEventsClient
from prefect.events.worker import EventsWorker
from prefect.settings import (
    PREFECT_API_REQUEST_TIMEOUT,
    PREFECT_CLIENT_MAX_RETRIES,
    PREFECT_FLOWS_HEARTBEAT_FREQUENCY,
    temporary_settings,
)

SECONDS_TO_SEND_THE_REST = 5.0
IMPATIENT_SETTINGS = {
    PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None,  # its thread costs a flow a second at the end
    PREFECT_CLIENT_MAX_RETRIES: 0,
    PREFECT_API_REQUEST_TIMEOUT: 15.0,  # of a server that hangs
}


@contextmanager
def impatient() -> Iterator[None]:
    """Within, calls and events to a dead server fail at once; on leaving, what is still queued has been sent."""
    logging_raises = logging.raiseExceptions
    EventsWorker.set_client_override(PrefectEventsClient, reconnection_attempts=0)
    logging.raiseExceptions = False  # a log line that the server did not take is not worth a word on stderr
    try:
        with temporary_settings(IMPATIENT_SETTINGS):
            yield
    finally:
        EventsWorker.drain_all(timeout=SECONDS_TO_SEND_THE_REST)
        EventsWorker.set_client_override(None)
        logging.raiseExceptions = logging_raises
