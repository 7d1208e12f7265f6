"""The graph under Prefect: the flow that people start, schedule and watch. Each label is one task."""

import os

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.context import FlowRunContext
from prefect.exceptions import TerminationSignal
from prefect.runtime import flow_run
from prefect.states import Completed, Failed

from flows.graph import StepOutput
from flows.prefect_pages import publish_links, publish_page, publish_results
from flows.report import report_at_end
from flows.runner import Work
from flows.servers.reconcile import process_of
from flows.servers.schedule import DEFAULT
from flows.session import Request, open_session, perform
from tasks.errors import UserError
from tasks.home import Home


def readable_name() -> str:
    """Of a run in Prefect's pages: its recipe and the name of its record, or when it was to begin."""
    given = flow_run.parameters
    return f"{given['recipe']} {given['run'] or flow_run.scheduled_start_time.strftime('%Y%m%d-%H%M')}"


@flow(name="pipeline", flow_run_name=readable_name, persist_result=False, validate_parameters=True)
def pipeline(
    recipe: str = DEFAULT,
    home: str | None = None,
    changes: list[str] | None = None,
    start: str = "",
    until: str = "",
    only: str = "",
    strict: bool = False,
    run: str = "",
) -> State:
    """Text in, evaluated and promoted models out."""
    root = Home.at(home or os.environ.get("TRIPTYCH_HOME") or "runs")
    request = Request(root, recipe, changes or [], start, until, only, strict)
    context = FlowRunContext.get()
    flow_run = str(context.flow_run.id) if context and context.flow_run else ""
    with process_of(request.home, flow_run):
        record = perform(open_session(request), Tasks(request.home), {"prefect_flow_run": flow_run}, run)
    publish_page(request.home, lambda: publish_links(request.home, record))
    if record.state == "interrupted":
        raise KeyboardInterrupt
    report_at_end(request.home, record)
    if record.state != "complete":
        return Failed(message=record.error)
    cached = all(step.state in ("cached", "skipped") for step in record.steps)
    return Completed(name="Cached" if cached else None, message=f"run {record.run} in {record.seconds:.0f} s")


class Tasks:
    """Makes a Prefect task of each label; what it reads is what it waits for, so the page draws the graph."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.states: dict[str, State] = {}

    def __call__(self, label: str, work: Work, needs: set[str]) -> StepOutput:
        made: list[StepOutput] = []
        mistake: list[BaseException] = []

        @task(name=label, task_run_name=label, cache_policy=NO_CACHE, persist_result=False)
        def step() -> State:
            try:
                made.append(work())
            except TerminationSignal as error:  # Prefect's own way to say SIGTERM
                mistake.append(KeyboardInterrupt())
                raise mistake[0] from error
            except BaseException as error:
                mistake.append(error)
                raise
            publish_page(self.home, lambda: publish_results(made[0]))
            names = {"cached": "Cached", "skipped": "Skipped"}
            return Completed(name=names.get(made[0].state), message=made[0].reason or None)

        waits = [self.states[need] for need in sorted(needs) if need in self.states]
        self.states[label] = step(return_state=True, wait_for=waits)
        if mistake:
            raise mistake[0]
        if not made:
            reason = self.states[label].message
            raise UserError(
                f"{label}: Prefect did not begin its task ({reason})", "run again: what is complete is reused"
            )
        return made[0]
