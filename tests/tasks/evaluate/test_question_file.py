"""Questions of a user's own: each is read as it is written, or refused with its line and what to write."""

import json
from decimal import Decimal
from pathlib import Path

import pytest

from tasks.errors import UsageError
from tasks.evaluate.question_file import QuestionFile, content_of, read_questions

GOOD = {"prompt": "Where?", "answers": ["here"], "kind": "exact"}


def written(folder: Path, *rows: object, name: str = "ours.jsonl") -> Path:
    lines = [row if isinstance(row, bytes) else json.dumps(row).encode() for row in rows]
    (folder / name).write_bytes(b"\n".join(lines) + b"\n")
    return folder / name


def read(folder: Path, *rows: object, name: str = "ours.jsonl") -> QuestionFile:
    return read_questions(written(folder, *rows, name=name))


def test_each_kind_is_read_as_it_is_compared(tmp_path: Path):
    rows = [
        GOOD | {"id": 7},
        GOOD | {"kind": "number", "answers": [3, "-1.5e3"]},
        GOOD | {"kind": "json", "answers": [{"a": 1}]},
        GOOD | {"kind": "choice", "choices": ["here", "there"]},
        {"messages": [{"role": "system", "content": "Be short."}, {"role": "user", "content": "Where?"}]}
        | {"answers": ["^h"], "kind": "pattern"},
    ]
    read_file = read(tmp_path, *rows)
    named, number, fields, choice, pattern = read_file.questions
    assert read_file.name == "questions/ours"
    assert [question.id for question in read_file.questions] == ["7", "2", "3", "4", "5"]
    assert number.answers == (3, Decimal(-1500))
    assert fields.answers == ({"a": 1},)
    assert choice.choices == ("here", "there")
    assert [turn.role for turn in pattern.turns] == ["system", "user"]
    assert named.answers == ("here",)


def test_a_table_holds_the_same_with_lists_as_json_and_a_byte_order_mark(tmp_path: Path):
    table = '\ufeffid;prompt;answers;kind;choices\nq1;"Where; then?";here;exact;\nq2;Which?;a;choice;"[""a"", ""b""]"\n'
    one, two = read(tmp_path, table.encode(), name="ours.csv").questions
    assert (one.id, one.prompt, one.answers) == ("q1", "Where; then?", ("here",))
    assert (two.answers, two.choices) == (("a",), ("a", "b"))


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ({"prompt": "?", "anwers": ["a"], "kind": "exact"}, "unknown key 'anwers'; did you mean 'answers'?"),
        (GOOD | {"kind": "exakt"}, "no kind 'exakt'; did you mean 'exact'?"),
        ({"prompt": "?", "answers": ["a"]}, "no kind; give one of exact, contains"),
        (GOOD | {"answers": []}, "answers is empty; give at least one"),
        (GOOD | {"answers": [" "]}, "an answer is empty"),
        (GOOD | {"answers": "here"}, 'answers is no list; write ["…"]'),
        (GOOD | {"answers": [3]}, "the answer 3 is no text; put it in quotation marks"),
        (GOOD | {"prompt": " "}, "prompt is empty"),
        (GOOD | {"messages": []}, "give prompt or messages, not both"),
        (GOOD | {"id": ""}, "is no name; give a text"),
        (GOOD | {"choices": ["a", "b"]}, "choices go with kind choice"),
        (GOOD | {"kind": "choice"}, "kind choice needs choices"),
        (GOOD | {"kind": "choice", "choices": ["a", "b"]}, "'here' is none of the choices"),
        (GOOD | {"kind": "number", "answers": ["1,234"]}, "'1,234' is no plain number; write it as 1234.5"),
        (GOOD | {"kind": "number", "answers": [True]}, "is no plain number"),
        (GOOD | {"kind": "pattern", "answers": ["("]}, "'(' is no regular expression: missing )"),
        (GOOD | {"kind": "pattern", "answers": ["(x+x+)+$"]}, "takes longer than 0.2 s"),
        (GOOD | {"kind": "json", "answers": ["[1]"]}, "an answer is no JSON object with fields"),
        (b'{"prompt": "a", "prompt": "b"}', "the key 'prompt' stands twice"),
        (b'{"prompt": "a", "answers": [NaN], "kind": "number"}', "NaN is no number"),
        (b'{"prompt": "caf\xe9"}', "byte 16 of the line is no UTF-8; save the file as UTF-8"),
        (b'["prompt"]', "no JSON object; write e.g."),
        (b"Where?", "not JSON: "),
    ],
)
def test_a_row_that_cannot_be_used_is_refused_with_its_line_and_what_to_write(tmp_path: Path, row: object, fault: str):
    with pytest.raises(UsageError) as error:
        read(tmp_path, GOOD, row)
    assert "ours.jsonl: 1 of 2 questions cannot be used:\n  line 2: " in str(error.value)
    assert fault in str(error.value)


def test_two_questions_of_one_id_are_refused_and_all_faults_are_reported_at_once(tmp_path: Path):
    with pytest.raises(UsageError, match=r"(?s)line 2: its id 'a' is that of line 1 too.*line 3: unknown key"):
        read(tmp_path, GOOD | {"id": "a"}, GOOD | {"id": "a"}, GOOD | {"answer": 1})


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"\n", "no question in it"),
        ("{}".encode("utf-16"), "its text is UTF-16"),
    ],
)
def test_a_file_without_questions_is_refused(tmp_path: Path, content: bytes, fault: str):
    with pytest.raises(UsageError, match=fault):
        read(tmp_path, content)


def test_a_table_with_an_unknown_column_is_refused(tmp_path: Path):
    with pytest.raises(UsageError, match="unknown column 'anser'; did you mean 'answers'"):
        read(tmp_path, b"prompt,anser,kind\na,b,exact", name="ours.csv")


def test_the_content_of_a_file_is_its_name_and_its_bytes(tmp_path: Path):
    ours, moved = written(tmp_path, GOOD), tmp_path / "further"
    moved.mkdir()
    assert content_of(ours) == content_of(written(moved, GOOD))
    assert content_of(ours) != content_of(written(tmp_path, GOOD, name="others.jsonl"))
