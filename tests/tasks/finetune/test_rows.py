"""Rows for fine-tuning: derived from metadata by SQL and templates, or a user's own."""

import hashlib
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tasks.errors import Skipped, UsageError, UserError
from tasks.finetune.instructions import InstructionRows
from tasks.finetune.methods.classify import LabelledRows, labelled_rows
from tasks.finetune.methods.instruct import instruction_rows
from tasks.finetune.own_rows import LOOKED_AT, SPLITS, OwnRows
from tasks.finetune.rows import RowSource
from tasks.finetune.templates import PIECE_CHARACTERS, Template, pieces
from tasks.privacy import schema_metadata

ERA = "case when year < 1861 then '1790–1860' when year < 1946 then '1861–1945' else '1946–2000' end"
WHEN = Template(kind="when", prompt="When was this said?\n{opening}", response="{year}", where="year is not null")
Curated = Callable[..., RowSource]


def document(number: int, **metadata: Any) -> dict[str, Any]:
    text = f"This is sentence one of document {number}. Here the second follows. And a third ends it."
    split = ("train", "train", "train", "validation", "test")[number % 5]
    return {"doc_id": f"s/{number}", "text": text, "split": split, "origin": f"o{number % 7}", "metadata": metadata}


def addresses(count: int = 60) -> list[dict[str, Any]]:
    return [document(n, year=1800 + 3 * n, president=f"P{n // 8}") for n in range(count)]


@pytest.fixture
def curated(tmp_path: Path) -> Curated:
    def write(*parts: Iterable[dict[str, Any]]) -> RowSource:
        folders = {}
        for number, part in enumerate(parts, 1):
            folder = tmp_path / f"curate-{number}"
            folder.mkdir()
            rows = [
                {**row, "source": "s", "bytes": len(row["text"]), "metadata": json.dumps(row["metadata"])}
                for row in part
            ]
            pq.write_table(pa.Table.from_pylist(rows), folder / "texts.parquet")
            folders[f"{number:04d}"] = folder
        return RowSource(folders)

    return write


def test_labels_follow_the_sql_and_splits_follow_curation(curated: Curated) -> None:
    rows, _ = labelled_rows(LabelledRows(label=ERA), curated(addresses()))
    assert rows["train"].features["label"].names == ["1790–1860", "1861–1945", "1946–2000"]
    by_id = {row["doc_id"]: row for row in addresses()}
    for split in ("train", "validation", "test"):
        for row in rows[split].to_list():
            year = by_id[row["doc_id"]]["metadata"]["year"]
            assert row["label"] == (0 if year < 1861 else 1 if year < 1946 else 2)
            assert by_id[row["doc_id"]]["split"] == split and by_id[row["doc_id"]]["text"] == row["text"]


def test_a_null_label_is_no_row_and_a_source_without_the_column_has_nulls(curated: Curated) -> None:
    plain = [document(100 + n, author="x") for n in range(10)]
    label = "case when year < 1861 then 'old' when year < 1945 then 'new' end"
    rows, _ = labelled_rows(LabelledRows(label=label), curated(addresses(), plain))
    labelled = {row["doc_id"] for split in rows.values() for row in split.to_list()}
    assert labelled == {row["doc_id"] for row in addresses() if row["metadata"]["year"] < 1945}


def test_a_column_may_have_a_name_in_any_letters(curated: Curated) -> None:
    documents = [document(n, **{"Catégorie": "xy"[n // 5 % 2]}) for n in range(40)]
    rows, _ = labelled_rows(LabelledRows(label='"Catégorie"'), curated(documents))
    assert rows["train"].features["label"].names == ["x", "y"]


def test_no_class_has_more_than_max_rows_in_a_split_and_which_hangs_on_the_seed_alone(curated: Curated) -> None:
    source = curated(addresses(200)[:120], addresses(200)[120:])
    first, _ = labelled_rows(LabelledRows(label=ERA, max_rows=3), source)
    for split in first.values():
        assert all(split["label"].count(label) <= 3 for label in (0, 1, 2))
    merged = RowSource({"0001": source.texts["0002"], "0002": source.texts["0001"]})
    again, _ = labelled_rows(LabelledRows(label=ERA, max_rows=3), merged)
    other, _ = labelled_rows(LabelledRows(label=ERA, max_rows=3, seed=1), source)
    assert first["train"].to_list() == again["train"].to_list()
    assert set(first["train"]["doc_id"]) != set(other["train"]["doc_id"])


@pytest.mark.parametrize(
    ("label", "reason"),
    [(None, "neither"), (ERA, "no document has year.*author"), ("'all'", "only 'all'"), ("null", "have none")],
)
def test_a_corpus_without_two_classes_is_skipped_with_the_reason(
    curated: Curated, label: str | None, reason: str
) -> None:
    with pytest.raises(Skipped, match=reason):
        labelled_rows(LabelledRows(label=label), curated([document(n, author="x") for n in range(10)]))


@pytest.mark.parametrize("label", ["year < 'long ago'", "no_such_function(year)"])
def test_bad_sql_names_the_recipes_key_and_the_way_out(curated: Curated, label: str) -> None:
    with pytest.raises(UsageError, match=r"finetune\.classify\.label") as error:
        labelled_rows(LabelledRows(label=label), curated(addresses()))
    assert "recipe" in error.value.cure


def test_metadata_has_the_narrowest_type_that_holds_all_values(curated: Curated) -> None:
    documents = [document(n, year=n, score=n if n % 2 else n / 2, mixed=n if n % 2 else "x") for n in range(20)]
    label = "typeof(year) || ' ' || typeof(score) || ' ' || typeof(mixed) || ' ' || (doc_id < 's/2')"
    rows, _ = labelled_rows(LabelledRows(label=label), curated(documents))
    assert rows["train"].features["label"].names[0] == "BIGINT DOUBLE VARCHAR false"


def test_an_empty_split_is_an_error_with_its_cure(curated: Curated) -> None:
    only_train = [{**row, "split": "train"} for row in addresses()]
    with pytest.raises(UserError, match="validation nor test") as error:
        labelled_rows(LabelledRows(label=ERA), curated(only_train))
    assert "curate" in error.value.cure


def test_instructions_fill_templates_from_metadata_and_text(curated: Curated) -> None:
    rows, _ = instruction_rows(InstructionRows(templates=(WHEN,)), curated(addresses()))
    row = rows["test"][0]
    year = next(d["metadata"]["year"] for d in addresses() if d["doc_id"] == row["doc_id"])
    assert row["prompt"].startswith("When was this said?\nThis is sentence one of document")
    assert (row["response"], row["kind"]) == (str(year), "when")
    assert row["messages"] == [
        {"role": "user", "content": row["prompt"]},
        {"role": "assistant", "content": row["response"]},
    ]


def test_every_document_has_one_template_chosen_by_its_hash(curated: Curated) -> None:
    config = InstructionRows(templates=(WHEN, InstructionRows().templates[0]))
    rows, _ = instruction_rows(config, curated(addresses(200)))
    kinds = rows["train"]["kind"]
    assert len(set(rows["train"]["doc_id"])) == len(kinds) == 120
    assert 30 < kinds.count("when") < 90


def test_a_plain_folder_still_has_something_to_continue(curated: Curated) -> None:
    config = InstructionRows(templates=(WHEN, InstructionRows().templates[0]))
    rows, notes = instruction_rows(config, curated([document(n) for n in range(10)]))
    assert set(rows["train"]["kind"]) == {"continue"}
    assert notes == ["no document has year, which template 'when' needs"]


def test_instructions_without_a_template_that_suits_are_skipped(curated: Curated) -> None:
    with pytest.raises(Skipped, match="no document has year"):
        instruction_rows(InstructionRows(templates=(WHEN,)), curated([document(n) for n in range(10)]))


@pytest.mark.parametrize("prompt", ["{text.__class__}", "{year:>5}", "{0}", "{text!r}"])
def test_a_placeholder_is_a_plain_name(prompt: str) -> None:
    with pytest.raises(ValidationError, match="no placeholder"):
        Template(kind="x", prompt=prompt, response="{text}")


def test_pieces_are_whole_sentences_of_bounded_length_that_follow_each_other() -> None:
    sentences = [f"Mr. Smith told Congress {'word ' * 20}{n}." for n in range(12)]
    found = pieces(" ".join(sentences))
    assert found["first_sentence"] == sentences[0]
    assert found["rest"].startswith(sentences[1])
    assert " ".join(sentences).startswith(f"{found['opening']} {found['continuation']}")
    assert all(len(found[name]) <= PIECE_CHARACTERS for name in ("rest", "opening", "continuation"))
    assert pieces("one sentence with six words")["opening"] == "one sentence"
    assert pieces("word")["opening"] == ""


@given(st.text(st.sampled_from("ab 。।.\n字ไ"), max_size=300), st.integers(1, 60))
def test_no_piece_is_longer_than_asked_and_the_continuation_follows_the_opening(text: str, most: int) -> None:
    found = pieces(text, most)
    assert all(len(piece) <= most for name, piece in found.items() if name != "text")
    followed = text.strip().removeprefix(found["opening"]).lstrip()
    assert followed.startswith(found["continuation"])
    assert bool(found["opening"]) <= bool(found["continuation"])
    assert len(text.split()) < 2 or found["opening"]


def test_rows_saved_twice_have_the_same_bytes(curated: Curated, tmp_path: Path) -> None:
    folders = curated(addresses())
    for name in ("one", "two"):
        labelled_rows(LabelledRows(label=ERA), folders)[0].save_to_disk(str(tmp_path / name))
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def contents(folder: Path) -> dict[str, str]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


# A user's own rows.


def jsonl(path: Path, rows: Iterable[Any]) -> Path:
    path.write_text("".join(f"{row if isinstance(row, str) else json.dumps(row)}\n" for row in rows))
    return path


def test_own_labels_keep_equal_texts_in_one_split(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "spam.jsonl", [{"text": f"Hello {n % 50}", "label": n % 2} for n in range(200)])
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
    rows, _ = instruction_rows(InstructionRows(path=jsonl(tmp_path / "own.jsonl", forms)).resolve(), source)
    expected = ("0: [email]?", "[phone]") if is_masked else ("0: a@b.org?", "(202) 555-0143")
    assert (rows["train"][0]["prompt"], rows["train"][0]["response"]) == expected
    assert tuple(turn["content"] for turn in rows["train"][0]["messages"]) == expected


def test_own_instructions_come_in_four_forms(tmp_path: Path) -> None:
    talk = [("system", "Be brief."), ("user", "A?"), ("assistant", "a"), ("user", "B?"), ("assistant", "b")]
    said_by = {"user": "human", "assistant": "gpt"}
    forms = [
        {"prompt": "P", "response": "R", "split": "train"},
        {"instruction": "I", "input": "x", "output": "O", "split": "validation"},
        {"messages": [{"role": role, "content": text} for role, text in talk], "split": "test"},
        {"conversations": [{"from": said_by.get(r, r), "value": text} for r, text in talk], "split": "test"},
    ]
    rows, _ = instruction_rows(InstructionRows(path=jsonl(tmp_path / "own.jsonl", forms)).resolve(), RowSource())
    assert (rows["train"][0]["prompt"], rows["train"][0]["response"]) == ("P", "R")
    assert rows["validation"][0]["prompt"] == "I\n\nx"
    for row in rows["test"].to_list():
        assert [(turn["role"], turn["content"]) for turn in row["messages"]] == talk
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
def test_a_file_without_rows_is_told_when_the_recipe_is_read(
    tmp_path: Path, name: str, content: str, words: str
) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(ValueError, match=words):
        InstructionRows(path=tmp_path / name).resolve()


def test_bad_own_rows_are_told_by_line_and_too_many_are_a_mistake_of_the_recipe(tmp_path: Path) -> None:
    good = [{"text": f"t{n}", "label": "ab"[n % 2]} for n in range(100)]
    bad = ["{no json", [1], {"text": "x"}, {"label": "a"}, {"text": "", "label": "a"}]
    path = jsonl(tmp_path / "rows.jsonl", [*good[:3], *bad, *good[3:]])
    rows, notes = labelled_rows(LabelledRows(path=path).resolve(), RowSource())
    assert sum(len(split) for split in rows.values()) == 100
    assert [note.split(": ")[0] for note in notes] == [f"rows.jsonl:{line}" for line in range(4, 9)]
    with pytest.raises(ValueError, match=r"5 of 105 rows[\s\S]*rows.jsonl:6: no label"):
        LabelledRows(path=path, max_bad_rows=4).resolve()


def test_bad_own_rows_that_stand_later_in_a_long_file_stop_the_run(tmp_path: Path) -> None:
    rows = [*({"text": f"t{n}", "label": "ab"[n % 2]} for n in range(LOOKED_AT)), *["{no json"] * 11]
    with pytest.raises(UserError, match=r"11 of 1011 rows"):
        labelled_rows(LabelledRows(path=jsonl(tmp_path / "rows.jsonl", rows)).resolve(), RowSource())


def test_own_rows_are_known_by_content_and_not_by_path(tmp_path: Path) -> None:
    from tasks.store.step import keyed

    rows = [{"text": f"t{n}", "label": "ab"[n % 2]} for n in range(60)]
    here, there = jsonl(tmp_path / "a.jsonl", rows), jsonl(tmp_path / "b.jsonl", rows)
    config = OwnRows(path=here).resolve()
    assert keyed(config) == keyed(OwnRows(path=there).resolve())
    assert OwnRows.model_validate(config.model_dump(mode="json")) == config
    jsonl(here, rows[1:])
    assert keyed(OwnRows(path=here).resolve()) != keyed(config)
    with pytest.raises(UserError, match="changed after this run began"):
        labelled_rows(LabelledRows.model_validate(config.model_dump()), RowSource())


def test_a_missing_file_is_a_mistake_of_the_recipe(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is no file"):
        OwnRows(path=tmp_path / "none.jsonl").resolve()
