"""Ingest: the files of one partition become documents, and what cannot be read is kept aside with a reason.

    documents/*.parquet   doc_id, text, source, uri, position, licence, language, origin, metadata (a JSON object)
    quarantine.parquet    source, uri, position, reason, raw (its first 64 KiB)
    unread.json           {source: {ending: {files, bytes}}}, as the folder stood when the partition was formed
    truth.parquet         where dirt was planted: doc_id, kind, level, of, detail

doc_id is SOURCE/ID: the record's own id, else its path and position; origin is the text it was cut from (a file, an
address), its group where the source names `group_by`, else itself: a split keeps one origin on one side.
"""

import hashlib
import json
import shutil
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.errors import UserError
from tasks.listing import kilobytes, unread_note
from tasks.progress import progress
from tasks.sources import MIB, File, FolderSource, IngestConfig, IngestPart, PlantedSource, SourcePart
from tasks.step import Funnel, Inputs, Stats, Step

if TYPE_CHECKING:
    from tasks.documents import Group, Tally

GROUP_BYTES = 32 * MIB  # of files are read by one process at a time
GROUP_FILES = 10_000
NAMED_REASONS = 3
CODE = ("documents", "document_rows", "readers", "lines", "passages", "repeats", "planted", "planted_text")

__all__ = ["INGEST", "IngestConfig", "IngestPart", "ingest"]


def ingest(config: IngestPart, inputs: Inputs, out: Path) -> Stats:
    """Reads every file of the partition once; UserError where too much of it is bad, or nothing is left."""
    from tasks.documents import Tally
    from tasks.repeats import tell_apart

    groups = list(_groups(config.sources))
    tally = Tally()
    with progress("ingest", sum(map(_weight, groups)), "kB") as advance:
        for group, read in _read(groups, out, config.workers):
            tally.add(read)
            advance(_weight(group))
    quarantined = tally.quarantined
    earlier = inputs.get("earlier", {})
    assert isinstance(earlier, Mapping)
    before = [path for folder in earlier.values() for path in sorted((folder / "documents").glob("*.parquet"))]
    renamed = tell_apart([group.documents(out) for group in groups], before)
    for planted in _plant(config, groups, out):
        tally.add(planted)
    _gather_quarantine(out)
    _refuse_bad_corpus(config, tally, quarantined, is_first=not earlier, out=out)
    unread = {name: part.unread for name, part in config.sources.items() if part.unread}
    (out / "unread.json").write_text(json.dumps(unread, sort_keys=True, ensure_ascii=False))
    return _stats(config, tally, renamed)


def _weight(group: "Group") -> int:
    return sum(kilobytes(file.size) for file in group.files)


def _groups(sources: Mapping[str, SourcePart]) -> Iterator["Group"]:
    """The files in reading order, source after source, in groups that depend on nothing but the files."""
    from tasks.documents import Group

    number = 0
    for name, part in sorted(sources.items()):
        files, size = list[File](), 0
        for file in sorted(part.files):
            if files and (size + file.size > GROUP_BYTES or len(files) == GROUP_FILES):
                yield Group(number, name, part.source, tuple(files))
                number, files, size = number + 1, [], 0
            files.append(file)
            size += file.size
        if files:
            yield Group(number, name, part.source, tuple(files))
            number += 1


def _read(groups: list["Group"], out: Path, workers: int) -> Iterable[tuple["Group", "Tally"]]:
    """Each group with its tally, in reading order: here, or in processes of their own where there are several."""
    from tasks.documents import read_group

    if min(workers, len(groups)) < 2:
        return ((group, read_group(group, out)) for group in groups)
    from tasks.fan_out import fan_out

    return zip(groups, fan_out(partial(read_group, out=out), groups, workers), strict=True)


def _plant(config: IngestPart, groups: list["Group"], out: Path) -> Iterator["Tally"]:
    """Plants dirt, reads it as any source is read, and writes down the truth."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from tasks.documents import Group, read_group
    from tasks.planted import FILE, Truth, how_many, plant

    truth, field = list[Truth](), out / ".planted"
    for number, (name, source) in enumerate(sorted(config.planted.items()), start=len(groups)):
        shards = [group.documents(out) for group in groups if group.name == source.of]
        originals, documents = _originals(source, shards)
        if not originals:
            continue
        field.mkdir()
        count = how_many(source, documents)
        truth += plant(name, source, originals, count, field / FILE)
        licence = config.sources[source.of].source.licence
        written = (field / FILE).read_bytes()
        file = File(FILE, len(written), hashlib.sha256(written).hexdigest())
        yield read_group(Group(number, name, FolderSource(path=field, licence=licence), (file,), is_planted=True), out)
        shutil.rmtree(field)
    if config.planted:
        columns = (("doc_id", pa.string()), ("kind", pa.string()), ("level", pa.float64()), ("of", pa.string()))
        schema = pa.schema([*columns, ("detail", pa.string())])
        rows = pa.Table.from_pylist([row._asdict() for row in truth], schema=schema)
        pq.write_table(rows, out / "truth.parquet", compression="zstd")


def _originals(source: PlantedSource, shards: list[Path]) -> tuple[list, int]:
    """Documents to make dirt of, drawn with the source's seed, and how many documents there are in all."""
    import random

    import pyarrow as pa
    import pyarrow.parquet as pq

    from tasks.planted import Original, how_many, is_worth_copying

    documents = sum(pq.read_metadata(shard).num_rows for shard in shards)
    drawn = min(documents, 2 * how_many(source, documents))
    chosen = sorted(random.Random(source.seed).sample(range(documents), drawn))
    rows, first = list[dict](), 0
    for shard in shards:
        for batch in pq.ParquetFile(shard).iter_batches(columns=["doc_id", "text", "origin"]):
            here = [i - first for i in chosen if first <= i < first + batch.num_rows]
            rows += batch.take(pa.array(here, pa.int64())).to_pylist()
            first += batch.num_rows
    originals = [Original(**row) for row in rows]
    return [o for o in originals if is_worth_copying(o.text)] or originals, documents


def _gather_quarantine(out: Path) -> None:
    """The groups' bad records in one file, in reading order."""
    import pyarrow.parquet as pq

    from tasks.document_rows import QUARANTINE

    with pq.ParquetWriter(out / "quarantine.parquet", QUARANTINE, compression="zstd") as writer:
        for path in sorted((out / "quarantine").glob("*.parquet")):
            with pq.ParquetFile(path) as part:
                for group in range(part.num_row_groups):
                    writer.write_table(part.read_row_group(group))
    shutil.rmtree(out / "quarantine")


def _refuse_bad_corpus(config: IngestPart, tally: "Tally", quarantined: int, is_first: bool, out: Path) -> None:
    """What was planted on purpose does not count against a source."""
    read = tally.read
    shown = "".join(f"\n    {line}" for line in tally.shown)
    if quarantined > config.max_bad_records and quarantined > config.max_bad_fraction * read:
        limits = f"max_bad_fraction = {config.max_bad_fraction:g} and max_bad_records = {config.max_bad_records}"
        raise UserError(
            f"{quarantined:,} of {read:,} records cannot be read ({quarantined / read:.1%}): more than {limits}{shown}",
            f"mend or `exclude` them, or raise both limits under [ingest]; all are in {out / 'quarantine.parquet'}",
        )
    if tally.kept == 0 and is_first:
        dropped = "".join(f"\n    {count:,} {reason}" for reason, count in tally.dropped.items())
        raise UserError(f"no document in {read:,} records{dropped}{shown}", "see [ingest]: sources, fields, limits")


def _stats(config: IngestPart, tally: "Tally", renamed: int) -> Stats:
    files = sum(len(part.files) for part in config.sources.values())
    read = tally.read
    notes = [unread_note(name, part.unread) for name, part in sorted(config.sources.items()) if part.unread]
    if tally.quarantined:
        top = "; ".join(f"{count:,} × {reason}" for reason, count in tally.reasons.most_common(NAMED_REASONS))
        notes.append(f"{tally.quarantined:,} bad records in the quarantine ({top}): triptych sql quarantine")
    if renamed:
        notes.append(f"{renamed:,} repeated ids were numbered ~2, ~3, …")
    return Stats(
        funnel=Funnel(read=read, kept=tally.kept, dropped=dict(tally.dropped), quarantined=tally.quarantined),
        metrics={"documents": tally.kept, "bytes": tally.bytes, "files": files, "quarantined": tally.quarantined},
        notes=tuple(notes),
    )


INGEST = Step(
    "ingest",
    1,
    IngestPart,
    ingest,
    libraries=("datatrove", "pyarrow", "orjson"),
    code=tuple(f"tasks.{name}" for name in CODE),
)
