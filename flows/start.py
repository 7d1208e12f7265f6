"""Starting a run from the command line: mistakes are reported first, then a real Prefect server runs the flow."""

import os
from dataclasses import asdict
from typing import Any

from flows.explain import Explainer
from flows.graph import graph
from flows.record import RunRecord, read
from flows.servers.prefect_server import ensure_server, environment, inherited
from flows.servers.reconcile import reconcile
from flows.session import Request, ingests, new_run, open_session
from flows.takedown import takedown_in_store
from tasks.errors import UserError
from tasks.progress import say
from tasks.register.publish import publish_waiting


def run_pipeline(request: Request) -> RunRecord:
    """The record of the run, done. What it achieved is judged by the record, not by Prefect's answer."""
    session = open_session(request)
    for note in session.corpus.notes:
        say(f"  {note}")
    home = request.home
    prefect = ensure_server(home)
    for name in os.environ.keys() - inherited().keys():
        del os.environ[name]  # settings for another Prefect server
    os.environ.update(environment(home))
    reconcile(home, prefect)
    publish_waiting(home)
    say(f"watch: {prefect.page} (it asks for what is in {home.prefect / 'password'})")
    from flows.pipeline import pipeline
    from flows.servers.prefect_client import final_state

    run = new_run()
    answer = final_state(lambda: pipeline(**flow_parameters(request), run=run, return_state=True))
    path = home.records / f"{run}.json"
    if not path.is_file():
        why = answer.message if answer else "the Prefect server went away"
        raise UserError(f"the run did not begin: {why}", f"see {home / 'prefect'}, and run again")
    record = read(path)
    if record.state == "running":  # its end could not be written either
        record = record.end("failed", f"the end of this run could not be recorded in {path}", "see above")
    return record


def flow_parameters(request: Request) -> dict[str, Any]:
    """The request as the flow's parameters: what Prefect's page shows, and what a deployment can set."""
    return {**asdict(request), "home": str(request.home), "changes": list(request.changes)}


def explain_run(request: Request) -> list[dict[str, Any]]:
    """Hit or miss of every label in scope, with its reasons; nothing is written."""
    session = open_session(request, write=False)
    for note in session.corpus.notes:
        say(f"  {note}")
    explainer = Explainer(session.store, session.scope)
    takedown = takedown_in_store(session.takedown, ingests(session) if session.takedown else {})
    graph(session.recipe, session.corpus, explainer, takedown)
    return [asdict(explanation) for explanation in explainer.explanations]
