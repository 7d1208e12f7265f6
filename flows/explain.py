"""`run --explain`: which steps would run, and for each the root cause. Writes nothing."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from flows.graph import Invocation, InvocationOf, StepOutput
from flows.scope import Scope
from tasks.store.artifacts import Artifact, Store, artifact_keys
from tasks.store.step import Stats, Step, flatten, keyed
from tasks.store.verification import MANIFEST, read_manifest

Manifest = Mapping[str, Any]
NETWORK = ("init_sha256", "family", "depth", "width", "heads", "kv_heads", "head_width", "ffn_width")  # of pretraining
AMOUNT = ("steps", "batch", "context")  # of training: its seconds grow with each


@dataclass(frozen=True)
class Explanation:
    """Hit or miss of one label (of one partition), and the reasons for it."""

    step: str  # the label, `ingest@0002` for a partition
    key: str
    verdict: str  # hit, miss, recompute
    reasons: tuple[str, ...]
    seconds: float | None = None  # of the nearest artifact that was computed here with such a network, in proportion


@dataclass
class Explainer:
    """A `do` that computes keys only."""

    store: Store
    scope: Scope
    explanations: list[Explanation] = field(default_factory=list)
    misses: set[str] = field(default_factory=set)
    new_networks: set[str] = field(default_factory=set)  # labels that compute with a network unlike those of before

    def __call__(self, label: str, step: Step, call: Invocation) -> StepOutput:
        if missing := call.missing():
            self._skipped(label, label, "", f"{missing[0].label} is skipped")
            return StepOutput(label, "skipped")
        artifact = self._explain(label, label, step, call)
        return StepOutput(label, "complete" if artifact else "skipped", {"": artifact} if artifact else {})

    def parts(self, label: str, step: Step, partitions: Mapping[str, object], call_of: InvocationOf) -> StepOutput:
        made = StepOutput(label, "complete", {}, is_bundle=True)
        for partition in partitions:
            artifact = self._explain(label, f"{label}@{partition}", step, call_of(partition, made))
            assert artifact is not None, "no step of partitions is ever skipped"
            made = StepOutput(label, "complete", {**made.parts, partition: artifact}, is_bundle=True)
        return made

    def _skipped(self, label: str, name: str, key: str, reason: str) -> None:
        if label in self.scope.labels:
            self.explanations.append(Explanation(name, key, "skipped", (reason,)))

    def _explain(self, label: str, name: str, step: Step, call: Invocation) -> Artifact | None:
        inputs = call.artifacts()
        key = self.store.key(step, call.config, inputs)
        if reason := self.store.skipped(step, key):
            return self._skipped(label, name, key, reason)
        is_read = label in self.scope.labels and label not in self.scope.recompute
        hit = (self.store.find if is_read else self.store.look_up)(step, key, call.config)
        if hit is None:
            self.misses.add(label)
        if label in self.scope.labels:
            verdict = "miss" if hit is None else "recompute" if label in self.scope.recompute else "hit"
            nearest = None if verdict == "hit" else self._nearest(step, call)
            reasons = tuple(self._causes(label, step, call, nearest)) if hit is None else hit.notes
            if (nearest and _has_another_network(nearest, call)) or call.needs() & self.new_networks:
                self.new_networks.add(label)
            seconds = _seconds(nearest, call) if nearest and label not in self.new_networks else None
            self.explanations.append(Explanation(name, key, verdict, reasons, seconds))
        return hit or Artifact(step.name, key, self.store.folder(step, key), "", Stats(), 0.0, False)

    def _causes(self, label: str, step: Step, call: Invocation, nearest: Manifest | None) -> Iterator[str]:
        """The label's own changes, then the labels whose miss makes this one a miss."""
        missed = sorted((call.needs() & self.misses) - {label})
        changes = _compare(step, call, nearest)
        yield from (text for text in changes if not missed or not text.startswith("input "))
        yield from (f"← {other}" for other in missed)

    def _nearest(self, step: Step, call: Invocation) -> Manifest | None:
        """The manifest of the stored artifact that is nearest to this call: of several, the latest."""
        config = flatten(keyed(call.config))
        inputs = artifact_keys(call.artifacts())
        nearest, best = None, (-1, "")
        for path in (self.store.root / step.name).glob(f"*/{MANIFEST}"):
            manifest = read_manifest(path.parent)
            same = sum(flatten(manifest["config"]).get(k) == v for k, v in config.items())
            same += 3 * sum(manifest["inputs"].get(role) == key for role, key in inputs.items())
            nearest, best = max((nearest, best), (manifest, (same, manifest["created"])), key=lambda pair: pair[1])
        return nearest


def _compare(step: Step, call: Invocation, nearest: Manifest | None) -> Iterator[str]:
    """The differences of this call to the one that the artifact was made by."""
    if nearest is None:
        yield "never made here"
        return
    if nearest["version"] != step.version:
        yield f"VERSION {nearest['version']} → {step.version}"
    config, inputs = flatten(keyed(call.config)), artifact_keys(call.artifacts())
    before = flatten(nearest["config"])
    for key in sorted(config.keys() | before.keys()):
        if config.get(key) != before.get(key):
            yield f"{key}: {_short(before.get(key))} → {_short(config.get(key))}"
    for role, key in inputs.items():
        if nearest["inputs"].get(role) != key:
            yield f"input {role}: another one"


def _has_another_network(nearest: Manifest, call: Invocation) -> bool:
    """Whether the call trains a network of another shape or origin: another's seconds are no measure of its own."""
    config, before = keyed(call.config), nearest["config"]
    return "depth" in config and any(config.get(name) != before.get(name) for name in NETWORK)


def _seconds(nearest: Manifest, call: Invocation) -> float:
    """The seconds that the artifact took; of a training of more or longer steps, in proportion."""
    config, before, seconds = keyed(call.config), nearest["config"], nearest["seconds"]
    for name in AMOUNT:
        if config.get(name) and before.get(name):
            seconds *= config[name] / before[name]
    return round(seconds, 1)


def _short(value: Any) -> str:
    if isinstance(value, list) and len(value) > 4:
        return f"{len(value)} values"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:57]}…"
