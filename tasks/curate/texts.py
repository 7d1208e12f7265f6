"""The text itself, read once more beside the decisions: what training sees, and what datatrove's classes judge."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.curate.c4 import rewritten
from tasks.curate.config import DecisionConfig
from tasks.curate.language_rules import c4_lines, rule_set
from tasks.curate.normalise import normalise

ROWS_AT_ONCE = 4096
SCHEMA = pa.schema(
    [(name, pa.string()) for name in ("doc_id", "text", "source", "uri", "split", "origin", "metadata")]
    + [("bytes", pa.int64())]
)


def write_texts(documents: Path, decisions: pa.Table, config: DecisionConfig, path: Path) -> int:
    """Kept documents in reading order, their text normalised (and C4's lines out, where asked); their bytes."""
    begin = total = 0
    with pq.ParquetWriter(path, SCHEMA, compression="zstd") as writer:
        for table in _read(documents, ["doc_id", "text", "source", "uri", "language", "origin", "metadata"]):
            beside = decisions.slice(begin, table.num_rows)
            begin += table.num_rows
            kept = pa.table(
                {name: table[name] for name in table.column_names} | {n: beside[n] for n in ("split", "kept")}
            ).filter(beside["kept"])
            rows = zip(kept["text"].to_pylist(), kept["language"].to_pylist(), strict=True)
            texts = [_text(text, language, config) for text, language in rows]
            sizes = [len(text.encode()) for text in texts]
            total += sum(sizes)
            columns = {"text": pa.array(texts, pa.string()), "bytes": pa.array(sizes, pa.int64())}
            rows = [columns.get(name, kept[name] if name != "bytes" else None) for name in SCHEMA.names]
            writer.write_table(pa.table(rows, schema=SCHEMA))
    return total


def judged_by_datatrove(documents: Path, scores: Path, config: DecisionConfig) -> pa.Table:
    """The verdicts of datatrove's own classes, in the columns of `sql/decide.sql`."""
    from tasks.curate.reference import judged

    languages = pq.read_table(scores / "signals.parquet", columns=["language"])["language"].to_pylist()
    texts = (
        (doc_id, normalise(text, config.normalise))
        for table in _read(documents, ["doc_id", "text"])
        for doc_id, text in zip(table["doc_id"].to_pylist(), table["text"].to_pylist(), strict=True)
    )
    rows = ((*row, language) for row, language in zip(texts, languages, strict=True))
    return judged(rows, len(languages), config)


def _text(text: str, language: str | None, config: DecisionConfig) -> str:
    text = normalise(text, config.normalise)
    if not config.c4_rewrite:
        return text
    return rewritten(text, c4_lines(rule_set(text, language, config.language), config.c4))


def _read(folder: Path, columns: list[str]) -> Iterator[pa.Table]:
    for path in sorted(folder.glob("*.parquet")):
        for batch in pq.ParquetFile(path).iter_batches(ROWS_AT_ONCE, columns=columns):
            yield pa.table(batch)
