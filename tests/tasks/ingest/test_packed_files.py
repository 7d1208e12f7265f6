"""Compressed and broken files: what stands before a break is read, and a bomb is abandoned."""

import bz2
import gzip
import random
from pathlib import Path

import pytest
import zstandard

from tasks.errors import UserError
from tasks.ingest.lines import FREE_EXPANSION
from tests.tasks.corpora import compress, config_of, ingest_newest, jsonl, write
from tests.tasks.ingest.test_readers import GOOD, TABLE, parquet, stream

MANY = jsonl(*({"text": f"{i} {'abcdefgh'[i % 8] * (i % 97)}"} for i in range(20_000)))
BAD_FILES = {
    "cut gz": ("b.jsonl.gz", gzip.compress(MANY)[:-2000], "unreadable from here on: Truncated"),
    "cut zst": ("b.jsonl.zst", zstandard.compress(MANY)[:-2000], "unreadable from here on: Truncated"),
    "gz header only": ("b.jsonl.gz", gzip.compress(MANY)[:5], "unreadable from here on"),
    "no gz": ("b.jsonl.gz", MANY, "unreadable from here on"),
    "no zst": ("b.jsonl.zst", b"no zstandard", "unreadable from here on"),
    "garbage behind gz": ("b.jsonl.gz", gzip.compress(jsonl(GOOD)) + b"garbage", "unreadable from here on"),
    "cut Parquet": ("b.parquet", parquet(TABLE)[:-10], "unreadable from here on"),
    "no Parquet": ("b.parquet", b"no Parquet", "unreadable from here on"),
    "cut Arrow": ("b.arrow", stream(*TABLE.to_batches())[:-4000], "unreadable from here on"),
    "no Arrow": ("b.arrow", b"no Arrow at all", "unreadable from here on"),
    "cut Arrow file": ("b.arrow", b"ARROW1\0\0 no Arrow", "unreadable from here on"),
    "cut text": ("b.txt.gz", gzip.compress(MANY)[:-2000], "unreadable from here on: Truncated"),
    "no gz of CSV": ("b.csv.gz", b"text\nno gzip", "unreadable from here on"),
    "cut bz2": ("b.json.bz2", bz2.compress(b"[" + jsonl(GOOD) * 9)[:-9], "unreadable from here on"),
    "empty lines": ("b.jsonl", b"", "empty file"),
    "empty Parquet": ("b.parquet", b"", "empty file"),
}


@pytest.mark.parametrize("bad", BAD_FILES)
def test_a_bad_file_is_quarantined_where_it_breaks_and_its_neighbours_are_read(tmp_path: Path, bad: str) -> None:
    name, content, reason = BAD_FILES[bad]
    folder = write(tmp_path / "in", {"a.txt": "good", name: content, "c.txt": "good"})
    result = ingest_newest(config_of(folder), tmp_path)
    assert {"books/a.txt#0", "books/c.txt#0"} <= set(result.ids)
    uri, position, message = result.reasons[-1]
    assert uri == name
    assert message.startswith(reason)
    read_before = [row for row in result.documents if row["uri"] == name]
    assert len(read_before) + sum(row["uri"] == name for row in result.quarantine) == position + 1


def test_records_before_the_break_of_a_compressed_file_are_kept(tmp_path: Path) -> None:
    whole = gzip.compress(MANY)
    folder = write(tmp_path / "in", {"b.jsonl.gz": whole[: len(whole) * 9 // 10]})
    result = ingest_newest(config_of(folder), tmp_path)
    assert len(result.documents) > 15_000


FORMS = {"jsonl": MANY, "csv": b"text\n" + MANY, "json": b"[" + MANY.replace(b"\n", b",") + b"]"}


@pytest.mark.parametrize("name", ["b.csv.gz", "b.json.gz", "b.jsonl.zst", "b.csv.zst", "b.json.bz2"])
def test_what_a_compressed_file_holds_before_its_break_is_read(tmp_path: Path, name: str) -> None:
    noise = random.Random(1).randbytes(600_000).hex().encode()
    packed = compress(name, FORMS[name.split(".")[1]] + noise)
    result = ingest_newest(config_of(write(tmp_path / "in", {name: packed[:-1500]})), tmp_path)
    assert len(result.documents) == 20_000
    uri, _, reason = result.reasons[-1]
    assert (uri, reason) == (name, "unreadable from here on: Truncated compressed stream")
    assert len(result.reasons) <= 2


def test_zeros_behind_a_gzip_file_are_padding(tmp_path: Path) -> None:
    files = {"a.jsonl.gz": gzip.compress(MANY) + b"\0" * 512, "b.csv.gz": gzip.compress(b"text\nb") + b"\0" * 512}
    result = ingest_newest(config_of(write(tmp_path / "in", files)), tmp_path)
    assert (len(result.documents), result.reasons) == (20_001, [])


def test_a_file_made_with_a_large_window_is_reported_with_the_command_that_unpacks_it(tmp_path: Path) -> None:
    settings = zstandard.ZstdCompressionParameters(window_log=28, enable_ldm=True)
    packer = zstandard.ZstdCompressor(compression_params=settings).compressobj()
    packed = packer.compress(MANY) + packer.flush()
    files = {"a.jsonl.zst": packed, "b.csv.zst": packed, "c.txt": "good"}
    result = ingest_newest(config_of(write(tmp_path / "in", files)), tmp_path)
    assert [reason for *_, reason in result.reasons] == [
        "unreadable from here on: made with zstd --long: unpack it with zstd -d --long=31"
    ] * 2


@pytest.mark.parametrize("packing", [".gz", ".zst", ".bz2"])
def test_files_packed_one_by_one_are_read_as_what_they_hold(tmp_path: Path, packing: str) -> None:
    files = {
        "a.txt": "one " * 40_000,
        "b.csv": "text,n\ntwo,2\n",
        "c.json": '[{"text": "three"}, {"text": "four"}]',
        "d.jsonl": '{"text": "five"}',
        "e.ndjson": '{"text": "six"}',
        "f.log": "seven",
        "g.tsv": 'text\tn\neight "\t8\nnine\t9\n',
    }
    folder = write(tmp_path / "in", {name + packing: compress(packing, text.encode()) for name, text in files.items()})
    result = ingest_newest(config_of(folder, as_text=[f".log{packing}"]), tmp_path)
    texts = ["one " * 40_000, "two", "three", "four", "five", "six", "seven", 'eight "', "nine"]
    assert [row["text"] for row in result.documents] == texts
    assert result.ids[0] == f"books/a.txt{packing}#0" and not result.quarantine


@pytest.mark.parametrize("name", ["b.jsonl.gz", "b.jsonl.zst"])
def test_a_bomb_is_abandoned_beyond_its_ratio(tmp_path: Path, name: str) -> None:
    bomb = compress(name, jsonl(GOOD) + b" " * (FREE_EXPANSION + (8 << 20)))
    assert len(bomb) < 100_000
    result = ingest_newest(config_of(write(tmp_path / "in", {name: bomb})), tmp_path)
    assert result.ids == [f"books/{name}#0"]
    assert "it unpacks to more than 200 times" in result.reasons[0][2]


def test_a_bomb_that_holds_one_kind_of_file_is_abandoned_too(tmp_path: Path) -> None:
    bomb = compress(".bz2", jsonl(GOOD) * 3 + b" " * (FREE_EXPANSION + (8 << 20)))
    result = ingest_newest(config_of(write(tmp_path / "in", {"b.json.bz2": bomb})), tmp_path)
    assert len(result.documents) == 3
    assert "it unpacks to more than 200 times" in result.reasons[0][2]


@pytest.mark.parametrize("name", ["b.jsonl.zst", "b.csv.zst"])
def test_a_file_of_which_nothing_can_be_unpacked_is_lost_with_all_its_bytes(tmp_path: Path, name: str) -> None:
    content = b"text\n" + b"".join(b"The ferry number %d is late.\n" % n for n in range(3000))
    folder = write(tmp_path / "in", {"a.txt": "good " * 99, name: compress(name, content)[:-40]})
    config = config_of(folder).model_copy(update={"max_bad_fraction": 0.01, "max_bad_records": 1})
    with pytest.raises(UserError, match="behind broken records cannot be read"):
        ingest_newest(config, tmp_path)
