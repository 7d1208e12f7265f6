"""Small corpora on disk, and the artifacts that ingest makes of them."""

import bz2
import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import zstandard

from tasks.home import Home
from tasks.ingest.ledger import Corpus, record_arrivals
from tasks.ingest.listing import list_sources
from tasks.ingest.sources import File
from tasks.ingest.steps import IngestConfig, ingest
from tasks.store.step import Inputs, Stats

LENIENT = {"max_bad_fraction": 1.0}


@dataclass(frozen=True)
class IngestResult:
    """One partition's artifact, read back."""

    folder: Path
    stats: Stats
    documents: list[dict[str, Any]]
    quarantine: list[dict[str, Any]]

    @property
    def ids(self) -> list[str]:
        return [row["doc_id"] for row in self.documents]

    @property
    def texts(self) -> dict[str, str]:
        """The texts by document id, without the name of the source `books`."""
        return {row["doc_id"].removeprefix("books/"): row["text"] for row in self.documents}

    @property
    def reasons(self) -> list[tuple[str, int, str]]:
        return [(row["uri"], row["position"], row["reason"]) for row in self.quarantine]


def write(folder: Path, files: Mapping[str, bytes | str]) -> Path:
    """The folder with these files in it."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def jsonl(*records: Any) -> bytes:
    """The records as lines; bytes stand for themselves."""
    return b"".join((r if isinstance(r, bytes) else json.dumps(r).encode()) + b"\n" for r in records)


def compress(name: str, content: bytes) -> bytes:
    pack = {"gz": gzip.compress, "zst": zstandard.compress, "bz2": bz2.compress}
    return pack[name.rpartition(".")[2]](content)


def config_of(folder: Path, **settings: Any) -> IngestConfig:
    """One folder source named `books`."""
    source = {"kind": "folder", "path": folder, **settings}
    return IngestConfig.model_validate({"sources": {"books": source}, **LENIENT})


def ingest_newest(config: IngestConfig, home: Path, name: str = "test") -> IngestResult:
    """The newest partition, ingested without a store; earlier ones have to be below `home`."""
    known = record_arrivals(name, config, Home(home))
    *before, last = known.parts
    return ingest_partition(config, known, last, {p: home / "made" / p for p in before}, home / "made" / last)


def ingest_partition(
    config: IngestConfig, known: Corpus, partition: str, earlier: dict[str, Path], out: Path
) -> IngestResult:
    out.mkdir(parents=True)
    stats = ingest(config.part(known.parts[partition]), Inputs({"earlier": earlier}), out)
    documents = [row for path in sorted((out / "documents").glob("*")) for row in pq.read_table(path).to_pylist()]
    return IngestResult(out, stats, documents, pq.read_table(out / "quarantine.parquet").to_pylist())


def list_files(config: IngestConfig, home: Path, source: str = "books") -> dict[str, File]:
    """A source's files by name."""
    return {file.name: file for file in list_sources(config, Home(home))[source].files}
