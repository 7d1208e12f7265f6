"""A user's own rows beside the documents: a row whose answer is a document's text is in that document's split.

The base has read the documents of the training split, so a row held out although its answer stands among them would
test what the base has read: no comparison with it would be fair. A text is a whole document or what stands between two
blank lines of one. Rows of one origin stay together, and rows that name their split stay where it says.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tasks.finetune.own_rows import SPLITS, digest
from tasks.finetune.row_formats import Row

TRAIN = SPLITS[0]
ROWS_AT_ONCE = 1000
MIN_WORDS = 13  # of an answer: evaluation calls no shorter one read before (tasks/evaluate/contamination.py)


def place_beside_documents(rows: Sequence[Row], texts: Mapping[str, Path]) -> tuple[list[Row], list[str]]:
    """The rows, some in another split, and a note on how many; `texts`: folders of kept documents by partition.

    Where that would leave a split empty, the rows stay where they are, and the note says what is wrong with them.
    """
    answers = [_answer(row) for row in rows]
    split_of = _splits(set(filter(None, answers)), texts)
    by_origin: dict[str, set[str]] = {}
    for row, answer in zip(rows, answers, strict=True):
        if (split := split_of.get(answer)) and not row["names_split"]:
            by_origin.setdefault(row["origin"], set()).add(split)
    placed = [row if row["names_split"] else row | {"split": _one(by_origin.get(row["origin"]), row)} for row in rows]
    moved = sum(before["split"] != after["split"] for before, after in zip(rows, placed, strict=True))
    if not moved:
        return list(rows), []
    if {row["split"] for row in placed} != {*SPLITS}:
        what = "held-out answers stand in the text that the base is trained on, and too few documents are held out"
        return list(rows), [f"{what}: scores beside the base say little"]
    note = (
        f"{len(by_origin):,} questions are in the split of the document that has their answer: the base never read it"
    )
    return placed, [f"{note} where they are tested"]


def _one(splits: set[str] | None, row: Row) -> str:
    """Training where the base has read any of the answers; else the first split that has one."""
    return next((split for split in SPLITS if split in splits), row["split"]) if splits else row["split"]


def _answer(row: Row) -> str:
    """The name of the row's answer; "" for one so short that many texts have it by chance."""
    text = str(row["text"] if "text" in row else row["response"])
    return digest(text) if len(text.split()) >= MIN_WORDS else ""


def _splits(wanted: set[str], texts: Mapping[str, Path]) -> dict[str, str]:
    """The split of each of these texts that a document has; that of training where several have it."""
    splits: dict[str, str] = {}
    for text, split in _pieces(texts):
        if (name := digest(text)) in wanted and splits.get(name) != TRAIN:
            splits[name] = split
    return splits


def _pieces(texts: Mapping[str, Path]) -> Iterator[tuple[str, str]]:
    import pyarrow.parquet as pq

    for folder in texts.values():
        with pq.ParquetFile(folder / "texts.parquet") as file:
            for batch in file.iter_batches(ROWS_AT_ONCE, columns=["text", "split"]):
                for row in batch.to_pylist():
                    pieces = {row["text"], *filter(None, row["text"].split("\n\n"))}
                    yield from ((piece, row["split"]) for piece in pieces)
