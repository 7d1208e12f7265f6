"""Feedback as rows that fine-tuning reads: no prompt is both trained and held out, and each row says what it is of."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.errors import UsageError, UserError
from tasks.evaluate.question_file import read_questions
from tasks.feedback.entry import Asked, Feedback
from tasks.feedback.export import export_rows
from tasks.feedback.rows import INSTRUCTIONS, KTO, PREFERENCES, QUESTIONS, feedback_rows
from tasks.finetune.methods.kto import labelled_answer
from tasks.finetune.methods.prefer import preference
from tasks.finetune.row_formats import conversation
from tests.tasks.feedback.entries import judged, vote

READERS = {INSTRUCTIONS: conversation, PREFERENCES: preference, KTO: labelled_answer}
TURNS = (Asked("system", "Be short."), Asked("user", "a?"), Asked("assistant", "b"), Asked("user", "c?"))


def records(entries: list[Feedback], held_out: float = 0.0) -> dict[str, list[dict]]:
    return {name: [row.record for row in made] for name, made in feedback_rows(entries, held_out).files.items()}


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_each_file_is_read_by_its_method_and_names_the_entries_behind_each_row(tmp_path):
    entries = [
        judged("Who?", "A.", rating="up"),
        judged("Who?", "B.", rating="down"),
        judged("When?", "Never.", correction="In May.", rating="down"),
        judged(messages=TURNS, answer="d", correction="e"),
        vote("m/1", "m/2", "right", prompt="Where?"),
        vote("m/1", "m/2", "both", prompt="Why?"),
    ]
    written = export_rows(entries, tmp_path / "rows", 0.0)
    assert written["files"] == {QUESTIONS: 0, INSTRUCTIONS: 3, PREFERENCES: 3, KTO: 3}
    assert written["left_out"] == {"votes for both or none prefer neither": 1}
    read = {name: [reader(row) for row in lines(tmp_path / "rows" / name)] for name, reader in READERS.items()}
    assert [row["response"] for row in read[INSTRUCTIONS]] == ["In May.", "e", "A."]
    assert [turn["is_target"] for turn in read[INSTRUCTIONS][1]["messages"]] == [False, False, False, False, True]
    chosen = [(row["response"], row["rejected"]) for row in read[PREFERENCES]]
    assert chosen == [("In May.", "Never."), ("e", "d"), ("of m/2", "of m/1")]
    assert [(row["response"], row["desirable"]) for row in read[KTO]] == [
        ("A.", True),
        ("B.", False),
        ("Never.", False),
    ]
    of = {(line["file"], line["line"]): line["feedback"] for line in lines(tmp_path / "rows" / "lineage.jsonl")}
    assert of[PREFERENCES, 3] == entries[4].id and of[KTO, 2] == entries[1].id and len(of) == 9
    assert lines(tmp_path / "rows" / PREFERENCES)[2]["lineage"][0]["other_model"] == "m/2"
    assert lines(tmp_path / "rows" / KTO)[1]["lineage"] == [
        {"feedback": entries[1].id, "model": "m/1", "time": entries[1].time}
    ]


def test_held_out_corrections_become_questions_and_a_conversation_around_them_is_not_trained(tmp_path):
    prompts = [f"Question {n}?" for n in range(60)]
    entries = [judged(prompt, "wrong", correction=f"right {prompt}") for prompt in prompts]
    made = records(entries, 0.3)
    asked = {row["prompt"] for row in made[QUESTIONS]}
    assert asked and asked | {row["prompt"] for row in made[INSTRUCTIONS]} == set(prompts)
    around = (Asked("user", min(asked).upper()), Asked("assistant", "x"), Asked("user", "And?"))
    more = feedback_rows([*entries, judged(messages=around)], 0.3)
    assert KTO not in more.files and more.left_out.total() == 1
    assert {tuple(row) for row in made[QUESTIONS]} == {("id", "prompt", "answers", "kind")}
    export_rows([*entries, judged(messages=TURNS, answer="d", correction="e")], tmp_path, 0.3)
    assert {question.id for question in read_questions(tmp_path / QUESTIONS).questions} >= {
        row["id"] for row in made[QUESTIONS]
    }
    twice = records([judged("Q?", "w", correction="one two"), judged("Q?", "v", correction="x " * 9)], 0.99999)
    assert [(row["answers"], row["kind"]) for row in twice[QUESTIONS]] == [(["one two", "x x x x x x x x x"], "f1")]


def test_the_later_judgement_of_one_person_counts_and_people_who_disagree_cancel_out():
    changed = [judged(rating="up"), judged(rating="down")]
    assert [row["label"] for row in records(changed)[KTO]] == [False]
    assert records([judged(rating="up", who="ada"), judged(rating="down", who="bob")]) == {}
    corrected = [judged(rating="up", who="ada"), judged(correction="Now.", who="bob")]
    assert [row["response"] for row in records(corrected)[INSTRUCTIONS]] == ["Now."]
    sides = [vote("m/1", "m/2", "left", who="ada"), vote("m/2", "m/1", "left", who="bob")]
    assert records(sides) == {}
    assert records([*sides, vote("m/2", "m/1", "right", who="eve")])[PREFERENCES][0]["chosen"] == "of m/1"


@given(
    st.lists(
        st.builds(
            lambda prompts, answer, rating, correction: judged(
                messages=tuple(Asked(("user", "assistant")[n % 2], text) for n, text in enumerate(prompts)),
                answer=answer,
                rating=rating,
                correction=correction,
                kind="correction" if correction else "rating",
            ),
            st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=3).filter(lambda turns: len(turns) % 2),
            st.sampled_from(("", "x", "y")),
            st.sampled_from(("up", "down")),
            st.sampled_from((None, "p", "q")),
        ),
        max_size=12,
    )
)
def test_every_entry_is_in_a_row_or_left_out_and_no_prompt_is_trained_and_held_out(entries):
    rows = feedback_rows(entries, 0.4)
    assert len(rows.used) + rows.left_out.total() == len(entries)
    held = {entry.prompt for row in rows.files.get(QUESTIONS, []) for entry in row.entries}
    trained = [entry for name in READERS for row in rows.files.get(name, []) for entry in row.entries]
    assert not held & {turn.content for entry in trained for turn in entry.messages if turn.role == "user"}
    for name, reader in READERS.items():
        for row in rows.files.get(name, []):
            reader(row.record)


def test_an_export_replaces_the_last_one_and_says_where_there_is_nothing_to_write(tmp_path):
    export_rows([judged(), vote("m/1", "m/2", "left")], tmp_path, 0.0)
    export_rows([judged()], tmp_path, 0.0)
    assert not (tmp_path / PREFERENCES).exists() and len(lines(tmp_path / KTO)) == 1
    with pytest.raises(UserError, match="no row can be made of 1 entries"):
        export_rows([vote("m/1", "m/2", "none")], tmp_path, 0.0)
    with pytest.raises(UsageError, match="a file, no folder"):
        export_rows([judged()], tmp_path / KTO, 0.0)
