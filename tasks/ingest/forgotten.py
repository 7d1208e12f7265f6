"""The documents that a home has forgotten, in HOME/forgotten.json: no run reads them again.

A takedown (tasks/encode/takedown.py) keeps a document out of training; forgetting leaves it out at ingest, so that its
text is in no artifact. It is recognised by its name and place, and by its text wherever that stands now: a keyed hash
of the text's letters and digits, so that the list itself holds no text. Names enter the key of the partitions whose
files contain them, and of no other. Texts enter no key: forgetting removes every artifact that holds one, so within a
home no key ever has two contents.
"""

import hashlib
import hmac
import json
import re
import secrets
import unicodedata
from collections.abc import Collection, Iterable
from typing import Any

from pydantic import Field

from tasks.document_names import file_of
from tasks.errors import UserError
from tasks.home import Home
from tasks.store.artifacts import write_durably
from tasks.store.step import Frozen

SEPARATORS = re.compile(r"\W+")
MIN_LETTERS = 20  # of a text that is recognised under another name: "Thank you very much" is many people's


class Forgotten(Frozen):
    """One forgotten name, the files it was in, and the model versions that had been made from it."""

    name: str
    time: str
    places: dict[str, tuple[str, ...]]  # source → uris
    trained: tuple[str, ...] = ()  # NAME/VERSION, whose training text contained it
    held: tuple[str, ...] = ()  # NAME/VERSION, made from a corpus that contained it outside the training text
    texts: tuple[str, ...] = ()  # keyed hashes


class ForgottenTexts(Frozen):
    """The keyed hashes of forgotten texts, by which a text is recognised under any name."""

    key: str
    names: dict[str, str] = Field(default_factory=dict)  # hash → the name under which it was forgotten

    def keyed(self) -> "ForgottenTexts":
        """The same with a key, a new one where there is none."""
        return self if self.key else self.model_copy(update={"key": secrets.token_hex(32)})

    def hash_of(self, text: str) -> str | None:
        """The same for every spacing, case, punctuation and Unicode form; None for a text too short to tell apart."""
        letters = SEPARATORS.sub("", unicodedata.normalize("NFKC", text).casefold())
        if len(letters) < MIN_LETTERS:
            return None
        return hmac.new(self.key.encode(), letters.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()

    def name_of(self, text: str) -> str | None:
        """The name under which this text was forgotten; None where it was not."""
        return self.names.get(self.hash_of(text) or "") if self.names else None


def forgotten(home: Home) -> list[Forgotten]:
    """All documents that this home has forgotten, the oldest first."""
    return [Forgotten.model_validate(entry) for entry in _read(home).get("documents", ())]


def forgotten_texts(home: Home) -> ForgottenTexts:
    """The texts that this home has forgotten; without a key where it has none."""
    content = _read(home)
    names = {text: entry["name"] for entry in content.get("documents", ()) for text in entry.get("texts", ())}
    return ForgottenTexts(key=content.get("key", ""), names=names)


def remember(home: Home, entries: Iterable[Forgotten], texts: ForgottenTexts | None = None) -> None:
    """Adds the entries to the list; one replaces an earlier one of its name. `texts` has the key of their hashes."""
    key = texts.key if texts else forgotten_texts(home).key
    by_name = {entry.name: entry for entry in (*forgotten(home), *entries)}
    rows = [entry.model_dump(mode="json") for entry in by_name.values()]
    content = {"key": key, "documents": rows}
    write_durably(home.forgotten, json.dumps(content, ensure_ascii=False, indent=1).encode())


def touching(entries: Iterable[Forgotten], source: str, files: Collection[str]) -> tuple[str, ...]:
    """The names of forgotten documents that are in one of these files of a source."""
    uris = {entry.name: entry.places.get(source, ()) for entry in entries}
    return tuple(sorted(name for name, places in uris.items() if any({uri, file_of(uri)} & {*files} for uri in places)))


def _read(home: Home) -> dict[str, Any]:
    try:
        return json.loads(home.forgotten.read_bytes())
    except FileNotFoundError:
        return {}
    except ValueError as error:
        cure = "restore it from a backup: without it, what was forgotten would be read again"
        raise UserError(f"{home.forgotten}: cut or changed", cure) from error
