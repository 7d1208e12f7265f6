"""Which labels a run is to make: `--from`, `--until` and `--only` follow the edges of the graph."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path

from flows.graph import Invocation, InvocationOf, StepOutput, graph
from flows.recipe import Recipe
from flows.takedown import no_takedown
from tasks.errors import UsageError
from tasks.ingest.ledger import Corpus
from tasks.store.artifacts import Artifact
from tasks.store.step import Stats, Step


@dataclass(frozen=True)
class Scope:
    """The labels of a run in order; those of `recompute` are computed anew even where the store has them."""

    labels: tuple[str, ...]
    recompute: frozenset[str] = frozenset()


@dataclass
class Edges:
    """A `do` that makes nothing and notes which label reads which."""

    needs: dict[str, set[str]] = field(default_factory=dict)

    def __call__(self, label: str, step: Step, call: Invocation) -> StepOutput:
        self.needs[label] = call.needs() - {label}
        return StepOutput(label, "complete", {"": stand_in(label)})

    def parts(self, label: str, step: Step, partitions: Mapping[str, object], call_of: InvocationOf) -> StepOutput:
        made = StepOutput(label, "complete", {p: stand_in(label) for p in partitions}, is_bundle=True)
        self.needs[label] = set().union(*(call_of(p, made.before(p)).needs() for p in partitions)) - {label}
        return made


def edges(recipe: Recipe, corpus: Corpus) -> dict[str, set[str]]:
    """{label: labels it reads}, in the order of the graph."""
    recorder = Edges()
    graph(recipe, corpus, recorder, no_takedown)
    return recorder.needs


def scope(needs: Mapping[str, set[str]], start: str = "", until: str = "", only: str = "") -> Scope:
    """The scope that the three flags ask for together."""
    if only:
        if start or until:
            raise UsageError("--only goes alone", "leave --from and --until away, or --only")
        return Scope(tuple(named(needs, only)))
    labels = set(needs)
    if until:
        labels &= _reached(needs, named(needs, until))
    recompute = set[str]()
    if start:
        readers = {label: {other for other in needs if label in needs[other]} for label in needs}
        recompute = labels = labels & _reached(readers, named(needs, start))
        if not labels:
            raise UsageError(f"--from {start} --until {until}: nothing lies between", "swap them, or drop one")
    return Scope(tuple(label for label in needs if label in labels), frozenset(recompute))


def named(needs: Mapping[str, set[str]], name: str) -> list[str]:
    """The labels a word means: a label itself, or every label with that first part (`evaluate`)."""
    matches = [label for label in needs if label == name or label.split("/")[0] == name]
    if not matches:
        near = get_close_matches(name, needs, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise UsageError(f"no step {name!r} in this recipe", f"{hint}there are: {', '.join(needs)}")
    return matches


def _reached(following: Mapping[str, set[str]], starts: Iterable[str]) -> set[str]:
    reached, waiting = set(), list(starts)
    while waiting:
        label = waiting.pop()
        if label not in reached:
            reached.add(label)
            waiting += following[label]
    return reached


def stand_in(label: str) -> Artifact:
    return Artifact(label, label, Path(), "", Stats(), 0.0, True)
