"""Every field of every step's config is in the key, unless it is marked as moving no byte."""

from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import pytest

from flows.graph import Invocation, InvocationOf, StepOutput
from flows.load import load
from flows.scope import stand_in
from flows.takedown import no_takedown
from tasks.ingest.ledger import Corpus
from tasks.ingest.sources import File, Partition
from tasks.store.step import NOT_IN_KEY, Frozen, Step, fingerprint

STEPS: dict[str, tuple[Step, Frozen]] = {}


class Collect:
    """An interpreter that keeps each label's step and config."""

    def __call__(self, label: str, step: Step, call: Invocation) -> StepOutput:
        STEPS[label] = (step, call.config)
        return StepOutput(label, "complete", {"": stand_in(label)})

    def parts(self, label: str, step: Step, partitions: Any, call_of: InvocationOf) -> StepOutput:
        made = StepOutput(label, "complete", {p: stand_in(label) for p in partitions}, is_bundle=True)
        STEPS[label] = (step, call_of(next(iter(partitions)), made.before("")).config)
        return made


def collect_steps() -> dict[str, tuple[Step, Frozen]]:
    from flows.graph import graph

    files = (File("a.txt", 3, "0" * 64),)
    graph(
        load("demo").recipe,
        Corpus({"0001": Partition({"addresses": files}, planted=("planted",))}),
        Collect(),
        no_takedown,
    )
    return STEPS


def leaves(config: Frozen, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], bool]]:
    """(path of a field, whether it is in the key) at every depth."""
    for name, field in type(config).model_fields.items():
        value, keyed = getattr(config, name), NOT_IN_KEY not in field.metadata
        if isinstance(value, Frozen) and keyed:
            yield from leaves(value, (*path, name))
        else:
            yield (*path, name), keyed


def with_change(config: Frozen, path: tuple[str, ...]) -> Frozen:
    name, *rest = path
    value = getattr(config, name)
    new = with_change(value, tuple(rest)) if rest else another(type(config), name, value)
    return config.model_copy(update={name: new})


def another(kind: type[Frozen], name: str, value: Any) -> Any:
    """Any other value: keys are made of values, whether a validator would take them or not."""
    annotation = kind.model_fields[name].annotation
    if get_origin(annotation) is Literal:
        return next(option for option in (*get_args(annotation), "another") if option != value)
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    if isinstance(value, Enum | str | Path) or value is None:
        return f"{value} changed"
    if isinstance(value, tuple | list):
        return (*value, "another")
    return {**value, "another": "value"}


@pytest.mark.parametrize("label", collect_steps())
def test_a_field_changes_the_key_exactly_when_it_moves_bytes(label):
    step, config = STEPS[label]
    before = fingerprint(step, config, {})
    wrong = [
        ".".join(path)
        for path, keyed in leaves(config)
        if (fingerprint(step, with_change(config, path), {}) != before) != keyed
    ]
    assert not wrong, f"{label}: {wrong}"


def test_fields_outside_the_key_are_paths_worker_counts_and_the_like():
    outside = {
        f"{label}: {'.'.join(path)}"
        for label, (_, config) in collect_steps().items()
        for path, keyed in leaves(config)
        if not keyed
    }
    names = {entry.rpartition(".")[2].rpartition(" ")[2] for entry in outside}
    assert names <= {
        "workers", "tasks", "threads", "batch", "checkpoint_every", "init_from", "path", "files", "include", "exclude",
        "kind", "package", "seeds", "takedown", "reference_models", "absent", "questions", "forgotten_texts",
    }, names  # fmt: skip
