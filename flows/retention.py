"""The disk of a home: what uses it, what can go, and `triptych gc`, which never removes what something needs.

Needed is what a registered version was made of (it can be traced and made again), what the latest runs of each recipe
made or reused, and what waits to be published or shown in MLflow. Copies of models that can be fetched or made again
(caches.py) go as soon as none of these, and no process, needs them.
"""

import json
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from flows.caches import Spare, remove_spare, spare_copies
from flows.record import RunRecord, records
from tasks.errors import UserError
from tasks.home import Home
from tasks.progress import say
from tasks.register.aliases import check_registry
from tasks.store.contents import KEY, read_contents
from tasks.store.garbage import StoreConfig, bytes_freed, bytes_of, garbage, remove, unused
from tasks.store.step import input_keys
from tasks.store.tombstones import with_ancestors_of_removed
from tasks.tracking.outbox import Outbox
from tasks.tracking.registry import versions
from tasks.tracking.registry_tables import RegistryTables
from tasks.tracking.server import mlflow_server

STORE = "store"
RUNS_KEPT = 1  # of each recipe, beside its latest complete one
GB = 1e9
STORED = {"what": "an artifact", "comes_back": "computed again by a run that needs it"}
BUSY = (
    "a run works in this home, and may use artifacts that no record names yet: nothing complete goes until it has ended"
)

READ_ONLY = "this home cannot be written, so nothing of it can be removed"


def usage(home: Home) -> dict[str, Any]:
    """Bytes by step and by room of the home, what is free, and what `gc` would free."""
    held = read_contents(home.store)
    spare, copies = garbage(held, needed(home)), _copies(home, RUNS_KEPT)
    steps = dict[str, dict[str, Any]]()
    for step in sorted({entry.step for entry in (*held.artifacts.values(), *held.leftovers)}):
        mine = [entry.path for entry in (*held.artifacts.values(), *held.leftovers) if entry.step == step]
        going = [entry.path for entry in spare.entries(partials=True) if entry.step == step]
        steps[step] = {"folders": len(mine), "bytes": bytes_of(mine), "can_go": bytes_freed(going)}
    in_rooms = Counter[str]()
    for copy in copies:
        in_rooms[copy.room] += copy.bytes
    unfinished = sum(copy.bytes for copy in copies if copy.is_partial)
    rooms = {path.name: _bytes(path) for path in sorted(home.path.iterdir())} if home.path.is_dir() else {}
    return {
        "bytes": bytes_of([home.path]),
        "free": home.free_bytes(),
        "can_go": bytes_freed([entry.path for entry in spare.entries(partials=False)]) + in_rooms.total() - unfinished,
        "partials": bytes_freed([entry.path for entry in spare.partials]) + unfinished,
        "steps": steps,
        "rooms": {name: {"bytes": size, "can_go": in_rooms[name]} for name, size in rooms.items() if size},
    }


def collect(home: Home, keep: int = RUNS_KEPT, partials: bool = False, yes: bool = False) -> dict[str, Any]:
    """What goes and what it frees; it has gone only with `yes`."""
    with unused(home.store) as alone:
        held = read_contents(home.store)
        keys = needed(home, keep) if alone else set(held.artifacts)
        spare = garbage(held, keys)
        going = spare.entries(partials) if alone else ()
        copies = _copies(home, keep) if alone else []
        leaving = [copy for copy in copies if partials or not copy.is_partial]
        rows = [copy.row() for copy in leaving]
        unfinished = sum(copy.bytes for copy in copies if copy.is_partial)
        report = {
            "removed": yes,
            "bytes": bytes_freed([entry.path for entry in going]) + sum(row["bytes"] for row in rows),
            "partial_bytes": bytes_freed([entry.path for entry in spare.partials]) + unfinished,
            "kept": len(held.artifacts) - len(spare.artifacts),
            "folders": [
                {"step": entry.step, "folder": entry.path.name, "bytes": bytes_of([entry.path])} | STORED
                for entry in going
            ]
            + rows,
            "notes": [] if alone else [BUSY if os.access(home.store, os.W_OK) else f"{home}: {READ_ONLY}"],
        }
        if yes:
            passed = [entry.path.name for entry in going if not remove(entry)]
            passed += [copy.path.name for copy in leaving if not remove_spare(copy, home)]
            report["notes"] += [f"{name}: some process works on it; left as it is" for name in passed]
    return report


def make_room(home: Home, config: StoreConfig) -> None:
    """Removes garbage where the store is above its cap; UserError where that is not enough."""
    if config.max_gb is None or (used := bytes_of([home.store])) <= config.max_gb * GB:
        return
    report = collect(home, yes=True)
    say(
        f"  the store held {used / GB:.3g} GB, above store.max_gb = {config.max_gb:g}: removed {len(report['folders'])}"
    )
    if (held := bytes_of([home.store])) > config.max_gb * GB:
        why = report["notes"][0] if report["notes"] else "the rest is needed by registered versions or latest runs"
        raise UserError(
            f"{home.store} holds {held / GB:.3g} GB, above store.max_gb = {config.max_gb:g}: {why}",
            "triptych gc --partials --yes; delete versions that you need no more in MLflow's page and run "
            "`triptych gc --yes`; or raise store.max_gb",
        )


def needed(home: Home, keep: int = RUNS_KEPT) -> set[str]:
    """The keys that must stay; what they were made of must stay with them."""
    keys = set[str]()
    check_registry(home)
    own = RegistryTables(home).versions(None) if mlflow_server() else []  # from before a server was named
    for version in (*versions(home), *own):
        keys |= {version.tags[tag] for tag in ("key", "weights_key") if tag in version.tags}
        keys.update(input_keys(json.loads(version.tags.get("parents", "{}"))))
    for record in _latest(home, keep):
        keys |= keys_of(record)
    return with_ancestors_of_removed(home, keys | set(_waiting(home)))


def _copies(home: Home, keep: int) -> list[Spare]:
    return spare_copies(home, versions(home), _latest(home, keep))


def keys_of(record: RunRecord) -> set[str]:
    """The keys of the artifacts that a run made or reused."""
    paths = [part["path"] for step in record.steps for part in (step.parts or ({"path": step.path},)) if part["path"]]
    return {name for name in (Path(path).name for path in paths) if KEY.fullmatch(name)}


def _latest(home: Home, keep: int) -> Iterator[RunRecord]:
    """The latest runs of each recipe, and the latest one that came to its end."""
    seen, ended = dict[str, int](), set[str]()
    for record in records(home):
        count = seen[record.recipe] = seen.get(record.recipe, 0) + 1
        is_the_complete_one = record.state == "complete" and record.recipe not in ended
        if is_the_complete_one:
            ended.add(record.recipe)
        if count <= keep or (keep and is_the_complete_one):
            yield record


def _waiting(home: Home) -> Iterator[str]:
    """Artifacts that MLflow has not seen yet, or that are to be published."""
    for path in home.unpublished.glob("*.json"):
        yield path.stem
    for path in Outbox(home).waiting():
        parts = json.loads(path.read_bytes()).get("step", {}).get("parts", {})
        yield from (part["key"] for part in parts.values())


def _bytes(path: Path) -> int:
    return bytes_of([path]) if path.is_dir() else path.stat().st_size
