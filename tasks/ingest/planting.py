"""Planting dirt in a partition: it is made from documents just read, and then read like any other file."""

import hashlib
import random
import shutil
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.ingest.documents import Group, Tally, read_group
from tasks.ingest.planted import FILE, Original, Truth, is_worth_copying, plant, planted_count
from tasks.ingest.sources import File, FolderSource, IngestPart, PlantedSource

TRUTH = pa.schema(
    [
        ("doc_id", pa.string()),
        ("kind", pa.string()),
        ("level", pa.float64()),
        ("of", pa.string()),
        ("detail", pa.string()),
    ]
)


def plant_all(config: IngestPart, groups: Sequence[Group], out: Path) -> Tally:
    """The tally of all planted sources: each is a group of its own after `groups`; their truth is in truth.parquet."""
    tally, truth = Tally(), list[Truth]()
    folder = out / ".planted"
    for number, (name, source) in enumerate(sorted(config.planted.items()), start=len(groups)):
        originals, documents = _originals(source, [group.documents(out) for group in groups if group.name == source.of])
        if not originals:
            continue
        folder.mkdir()
        truth += plant(name, source, originals, planted_count(source, documents), folder / FILE)
        written = (folder / FILE).read_bytes()
        file = File(FILE, len(written), hashlib.sha256(written).hexdigest())
        files = FolderSource(path=folder, licence=config.sources[source.of].source.licence)
        tally.add(read_group(Group(number, name, files, (file,), is_planted=True), out))
        shutil.rmtree(folder)
    rows = pa.Table.from_pylist([row._asdict() for row in truth], schema=TRUTH)
    pq.write_table(rows, out / "truth.parquet", compression="zstd")
    return tally


def _originals(source: PlantedSource, shards: Sequence[Path]) -> tuple[list[Original], int]:
    """Documents to make dirt of, drawn with the source's seed, and the number of documents in all."""
    documents = sum(pq.read_metadata(shard).num_rows for shard in shards)
    drawn = min(documents, 2 * planted_count(source, documents))  # twice, since some are not worth copying
    chosen = sorted(random.Random(source.seed).sample(range(documents), drawn))
    rows, first = list[dict[str, str]](), 0
    for shard in shards:
        with pq.ParquetFile(shard) as table:
            for batch in table.iter_batches(columns=["doc_id", "text", "origin"]):
                here = [i - first for i in chosen if first <= i < first + batch.num_rows]
                rows += batch.take(pa.array(here, pa.int64())).to_pylist()
                first += batch.num_rows
    originals = [Original(**row) for row in rows]
    return [original for original in originals if is_worth_copying(original.text)] or originals, documents
