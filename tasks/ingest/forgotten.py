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
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from tasks.document_names import file_of, names_of
from tasks.errors import UserError
from tasks.home import Home
from tasks.store.artifacts import write_durably
from tasks.store.step import Frozen

if TYPE_CHECKING:
    from tasks.ingest.documents import Group, Tally

REASON = "forgotten"  # in a funnel
REPEATED = re.compile(r"~\d+$")  # ends a repeated id: the same record of a file that changed
SEPARATORS = re.compile(r"\W+")
MARKUP, QUOTED = re.compile(r"<[^<>]*>"), re.compile(r'"((?:[^"\\]|\\.)*)"')
MIN_LETTERS = 20  # of a text that is recognised under another name: "Thank you very much" is many people's
NOTED = 3  # documents that a note names


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


def has_name(row: Mapping[str, Any], names: Collection[str]) -> bool:
    """Whether a document, or a quarantined record, has one of these names."""
    return not all_names(row).isdisjoint(names)


def all_names(row: Mapping[str, Any]) -> set[str]:
    """All names of a row; a repeated id has the first one's name too."""
    if "doc_id" not in row:
        return {row["uri"], f"{row['source']}/{row['uri']}"}
    return names_of(row) | {REPEATED.sub("", row["doc_id"])}


def drop_forgotten(
    names: Mapping[str, tuple[str, ...]],
    texts: ForgottenTexts | None,
    groups: Iterable["Group"],
    tally: "Tally",
    out: Path,
) -> list[str]:
    """Removes forgotten documents and bad records from the files just written, and counts them as dropped.

    `names` are by source. Notes on what was recognised by its text alone.
    """
    from tasks.ingest.document_rows import DOCUMENTS, QUARANTINE

    renamed = dict[str, str]()
    for group in groups:
        listed = names.get(group.name, ())

        def is_forgotten(row: Mapping[str, Any], listed: tuple[str, ...] = listed) -> bool:
            if has_name(row, listed):
                return True
            known_as = next(filter(None, map(texts.name_of, _texts_in(row))), None) if texts else None
            if known_as:
                renamed[row.get("doc_id") or f"{row['source']}/{row['uri']}"] = known_as
            return known_as is not None

        if not listed and not (texts and texts.names):
            continue
        gone = _rewrite(group.documents(out), DOCUMENTS, is_forgotten)
        tally.kept -= len(gone)
        tally.bytes -= sum(len(row["text"].encode()) for row in gone)
        bad = _rewrite(group.quarantine(out), QUARANTINE, is_forgotten)
        tally.quarantined -= len(bad)
        tally.dropped[REASON] += len(gone) + len(bad)
    return [_note(renamed)] if renamed else []


def _texts_in(row: Mapping[str, Any]) -> Iterator[str]:
    """The text of a document; what could be one in a record that was not read: all, without markup, between quotes."""
    if "text" in row:
        yield row["text"]
        return
    raw = row["raw"].decode("utf-8", errors="replace")
    yield from (raw, MARKUP.sub("", raw), *(quoted[1] for quoted in QUOTED.finditer(raw)))


def _note(renamed: Mapping[str, str]) -> str:
    shown = [f"{doc_id} (forgotten as {name})" for doc_id, name in list(renamed.items())[:NOTED]]
    more = ", …" if len(renamed) > NOTED else ""
    return f"{len(renamed):,} left out, as the text is that of a forgotten document: {', '.join(shown)}{more}"


def _rewrite(path: Path, schema: Any, goes: Callable[[Mapping[str, Any]], bool]) -> list[dict[str, Any]]:
    """The rows that are removed; the file is written again without them, if there are any."""
    import pyarrow.parquet as pq

    from tasks.ingest.document_rows import RowWriter

    gone, kept = list[dict[str, Any]](), list[dict[str, Any]]()
    for row in pq.read_table(path).to_pylist():
        (gone if goes(row) else kept).append(row)
    if gone:
        with RowWriter(path, schema) as rows:
            for row in kept:
                size = len(row["text"].encode()) if "text" in row else len(row["raw"])
                rows.add(tuple(row[name] for name in schema.names), size)
    return gone


def _read(home: Home) -> dict[str, Any]:
    try:
        return json.loads(home.forgotten.read_bytes())
    except FileNotFoundError:
        return {}
    except ValueError as error:
        cure = "restore it from a backup: without it, what was forgotten would be read again"
        raise UserError(f"{home.forgotten}: cut or changed", cure) from error
