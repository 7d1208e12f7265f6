"""What is deployed to the home's Prefect server: a work pool and the pipeline twice, by hand and nightly.

`prefect.yaml` says the same to `prefect deploy --all`; a test holds the two together. `triptych up` runs this module
as a process of its own (`python -m flows.servers.deployments [WEBHOOK]`): Prefect takes its settings on import.
The flow is part of the installed package, so a worker needs no step that pulls code.
"""

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import DeploymentScheduleCreate, WorkPoolCreate, WorkPoolUpdate
from prefect.client.schemas.objects import ConcurrencyLimitStrategy, ConcurrencyOptions
from prefect.client.schemas.responses import DeploymentResponse
from prefect.client.schemas.schedules import CronSchedule
from prefect.exceptions import ObjectNotFound
from prefect.flows import load_flow_from_entrypoint
from prefect.utilities.callables import parameter_schema
from prefect.workers.process import ProcessWorker

from flows.servers.schedule import NIGHTLY
from flows.servers.up import POOL
from flows.servers.webhook import notify

RUNS_AT_ONCE = 1  # a machine trains one model at a time; a second scheduled run waits for the first
SET_BY_A_RUN = ("working_dir", "stream_output")
ENTRYPOINT = "flows.pipeline.pipeline"  # dots: a colon would make Prefect fetch code from a folder first


@dataclass(frozen=True)
class Planned:
    """A deployment as it is meant to be."""

    name: str
    description: str
    cron: str | None = None  # in UTC
    is_active: bool = False  # whether its schedule makes runs from the beginning


DEPLOYMENTS = (
    Planned("pipeline", "The whole graph, started by hand."),
    Planned(NIGHTLY, "The whole graph, every night at 03:00 UTC after `triptych schedule --on`.", "0 3 * * *"),
)


def deploy(
    job_variables: Mapping[str, Any], planned: Sequence[Planned] = DEPLOYMENTS, entrypoint: str = ENTRYPOINT
) -> None:
    """The pool and its deployments exist as planned; a schedule, and a recipe that someone has set, stay."""
    flow = load_flow_from_entrypoint(entrypoint, use_placeholder_flow=False)
    with get_client(sync_client=True) as client:
        _ensure_pool(client)
        flow_id = client.create_flow_from_name(flow.name)
        for plan in planned:
            existing = _existing(client, flow.name, plan.name)
            client.create_deployment(
                flow_id=flow_id,
                name=plan.name,
                description=plan.description,
                entrypoint=entrypoint,
                work_pool_name=POOL,
                schedules=_schedules(plan, existing),
                parameters=existing.parameters if existing else {},
                concurrency_limit=RUNS_AT_ONCE,
                concurrency_options=ConcurrencyOptions(collision_strategy=ConcurrencyLimitStrategy.ENQUEUE),
                job_variables=dict(job_variables) | _folder_of_recipe(existing),
                parameter_openapi_schema=parameter_schema(flow).model_dump(exclude_unset=True),
                enforce_parameter_schema=True,
                pull_steps=[],
            )


def job_variables(environment: Mapping[str, str]) -> dict[str, Any]:
    """What a worker gives each run: the folder where recipes are looked up, and the home (ours has it anyway)."""
    return {"env": {"TRIPTYCH_HOME": environment["TRIPTYCH_HOME"]}, "working_dir": environment["PWD"]}


def _ensure_pool(client: SyncPrefectClient) -> None:
    try:
        client.read_work_pool(POOL)
    except ObjectNotFound:
        client.create_work_pool(WorkPoolCreate(name=POOL, type="process", base_job_template=_job_template()))
    client.update_work_pool(POOL, WorkPoolUpdate(concurrency_limit=RUNS_AT_ONCE, base_job_template=_job_template()))


def _job_template() -> dict[str, Any]:
    """Prefect's for a process, of which a run can set its folder alone: no command and no environment of its own."""
    template = ProcessWorker.get_default_base_job_template()
    variables = template["variables"]["properties"]
    job = {name: value for name, value in template["job_configuration"].items() if name in SET_BY_A_RUN}
    properties = {name: value for name, value in variables.items() if name in SET_BY_A_RUN}
    return {"job_configuration": job, "variables": {**template["variables"], "properties": properties}}


def _existing(client: SyncPrefectClient, flow: str, name: str) -> DeploymentResponse | None:
    try:
        return client.read_deployment_by_name(f"{flow}/{name}")
    except ObjectNotFound:
        return None


def _folder_of_recipe(existing: DeploymentResponse | None) -> dict[str, str]:
    """Where a recipe that someone has set is looked up, whatever folder the servers are started from."""
    folder = existing.job_variables.get("working_dir") if existing and existing.parameters.get("recipe") else None
    return {"working_dir": folder} if folder else {}


def _schedules(plan: Planned, existing: DeploymentResponse | None) -> list[DeploymentScheduleCreate]:
    if plan.cron is None:
        return []
    if existing and existing.schedules:
        return [DeploymentScheduleCreate(schedule=s.schedule, active=s.active) for s in existing.schedules]
    return [DeploymentScheduleCreate(schedule=CronSchedule(cron=plan.cron, timezone="UTC"), active=plan.is_active)]


if __name__ == "__main__":
    deploy(job_variables(os.environ))
    for address in sys.argv[1:]:
        notify(address)
