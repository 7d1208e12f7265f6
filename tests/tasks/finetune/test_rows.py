"""Rows for fine-tuning: derived from the documents' metadata by SQL and templates."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tasks.errors import Skipped, UsageError, UserError
from tasks.finetune.instructions import InstructionRows
from tasks.finetune.methods.classify import LabelledRows, labelled_rows
from tasks.finetune.methods.instruct import instruction_rows
from tasks.finetune.rows import RowSource
from tasks.finetune.templates import PIECE_CHARACTERS, Template, pieces
from tests.tasks.finetune.conftest import ERA, WHEN, Curated, addresses, content_hashes, document


def test_labels_follow_the_sql_and_splits_follow_curation(curated: Curated) -> None:
    rows, _ = labelled_rows(LabelledRows(label=ERA), curated(addresses()))
    assert rows["train"].features["label"].names == ["1790–1860", "1861–1945", "1946–2000"]
    by_id = {row["doc_id"]: row for row in addresses()}
    for split in ("train", "validation", "test"):
        for row in rows[split].to_list():
            year = by_id[row["doc_id"]]["metadata"]["year"]
            assert row["label"] == (0 if year < 1861 else 1 if year < 1946 else 2)
            assert by_id[row["doc_id"]]["split"] == split and by_id[row["doc_id"]]["text"] == row["text"]


def test_a_null_label_gives_no_row_and_a_source_without_the_column_has_nulls(curated: Curated) -> None:
    plain = [document(100 + n, author="x") for n in range(10)]
    label = "case when year < 1861 then 'old' when year < 1945 then 'new' end"
    rows, _ = labelled_rows(LabelledRows(label=label), curated(addresses(), plain))
    labelled = {row["doc_id"] for split in rows.values() for row in split.to_list()}
    assert labelled == {row["doc_id"] for row in addresses() if row["metadata"]["year"] < 1945}


def test_a_column_name_may_have_any_letters(curated: Curated) -> None:
    documents = [document(n, **{"Catégorie": "xy"[n // 5 % 2]}) for n in range(40)]
    rows, _ = labelled_rows(LabelledRows(label='"Catégorie"'), curated(documents))
    assert rows["train"].features["label"].names == ["x", "y"]


ODD_KEYS = ["", "$schema", "$oid", "*", "a\\", "$max_rows", "_label", "_text", "~/'\"", "?", "--", " ", "#-1", "label"]


@pytest.mark.parametrize("key", ODD_KEYS)
def test_a_metadata_key_may_be_any_string(curated: Curated, key: str) -> None:
    documents = [document(n, year=1800 + 3 * n, **{key: "xy"[n // 5 % 2]}) for n in range(60)]
    rows, _ = labelled_rows(LabelledRows(label=ERA), curated(documents))
    assert rows["train"].features["label"].names == ["1790–1860", "1861–1945", "1946–2000"]
    assert rows["train"]["text"][0].startswith("This is sentence one")
    if key:
        name = key.replace('"', '""')
        rows, _ = labelled_rows(LabelledRows(label=f'"{name}"'), curated(documents))
        assert rows["train"].features["label"].names == ["x", "y"]


def test_no_class_has_more_than_max_rows_in_a_split_and_the_seed_alone_chooses_them(curated: Curated) -> None:
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
def test_bad_sql_names_the_recipes_key_and_the_fix(curated: Curated, label: str) -> None:
    with pytest.raises(UsageError, match=r"finetune\.classify\.label") as error:
        labelled_rows(LabelledRows(label=label), curated(addresses()))
    assert "recipe" in error.value.cure


def test_metadata_has_the_narrowest_type_that_holds_all_values(curated: Curated) -> None:
    documents = [document(n, year=n, score=n if n % 2 else n / 2, mixed=n if n % 2 else "x") for n in range(20)]
    label = "typeof(year) || ' ' || typeof(score) || ' ' || typeof(mixed) || ' ' || (doc_id < 's/2')"
    rows, _ = labelled_rows(LabelledRows(label=label), curated(documents))
    assert rows["train"].features["label"].names[0] == "BIGINT DOUBLE VARCHAR false"


def test_an_empty_split_is_an_error_with_a_fix(curated: Curated) -> None:
    only_train = [{**row, "split": "train"} for row in addresses()]
    with pytest.raises(UserError, match="validation nor test") as error:
        labelled_rows(LabelledRows(label=ERA), curated(only_train))
    assert "curate" in error.value.cure


def test_instructions_fill_templates_from_metadata_and_text(curated: Curated) -> None:
    rows, _ = instruction_rows(InstructionRows(templates=(WHEN,)), curated(addresses()))
    row = rows["test"][0]
    year = next(d["metadata"]["year"] for d in addresses() if d["doc_id"] == row["doc_id"])
    assert row["prompt"].startswith("When was this written?\nThis is sentence one of document")
    assert (row["response"], row["kind"]) == (str(year), "when")
    assert row["messages"] == [
        {"role": "user", "content": row["prompt"], "is_target": False},
        {"role": "assistant", "content": row["response"], "is_target": True},
    ]


def test_every_document_has_one_template_chosen_by_its_hash(curated: Curated) -> None:
    config = InstructionRows(templates=(WHEN, InstructionRows().templates[0]))
    rows, _ = instruction_rows(config, curated(addresses(200)))
    kinds = rows["train"]["kind"]
    assert len(set(rows["train"]["doc_id"])) == len(kinds) == 120
    assert 30 < kinds.count("when") < 90


def test_documents_without_metadata_still_give_rows_to_continue(curated: Curated) -> None:
    config = InstructionRows(templates=(WHEN, InstructionRows().templates[0]))
    rows, notes = instruction_rows(config, curated([document(n) for n in range(10)]))
    assert set(rows["train"]["kind"]) == {"continue"}
    assert notes == ["no document has year, which template 'when' needs"]


def test_instructions_without_a_matching_template_are_skipped(curated: Curated) -> None:
    with pytest.raises(Skipped, match="no document has year"):
        instruction_rows(InstructionRows(templates=(WHEN,)), curated([document(n) for n in range(10)]))


@pytest.mark.parametrize("prompt", ["{text.__class__}", "{year:>5}", "{0}", "{text!r}"])
def test_a_placeholder_is_a_plain_name(prompt: str) -> None:
    with pytest.raises(ValidationError, match="no placeholder"):
        Template(kind="x", prompt=prompt, response="{text}")


def test_pieces_are_whole_sentences_of_bounded_length_that_follow_each_other() -> None:
    sentences = [f"Mr. Smith wrote to Congress {'word ' * 20}{n}." for n in range(12)]
    parts = pieces(" ".join(sentences))
    assert parts["first_sentence"] == sentences[0]
    assert parts["rest"].startswith(sentences[1])
    assert " ".join(sentences).startswith(f"{parts['opening']} {parts['continuation']}")
    assert all(len(parts[name]) <= PIECE_CHARACTERS for name in ("rest", "opening", "continuation"))
    assert pieces("one sentence with six words")["opening"] == "one sentence"
    assert pieces("word")["opening"] == ""


@given(st.text(st.sampled_from("ab 。।.\n字ไ"), max_size=300), st.integers(1, 60))
def test_no_piece_exceeds_the_limit_and_the_continuation_follows_the_opening(text: str, most: int) -> None:
    parts = pieces(text, most)
    assert all(len(piece) <= most for name, piece in parts.items() if name != "text")
    followed = text.strip().removeprefix(parts["opening"]).lstrip()
    assert followed.startswith(parts["continuation"])
    assert bool(parts["opening"]) <= bool(parts["continuation"])
    assert len(text.split()) < 2 or parts["opening"]


def test_rows_saved_twice_have_the_same_bytes(curated: Curated, tmp_path: Path) -> None:
    folders = curated(addresses())
    for name in ("one", "two"):
        labelled_rows(LabelledRows(label=ERA), folders)[0].save_to_disk(str(tmp_path / name))
    assert content_hashes(tmp_path / "one") == content_hashes(tmp_path / "two")


@pytest.mark.parametrize(
    "expression",
    [
        "(select trim(text) from read_text('SECRET') as t(source, text))",
        "(select count(*)::varchar from glob('/etc/*'))",
        "(select text from read_csv('SECRET') as t(text))",
        "(select text from 'SECRET' as t(text))",
        "(select text from query('select content from read_text(''SECRET'')') as t(text))",
    ],
)
def test_a_recipe_from_somebody_else_reads_no_file_into_the_rows(
    curated: Curated, tmp_path: Path, expression: str
) -> None:
    (tmp_path / "secret.csv").write_text("the secret\n")
    label = expression.replace("SECRET", str(tmp_path / "secret.csv"))
    config = LabelledRows(label=f"case when year < 1850 then 'a' else {label} end")
    with pytest.raises(UserError, match="disabled by configuration"):
        labelled_rows(config, curated(addresses(20)))


def test_a_condition_is_one_expression_and_changes_no_setting(curated: Curated, tmp_path: Path) -> None:
    logging = f"enable_logging(storage := 'file', storage_path := '{tmp_path / 'log'}')"
    where = f"true) as value from documents; select count(*) from {logging}; select (true"
    template = Template(kind="t", prompt="p {year}", response="r", where=where)
    with pytest.raises((UserError, ValueError)):
        instruction_rows(InstructionRows(templates=(template,)), curated(addresses(20)))
    assert not (tmp_path / "log").exists()
