"""What each registered model began from, as a forest: pretrained weights or none at the root, fine-tuned models below.

A version's parent is in its tag where both came out of one run. Otherwise its evidence names what its weights began
from: a version of that name whose weights have that hash, or weights from elsewhere.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from tasks.home import Home
from tasks.models.pretrained import content_of
from tasks.models.provenance import REGISTRY
from tasks.models.vocabulary import read_object
from tasks.readable_numbers import plain_number
from tasks.register.card import SAME_RECIPE
from tasks.tracking.model_version import Version
from tasks.tracking.registry import versions

SCRATCH = "random weights"


@dataclass
class Ancestor:
    """A model and what began from it. `score` is by which a version was judged; a model from elsewhere has none."""

    name: str
    is_version: bool
    made_by: str  # the recipe, or who holds it
    aliases: tuple[str, ...] = ()
    verdict: str = ""
    score: dict[str, Any] = field(default_factory=dict[str, Any])  # task, value, better, baselines
    children: list["Ancestor"] = field(default_factory=list["Ancestor"])

    @property
    def is_champion(self) -> bool:
        return "champion" in self.aliases

    @property
    def judged_by(self) -> str:
        """`instruct/loss 4.611 ↓ (base 5.257)`: the value and the strongest baseline of its run; "" without a score."""
        if not self.score:
            return ""
        is_lower, baselines = self.score["better"] == "lower", self.score["baselines"]
        text = f"{self.score['task']} {plain_number(self.score['value'])} {'↓' if is_lower else '↑'}"
        if not baselines:
            return text
        strongest = (min if is_lower else max)(baselines, key=baselines.__getitem__)
        return f"{text} ({strongest} {plain_number(baselines[strongest])})"

    def names(self) -> Iterator[str]:
        """Its own and those of all that came of it."""
        yield self.name
        for child in self.children:
            yield from child.names()

    def as_json(self) -> dict[str, Any]:
        return {
            "model": self.name,
            "is_version": self.is_version,
            "made_by": self.made_by,
            "aliases": list(self.aliases),
            "verdict": self.verdict,
            "score": self.score or None,
            "children": [child.as_json() for child in self.children],
        }


def family_trees(home: Home, name: str = "") -> list[Ancestor]:
    """The roots, each with all that came of it; of one registered model or recipe where `name` is given."""
    registered = sorted(versions(home), key=lambda version: (version.created, version.name, version.version))
    nodes = {version.full_name: _node(version) for version in registered}
    roots = dict[str, Ancestor]()
    for version in registered:
        child = nodes[version.full_name]
        parent = nodes.get(version.tags.get("parent", ""))
        if parent is None:
            began = _began_from(version)
            parent = nodes.get(_version_of(began, registered)) or _root(began, roots)
        parent.children.append(child)
    return _with(roots.values(), name) if name else list(roots.values())


def _node(version: Version) -> Ancestor:
    evidence = _evidence(version)
    task = evidence.get("standard", {}).get("task", "")
    score = {"task": task, **evidence["scores"][task]} if task in evidence.get("scores", {}) else {}
    made_by = f"recipe {version.tags['recipe']}" if "recipe" in version.tags else "imported"
    return Ancestor(version.full_name, True, made_by, version.aliases, version.tags.get("verdict", ""), score)


def _root(began: dict[str, Any], roots: dict[str, Ancestor]) -> Ancestor:
    """What is no version here; the same weights are one root, whoever began from them."""
    if not began:
        return roots.setdefault("", Ancestor(SCRATCH, False, "from scratch"))
    licence = f", {began['licence']}" if began.get("licence") else ""
    return roots.setdefault(began["sha256"], Ancestor(began["name"], False, f"{began['holder']}{licence}"))


def _began_from(version: Version) -> dict[str, Any]:
    """The nearest weights that it began from and that another recipe or person made; empty where there are none."""
    others = (each for each in _evidence(version).get("began_from", []) if each["holder"] != SAME_RECIPE)
    return next(others, {})


def _version_of(began: dict[str, Any], registered: Iterable[Version]) -> str:
    """The full name of the version with these weights; "" where they are of none."""
    if began.get("holder") != REGISTRY:
        return ""
    same_name = (version for version in registered if version.name == began["name"] and version.weights.is_dir())
    return next((v.full_name for v in same_name if content_of(v.weights) == began["sha256"]), "")


def _evidence(version: Version) -> dict[str, Any]:
    return read_object(version.evidence / "evidence.json")


def _with(roots: Iterable[Ancestor], name: str) -> list[Ancestor]:
    """The roots below which a model of that name stands."""

    def holds(node: Ancestor) -> bool:
        model = node.name.rpartition("/")[0] if node.is_version else node.name
        names = {node.name, model, node.made_by.removeprefix("recipe ")}
        return name in names or any(map(holds, node.children))

    return [root for root in roots if holds(root)]
