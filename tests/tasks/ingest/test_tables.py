"""Tables as people and programs write them: quotation marks that nothing closes, backslashes, rows of odd lengths."""

import csv
import io
import json
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commands.init.survey import survey
from tasks.delimited.dialects import table_dialect
from tasks.delimited.table_rows import SHORT, UNCLOSED, TableRows
from tasks.home import Home
from tests.tasks.corpora import IngestResult, config_of, ingest_newest, write

FERRY = "The ferry number {} leaves the old harbour at seven and comes back late, when the tide allows it."


def ingest_table(tmp_path: Path, content: str | bytes, name: str = "a.csv", **settings: object) -> IngestResult:
    return ingest_newest(config_of(write(tmp_path / "in", {name: content}), **settings), tmp_path)


def rows_of(content: str, name: str = "a.csv") -> list[list[str]]:
    return [row.cells for row in TableRows(content.splitlines(keepends=True), table_dialect(name, content), 1 << 20)]


UNCLOSED_AT = {  # rows of 4,000 with a lone mark before, or behind, their text
    "one": ({3000: '"{}'}, 1),
    "two far apart": ({3000: '"{}', 3900: '"{}'}, 2),
    "one that another row closes": ({3000: '"{}', 3900: '{}"'}, 1),
    "one that the next row closes": ({3000: '"{}', 3001: '{}"'}, 1),
    "the last row": ({3999: '"{}'}, 1),
    "every row from there on": (dict.fromkeys(range(3000, 4000), '"{}'), 1000),
}


@pytest.mark.parametrize("marks", UNCLOSED_AT)
def test_a_quotation_mark_that_nothing_closes_is_text_and_swallows_no_row(tmp_path: Path, marks: str) -> None:
    places, unclosed = UNCLOSED_AT[marks]
    texts = [places.get(i, "{}").format(FERRY.format(i)) for i in range(4000)]
    content = "id\ttext\n" + "".join(f"{i}\t{text}\n" for i, text in enumerate(texts))
    result = ingest_table(tmp_path, content, "a.tsv")
    assert [row["text"] for row in result.documents] == texts
    assert f"{UNCLOSED}: {unclosed:,} in 1 file (books: a.tsv)" in result.stats.notes


def test_a_cell_that_runs_to_the_end_of_the_file_and_holds_no_rows_is_quarantined_with_its_lines(
    tmp_path: Path,
) -> None:
    lines = "".join(f"Line {i} of a long letter.\n" for i in range(500))
    content = "id,text,year\n" + '1,"A short\nletter.",1990\n' * 9000 + f'2,"{lines}'
    result = ingest_table(tmp_path, content)
    assert len(result.documents) == 9000
    assert [reason for *_, reason in result.reasons] == [
        "a quotation mark that nothing closes: 500 lines are read as one cell"
    ]


def test_long_cells_of_many_lines_stay_whole(tmp_path: Path) -> None:
    letter = "\n".join(f"Line {i}, and a comma." for i in range(400))
    content = "id,text,year\n" + "".join(f'{i},"{letter}",1990\n' for i in range(60))
    result = ingest_table(tmp_path, content)
    assert [row["text"] for row in result.documents] == [letter] * 60 and not result.quarantine
    assert not any(UNCLOSED in note for note in result.stats.notes)


def test_marks_in_a_row_of_one_line_are_text(tmp_path: Path) -> None:
    content = (
        "id,text,year\n"
        + '1,"The ferry, late",1990\n' * 9000
        + '2,"The "Maid" left",1990\n3,"He said \\"no\\", late",1990\n'
    )
    result = ingest_table(tmp_path, content)
    assert [row["text"] for row in result.documents[-2:]] == ['The "Maid" left', 'He said "no", late']


def test_time_is_linear_in_rows_whose_marks_nothing_closes() -> None:
    def seconds(count: int) -> float:
        content = "a,b,c\n" + "1,2,3\n" * 20_000 + '"x\n' * count
        began = time.process_time()
        assert (
            sum(
                len(row.lines)
                for row in TableRows(content.splitlines(keepends=True), table_dialect("a.csv", content), 1 << 25)
            )
            > 20_000
        )
        return time.process_time() - began

    seconds(100)
    assert seconds(20_000) < 20 * seconds(2000) + 0.5


LATE = "The ferry is late."
TABLES = {
    "backslashes, as Spark writes them": (
        "id,text\n" + '1,"He said \\"wait, please\\" and left."\n' * 9,
        'He said "wait, please" and left.',
    ),
    "backslashes that are text": (
        "id,text\n" + '1,"C:\\temp, he said \\"there\\" \\n"\n' * 9,
        'C:\\temp, he said "there" \\n',
    ),
    "a line that names the delimiter": ("sep=;\nid;text\n" + "1;The ferry, late\n" * 9, "The ferry, late"),
    "the same in quotes and UTF-16": (
        ('\ufeff"sep=|"\nid|text\n' + "1|The ferry, late\n" * 9).encode("utf-16-le"),
        "The ferry, late",
    ),
    "row names, as R writes them": ('"text","year"\n' + "".join(f'"{n}","{LATE}",1990\n' for n in range(9)), LATE),
    "empty fields behind the last column": ("id,text,year\n" + f"1,{LATE},1990,,\n" * 9, LATE),
    "blanks before quotation marks": ("id, text, year\n" + '1, "The ferry, late", 1990\n' * 9, "The ferry, late"),
    "missing fields": ("id,text,note\n" + f"1,{LATE}\n" * 6 + f"2,{LATE},x\n" * 3, LATE),
    "commas in bare text": (
        "id,text\n" + f"1,{LATE}\n" * 4 + "2,The ferry, it seems, is late.\n" * 3 + "3,The ferry, is late.\n" * 2,
        LATE,
    ),
}


@pytest.mark.parametrize("kind", TABLES)
def test_tables_as_programs_write_them_are_read(tmp_path: Path, kind: str) -> None:
    content, text = TABLES[kind]
    result = ingest_table(tmp_path, content)
    assert {row["text"] for row in result.documents} == {text}
    assert len(result.documents) + len(result.quarantine) == 9
    assert len(result.quarantine) == (5 if kind == "commas in bare text" else 0)


def test_a_comma_in_a_text_never_makes_its_first_half_a_column(tmp_path: Path) -> None:
    rows = "".join(f"{n},“The ferry, it seems, is late”\n" for n in range(9)).replace(", is late", " is late")
    result = ingest_table(tmp_path, f"id,text\n{rows}9,{LATE}\n")
    assert [row["text"] for row in result.documents] == [LATE] and len(result.quarantine) == 9


def test_a_comma_in_a_number_makes_no_column_either(tmp_path: Path) -> None:
    rows = "".join(f"{n},The price is 1,{n}34 coins\n" for n in range(9))
    result = ingest_table(tmp_path, f"n,text\n{rows}9,{LATE}\n")
    assert [row["text"] for row in result.documents] == [LATE] and len(result.quarantine) == 9


def test_a_row_without_its_last_fields_is_read_and_noted_and_a_row_broken_in_two_is_not(tmp_path: Path) -> None:
    whole = "A title,The ferry is late.,1990\n"
    content = (
        "title,text,year\n"
        + whole * 20
        + "Another title,The ferry left.\n"
        + whole
        + "A third,The ferry\nis here,1990\n"
        + whole
    )
    result = ingest_table(tmp_path, content)
    assert len(result.documents) == 23 and result.documents[20]["text"] == "The ferry left."
    assert json.loads(result.documents[20]["metadata"])["year"] == ""
    assert [reason for *_, reason in result.reasons] == ["2 fields, where the first line has 3"] * 2
    assert f"{SHORT}: 1 in 1 file (books: a.csv)" in result.stats.notes


def test_empty_rows_below_a_table_are_no_records(tmp_path: Path) -> None:
    result = ingest_table(tmp_path, f"id,text,year\n1,{LATE},1990\n" + ",,\n" * 200 + f"2,{LATE},1991\n")
    assert (len(result.documents), result.quarantine) == (2, [])


def test_half_a_character_of_utf16_costs_no_file(tmp_path: Path) -> None:
    raw = f"\ufeffid,text\n1,{LATE}\n2,a b\n3,{LATE}\n".encode("utf-16-le").replace(b"a\0 \0b", b"a\0\x00\xd8b")
    result = ingest_table(tmp_path, raw)
    assert [row["text"] for row in result.documents] == [LATE, "a\ufffdb", LATE]


def test_a_table_without_a_delimiter_that_its_lines_agree_on_has_no_text_field(tmp_path: Path) -> None:
    lines = (f"1{';2,3|' * (i % 7)}, the ferry{',' * (i % 5 + 3)} late\n" for i in range(40))
    folder = write(tmp_path / "in", {"a.csv": "id,text,year\n" + "".join(lines), "b.txt": LATE})
    result = ingest_newest(config_of(folder), tmp_path)
    assert [row["text"] for row in result.documents] == [LATE]
    ((uri, _, reason),) = result.reasons
    assert uri == "a.csv" and reason.startswith("no delimiter splits its lines into the columns 'id,text,year'")
    assert survey(folder, Home(tmp_path / "home")).text_fields == ("text",)


@given(st.lists(st.lists(st.text(st.sampled_from('a1,;\t"\\ é')), min_size=3, max_size=3), max_size=6))
def test_rows_written_by_the_csv_module_are_read_as_they_were(rows: list[list[str]]) -> None:
    rows = [row for row in rows if any(map(str.strip, row))]
    sink = io.StringIO()
    csv.writer(sink, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows([["id", "text", "year"], *rows])
    assert rows_of(sink.getvalue()) == [["id", "text", "year"], *rows]
