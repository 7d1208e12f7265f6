"""The contents of a store by its manifests: each artifact with the keys of its inputs, and the leftovers.

STORE/<step>/<key>/            complete: it has a manifest              <key>.partial/   work that was cut short
STORE/<step>/<key>.differs-…/  computed again, with other bytes         <key>.lock       held while one works on it
"""

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tasks.store.step import input_keys
from tasks.store.verification import MANIFEST, damaged, read_manifest

KEY = re.compile(r"[0-9a-f]{24}")
ENTRY = re.compile(rf"({KEY.pattern})(\.partial|\.again|\.again\.partial|\.differs-[0-9a-f]+)?")
PARTIAL = ".partial"  # the only leftover that can be worth keeping: a training goes on from it


@dataclass(frozen=True)
class Stored:
    """One complete artifact."""

    step: str
    key: str
    path: Path
    inputs: frozenset[str] = frozenset()  # keys of what it was made of


@dataclass(frozen=True)
class Leftover:
    """A folder that no run finds: a partial one, one that was computed again, or what a removal left."""

    step: str
    key: str
    path: Path

    @property
    def is_partial(self) -> bool:
        """Whether the next run of its step may go on from it."""
        return self.path.name == f"{self.key}{PARTIAL}"


@dataclass(frozen=True)
class StoreContents:
    """All that lies in a store."""

    artifacts: Mapping[str, Stored]  # by key
    leftovers: tuple[Leftover, ...] = ()

    def with_ancestors(self, keys: Iterable[str]) -> set[str]:
        """These keys and those of all their ancestors, as far as the store has them."""
        ancestors, ahead = set[str](), list(keys)
        while ahead:
            key = ahead.pop()
            if key in self.artifacts and key not in ancestors:
                ancestors.add(key)
                ahead += self.artifacts[key].inputs
        return ancestors

    def with_descendants(self, keys: Iterable[str]) -> set[str]:
        """These keys and those of all artifacts made from them."""
        children = dict[str, list[str]]()
        for artifact in self.artifacts.values():
            for parent in artifact.inputs:
                children.setdefault(parent, []).append(artifact.key)
        descendants, ahead = set[str](), [key for key in keys if key in self.artifacts]
        while ahead:
            key = ahead.pop()
            if key not in descendants:
                descendants.add(key)
                ahead += children.get(key, [])
        return descendants


def read_contents(root: Path) -> StoreContents:
    """The artifacts and leftovers of the store below `root`; UserError where a manifest cannot be read."""
    artifacts, leftovers = dict[str, Stored](), list[Leftover]()
    for path, step in _entries(root):
        match = ENTRY.fullmatch(path.name)
        assert match
        if match[2] is None and (path / MANIFEST).is_file():
            artifacts[match[1]] = Stored(step, match[1], path, _inputs(path))
        else:
            leftovers.append(Leftover(step, match[1], path))
    return StoreContents(artifacts, tuple(leftovers))


def _entries(root: Path) -> Iterator[tuple[Path, str]]:
    """Every folder of an artifact, complete or not, with its step: a step's name may have a slash."""
    folders = [root]
    while folders:
        folder = folders.pop()
        if not folder.is_dir():
            continue
        with os.scandir(folder) as entries:
            for entry in sorted(entries, key=lambda e: e.name, reverse=True):
                if not entry.is_dir(follow_symlinks=False):
                    continue
                if ENTRY.fullmatch(entry.name):
                    yield Path(entry.path), folder.relative_to(root).as_posix()
                else:
                    folders.append(Path(entry.path))


def _inputs(folder: Path) -> frozenset[str]:
    try:
        return frozenset(input_keys(read_manifest(folder)["inputs"]))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise damaged(folder / MANIFEST) from error
