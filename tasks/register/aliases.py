"""Aliases and their audit: candidate, champion, previous. Every move of one is a line in HOME/audit.jsonl.

The aliases as triptych last set them are kept in HOME/aliases.json (of a server elsewhere: aliases-….json): what
differs from them was moved by hand, in MLflow's page. Such a move stays, and is audited too.
"""

import getpass
import json
import os
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from tasks.errors import UsageError, UserError
from tasks.home import Home
from tasks.store.artifacts import write_durably
from tasks.store.locks import exclusive, exclusive_if_free
from tasks.tracking.model_version import Version
from tasks.tracking.registry import aliases, find, versions
from tasks.tracking.server import VARIABLE, mlflow_server
from tasks.tracking.versions import Registry, open_registry

CANDIDATE, CHAMPION, PREVIOUS, ANCHOR = "candidate", "champion", "previous", "anchor"
PENDING = "gate.pending"  # on a version: the champion that it shall replace, until it has
BY_HAND = "MLflow's page or another program"


def promote(model: str, home: Home, why: str = "by hand") -> Version:
    """Makes the version its model's champion, and the champion before it `previous`; the version as it is then."""
    with exclusive(home.registry_lock), open_registry(home) as registry:
        audit_external_moves(home)
        version = find(model, home)
        set_champion(registry, version, current_user(), why)
    return find(f"{version.name}@{CHAMPION}", home)


def rollback(name: str, home: Home, why: str = "by hand") -> Version:
    """Makes `previous` champion and the champion `previous`, so that a second rollback undoes the first."""
    with exclusive(home.registry_lock), open_registry(home) as registry:
        audit_external_moves(home)
        names = sorted({version.name for version in versions(home)})
        if name not in names:
            raise UsageError(f"no registered model {name!r}", f"there are: {', '.join(names) or 'none yet'}")
        if not (previous := aliases(home).get(name, {}).get(PREVIOUS)):
            raise UsageError(f"{name} has no previous version", f"triptych promote {name}/VERSION chooses one")
        set_champion(registry, find(f"{name}/{previous}", home), current_user(), f"rollback: {why}")
    return find(f"{name}@{CHAMPION}", home)


def set_champion(registry: Registry, version: Version, who: str, why: str) -> None:
    """Moves `previous`, then `champion`: one write each, and a kill in between leaves the old champion."""
    old = next((v for v in versions(registry.home, version.name) if CHAMPION in v.aliases), None)
    if old is not None and old.version != version.version:
        registry.untag(old, PENDING)
        move(registry, version.name, PREVIOUS, old.version, (who, why))
    move(registry, version.name, CHAMPION, version.version, (who, why))
    registry.untag(version, PENDING)
    if registry.model_tag(version.name, ANCHOR) is None:
        registry.tag_model(version.name, ANCHOR, str(version.version))


def move(registry: Registry, name: str, alias: str, version: int, because: tuple[str, str]) -> None:
    """Points one alias at that version and audits who did it and why."""
    old = aliases(registry.home).get(name, {}).get(alias)
    if old == version:
        return
    registry.point(name, alias, version)
    _audit(registry.home, name, alias, (old, version), because)
    known = _known(registry.home) or {}
    known.setdefault(name, {})[alias] = version
    _remember(registry.home, known)


def audit_if_unlocked(home: Home) -> list[str]:
    """`audit_external_moves` for commands that only show things: skipped while another process holds the lock."""
    try:
        with exclusive_if_free(home.registry_lock) as got:
            return audit_external_moves(home) if got else []
    except OSError:  # this home can only be read
        return []


def audit_external_moves(home: Home) -> list[str]:
    """Audits every alias that another program moved since the last look; one sentence each. Call it under the lock."""
    present, known, moves = aliases(home), _known(home), list[str]()
    if known is None:
        _remember(home, present)
        return []
    for name in sorted(present.keys() | known.keys()):
        now, before = present.get(name, {}), known.get(name, {})
        for alias in sorted(now.keys() | before.keys()):
            if now.get(alias) != before.get(alias):
                _audit(home, name, alias, (before.get(alias), now.get(alias)), (BY_HAND, "moved by hand"))
                moves.append(f"{name}@{alias} was moved by hand: {before.get(alias)} → {now.get(alias)}; kept")
    if moves:
        _remember(home, present)
    return moves


def check_registry(home: Home) -> None:
    """UserError where models of this home were registered on a server that nothing names now.

    For what must know all models: those on the server would count as none.
    """
    if not mlflow_server() and (notes := sorted(home.path.glob("aliases-*.json"))):
        raise UserError(
            f"this home works with the models of an MLflow server ({notes[0]}), and {VARIABLE} is not set",
            f"set {VARIABLE} to its address; where it is no more, remove that file",
        )


def _audit(home: Home, name: str, alias: str, moved: tuple[int | None, int | None], because: tuple[str, str]) -> None:
    who, why = because
    write_line(home, who, f"{name}@{alias}", {"from": moved[0], "to": moved[1], "why": why})


def write_line(home: Home, who: str, what: str, more: dict[str, Any]) -> None:
    """Appends one line to the audit and syncs it to disk."""
    line = {"time": datetime.now(UTC).isoformat(timespec="seconds"), "who": who, "what": what, **more}
    with home.audit.open("a") as file:
        file.write(json.dumps(line, ensure_ascii=False) + "\n")
        file.flush()
        os.fsync(file.fileno())


def _known(home: Home) -> dict[str, dict[str, int]] | None:
    """As they were last; None before the first look at a server elsewhere, whose models others may have made."""
    try:
        return json.loads(_known_aliases(home).read_text())
    except FileNotFoundError:
        return None if mlflow_server() else {}
    except ValueError as error:
        path = _known_aliases(home)
        cure = f"restore it from a backup, or rm '{path}': the aliases themselves are in MLflow"
        raise UserError(f"{path}: cut or changed", cure) from error


def _remember(home: Home, known: dict[str, dict[str, int]]) -> None:
    write_durably(_known_aliases(home), json.dumps(known, indent=1, sort_keys=True).encode())


def _known_aliases(home: Home) -> Path:
    if not (server := mlflow_server()):
        return home.known_aliases
    return home.known_aliases.with_stem(f"aliases-{sha256(server.url.encode()).hexdigest()[:12]}")


def current_user() -> str:
    """The name of the user who runs this process, for the audit."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container whose user has no name
        return f"uid {os.getuid()}"
