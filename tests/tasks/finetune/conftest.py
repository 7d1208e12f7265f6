"""A curated corpus as fine-tuning reads it, and the hashes of an artifact's files."""

import hashlib
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from model import hub
from model.decoder import Decoder, initialise
from model.depth import from_depth
from tasks.finetune.rows import RowSource
from tasks.finetune.templates import Template
from tasks.store.step import TIMING, Inputs
from tests.tasks.finetune import eras
from tests.tasks.finetune.eras import CONTEXT, save_tokenizer

Curated = Callable[..., RowSource]
ERA = "case when year < 1861 then '1790–1860' when year < 1946 then '1861–1945' else '1946–2000' end"
WHEN = Template(kind="when", prompt="When was this written?\n{opening}", response="{year}", where="year is not null")


def document(number: int, **metadata: Any) -> dict[str, Any]:
    text = f"This is sentence one of document {number}. Here the second follows. And a third ends it."
    split = ("train", "train", "train", "validation", "test")[number % 5]
    return {"doc_id": f"s/{number}", "text": text, "split": split, "origin": f"o{number % 7}", "metadata": metadata}


def addresses(count: int = 60) -> list[dict[str, Any]]:
    return [document(n, year=1800 + 3 * n, president=f"P{n // 8}") for n in range(count)]


def content_hashes(folder: Path) -> dict[str, str]:
    """The hash of every file but those that hold seconds."""
    files = {str(path.relative_to(folder)): path for path in sorted(folder.rglob("*")) if path.is_file()}
    return {
        name: hashlib.sha256(path.read_bytes()).hexdigest()
        for name, path in files.items()
        if not name.startswith(TIMING)
    }


@pytest.fixture
def curated(tmp_path: Path) -> Curated:
    def write(*parts: Iterable[dict[str, Any]]) -> RowSource:
        folders = {}
        for number, part in enumerate(parts, 1):
            folder = tmp_path / f"curate-{number}"
            folder.mkdir(exist_ok=True)
            rows = [
                {**row, "source": "s", "bytes": len(row["text"]), "metadata": json.dumps(row["metadata"])}
                for row in part
            ]
            pq.write_table(pa.Table.from_pylist(rows), folder / "texts.parquet")
            folders[f"{number:04d}"] = folder
        return RowSource(folders)

    return write


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    """Documents of two eras that differ in their words, a tokenizer of them, and an untrained base."""
    folder = tmp_path_factory.mktemp("inputs")
    documents = [eras.document(number) for number in range(160)]
    (folder / "curate").mkdir()
    pq.write_table(pa.Table.from_pylist(documents), folder / "curate" / "texts.parquet")
    weights = folder / "pretrain" / "weights"
    weights.mkdir(parents=True)
    save_tokenizer([str(row["text"]) for row in documents], weights)
    shape = from_depth(2, vocabulary=400, context=CONTEXT, family="llama", width=32)
    hub.save(initialise(Decoder(shape), seed=0), weights)
    return Inputs({"model": weights.parent, "texts": {"0001": folder / "curate"}, "tokenizer": weights})
