"""Starting a run from the command line: mistakes are told first, then a real Prefect server runs the flow."""

import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from flows.explain import Explainer
from flows.line import line
from flows.record import RunRecord, latest
from flows.server import ensure_server, environment
from flows.session import Request, opened
from tasks.errors import UserError
from tasks.progress import say


def started(
    home: Path, recipe: str, changes: Sequence[str], start: str, until: str, only: str, strict: bool
) -> RunRecord:
    """The record of the run, done. What it achieved is judged by the record, not by Prefect's answer."""
    session = opened(Request(home, recipe, changes, start, until, only, strict))
    for note in session.corpus.notes:
        say(f"  {note}")
    url = ensure_server(home)
    os.environ.update(environment(home))
    say(f"watch: {url.removesuffix('/api')}")
    from flows.pipeline import pipeline

    before = latest(home)
    answer = pipeline(
        recipe=recipe,
        home=str(home),
        changes=list(changes),
        start=start,
        until=until,
        only=only,
        strict=strict,
        return_state=True,
    )
    record = latest(home)
    if record is None or (before is not None and record.run == before.run):
        raise UserError(f"the run did not begin: {answer.message}", f"see {home / 'logs'}")
    return record


def explained(
    home: Path, recipe: str, changes: Sequence[str], start: str, until: str, only: str, strict: bool
) -> list[dict[str, Any]]:
    """Hit or miss of every label in scope, with its reasons; nothing is written."""
    session = opened(Request(home, recipe, changes, start, until, only, strict), write=False)
    explainer = Explainer(session.store, session.scope)
    line(session.loaded.recipe, session.corpus, explainer)
    return [asdict(found) for found in explainer.found]
