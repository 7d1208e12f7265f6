"""A step: a plain function beside its frozen config, and the key that names its artifact.

    key = fingerprint(step name, VERSION, config without its NOT_IN_KEY fields, roles and keys of the inputs)

What changes the bytes of a result is in the key; what only changes how fast or where (workers, paths) is not.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from pydantic import BaseModel, ConfigDict, model_validator

InputKeys = Mapping[str, str | Mapping[str, str]]  # the same shape, keys in place of folders
TIMING = "timing"  # files under this folder of an artifact hold seconds, rates or dates: outside its content hash


class NotInKey:
    """Marks a config field that moves seconds or places, never bytes: `workers: Annotated[int, NOT_IN_KEY] = 2`."""

    def __repr__(self) -> str:
        return "NOT_IN_KEY"


NOT_IN_KEY = NotInKey()


class Inputs(dict[str, Path | Mapping[str, Path]]):
    """What a step reads, by role: an artifact's folder, or the folders of its partitions in order."""

    def folder(self, role: str) -> Path:
        """The folder of the role's only artifact."""
        folder = self[role]
        if not isinstance(folder, Path):
            raise TypeError(f"input {role!r}: one folder is expected, not {sorted(folder)}")
        return folder

    def partitions(self, role: str) -> Mapping[str, Path]:
        """{partition: folder}; empty where the role is not given."""
        folders = self.get(role, {})
        if isinstance(folders, Path):
            raise TypeError(f"input {role!r}: folders by partition are expected, not {folders}")
        return folders


class Frozen(BaseModel):
    """A config: immutable, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


class Funnel(Frozen):
    """The conservation law of a step: read = kept + dropped (by reason) + quarantined, counted in documents."""

    read: int
    kept: int
    dropped: dict[str, int] = {}
    quarantined: int = 0

    @model_validator(mode="after")
    def conserves(self) -> "Funnel":
        out = self.kept + sum(self.dropped.values()) + self.quarantined
        if out != self.read:
            raise ValueError(f"{self.read} documents read but {out} accounted for: {self!r}")
        return self


class Stats(Frozen):
    """A step's report: its funnel where it handles documents, and the metrics to chart."""

    funnel: Funnel | None = None
    metrics: dict[str, float] = {}
    notes: tuple[str, ...] = ()  # sentences for the person who watches the run: a warning, a surprise


@dataclass(frozen=True)
class Step:
    """`run(config, inputs, out)` fills the empty folder `out` and returns its Stats.

    In a notebook a step is called as it is, with a plain dictionary: `CURATE(config, {"documents": folder}, out)`.
    """

    name: str
    version: int  # raise it when the same config must give other bytes
    config: type[Frozen]
    run: Callable[[Any, Inputs, Path], Stats]
    libraries: tuple[str, ...] = ()  # distributions whose version can move bytes: recorded, and compared on a hit
    code: tuple[str | Callable[..., Any], ...] = ()  # modules of another process, and functions and classes that `run`
    # is given: what it reaches by no name of its own
    resumes: bool = False  # finds its own earlier work in `out` and goes on from there

    def __call__(self, config: Frozen, inputs: Mapping[str, Path | Mapping[str, Path]], out: Path) -> Stats:
        return self.run(config, Inputs(inputs), out)


def fingerprint(step: Step, config: Frozen, inputs: InputKeys, extra: Any = None) -> str:
    """The key: 24 hexadecimal digits of a SHA-256 over everything that moves bytes."""
    identity = {
        "step": step.name,
        "version": step.version,
        "config": keyed(config),
        "inputs": {role: _ordered(key) for role, key in inputs.items()},
    }
    if extra is not None:
        identity["extra"] = extra
    return hashlib.sha256(canonical(identity).encode()).hexdigest()[:24]


def keyed(config: Frozen) -> dict[str, Any]:
    """The config as JSON values, without the fields that are not in the key, at any depth."""
    return {
        name: _keyed_value(getattr(config, name))
        for name, field in type(config).model_fields.items()
        if NOT_IN_KEY not in field.metadata
    }


def input_keys(inputs: InputKeys) -> list[str]:
    """The keys of all artifacts in a manifest's inputs, partitions one after another."""
    return [key for value in inputs.values() for key in ([value] if isinstance(value, str) else value.values())]


def flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """{"a": {"b": 1}} as {"a.b": 1}; an empty mapping and a list are values."""
    flat = dict[str, Any]()
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            flat |= flatten(cast("Mapping[str, Any]", value), f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def canonical(value: Any) -> str:
    """One spelling for one value: sorted keys, no spaces; NaN is refused."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def _keyed_value(value: Any) -> Any:
    if isinstance(value, Frozen):
        return keyed(value)
    if isinstance(value, BaseModel):  # of model/, all of whose fields are in the key
        return value.model_dump(mode="json")
    if isinstance(value, Mapping):
        return {str(k): _keyed_value(v) for k, v in cast("Mapping[Any, Any]", value).items()}
    if isinstance(value, list | tuple):
        return [_keyed_value(v) for v in cast("Sequence[Any]", value)]
    return str(value) if isinstance(value, Path) else value


def _ordered(key: str | Mapping[str, str]) -> Any:
    return key if isinstance(key, str) else [list(item) for item in key.items()]
