"""API keys: made once, shown once, kept as salted hashes, revoked by name.

    HOME/api/keys.json   name → {"id", "salt", "hash", "created"}; the folder is its owner's alone
    tk-ID-SECRET         a key: its id finds the entry, its 256 random bits of secret are what is hashed (scrypt)

A home that has ever had a key asks for one: revoking the last does not open the door again.
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
from pathlib import Path
from typing import Any

from tasks.errors import UsageError, UserError
from tasks.home import Home
from tasks.store.artifacts import write_durably
from tasks.store.locks import exclusive

PREFIX = "tk"
NAMES = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
SCRYPT = {"n": 2**14, "r": 8, "p": 1, "dklen": 32}  # 16 MB, some 50 ms (RFC 7914, section 2)
Entries = dict[str, dict[str, str]]


def add(home: Home, name: str) -> dict[str, str]:
    """{"name", "key"}: the only time that the key is shown."""
    if not NAMES.fullmatch(name):
        raise UsageError(f"keys add {name!r}: not a name", "use letters, digits, dot, dash and underscore, 64 at most")
    with _changing(home) as entries:
        if name in entries:
            raise UsageError(f"there is a key named {name!r}", f"choose another name, or: triptych keys revoke {name}")
        secret, salt = secrets.token_urlsafe(32), secrets.token_bytes(16)
        entries[name] = {
            "id": secrets.token_hex(4),
            "salt": salt.hex(),
            "hash": _hash(secret, salt).hex(),
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
        }
    return {"name": name, "key": f"{PREFIX}-{entries[name]['id']}-{secret}"}


def revoke(home: Home, name: str) -> dict[str, str]:
    """{"revoked": name}: a running server refuses it from the next request on."""
    with _changing(home) as entries:
        if name not in entries:
            raise UsageError(f"no key named {name!r}", f"there are: {', '.join(entries) or 'none'}")
        del entries[name]
    return {"revoked": name}


def listed(home: Home) -> list[dict[str, str]]:
    """Name and date of each key; never anything that could be used."""
    return [{"name": name, "created": entry["created"]} for name, entry in _read(home).items()]


def are_asked_for(home: Home) -> bool:
    """Whether this home has, or has had, keys."""
    return _file(home).exists()


class Keyring:
    """Who holds a key, as the file says at this moment: keys added or revoked meanwhile count at once."""

    def __init__(self, home: Home, required: bool) -> None:
        self._home, self._required = home, required
        self._process_secret = secrets.token_bytes(32)
        self._known: dict[bytes, str] = {}  # digest of a key that was checked → its name
        self._read_at: tuple[int, int] | None = None
        self._entries: Entries = {}

    @property
    def required(self) -> bool:
        """True once there has been a key, though its file be gone by now."""
        self._required = self._required or are_asked_for(self._home)
        return self._required

    def holder(self, key: str) -> str | None:
        """The name of the key, None for one that is not known. A key's first use takes scrypt's 50 ms."""
        self._follow()
        digest = hmac.digest(self._process_secret, key.encode(), "sha256")
        if digest not in self._known and (name := self._checked(key)):
            self._known[digest] = name
        return self._known.get(digest)

    def _checked(self, key: str) -> str | None:
        prefix, _, rest = key.partition("-")
        id, _, secret = rest.partition("-")
        for name, entry in self._entries.items():
            if prefix == PREFIX and hmac.compare_digest(entry["id"].encode(), id.encode()):
                made = _hash(secret, bytes.fromhex(entry["salt"]))
                return name if hmac.compare_digest(made, bytes.fromhex(entry["hash"])) else None
        return None

    def _follow(self) -> None:
        try:
            stat = _file(self._home).stat()
            read_at = (stat.st_ino, stat.st_mtime_ns)
        except FileNotFoundError:
            read_at = None
        if read_at != self._read_at:
            self._entries, self._known, self._read_at = _read(self._home), {}, read_at


def _hash(secret: str, salt: bytes) -> bytes:
    return hashlib.scrypt(secret.encode(), salt=salt, **SCRYPT)


@contextmanager
def _changing(home: Home) -> Iterator[Entries]:
    """The entries, changed by one process at a time and written once the body is through."""
    folder = _file(home).parent
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with exclusive(folder / "keys.lock"):
            entries = _read(home)
            yield entries
            write_durably(_file(home), json.dumps(entries, indent=1).encode())
    except OSError as error:
        cure = "point TRIPTYCH_HOME at a folder that can be written"
        raise UserError(f"{folder}: {os.strerror(error.errno or 0)}", cure) from error


def _read(home: Home) -> Entries:
    try:
        found: dict[str, Any] = json.loads(_file(home).read_text())
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise UserError(
            f"{_file(home)}: not whole ({error})", "restore it from a backup, or move it away and add keys"
        ) from error
    return found


def _file(home: Home) -> Path:
    return home.api_keys
