"""Repeated ids get ~2, ~3, … in reading order, so that an id names one document in all partitions."""

# pyarrow.compute makes its functions when it is imported:
# pyright: reportAttributeAccessIssue=false

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

NUMBER = r"~\d+$"


def number_repeats(shards: list[Path], earlier: list[Path]) -> int:
    """The number of repeated ids that were renamed in `shards`, given the document files of earlier partitions."""
    columns = [_ids(shard) for shard in shards]
    counts = pc.value_counts(pa.chunked_array([c for column in columns for c in column.chunks], pa.string()))
    unique, times = counts.field("values"), counts.field("counts")
    repeated = set(unique.filter(pc.greater(times, 1)).to_pylist())
    taken = set[str]()
    for path in earlier:
        ids = _ids(path)
        related = pc.or_(pc.is_in(ids, unique), pc.is_in(pc.replace_substring_regex(ids, NUMBER, ""), unique))
        taken.update(ids.filter(related).to_pylist())
    if not repeated and not taken:
        return 0
    ids = UniqueIds(set(unique.to_pylist()), taken)
    renamed = 0
    for shard, column in zip(shards, columns, strict=True):
        old = column.to_pylist()
        new = [ids.next(name) if name in repeated or name in taken else name for name in old]
        if changes := sum(a != b for a, b in zip(old, new, strict=True)):
            _rewrite(shard, new)
            renamed += changes
    return renamed


class UniqueIds:
    """Makes each id unique: unchanged at first, then with the next free number."""

    def __init__(self, here: set[str], taken: set[str]) -> None:
        self.here, self.used = here, set(taken)
        self.numbers = dict[str, int]()

    def next(self, name: str) -> str:
        unique_id = name
        while unique_id in self.used or (unique_id != name and unique_id in self.here):
            self.numbers[name] = self.numbers.get(name, 1) + 1
            unique_id = f"{name}~{self.numbers[name]}"
        self.used.add(unique_id)
        return unique_id


def _ids(path: Path) -> pa.ChunkedArray:
    return pq.read_table(path, columns=["doc_id"])["doc_id"]


def _rewrite(shard: Path, new: list[str]) -> None:
    """Writes the same rows with other ids; a document that was its own origin stays its own origin."""
    temporary = shard.with_suffix(".tmp")
    with pq.ParquetFile(shard) as table, pq.ParquetWriter(temporary, table.schema_arrow, compression="zstd") as writer:
        names = iter(new)
        for group in range(table.num_row_groups):
            for batch in table.iter_batches(row_groups=[group], batch_size=table.metadata.row_group(group).num_rows):
                writer.write_batch(_with_ids(batch, names))
    temporary.replace(shard)


def _with_ids(batch: pa.RecordBatch, names: Iterator[str]) -> pa.RecordBatch:
    old, origin = batch.column("doc_id"), batch.column("origin")
    new = pa.array([next(names) for _ in range(batch.num_rows)], pa.string())
    columns = {name: batch.column(name) for name in batch.schema.names}
    columns |= {"doc_id": new, "origin": pc.if_else(pc.equal(old, origin), new, origin)}
    return pa.RecordBatch.from_arrays(list(columns.values()), schema=batch.schema)
