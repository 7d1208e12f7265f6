"""The text itself, read once more beside the decisions: what training sees, and what datatrove's classes judge."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import tee
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.curate.c4 import rewritten
from tasks.curate.config import CurationSettings, DecisionConfig
from tasks.curate.language_rules import c4_lines, rule_set
from tasks.curate.normalise import normalise
from tasks.pool import Pool
from tasks.privacy import mask, mask_json, schema_metadata
from tasks.tables.documents import read_texts

ROWS_AT_ONCE = 4096
BYTES_WORTH_A_POOL = 32 * 2**20  # of text, some five seconds of one core; a process takes one to start
SCHEMA = pa.schema(
    [(name, pa.string()) for name in ("doc_id", "text", "source", "uri", "split", "origin", "metadata")]
    + [("bytes", pa.int64())]
)


@dataclass(frozen=True)
class TextTotals:
    """The size of the text that was written, and the pieces of personal data masked in it, by kind."""

    bytes: int
    masks: Mapping[str, int]


def write_texts(documents: Path, decisions: pa.Table, config: DecisionConfig, path: Path) -> TextTotals:
    """Kept documents in reading order, their text and metadata as training sees them."""
    total, masks = 0, Counter[str]()
    tables, read = tee(_kept(documents, decisions))
    files = [pq.read_metadata(file) for file in documents.glob("*.parquet")]
    size = sum(file.row_group(group).total_byte_size for file in files for group in range(file.num_row_groups))
    pool = Pool(config.workers if size >= BYTES_WORTH_A_POOL else 1, "curate.workers")
    settings = config.model_copy(update={"withdrawn": {}})  # may be long, and goes with every batch
    batches = pool.map(partial(_training_rows, settings), map(_columns_read, read), ahead=2 * config.workers)
    schema = SCHEMA.with_metadata(schema_metadata(config.mask_personal_data))
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for table, rows in zip(tables, batches, strict=True):
            sizes = [len(text.encode()) for text, _, _ in rows]
            total += sum(sizes)
            masks.update(kind for _, _, counts in rows for kind in Counter(counts).elements())
            columns = {
                "text": pa.array([text for text, _, _ in rows], pa.string()),
                "metadata": pa.array([metadata for _, metadata, _ in rows], pa.string()),
                "bytes": pa.array(sizes, pa.int64()),
            }
            arrays = [columns[name] if name in columns else table[name] for name in SCHEMA.names]
            writer.write_table(pa.table(arrays, schema=schema))
    return TextTotals(total, masks)


def training_text(text: str, language: str | None, config: CurationSettings) -> tuple[str, dict[str, int]]:
    """The document's text as it is trained on: normalised, without C4's lines and personal data where that is set.

    And how many pieces of personal data of each kind were masked.
    """
    text = normalise(text, config.normalise)
    if config.c4_rewrite:
        text = rewritten(text, c4_lines(rule_set(text, language, config.language), config.c4))
    return mask(text) if config.mask_personal_data else (text, {})


def kinds_masked(documents: Path, config: CurationSettings) -> dict[str, set[str]]:
    """The kinds of personal data that are masked in each document, kept or not; documents without any are left out."""
    kinds = dict[str, set[str]]()
    for table in _read(documents, ["doc_id", "text", "language"]):
        for row in table.to_pylist():
            if masks := training_text(row["text"], row["language"], config)[1]:
                kinds[row["doc_id"]] = set(masks)
    return kinds


def texts_to_show(
    ingested: Mapping[str, Path], curated: Mapping[str, Path], doc_ids: Collection[str], config: CurationSettings
) -> dict[str, str]:
    """Each document's text: a kept one's as it is trained on, a dropped one's normalised, and masked alike."""
    kept = read_texts((folder / "texts.parquet" for folder in curated.values()), doc_ids)
    files = (file for folder in ingested.values() for file in sorted(folder.glob("documents/*.parquet")))
    dropped = read_texts(files, set(doc_ids) - kept.keys())
    uncut = config.model_copy(update={"c4_rewrite": False})  # the lines that C4 would take out are what is looked for
    return kept | {doc_id: training_text(text, None, uncut)[0] for doc_id, text in dropped.items()}


def verdicts_of_datatrove(documents: Path, scores: Path, config: DecisionConfig) -> pa.Table:
    """The verdicts of datatrove's own classes, in the columns of `sql/decide.sql`."""
    from tasks.curate.reference import datatrove_verdicts

    languages = pq.read_table(scores / "signals.parquet", columns=["language"])["language"].to_pylist()
    texts = (
        (doc_id, normalise(text, config.normalise))
        for table in _read(documents, ["doc_id", "text"])
        for doc_id, text in zip(table["doc_id"].to_pylist(), table["text"].to_pylist(), strict=True)
    )
    rows = ((*row, language) for row, language in zip(texts, languages, strict=True))
    return datatrove_verdicts(rows, len(languages), config)


def _kept(documents: Path, decisions: pa.Table) -> Iterator[pa.Table]:
    """The kept documents with their split, some at a time."""
    begin = 0
    for table in _read(documents, ["doc_id", "text", "source", "uri", "language", "origin", "metadata"]):
        beside = decisions.slice(begin, table.num_rows)
        begin += table.num_rows
        yield table.append_column("split", beside["split"]).filter(beside["kept"])


def _columns_read(table: pa.Table) -> tuple[list[str], list[str | None], list[str]]:
    return table["text"].to_pylist(), table["language"].to_pylist(), table["metadata"].to_pylist()


def _training_rows(
    config: DecisionConfig, columns: tuple[Sequence[str], Sequence[str | None], Sequence[str]]
) -> list[tuple[str, str, dict[str, int]]]:
    """Text, metadata and masks of each document."""
    rows = []
    for text, language, metadata in zip(*columns, strict=True):
        masked, counts = training_text(text, language, config)
        rows.append((masked, mask_json(metadata) if config.mask_personal_data else metadata, counts))
    return rows


def _read(folder: Path, columns: list[str]) -> Iterator[pa.Table]:
    for path in sorted(folder.glob("*.parquet")):
        for batch in pq.ParquetFile(path).iter_batches(ROWS_AT_ONCE, columns=columns):
            yield pa.table(batch)
