"""A small curated folder, and a tokenizer trained on it."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.encode.tokenizer import TokenizerConfig, tokenizer
from tasks.store.step import Inputs

SENTENCES = (
    "The committee met on the first Monday of the month and adjourned before noon.",
    "Nobody had expected the river to rise so early in the year, nor so quickly.",
    "It's what we'd hoped for: 1,234 bushels of wheat, 56 horses and no debts at all.",
    "Ein Satz auf Deutsch über größere Dinge; 一句中文也在这里。 Et voilà, c’est tout 🙂.",
)


def write_curated(folder: Path, texts: list[str], **columns: list) -> Path:
    """A folder as curate leaves it, of these texts."""
    folder.mkdir(parents=True, exist_ok=True)
    count = len(texts)
    table = {
        "doc_id": [f"notes/{n:03d}.txt#0" for n in range(count)],
        "text": texts,
        "source": ["notes"] * count,
        "split": [("train", "train", "validation", "test")[n % 4] if n else "train" for n in range(count)],
        "origin": [f"{n // 2:03d}.txt" for n in range(count)],
        "metadata": [json.dumps({})] * count,
        "bytes": [len(text.encode()) for text in texts],
    }
    pq.write_table(pa.table(table | columns), folder / "texts.parquet")
    return folder


@pytest.fixture(scope="session")
def texts() -> list[str]:
    return [" ".join(SENTENCES[(n * k + k) % 4] for k in range(1, 5)) + f" Number {n}." for n in range(120)]


@pytest.fixture(scope="session")
def texts_folder(tmp_path_factory: pytest.TempPathFactory, texts: list[str]) -> Path:
    return write_curated(tmp_path_factory.mktemp("curated"), texts)


@pytest.fixture(scope="session")
def tokenizer_folder(tmp_path_factory: pytest.TempPathFactory, texts_folder: Path) -> Path:
    out = tmp_path_factory.mktemp("tokenizer")
    tokenizer(TokenizerConfig(vocabulary=600), Inputs({"texts": {"0001": texts_folder}}), out)
    return out
