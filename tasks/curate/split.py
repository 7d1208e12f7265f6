"""Train, validation or test, by group: what shares a source text or a cluster of near-duplicates stays together.

A group's split is a hash of its first member, so it depends on nothing else in the corpus, and a later partition's
documents take the split of the group that they join. Old documents never move.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from tasks.curate.config import Split
from tasks.errors import UserError

SplitName = Literal["train", "validation", "test"]
UNSEEN = "unseen"  # the split of whole sources that are only evaluated on
By = Literal["origin", "cluster"]
MIN_ORIGINS = 20  # below, one source text is too large a share of the corpus to be held out whole


@dataclass(frozen=True)
class Member:
    doc_id: str
    origin: str
    cluster_id: str
    kept: bool


@dataclass(frozen=True)
class Earlier:
    """The splits of the partitions before this one."""

    by: By
    splits: Mapping[str, SplitName]  # by `origin …` or `cluster …` of kept documents


def choose_by(members: Iterable[Member]) -> By:
    return "origin" if len({member.origin for member in members if member.kept}) >= MIN_ORIGINS else "cluster"


def names(member: Member, by: By) -> list[str]:
    """The groups to which a document belongs by itself: one cluster, and where origins count its origin."""
    cluster = f"cluster {member.cluster_id}"
    return [f"origin {member.origin}", cluster] if by == "origin" else [cluster]


def assign(members: list[Member], by: By, config: Split, earlier: Earlier | None) -> dict[str, SplitName]:
    """{doc_id: split} in reading order; a dropped document gets the split of the group that it would be in."""
    groups = ConnectedGroups()
    for member in members:
        if member.kept:
            groups.connect(names(member, by))
    first = {groups.root(name): name for member in reversed(members) for name in names(member, by)[:1] if member.kept}
    splits = _inherited(members, groups, by, earlier) if earlier else {}
    fresh = {root: _fraction(name, config.seed) for root, name in first.items() if root not in splits}
    splits |= {root: _by_fraction(fraction, config) for root, fraction in fresh.items()}
    if earlier is None:
        splits = _at_least_one(splits, fresh)
    settled = dict(earlier.splits) if earlier else {}
    settled |= {name: splits[groups.root(name)] for name in groups.parent}

    def split_of(member: Member) -> SplitName:
        own = names(member, by)
        known: list[SplitName] = [settled[name] for name in own if name in settled]
        return known[0] if known else _by_fraction(_fraction(own[0], config.seed), config)

    return {member.doc_id: split_of(member) for member in members}


def _inherited(members: list[Member], groups: "ConnectedGroups", by: By, earlier: Earlier) -> dict[str, SplitName]:
    """The split of each group that joins an old one: of several old ones, the first met in reading order."""
    splits: dict[str, SplitName] = {}
    for member in members:
        for name in names(member, by) if member.kept else ():
            if name in earlier.splits:
                splits.setdefault(groups.root(name), earlier.splits[name])
    return splits


def _at_least_one(splits: Mapping[str, SplitName], fresh: Mapping[str, float]) -> dict[str, SplitName]:
    """The splits, with the nearest group moved into each split that the hash left empty."""
    if len(fresh) < 3:
        raise UserError(
            f"curate: {len(fresh)} group(s) of documents cannot fill train, validation and test",
            "add documents, or loosen the filters",
        )
    by_fraction = sorted(fresh, key=lambda root: (fresh[root], root))
    filled = dict(splits)
    for name in ("test", "validation", "train"):
        if name not in filled.values():
            fullest = max(("train", "validation", "test"), key=list(filled.values()).count)
            spare = [root for root in by_fraction if filled[root] == fullest]
            filled[spare[-1] if name == "train" else spare[0]] = name
    return filled


def _fraction(name: str, seed: int) -> float:
    """Uniform in [0, 1)."""
    digest = hashlib.sha256(f"{seed} {name}".encode()).digest()
    return int.from_bytes(digest[:6], "big") / (1 << 48)


def _by_fraction(fraction: float, config: Split) -> SplitName:
    if fraction < config.test:
        return "test"
    return "validation" if fraction < config.test + config.validation else "train"


class ConnectedGroups:
    """Connected names; unconnected ones are their own group."""

    def __init__(self) -> None:
        self.parent: dict[str, str] = {}

    def root(self, name: str) -> str:
        path = []
        while (parent := self.parent.get(name, name)) != name:
            path.append(name)
            name = parent
        for passed in path:
            self.parent[passed] = name
        return name

    def connect(self, names: list[str]) -> None:
        first = self.root(names[0])
        for name in names:
            self.parent[self.root(name)] = first
