"""Flows small enough to watch Prefect with."""

import os
import signal

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.context import FlowRunContext

from flows.record import RunRecord, StepRecord
from flows.servers.reconcile import process_of
from tasks.home import Home


@task(name="count", cache_policy=NO_CACHE)
def count(number: int) -> int:
    return number + 1


@flow(name="counts")
def counts() -> int:
    return count(count(0))


@flow(name="fails")
def fails() -> None:
    raise ValueError("as it must")


@flow(name="pipeline")
def stand_in(home: str, pid_to_kill: int) -> None:
    """Kills a process in the middle, then ends like the real pipeline: with a record that says so."""
    context = FlowRunContext.get()
    assert context and context.flow_run
    flow_run = str(context.flow_run.id)
    with process_of(Home.at(home), flow_run):
        for label in ("ingest", "signals", "curate"):
            victim = pid_to_kill if label == "signals" else None
            step(label, victim)
        steps = tuple(StepRecord(label, None, "cached", "", 0.0, None, None) for label in ("signals", "curate"))
        links = {"prefect_flow_run": flow_run}
        RunRecord(flow_run, "demo", "complete", "", steps=steps, links=links).write(Home.at(home))


def step(label: str, victim: int | None) -> None:
    @task(name=label, task_run_name=label, cache_policy=NO_CACHE)
    def work() -> None:
        if victim is not None:
            os.kill(victim, signal.SIGKILL)

    work()
