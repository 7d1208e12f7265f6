"""A curated corpus as fine-tuning reads it."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.finetune.rows import RowSource

Curated = Callable[..., RowSource]


def document(number: int, **metadata: Any) -> dict[str, Any]:
    text = f"This is sentence one of document {number}. Here the second follows. And a third ends it."
    split = ("train", "train", "train", "validation", "test")[number % 5]
    return {"doc_id": f"s/{number}", "text": text, "split": split, "origin": f"o{number % 7}", "metadata": metadata}


def addresses(count: int = 60) -> list[dict[str, Any]]:
    return [document(n, year=1800 + 3 * n, president=f"P{n // 8}") for n in range(count)]


@pytest.fixture
def curated(tmp_path: Path) -> Curated:
    def write(*parts: Iterable[dict[str, Any]]) -> RowSource:
        folders = {}
        for number, part in enumerate(parts, 1):
            folder = tmp_path / f"curate-{number}"
            folder.mkdir()
            rows = [
                {**row, "source": "s", "bytes": len(row["text"]), "metadata": json.dumps(row["metadata"])}
                for row in part
            ]
            pq.write_table(pa.Table.from_pylist(rows), folder / "texts.parquet")
            folders[f"{number:04d}"] = folder
        return RowSource(folders)

    return write
