"""Token shards: each split of a partition as Arrow IPC streams of one record batch, a document a row.

    train-00000.arrow   doc_id: string, tokens: list<uint16>    (uint32 of a vocabulary of more than 65,536 tokens)
                        validation-…, test-… likewise; a split may have no row
    bytes.parquet       doc_id, split, tokens, bytes            of every row
    withheld.parquet    doc_id, reason                          documents kept by curation that must not be trained on

A shard's tokens lie in one buffer, so a memory map of the file is the training data: nothing is copied or decoded.
No separator is stored: the batch maker puts `<|endoftext|>` between documents. Each begins with the token that the
model's authors put before a text, where there is one.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from pydantic import Field

from tasks.document_names import names_of
from tasks.encode.encoding import encode_rows
from tasks.progress import progress
from tasks.store.step import NOT_IN_KEY, Frozen, Funnel, Inputs, Stats, Step

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

UNSEEN = "unseen"  # of sources that are only evaluated on
SPLITS = ("train", "validation", "test", UNSEEN)


class EncodeConfig(Frozen):
    """What is encoded, and into how large files."""

    shard_tokens: int = Field(default=16_777_216, ge=1)  # a shard ends before the document that would exceed it
    workers: Annotated[int, NOT_IN_KEY] = 2

    def part(self, exclude: Sequence[str], withdrawn: Mapping[str, Mapping[str, str]]) -> "EncodePart":
        """The config of a partition of which some documents must not be trained on."""
        gone = {source: dict(uris) for source, uris in withdrawn.items()}
        return EncodePart(**self.model_dump(), exclude=tuple(exclude), withdrawn=gone)


class EncodePart(EncodeConfig):
    """The same for one partition, with what was taken down or withdrawn from it since."""

    exclude: tuple[str, ...] = ()  # of the takedown list: doc_id, SOURCE/URI, or the text a document was cut from
    withdrawn: dict[str, dict[str, str]] = Field(default_factory=dict)  # source → uri → superseded | removed

    def why_withheld(self, document: Mapping[str, Any]) -> str | None:
        """The reason for not training on the document; None where it may be trained on."""
        names = names_of(document)
        if not self._taken_down.isdisjoint(names):
            return "takedown"
        gone = self.withdrawn.get(document["source"], {})
        return next((gone[name] for name in sorted(names) if name in gone), None)

    @cached_property
    def _taken_down(self) -> frozenset[str]:
        return frozenset(self.exclude)


def encode(config: EncodePart, inputs: Inputs, out: Path) -> Stats:
    """Writes the shards of one partition's kept documents."""
    import pyarrow as pa
    from pyarrow import parquet

    tokenizer = inputs.folder("tokenizer")
    path, withheld = inputs.folder("texts") / "texts.parquet", dict[str, str]()
    shards = {split: ShardWriter(out, split, config.shard_tokens) for split in SPLITS}
    sizes, changed = list[DocumentSize](), 0
    documents = parquet.ParquetFile(path).metadata.num_rows
    with progress("encode", documents, "documents") as advance:
        kept = _rows_to_encode(path, config, withheld)
        for rows, batch in encode_rows(kept, tokenizer, config.workers, _text_bytes(path)):
            changed += batch.changed
            for row, tokens, bytes_ in zip(rows, batch.split(), batch.bytes, strict=True):
                shards[row["split"]].add(row["doc_id"], tokens)
                sizes.append(DocumentSize(row["doc_id"], row["split"], len(tokens), bytes_))
            advance(len(rows))
    written = {split: shard.close() for split, shard in shards.items()}
    _write_table(
        out / "bytes.parquet", sizes, doc_id=pa.string(), split=pa.string(), tokens=pa.int64(), bytes=pa.int64()
    )
    _write_table(out / "withheld.parquet", list(withheld.items()), doc_id=pa.string(), reason=pa.string())
    stats = _stats(documents, withheld, sizes, written)
    if not changed:
        return stats
    note = f"{changed} of {len(sizes)} documents are read with some characters changed or left out by the tokenizer"
    return stats.model_copy(update={"notes": (note,)})


class DocumentSize(NamedTuple):
    """A row of bytes.parquet."""

    doc_id: str
    split: str
    tokens: int
    bytes: int


class ShardWriter:
    """Writes the files of one split, one shard at a time."""

    def __init__(self, folder: Path, split: str, shard_tokens: int) -> None:
        self.folder, self.split, self.shard_tokens = folder, split, shard_tokens
        self.doc_ids: list[str] = []
        self.tokens: list[np.ndarray] = []
        self.gathered, self.written = 0, 0

    def add(self, doc_id: str, tokens: "np.ndarray") -> None:
        """Takes a document; writes a shard before it where the document would make that too long."""
        if self.doc_ids and self.gathered + len(tokens) > self.shard_tokens:
            self._write()
        self.doc_ids.append(doc_id)
        self.tokens.append(tokens)
        self.gathered += len(tokens)

    def close(self) -> int:
        """The number of files, after the last is written; a split without documents gets one without rows."""
        if self.doc_ids or not (self.written or self.split == UNSEEN):
            self._write()
        return self.written

    def _write(self) -> None:
        import numpy as np
        import pyarrow as pa

        offsets = np.cumsum([0, *map(len, self.tokens)], dtype=np.int32)
        values = np.concatenate(self.tokens) if self.tokens else np.empty(0, np.uint16)
        lists = pa.ListArray.from_arrays(pa.array(offsets), pa.array(values))
        schema = pa.schema({"doc_id": pa.string(), "tokens": lists.type})
        path = self.folder / f"{self.split}-{self.written:05d}.arrow"
        with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, schema) as stream:
            stream.write_batch(pa.record_batch([pa.array(self.doc_ids, pa.string()), lists], schema=schema))
        self.doc_ids, self.tokens, self.gathered, self.written = [], [], 0, self.written + 1


def _rows_to_encode(path: Path, config: EncodePart, withheld: dict[str, str]) -> Iterator[dict[str, Any]]:
    """The rows that may be trained on; the others go into `withheld`, doc_id → reason."""
    from pyarrow import parquet

    file = parquet.ParquetFile(path)
    columns = [name for name in ("doc_id", "source", "uri", "origin", "split", "text") if name in file.schema.names]
    for batch in file.iter_batches(1000, columns=columns):
        for row in batch.to_pylist():
            if reason := config.why_withheld(row):
                withheld[row["doc_id"]] = reason
            else:
                yield row


def _text_bytes(path: Path) -> int:
    """About how many bytes of text the file holds."""
    from pyarrow import parquet

    file = parquet.ParquetFile(path).metadata
    return sum(file.row_group(group).total_byte_size for group in range(file.num_row_groups))


def _write_table(path: Path, rows: Sequence[tuple[Any, ...]], **types: "pa.DataType") -> None:
    import pyarrow as pa
    from pyarrow import parquet

    columns = [list(column) for column in zip(*rows, strict=True)] or [[] for _ in types]
    parquet.write_table(pa.table(columns, schema=pa.schema(types)), path, compression="zstd")


def _stats(
    documents: int,
    withheld: Mapping[str, str],
    sizes: list[DocumentSize],
    written: Mapping[str, int],
) -> Stats:
    tokens, bytes_ = sum(size.tokens for size in sizes), sum(size.bytes for size in sizes)
    metrics = {"tokens": tokens, "bytes": bytes_, "bytes_per_token": bytes_ / tokens if tokens else 0.0}
    metrics |= {f"tokens_{split}": sum(size.tokens for size in sizes if size.split == split) for split in SPLITS}
    metrics |= {f"shards_{split}": count for split, count in written.items()}
    funnel = Funnel(read=documents, kept=len(sizes), dropped=dict(sorted(Counter(withheld.values()).items())))
    return Stats(funnel=funnel, metrics={name: float(value) for name, value in metrics.items()})


ENCODE = Step(
    "encode",
    1,
    EncodePart,
    encode,
    libraries=("pyarrow", "tiktoken", "tokenizers"),
)
