"""The fields that templates and labels name are checked against the sources' records before anything is computed."""

import json
from pathlib import Path

import pytest

from flows.session import Request, Session, open_session
from tasks.errors import UsageError
from tasks.finetune.instructions import InstructionRows
from tasks.finetune.templates import Template
from tasks.home import Home
from tasks.ingest import document_fields


def session_of(folder: Path, *changes: str, source: str = "") -> Session:
    """The session of a recipe over the folder `text`; nothing is written."""
    (folder / "mine.toml").write_text(f'[ingest.sources.mine]\nkind = "folder"\npath = "{folder}/text"\n{source}\n')
    return open_session(Request(Home.at(folder / "home"), str(folder / "mine.toml"), changes), write=False)


def write_table(folder: Path, names: str = "question,answer,category") -> Path:
    (folder / "text").mkdir()
    rows = [f"How do I do number {n}?,Press button {n} and wait until it is done.,kind {n % 3}" for n in range(30)]
    (folder / "text" / "helpdesk.csv").write_text("\n".join([names, *rows]))
    return folder


def template(prompt: str, response: str = "{text}") -> str:
    return f"finetune.instruct.templates=[{{kind='qa', prompt='{prompt}', response='{response}'}}]"


def test_a_placeholder_that_no_document_has_is_a_mistake_with_the_nearest_name(tmp_path):
    with pytest.raises(UsageError, match=r"instruct\.templates\.0\.prompt = '\{qestion\}'.* did you mean 'question'"):
        session_of(write_table(tmp_path), template("{qestion}"), source='text_field = "answer"')


def test_a_label_that_no_document_has_is_a_mistake_with_the_nearest_name(tmp_path):
    with pytest.raises(UsageError, match=r"classify\.label = 'categry'.* did you mean 'category'"):
        session_of(write_table(tmp_path), "finetune.classify.label=categry", source='text_field = "answer"')


def test_a_template_that_names_the_field_of_the_text_has_the_text(tmp_path):
    change = template("{Question} {{x}}", "{answer}")
    session = session_of(write_table(tmp_path), change, source='text_field = "answer"')
    instruct = session.recipe.finetune.methods["instruct"]
    assert isinstance(instruct, InstructionRows)
    assert instruct.templates == (Template(kind="qa", prompt="{Question} {{x}}", response="{text}"),)
    assert session.corpus.notes == ()


def test_sql_that_names_the_field_of_the_text_is_a_mistake_that_says_its_name(tmp_path):
    with pytest.raises(UsageError, match="'answer' is where the text is read from: write 'text'"):
        session_of(write_table(tmp_path), "finetune.classify.label=left(answer, 1)", source='text_field = "answer"')


def test_a_name_that_is_like_no_other_is_a_note_and_the_run_goes_on(tmp_path):
    session = session_of(write_table(tmp_path), template("In {president}"), source='text_field = "answer"')
    (note,) = session.corpus.notes
    assert "needs 'president', which no document has" in note and "there are category" in note


def test_where_not_every_record_was_looked_at_an_absent_name_is_a_note_with_the_nearest(tmp_path):
    (tmp_path / "text").mkdir()
    rows = [{"text": f"Text number {n}.", "tags": "a"} for n in range(300)]
    (tmp_path / "text" / "a.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (note,) = session_of(tmp_path, template("{tag}")).corpus.notes
    assert "no document that was looked at has" in note and "did you mean 'tags'?" in note


def test_front_matter_and_the_columns_of_an_index_are_fields(tmp_path):
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "a.md").write_text("---\nmood: calm\n---\nA quiet day by the sea.\n")
    (tmp_path / "text" / "b.txt").write_text("Another day.\n")
    (tmp_path / "rows.csv").write_text("file,year\na.md,1901\nb.txt,1902\n")
    index = f'index = "{tmp_path}/rows.csv"\nindex_id = "file"'
    assert session_of(tmp_path, template("{mood} {year}"), source=index).corpus.notes == ()


def test_a_column_whose_name_has_spaces_can_be_a_placeholder(tmp_path):
    folder = write_table(tmp_path, "Customer question,answer,category")
    session = session_of(folder, template("{Customer question}"), source='text_field = "answer"')
    assert session.corpus.notes == ()
    values = {"customer question": "Why?", "text": "Because it is so.", "doc_id": "a"}
    from tasks.finetune.templates import instruction

    instruct = session.recipe.finetune.methods["instruct"]
    assert isinstance(instruct, InstructionRows)
    filled = instruction(instruct.templates, values, seed=0)
    assert filled and filled[1:] == ("Why?", "Because it is so.")


@pytest.mark.parametrize("text", ["{}", "{0}", "{a.b}", "{a[0]}", "{year:d}", "{year!r}"])
def test_what_str_format_would_not_look_up_by_name_is_no_placeholder(text):
    with pytest.raises(ValueError, match="is no placeholder"):
        Template(kind="a", prompt=text, response="b")


def test_a_recipe_without_such_names_reads_no_file_for_it(tmp_path, monkeypatch):
    monkeypatch.setattr("flows.named_fields.document_fields", lambda *_: pytest.fail("a file was read"))
    session_of(write_table(tmp_path), template("Continue: {opening}", "{continuation}"))


def test_no_more_files_are_read_once_the_named_fields_are_there(tmp_path, monkeypatch):
    folder = write_table(tmp_path)
    for number in range(5):
        (folder / "text" / f"more-{number}.csv").write_text("question,answer\nWhy?,Because it is so.\n")
    read = list[str]()
    monkeypatch.setattr(document_fields, "_add_file", lambda result, _, file: read.append(file.name))
    session_of(folder, template("{question}"), source='text_field = "answer"')
    assert len(read) == 6  # none of them has it
    monkeypatch.undo()
    add_file = document_fields._add_file
    monkeypatch.setattr(document_fields, "_add_file", lambda *given: (read.append(""), add_file(*given)))
    read.clear()
    session_of(folder, template("{question}"), source='text_field = "answer"')
    assert len(read) == 1
