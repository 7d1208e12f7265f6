"""API keys: shown once when made, stored as salted hashes, revoked by name.

    HOME/api/keys.json   name → {"id", "salt", "sha256", "scope", "created"}; only its owner can read the folder
    tk-ID-SECRET         a key: its id finds the entry, its secret is 256 random bits
    scope                chat: models and answers; admin: besides these what is below /admin

A secret of 256 random bits cannot be guessed however fast the hash, so SHA-256 is enough. A home that has ever had a
key requires one: revoking the last does not give access to everybody.
"""

import hashlib
import hmac
import json
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, NamedTuple

from tasks.errors import UsageError, UserError
from tasks.home import Home
from tasks.store.artifacts import write_durably
from tasks.store.locks import exclusive

PREFIX = "tk"
CHAT, ADMIN = SCOPES = ("chat", "admin")
NAMES = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
NO_KEY = {"salt": secrets.token_hex(16), "sha256": "0" * 64}  # what no secret gives
Entries = dict[str, dict[str, str]]


class Holder(NamedTuple):
    """Whose key it is, and what it is for."""

    name: str
    scope: str


def add(home: Home, name: str, scope: str = CHAT) -> dict[str, str]:
    """{"name", "key"}: the only time that the key is shown."""
    if not NAMES.fullmatch(name):
        raise UsageError(f"keys add {name!r}: not a name", "use letters, digits, dot, dash and underscore, 64 at most")
    if scope not in SCOPES:
        raise UsageError(f"--scope {scope}: no such scope", f"there are: {', '.join(SCOPES)}")
    with _editing(home) as entries:
        if name in entries:
            raise UsageError(f"there is a key named {name!r}", f"choose another name, or: triptych keys revoke {name}")
        secret, salt = secrets.token_urlsafe(32), secrets.token_bytes(16)
        entries[name] = {
            "id": secrets.token_hex(4),
            "salt": salt.hex(),
            "sha256": _hash(secret, salt),
            "scope": scope,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
        }
    return {"name": name, "key": f"{PREFIX}-{entries[name]['id']}-{secret}"}


def revoke(home: Home, name: str) -> dict[str, str]:
    """{"revoked": name}: a running server refuses it from the next request on."""
    with _editing(home) as entries:
        if name not in entries:
            raise UsageError(f"no key named {name!r}", f"there are: {', '.join(entries) or 'none'}")
        del entries[name]
    return {"revoked": name}


def list_keys(home: Home) -> list[dict[str, str]]:
    """Name, scope and date of each key; never anything that could be used."""
    entries = _read(home).items()
    return [{"name": name, "scope": entry["scope"], "created": entry["created"]} for name, entry in entries]


def are_required(home: Home) -> bool:
    """Whether this home has, or has had, keys."""
    return home.api_keys.exists()


class Keyring:
    """Who holds a key, as the file says at this moment: keys added or revoked meanwhile count at once."""

    def __init__(self, home: Home, required: bool) -> None:
        self._home, self._required = home, required
        self._read_at: tuple[int, int] | None = None
        self._entries: Entries = {}

    @property
    def required(self) -> bool:
        """True once there has been a key, though its file be gone by now."""
        self._required = self._required or are_required(self._home)
        return self._required

    def holder(self, key: str) -> Holder | None:
        """Name and scope of the key; None for one that is unknown or revoked."""
        self._reread()
        prefix, _, rest = key.partition("-")
        id, _, secret = rest.partition("-")
        holders = {entry["id"]: name for name, entry in self._entries.items()}
        name = holders.get(id) if prefix == PREFIX else None
        entry = self._entries[name] if name else NO_KEY  # an unknown id costs what a known one costs
        digest = _hash(secret, bytes.fromhex(entry["salt"]))
        is_right = hmac.compare_digest(digest, entry["sha256"])
        return Holder(name, entry["scope"]) if name and is_right else None

    def _reread(self) -> None:
        """Reads the file again where it is another one than before."""
        try:
            stat = self._home.api_keys.stat()
            read_at = (stat.st_ino, stat.st_mtime_ns)
        except FileNotFoundError:
            read_at = None
        if read_at != self._read_at:
            self._entries, self._read_at = _read(self._home), read_at


def _hash(secret: str, salt: bytes) -> str:
    return hashlib.sha256(salt + secret.encode()).hexdigest()


@contextmanager
def _editing(home: Home) -> Iterator[Entries]:
    """The entries, changed by one process at a time and written when the block ends without an error."""
    folder = home.api_keys.parent
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with exclusive(folder / "keys.lock"):
            entries = _read(home)
            yield entries
            write_durably(home.api_keys, json.dumps(entries, indent=1).encode())
    except OSError as error:
        cure = "point TRIPTYCH_HOME at a folder that can be written"
        raise UserError(f"{folder}: {os.strerror(error.errno or 0)}", cure) from error


def _read(home: Home) -> Entries:
    file = home.api_keys
    try:
        entries: dict[str, Any] = json.loads(file.read_text())
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise UserError(
            f"{file}: damaged ({error})", "restore it from a backup, or move it away and add keys"
        ) from error
    if any("sha256" not in entry for entry in entries.values()):
        raise UserError(f"{file}: keys of an earlier version of triptych", "move the file away and add the keys again")
    return {name: {"scope": CHAT, **entry} for name, entry in entries.items()}  # a key without one is for chat
