"""Flows small enough to watch Prefect with."""

from prefect import flow, task
from prefect.cache_policies import NO_CACHE


@task(name="count", cache_policy=NO_CACHE)
def count(number: int) -> int:
    return number + 1


@flow(name="counts")
def counts() -> int:
    return count(count(0))


@flow(name="fails")
def fails() -> None:
    raise ValueError("as it must")
