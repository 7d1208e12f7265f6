"""Rows for fine-tuning from a user's own files."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tasks.errors import UserError
from tasks.finetune.instructions import InstructionRows
from tasks.finetune.methods.classify import LabelledRows, labelled_rows
from tasks.finetune.methods.instruct import instruction_rows
from tasks.finetune.own_rows import LOOKED_AT, SPLITS, OwnRows
from tasks.finetune.rows import RowSource
from tasks.privacy import schema_metadata
from tests.tasks.finetune.conftest import Curated, addresses, document


def write_jsonl(path: Path, rows: Iterable[Any]) -> Path:
    path.write_text("".join(f"{row if isinstance(row, str) else json.dumps(row)}\n" for row in rows))
    return path


def test_own_labels_keep_equal_texts_in_one_split(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "spam.jsonl", [{"text": f"Hello {n % 50}", "label": n % 2} for n in range(200)])
    rows, _ = labelled_rows(LabelledRows(path=path).resolve(), RowSource())
    texts = [set(split["text"]) for split in rows.values()]
    assert sum(len(split) for split in rows.values()) == 200
    assert not texts[0] & texts[1] and not texts[0] & texts[2] and not texts[1] & texts[2]
    assert rows["train"].features["label"].names == ["0", "1"]


@pytest.mark.parametrize("is_masked", [True, False])
def test_own_rows_are_masked_as_the_documents_are(is_masked: bool, curated: Curated, tmp_path: Path) -> None:
    source = curated(addresses(10))
    texts = source.texts["0001"] / "texts.parquet"
    pq.write_table(pq.read_table(texts).replace_schema_metadata(schema_metadata(is_masked)), texts)
    forms = [{"prompt": f"{n}: a@b.org?", "response": "(202) 555-0143", "split": s} for n, s in enumerate(SPLITS)]
    rows, _ = instruction_rows(InstructionRows(path=write_jsonl(tmp_path / "own.jsonl", forms)).resolve(), source)
    expected = ("0: [email]?", "[phone]") if is_masked else ("0: a@b.org?", "(202) 555-0143")
    assert (rows["train"][0]["prompt"], rows["train"][0]["response"]) == expected
    assert tuple(turn["content"] for turn in rows["train"][0]["messages"]) == expected


def test_own_instructions_come_in_four_forms(tmp_path: Path) -> None:
    turns = [("system", "Be brief."), ("user", "A?"), ("assistant", "a"), ("user", "B?"), ("assistant", "b")]
    speakers = {"user": "human", "assistant": "gpt"}
    forms = [
        {"prompt": "P", "response": "R", "split": "train"},
        {"instruction": "I", "input": "x", "output": "O", "split": "validation"},
        {"messages": [{"role": role, "content": text} for role, text in turns], "split": "test"},
        {"conversations": [{"from": speakers.get(r, r), "value": text} for r, text in turns], "split": "test"},
    ]
    rows, _ = instruction_rows(InstructionRows(path=write_jsonl(tmp_path / "own.jsonl", forms)).resolve(), RowSource())
    assert (rows["train"][0]["prompt"], rows["train"][0]["response"]) == ("P", "R")
    assert rows["validation"][0]["prompt"] == "I\n\nx"
    for row in rows["test"].to_list():
        assert [(turn["role"], turn["content"]) for turn in row["messages"]] == turns
        assert row["response"] == "b"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize(
    "layout", [lambda rows: json.dumps(rows, indent=1), lambda rows: "\n".join(map(json.dumps, rows))]
)
def test_a_json_file_of_own_instructions_is_an_array_or_lines(tmp_path: Path, layout: Any, encoding: str) -> None:
    path = tmp_path / "own.json"
    path.write_text(layout([{"instruction": f"I{n}", "output": f"Ö{n}"} for n in range(60)]), encoding=encoding)
    rows, notes = instruction_rows(InstructionRows(path=path).resolve(), RowSource())
    assert sum(len(split) for split in rows.values()) == 60 and not notes


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.json", "12", r"a\.json:1: not an object[\s\S]*correct these lines"),
        ("a.json", '{"prompt": "P", "response": "R"} {"prompt"', r"a\.json: row 2 is not JSON.*correct it there"),
        ("a.jsonl", "[" * 100_000, r"a\.jsonl:1: nested too deeply"),
        ("a.jsonl", "", r"none of 0 rows"),
        ("a.jsonl", '{"prompt": "P", "response": "R"}', r"none of 1 rows falls into the split .*held_out"),
        ("a.jsonl", '{"prompt": "P", "response": "\\ud800"}', r"a\.jsonl:1: .*surrogates"),
    ],
)
def test_a_file_without_rows_is_an_error_when_the_recipe_is_loaded(
    tmp_path: Path, name: str, content: str, words: str
) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(ValueError, match=words):
        InstructionRows(path=tmp_path / name).resolve()


def test_bad_own_rows_are_reported_by_line_and_too_many_are_an_error_of_the_recipe(tmp_path: Path) -> None:
    good = [{"text": f"t{n}", "label": "ab"[n % 2]} for n in range(100)]
    bad = ["{no json", [1], {"text": "x"}, {"label": "a"}, {"text": "", "label": "a"}]
    path = write_jsonl(tmp_path / "rows.jsonl", [*good[:3], *bad, *good[3:]])
    rows, notes = labelled_rows(LabelledRows(path=path).resolve(), RowSource())
    assert sum(len(split) for split in rows.values()) == 100
    assert [note.split(": ")[0] for note in notes] == [f"rows.jsonl:{line}" for line in range(4, 9)]
    with pytest.raises(ValueError, match=r"5 of 105 rows[\s\S]*rows.jsonl:6: no label"):
        LabelledRows(path=path, max_bad_rows=4).resolve()


def test_bad_own_rows_that_stand_later_in_a_long_file_stop_the_run(tmp_path: Path) -> None:
    rows = [*({"text": f"t{n}", "label": "ab"[n % 2]} for n in range(LOOKED_AT)), *["{no json"] * 11]
    with pytest.raises(UserError, match=r"11 of 1011 rows"):
        labelled_rows(LabelledRows(path=write_jsonl(tmp_path / "rows.jsonl", rows)).resolve(), RowSource())


def test_own_rows_are_identified_by_content_and_not_by_path(tmp_path: Path) -> None:
    from tasks.store.step import keyed

    rows = [{"text": f"t{n}", "label": "ab"[n % 2]} for n in range(60)]
    here, there = write_jsonl(tmp_path / "a.jsonl", rows), write_jsonl(tmp_path / "b.jsonl", rows)
    config = OwnRows(path=here).resolve()
    assert keyed(config) == keyed(OwnRows(path=there).resolve())
    assert OwnRows.model_validate(config.model_dump(mode="json")) == config
    write_jsonl(here, rows[1:])
    assert keyed(OwnRows(path=here).resolve()) != keyed(config)
    with pytest.raises(UserError, match="changed after this run began"):
        labelled_rows(LabelledRows.model_validate(config.model_dump()), RowSource())


def test_a_missing_file_is_an_error_of_the_recipe(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is no file"):
        OwnRows(path=tmp_path / "none.jsonl").resolve()


def test_a_broken_row_of_a_json_array_costs_itself(tmp_path: Path) -> None:
    rows = [json.dumps({"prompt": f"p{n}", "response": f"r{n}"}) for n in range(100)]
    rows[7] = '{"prompt": "p7", "response": nothing}'
    (tmp_path / "own.json").write_text("[" + ",\n".join(rows) + "]")
    config = InstructionRows(path=tmp_path / "own.json").resolve()
    read, notes = instruction_rows(config, RowSource())
    assert sum(len(split) for split in read.values()) == 99
    (note,) = notes
    assert note.startswith("own.json:8: not JSON")


def answers(numbers: Iterable[int], **fields: Any) -> list[dict[str, Any]]:
    """Questions whose answers are the documents of these numbers."""
    return [{"prompt": f"What of {n}?", "response": document(n)["text"], **fields} for n in numbers]


def splits_of(path: Path, source: RowSource) -> tuple[dict[str, str], list[str]]:
    rows, notes = instruction_rows(InstructionRows(path=path).resolve(), source)
    return {row["prompt"]: split for split, dataset in rows.items() for row in dataset.to_list()}, notes


def test_a_row_is_in_the_split_of_the_document_that_has_its_answer(curated: Curated, tmp_path: Path) -> None:
    documents = addresses(60)
    splits, notes = splits_of(write_jsonl(tmp_path / "own.jsonl", answers(range(60))), curated(documents))
    assert splits == {f"What of {n}?": documents[n]["split"] for n in range(60)}
    assert "60 questions are in the split of the document that has their answer" in notes[-1]


def test_a_question_with_an_answer_that_the_base_has_read_is_trained_on_with_all_its_answers(
    curated: Curated, tmp_path: Path
) -> None:
    documents = addresses(60)  # of five the fourth is for validation, the fifth for the test
    both = [{"prompt": "What of it?", "response": documents[n]["text"]} for n in (0, 4)]
    named = answers([9], split="train", origin="other")
    rows = [*answers(n for n in range(60) if n not in (0, 4, 9)), *both, *named]
    splits, _ = splits_of(write_jsonl(tmp_path / "own.jsonl", rows), curated(documents))
    assert splits["What of it?"] == "train" and splits["What of 9?"] == "train" and splits["What of 14?"] == "test"


def test_a_turn_of_a_conversation_that_is_a_document_counts_and_other_rows_keep_their_split(
    curated: Curated, tmp_path: Path
) -> None:
    documents = addresses(60)
    for row in documents:
        row["text"] = f"Tell me.\n\n{row['text']}"
    mine = [{"prompt": f"Q{n}", "response": f"an answer of my own, number {n}"} for n in range(100)]
    alone, _ = splits_of(write_jsonl(tmp_path / "alone.jsonl", mine), RowSource())
    path = write_jsonl(tmp_path / "own.jsonl", [*answers(range(60)), *mine])
    splits, _ = splits_of(path, curated(documents))
    assert {name: splits[name] for name in alone} == alone
    assert all(splits[f"What of {n}?"] == documents[n]["split"] for n in range(60))


def test_where_no_document_is_held_out_the_rows_stay_and_a_note_says_what_their_scores_are_worth(
    curated: Curated, tmp_path: Path
) -> None:
    documents = [row | {"split": "train"} for row in addresses(60)]
    path = write_jsonl(tmp_path / "own.jsonl", answers(range(60)))
    splits, notes = splits_of(path, curated(documents))
    assert splits == splits_of(path, RowSource())[0]
    assert "stand in the text that the base is trained on" in notes[-1]


def test_a_short_answer_that_a_document_has_too_moves_no_row(curated: Curated, tmp_path: Path) -> None:
    documents = [row | {"text": f"Yes.\n\n{row['text']}"} for row in addresses(60)]
    rows = [{"prompt": f"Is it {n}?", "response": "Yes." if n % 2 else "No."} for n in range(200)]
    path = write_jsonl(tmp_path / "own.jsonl", rows)
    assert splits_of(path, curated(documents)) == splits_of(path, RowSource())
