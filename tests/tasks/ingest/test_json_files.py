"""JSON as people have it: an array, one object, several; in pieces; broken in every place."""

import io
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.errors import UserError
from tasks.ingest.lines import MIB
from tasks.ingest.sources import IngestConfig
from tasks.json_values import BrokenValue, json_values
from tests.tasks.corpora import config_of, ingest_newest, write

RECORDS = [{"text": "one, [two]", "n": 1}, {"text": 'a "quote" and \\ more', "id": "x"}, {"text": "ünï \U0001f600"}]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


class Dribble(io.StringIO):
    """A file that gives three characters at a time, whatever size is requested."""

    def read(self, size: int | None = -1) -> str:
        return super().read(3)


@given(st.lists(JSON, max_size=5), st.sampled_from([None, 1]), st.sampled_from([io.StringIO, Dribble]))
def test_values_are_those_of_the_array_whatever_its_layout_and_the_size_of_reads(values, indent, kind):
    text = json.dumps(values, indent=indent, ensure_ascii=False)
    assert [json.loads(value) for value in json_values(kind(text), MIB) if not isinstance(value, BrokenValue)] == values


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(RECORDS, ensure_ascii=False),
        json.dumps(RECORDS, indent=4),
        "\ufeff" + json.dumps(RECORDS) + "\r\n",
        "\n".join(json.dumps(record) for record in RECORDS),
        ",\n".join(json.dumps(record) for record in RECORDS),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_records_are_read_from_an_array_and_from_one_after_another(tmp_path: Path, text: str, encoding: str):
    raw = text.removeprefix("\ufeff" if encoding == "utf-16" else "").encode(encoding)
    result = ingest_newest(config_of(write(tmp_path / "in", {"a.json": raw})), tmp_path)
    assert [row["text"] for row in result.documents] == [record["text"] for record in RECORDS]
    assert result.ids == ["books/a.json#0", "books/x", "books/a.json#2"]
    assert json.loads(result.documents[0]["metadata"]) == {"n": 1}


def test_one_object_is_one_record_and_any_other_kind_is_reported(tmp_path: Path):
    files = {"a.json": '{"text": "good"}', "b.json": '{"name": "x"}', "c.json": "12", "d.json": ""}
    folder = write(tmp_path / "in", files)
    result = ingest_newest(config_of(folder), tmp_path)
    assert [row["text"] for row in result.documents] == ["good"]
    assert result.reasons == [
        ("b.json", 0, "no field 'text', only 'name'"),
        ("c.json", 0, "the number 12 in place of an object"),
        ("d.json", 0, "empty file"),
    ]


@pytest.mark.parametrize(
    ("broken", "kept", "message"),
    [
        ('[{"text": "a"}, {"text": "b"}', 2, "the array has no end"),
        ('[{"text": "a"}, {"text": "b', 1, "unreadable from here on: Unterminated string"),
        ('[{"text": "a"} nonsense', 1, "Expecting value"),
        ('[{"text": "a"}, ' + '{"t": ' * 100_000, 1, "unreadable from here on"),
    ],
)
def test_a_broken_file_keeps_what_came_before_and_says_where_it_broke(
    tmp_path: Path, broken: str, kept: int, message: str
):
    result = ingest_newest(config_of(write(tmp_path / "in", {"a.json": broken, "b.json": '{"text": "z"}'})), tmp_path)
    assert [row["text"] for row in result.documents] == [*"ab"[:kept], "z"]
    ((uri, position, reason),) = result.reasons
    assert (uri, position) == ("a.json", kept)
    assert message in reason


def test_a_number_longer_than_python_reads_costs_its_record_at_most(tmp_path: Path):
    raw = f'[{{"text": "a", "n": {"9" * 5000}}}, {{"text": "b"}}]'
    result = ingest_newest(config_of(write(tmp_path / "in", {"a.json": raw})), tmp_path)
    assert [row["text"] for row in result.documents][-1] == "b"
    assert len(result.documents) + len(result.reasons) == 2


def test_settings_in_files_of_one_object_are_reported_and_stop_nothing(tmp_path: Path):
    files = {f"{n}.md": f"Text {n}." for n in range(30)} | {f"{n}/package.json": '{"name": "x"}' for n in range(15)}
    source = {"kind": "folder", "path": write(tmp_path / "in", files)}
    result = ingest_newest(IngestConfig.model_validate({"sources": {"books": source}}), tmp_path)
    assert (len(result.documents), len(result.reasons)) == (30, 15)
    many = {"a.json": json.dumps([{"name": "x"}] * 15)}  # rows without text are a fault
    source = {"kind": "folder", "path": write(tmp_path / "rows", files | many)}
    with pytest.raises(UserError, match="15 of 60 records cannot be read"):
        ingest_newest(IngestConfig.model_validate({"sources": {"books": source}}), tmp_path / "other")


def test_bytes_that_are_no_text_and_lone_surrogates_cost_their_record_only(tmp_path: Path):
    raw = b'[{"text": "good"}, {"text": "caf\xe9\xff\xfe"}, {"text": "\\ud800"}, {"text": "fine"}]'
    result = ingest_newest(config_of(write(tmp_path / "in", {"a.json": raw})), tmp_path)
    assert [row["text"] for row in result.documents] == ["good", "fine"]
    assert [position for _, position, _ in result.reasons] == [1, 2]
    assert "invalid UTF-8" in result.reasons[0][2]


def test_memory_for_a_value_that_never_ends_stays_within_the_limit():
    class Endless(io.StringIO):
        given = 0

        def read(self, size: int | None = -1) -> str:
            assert size is not None
            self.given += size
            return "x" * size

    endless = Endless()
    chained = iter(['[{"text": "'])
    read = endless.read
    endless.read = lambda size=-1: next(chained, None) or read(size)  # type: ignore[method-assign]
    (broken,) = json_values(endless, 4 * MIB)
    assert isinstance(broken, BrokenValue) and "no whole value in max_record_bytes = 4,194,304" in broken.fault
    assert endless.given <= 16 * MIB
