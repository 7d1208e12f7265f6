"""Web pages: the text, and never the markup; no less of it than the extractor would give by default."""

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
import trafilatura

from tasks.ingest.read.plain import split_bytes
from tasks.ingest.read.web_pages import without_data
from tests.tasks.corpora import config_of, ingest_newest, write
from tests.tasks.languages import GERMAN

PICTURE = '<img src="data:image/png;base64,' + "QUJD" * 5000 + '">'


def page(inside: str, count: int = 30) -> str:
    sentences = "".join(
        f"<p>The boat number {i} leaves the pier at nine and is back before it rains.</p>" for i in range(count)
    )
    return f"<html><body><article>{sentences}{inside}</article></body></html>"


def test_a_page_above_the_limit_is_read_without_its_pictures(tmp_path: Path) -> None:
    files = {"a.html": page(PICTURE * 3), "b.html": page("<p>One small page.</p>")}
    result = ingest_newest(config_of(write(tmp_path / "in", files), max_record_bytes=20_000), tmp_path)
    assert result.ids == ["books/a.html#0", "books/b.html#0"]
    assert result.texts["a.html#0"].count("The boat number") == 30 and "QUJD" not in result.texts["a.html#0"]
    assert any("data: addresses" in note and "3 in 1 file (books: a.html)" in note for note in result.stats.notes)


def test_a_page_that_is_too_large_without_pictures_too_is_quarantined(tmp_path: Path) -> None:
    files = {"a.html": page("<i></i>" * 5000), "b.txt": "good"}
    result = ingest_newest(config_of(write(tmp_path / "in", files), max_record_bytes=20_000), tmp_path)
    assert result.ids == ["books/b.txt#0"]
    ((_, position, reason),) = result.reasons
    assert position == 0 and "max_record_bytes = 20,000" in reason
    assert result.quarantine[0]["raw"].startswith(b"<html>")


@pytest.mark.parametrize("size", [1, 7, 64, 1000, 10**6])
def test_pictures_are_taken_out_wherever_the_blocks_end(size: int) -> None:
    font = "<i style='x:url(data:font/woff;charset=x;base64,QQ==)'>"
    whole = f"a{PICTURE}b{font}c data: d data:x,y e data:image/gif,{'z' * 500}".encode()

    def blocks() -> Iterator[bytes]:
        yield from (whole[i : i + size] for i in range(0, len(whole), size))

    parts = list(without_data(blocks()))
    expected = b"a<img src=\"\">b<i style='x:url()'>c data: d data:x,y e "
    assert (b"".join(kept for kept, _ in parts), sum(count for _, count in parts)) == (expected, 3)


def test_where_the_strict_choice_leaves_most_out_the_usual_one_is_taken(tmp_path: Path, monkeypatch) -> None:
    sure, usual = "Only a headline.", "Only a headline. And all the text that follows below it, which is much more."

    def extract(tree: object, favor_precision: bool, include_comments: bool) -> str | None:
        return sure if favor_precision else usual

    monkeypatch.setattr(trafilatura, "extract", extract)
    folder = write(tmp_path / "in", {"a.html": page("")})
    assert ingest_newest(config_of(folder), tmp_path).texts["a.html#0"] == usual
    sure = usual[:60]
    assert ingest_newest(config_of(folder), tmp_path / "again").texts["a.html#0"] == sure


def test_what_the_extractor_raises_costs_that_page_alone(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(trafilatura, "extract", lambda *_, **__: "".index("x"))
    result = ingest_newest(config_of(write(tmp_path / "in", {"a.html": page(""), "b.txt": "good"})), tmp_path)
    assert result.ids == ["books/b.txt#0"] and result.reasons[0][2] == "unreadable page: substring not found"


def test_a_large_text_is_cut_without_copying_its_rest_for_each_part() -> None:
    class Counted(bytes):
        copied = 0

        def __getitem__(self, key):
            part = super().__getitem__(key)
            Counted.copied += len(part) if isinstance(key, slice) else 0
            return part

    head = Counted(("\n\n".join(GERMAN) * 50).encode())
    assert b"".join(split_bytes(head, io.BytesIO(b"the end"), 1000)) == head + b"the end"
    assert Counted.copied < 4 * len(head)
