"""What a home keeps only so as not to fetch or to make it again, and which of it no one needs.

hub/models/      copies of a hub's models   needed while a latest run, or a version trained here, began from them
converted/       models in another layout   needed by nothing but the processes that use them
look-up/         indexes of training text   needed while that text is in the store
gguf/            files for llama.cpp        needed while their version is registered
scratch/         work that was cut short    needed by nothing

What a process uses is held by it (locks.Hold), and neither listed nor removed.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flows.record import RunRecord
from tasks.export.gguf_cache import remove_gguf, unused_ggufs
from tasks.home import Home
from tasks.look_up.passage_index import outlived_indexes
from tasks.models.hub_place import read_fetched
from tasks.models.provenance import commit_of, read_provenance
from tasks.store.garbage import bytes_freed
from tasks.store.locks import is_held, unheld
from tasks.store.scratch import scratch_folder, scratch_leftovers
from tasks.tracking.model_version import FILES_TAG, Version

MADE_AGAIN = "written again when the model is used"
IMPORTED = "imported_from"  # the tag of a version that has the model's own files


@dataclass(frozen=True)
class Spare:
    """A folder or a file that can go."""

    room: str  # of the home
    path: Path
    what: str
    comes_back: str  # how it does
    is_partial: bool = False  # work that can go on from it

    @property
    def bytes(self) -> int:
        return self.path.stat().st_size if self.path.is_file() else bytes_freed([self.path])

    def row(self) -> dict[str, Any]:
        """As `triptych gc` lists it."""
        listed = {"step": self.room, "folder": self.path.name, "bytes": self.bytes}
        return {**listed, "what": self.what, "comes_back": self.comes_back}


def spare_copies(home: Home, registered: Iterable[Version], kept_runs: Iterable[RunRecord]) -> list[Spare]:
    """Those that nothing needs."""
    registered = list(registered)
    hashes = {version.tags.get(FILES_TAG, "") for version in registered}
    ggufs = unused_ggufs(home, hashes)
    return [
        *_hub_copies(home, _commits(registered, kept_runs)),
        *(_converted(path) for path in _folders(home.converted)),
        *(
            Spare(
                home.look_up.name,
                path,
                "index of a training text that is gone",
                "not at all; another is made of a text that is here",
            )
            for path in outlived_indexes(home)
            if not is_held(path)
        ),
        *(Spare(home.gguf.name, file, "for llama.cpp, of a model that is no version", MADE_AGAIN) for file in ggufs),
        *(
            Spare(home.scratch.name, path, "work that was cut short", "nothing needs it")
            for path in scratch_leftovers(home)
        ),
    ]


def remove_spare(spare: Spare, home: Home) -> bool:
    """False where a process has begun to use it. A copy is never there in part: it is moved away in one step first."""
    if spare.room == home.gguf.name:
        return remove_gguf(spare.path)
    with scratch_folder(home, "remove") as trash, unheld(spare.path) as is_free:
        if is_free:
            spare.path.rename(trash / spare.path.name)
        return is_free


def _commits(registered: Iterable[Version], kept_runs: Iterable[RunRecord]) -> set[str]:
    """Of the models on a hub that the runs began from or were compared with, and that a version was trained from."""
    links = [link for record in kept_runs for link in record.links.items()]
    commits = {value.rpartition("@")[2] for name, value in links if name.startswith("model ")}
    began = [read_provenance(version.weights) for version in registered if IMPORTED not in version.tags]
    return commits | {commit_of(base) for base in began if base}


def _hub_copies(home: Home, needed: set[str]) -> Iterator[Spare]:
    for folder in _folders(home.hub_models):
        name, _, commit = folder.name.rpartition("@")
        title = name.replace("--", "/", 1)
        if read_fetched(folder) is None:
            what = f"{title} of a hub, not in full"
            yield Spare(home.hub.name, folder, what, "downloaded from its beginning", is_partial=True)
        elif commit not in needed:
            yield Spare(home.hub.name, folder, f"copy of {title} of a hub", "downloaded again when hub: names it")


def _converted(folder: Path) -> Spare:
    names = ", ".join(sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))) or "nothing"
    return Spare(folder.parent.name, folder, f"{names} in the Hugging Face layout", MADE_AGAIN)


def _folders(room: Path) -> list[Path]:
    """Those that no process uses."""
    inside = sorted(room.iterdir()) if room.is_dir() else []
    return [path for path in inside if path.is_dir() and not is_held(path)]
