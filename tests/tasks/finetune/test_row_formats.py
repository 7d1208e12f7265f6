"""Every shape in which people write conversations gives the same turns; what would lose its meaning is refused."""

import json
from pathlib import Path
from typing import Any

import pytest

from model.chat import Markup, Turn
from model.chat_template import TURNS, ChatTemplate
from tasks.finetune.instructions import InstructionRows
from tasks.finetune.methods.classify import LabelledRows, labelled, labelled_rows
from tasks.finetune.methods.kto import labelled_answer
from tasks.finetune.methods.prefer import preference
from tasks.finetune.own_rows import own_rows
from tasks.finetune.row_formats import conversation
from tasks.finetune.rows import RowSource

TEXT_PARTS = [{"type": "text", "text": "Is it "}, {"type": "text", "text": "open?"}]
HELLO = [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Hi."}]
USER, ANSWER = {"role": "user", "content": "Is it open?"}, {"role": "assistant", "content": "Yes."}
SYSTEM = {"role": "system", "content": "Be brief."}


def turns(row: dict[str, Any]) -> list[tuple[str, str]]:
    return [(message["role"], message["content"]) for message in row["messages"]]


@pytest.mark.parametrize(
    "record",
    [
        {"prompt": "Is it open?", "response": "Yes."},
        {"prompt": "Is it open?", "completion": "Yes.", "id": 7, "score": 0.5},
        {"question": "Is it open?", "answer": "Yes."},
        {"query": "Is it open?", "response": "Yes."},
        {"instruction": "Is it open?", "input": "", "output": "Yes.", "system": "", "history": []},
        {"input": "Is it open?", "output": "Yes."},
        {"prompt": [USER], "completion": [ANSWER]},
        {"prompt": [USER], "response": ANSWER},
        {"messages": [USER, ANSWER], "tools": [], "functions": None},
        {"messages": [{**USER, "content": TEXT_PARTS}, ANSWER]},
        {"conversations": [{"from": "human", "value": "Is it open?"}, {"from": "gpt", "value": "Yes."}]},
        {"conversations": [USER, ANSWER]},
    ],
)  # fmt: skip
def test_a_question_and_its_answer_in_any_shape(record: dict[str, Any]) -> None:
    row = conversation(record)
    assert turns(row) == [("user", "Is it open?"), ("assistant", "Yes.")]
    assert (row["prompt"], row["response"]) == ("Is it open?", "Yes.")


@pytest.mark.parametrize(
    "record",
    [
        {"instruction": "Is it open?", "output": "Yes.", "system": "Be brief.", "history": [["Hello", "Hi."]]},
        {"question": "Is it open?", "answer": "Yes.", "system": "Be brief.", "history": [("Hello", "Hi.")]},
        {"messages": [SYSTEM, *HELLO, USER, ANSWER]},
        {
            "system": "Be brief.",
            "conversations": [{"from": "human", "value": "Hello"}, {"from": "gpt", "value": "Hi."}, USER, ANSWER],
        },
        {
            "messages": [{**SYSTEM, "role": "developer"}, *HELLO, USER],
            "answer": "Yes.",
        },
    ],
)  # fmt: skip
def test_what_stands_beside_the_turns_is_part_of_the_conversation(record: dict[str, Any]) -> None:
    said = [("system", "Be brief."), ("user", "Hello"), ("assistant", "Hi."), ("user", "Is it open?")]
    assert turns(conversation(record)) == [*said, ("assistant", "Yes.")]


def test_what_a_question_is_about_follows_it() -> None:
    for key in ("input", "context"):
        row = conversation({"instruction": "Sum up.", key: "A long text.", "output": "Text."})
        assert row["prompt"] == "Sum up.\n\nA long text."


def test_an_answer_of_weight_0_is_read_and_not_learned() -> None:
    wrong = {"role": "assistant", "content": "wrong"}
    for off in ({"weight": 0}, {"train": False}, {"weight": 0.0}):
        row = conversation({"messages": [USER, {**wrong, **off}, USER, {**ANSWER, "weight": 1}]})
        assert [message["is_target"] for message in row["messages"]] == [False, False, False, True]
    ids = {"<|user|>": 1, "<|assistant|>": 2, "<|system|>": 3, "<|end|>": 4}
    shown = [Turn(m["role"], m["content"], m["is_target"]) for m in row["messages"]]
    markup = Markup(ChatTemplate(TURNS, {}), ids, lambda text, inside: [ord(c) for c in text])
    rendered = markup.render(shown)
    learned = [id for id, is_target in zip(rendered.ids, rendered.is_target, strict=True) if is_target]
    assert learned == [*map(ord, "Yes."), 4]


@pytest.mark.parametrize(
    ("record", "words"),
    [
        ({"messages": [USER, ANSWER], "tools": [{"name": "search"}]}, "'tools': only turns of text"),
        ({"prompt": "p", "response": "r", "images": ["a.png"]}, "'images'"),
        ({"messages": [USER, {**ANSWER, "tool_calls": [{}]}]}, "'tool_calls'"),
        ({"messages": [USER, {"role": "tool", "content": "3"}, ANSWER]}, "turns of tools are not learned"),
        ({"conversations": [{"from": "function_call", "value": "f()"}, ANSWER]}, "turns of tools are not learned"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}, ANSWER]}, "'image_url'"),
        ({"messages": [{**USER, "role": "narrator"}, ANSWER]}, "'narrator' is none of"),
        ({"messages": [USER, {**ANSWER, "weight": 0.5}]}, "weight of 0.5"),
        ({"messages": [USER, {**ANSWER, "weight": 0}]}, "no answer counts"),
        ({"messages": [ANSWER, USER]}, "must end with the assistant"),
        ({"prompt": "p", "response": "r", "output": "o"}, "both 'response' and 'output'"),
        ({"prompt": "p", "question": "q", "answer": "a"}, "both 'prompt' and 'question'"),
        ({"titel": "t", "body": "b"}, r"keys body, titel; read are prompt \+ response"),
        ({"question": "q"}, "no 'response' and nothing like it"),
        ({"instruction": "i", "output": "o", "history": ["q", "a"]}, "history is no list"),
        ({"messages": "hello"}, "messages is no list"),
    ],
)
def test_a_row_that_would_lose_its_meaning_is_refused_by_name(record: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        conversation(record)


GOOD, BAD = {"role": "assistant", "content": "good"}, {"role": "assistant", "content": "bad"}


@pytest.mark.parametrize(
    "record",
    [
        {"prompt": "Is it open?", "chosen": "good", "rejected": "bad"},
        {"prompt": [USER], "chosen": [GOOD], "rejected": [BAD]},
        {"prompt": "Is it open?", "chosen": [USER, GOOD], "rejected": [USER, BAD]},
        {"chosen": [USER, GOOD], "rejected": [USER, BAD]},
        {"question": "Is it open?", "chosen_response": "good", "rejected_response": "bad"},
        {"chosen": "\n\nHuman: Is it open?\n\nAssistant: good", "rejected": "\n\nHuman: Is it open?\n\nAssistant: bad"},
        {
            "conversations": [{"from": "human", "value": "Is it open?"}],
            "chosen": {"from": "gpt", "value": "good"},
            "rejected": {"from": "gpt", "value": "bad"},
        },
    ],
)
def test_a_preference_in_any_shape(record: dict[str, Any]) -> None:
    row = preference(record)
    assert (row["prompt"], row["response"], row["rejected"]) == ("Is it open?", "good", "bad")
    with_system = preference(record | {"system": "Be brief."})
    assert turns(with_system)[0] == ("system", "Be brief.")


def test_answers_without_a_prompt_are_no_preference() -> None:
    with pytest.raises(ValueError, match="no 'prompt'"):
        preference({"chosen": "good", "rejected": "bad"})


def test_a_single_answer_in_any_shape() -> None:
    for record in ({"prompt": "Is it open?", "completion": "Yes."}, {"question": "Is it open?", "answer": "Yes."}):
        row = labelled_answer(record | {"label": True})
        assert (row["prompt"], row["response"], row["desirable"]) == ("Is it open?", "Yes.", True)


@pytest.mark.parametrize(("label", "name"), [(1, "1"), (1.0, "1"), (2.5, "2.5"), (" good ", "good"), (True, "True")])
def test_a_label_is_named_by_its_value(label: Any, name: str) -> None:
    assert labelled({"text": "t", "label": label})["label"] == name


@pytest.mark.parametrize("label", [None, float("nan"), "", "  ", [], {}])
def test_what_is_no_value_is_no_label(label: Any) -> None:
    with pytest.raises(ValueError, match="no label"):
        labelled({"text": "t", "label": label})


def test_labels_that_differ_in_case_or_spaces_only_are_named(tmp_path: Path) -> None:
    names = ("Good", "good", "bad")
    rows = [{"text": f"t{n}", "label": names[n % 3]} for n in range(90)]
    path = tmp_path / "own.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    _, notes = labelled_rows(LabelledRows(path=path).resolve(), RowSource())
    assert notes == ["labels that differ in case or spaces only are classes of their own: Good, good"]


@pytest.mark.parametrize(
    ("name", "delimiter"), [("own.csv", ","), ("own.csv", ";"), ("own.csv", "\t"), ("own.tsv", "\t")]
)
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_table_of_questions_and_answers_is_read(tmp_path: Path, name: str, delimiter: str, encoding: str) -> None:
    lines = [
        delimiter.join(["question", "answer"]),
        *(f'q{n}{delimiter}"a{delimiter} {n}\nsecond line"' for n in range(60)),
    ]
    (tmp_path / name).write_text("\n".join(lines), encoding=encoding)
    config = InstructionRows(path=tmp_path / name).resolve()
    assert config.tally(1000) == (60, 0, True)
    rows, _ = own_rows(config)
    assert (rows[59]["response"], rows[59]["doc_id"]) == (f"a{delimiter} 59\nsecond line", "own/121")


def test_a_row_of_a_table_that_cannot_be_used_is_one_bad_row(tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    path.write_text(
        "sep=;\nquestion;answer;state\n" + "".join(f"q{n};a {n};open\n" for n in range(60)) + "q;a;b;more\n"
    )
    rows, bad = own_rows(InstructionRows(path=path).resolve())
    assert (len(rows), bad) == (60, ["own.csv:63: 4 fields, where the first line has 3"])


def test_a_table_that_is_not_utf_8_is_an_error_with_a_fix(tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    path.write_bytes("question;answer\nCafé?;Oui\n".encode("cp1252"))
    with pytest.raises(ValueError, match=r"not UTF-8: .*; save it as UTF-8, or name its `encoding`"):
        InstructionRows(path=path).resolve()
    with pytest.raises(ValueError, match="no encoding of text is named 'ansi8'"):
        InstructionRows(path=path, encoding="ansi8")


@pytest.mark.parametrize("name", ["own.csv", "own.jsonl", "own.json"])
def test_rows_in_another_encoding_are_read_where_it_is_named(tmp_path: Path, name: str) -> None:
    rows = [{"question": f"Café {n}?", "answer": "Où ça"} for n in range(60)]
    text = {
        ".csv": "question;answer\n" + "".join(f"{row['question']};{row['answer']}\n" for row in rows),
        ".jsonl": "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows),
        ".json": json.dumps(rows, ensure_ascii=False),
    }[Path(name).suffix]
    (tmp_path / name).write_bytes(text.encode("cp1252"))
    good, bad = own_rows(InstructionRows(path=tmp_path / name, encoding="cp1252").resolve())
    assert (len(good), bad, good[7]["prompt"], good[7]["response"]) == (60, [], "Café 7?", "Où ça")
