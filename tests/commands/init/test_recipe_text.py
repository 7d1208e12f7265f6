"""What `init` chooses for a folder: fine-tuning rows, passages, splits, prompts, labels, rules."""

import json
import random
import re
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commands.init.finetuning_rows import further_tokens, instruct_settings
from commands.init.forecast import forecast_training
from commands.init.passage_size import held_out
from commands.init.propose import propose
from commands.init.sample import Kind
from commands.init.show import summary, wrapped
from commands.init.survey import survey
from commands.init.toml_lines import put
from commands.init.training_text import openings
from commands.init.trial import MAX_DROP_SHARE, MIN_KEPT_SHARE, Trial
from flows.load import load
from flows.session import Request, open_session, perform
from tasks.errors import UserError
from tasks.finetune.own_rows import own_rows
from tasks.home import Home
from tasks.ingest.sources import IngestConfig
from tests.tasks.corpora import jsonl, write
from tests.tasks.languages import GERMAN, document, prose

pytestmark = pytest.mark.usefixtures("short_trials")


def test_rows_of_questions_and_of_pairs_are_proposed_for_their_method(tmp_path: Path) -> None:
    draw = random.Random(5)
    questions = [{"instruction": f"Say {i}", "input": "", "output": document(GERMAN, draw)} for i in range(40)]
    pairs = [{**row, "chosen": row["output"], "rejected": "No."} for row in questions]
    files = {"a.json": json.dumps(questions), "b.json": json.dumps(pairs), "c.txt": document(GERMAN, draw)}
    propose(write(tmp_path / "tuning", files), Home(tmp_path / "home"))
    tune = load("tuning").recipe.finetune
    assert tune.instruct is not None and tune.instruct.path == tmp_path / "tuning" / "a.json"
    assert tune.prefer is not None and tune.prefer.path == tmp_path / "tuning" / "b.json"


def test_a_table_of_questions_and_answers_is_taught_as_such(tmp_path: Path) -> None:
    draw = random.Random(6)
    lines = "".join(f'{i},"Frage {i}?","{document(GERMAN, draw)}",Ana\n' for i in range(60))
    table = f"id,question,answer,agent\n{lines}".replace(",", ";")  # as spreadsheets of half of the world write it
    proposal = propose(write(tmp_path / "helpdesk", {"t.csv": table}), Home(tmp_path / "home"))
    assert "rows:       t.csv, for finetune.instruct: 60 rows, question → answer" in summary(proposal)
    instruct = load("helpdesk").recipe.finetune.instruct
    assert instruct is not None and instruct.path == tmp_path / "helpdesk" / "t.csv"
    rows, _ = own_rows(instruct)
    assert len(rows) == 60 and rows[7]["prompt"] == "Frage 7?" and instruct.steps == 60
    (file,) = proposal.rows_files.values()
    many = {"instruct": file._replace(good=1000)}
    assert instruct_settings(many) == {"batch": 8, "steps": 200} and further_tokens(many) == 140 * 8 * 256
    assert instruct_settings({"instruct": file._replace(good=10**6)})["steps"] == 300


def test_a_table_as_a_spreadsheet_of_windows_writes_it_is_taught_in_its_encoding(tmp_path: Path) -> None:
    draw = random.Random(6)
    answers = [" ".join(document(GERMAN, draw).split()) for _ in range(60)]
    lines = "".join(f"Wo ist das Büro {i}?;{answer} Grüße\n" for i, answer in enumerate(answers))
    table = f"question;answer\n{lines}".encode("cp1252", errors="ignore")
    propose(write(tmp_path / "mail", {"t.csv": table}), Home(tmp_path / "home"))
    instruct = load("mail").recipe.finetune.instruct
    assert instruct is not None and instruct.encoding == "cp1252"
    assert own_rows(instruct)[0][7]["prompt"] == "Wo ist das Büro 7?"


def test_a_folder_of_conversations_alone_gives_texts_and_fine_tuning_rows(tmp_path: Path) -> None:
    draw = random.Random(9)
    answers = [document(GERMAN, draw) for _ in range(40)]
    talks = [
        {
            "prompt_id": f"{i:032x}",
            "messages": [{"role": "user", "content": f"Und {i}?"}, {"role": "assistant", "content": a}],
        }
        for i, a in enumerate(answers)
    ]
    proposal = propose(write(tmp_path / "talks", {"a.jsonl": jsonl(*talks)}), Home(tmp_path / "home"))
    recipe = load("talks").recipe
    assert recipe.ingest.read()["folder"].text_field == "messages"
    assert recipe.finetune.instruct is not None and recipe.finetune.instruct.path == tmp_path / "talks" / "a.jsonl"
    assert f"Und 0?\n\n{answers[0]}" in proposal.survey.texts


def test_rows_with_errors_are_proposed_with_what_they_need_and_useless_ones_are_not(tmp_path: Path) -> None:
    draw = random.Random(5)
    questions = [{"instruction": f"Say {i}", "output": document(GERMAN, draw)} for i in range(80)]
    questions += [{"instruction": f"Say {i}", "output": ""} for i in range(12)]
    pairs = [{"prompt": "Say it", "chosen": f"Yes {i}.", "rejected": "No."} for i in range(60)]  # of one split
    lines = "\n".join(map(json.dumps, questions))  # lines in a file that is called .json
    files = {"a.json": lines, "b.jsonl": jsonl(*pairs), "c.txt": document(GERMAN, draw)}
    proposal = propose(write(tmp_path / "tuning", files), Home(tmp_path / "home"))
    tune = load("tuning").recipe.finetune
    assert tune.instruct is not None and tune.instruct.max_bad_rows == 12
    assert tune.prefer is None
    assert load("tuning").recipe.ingest.read()["folder"].exclude == ("a.json",)
    shown = "\n".join(summary(proposal))
    assert "12 of its rows cannot be used" in shown and re.search(
        "b.jsonl is not proposed.*none of 60 rows falls", shown
    )


def test_copies_of_one_short_text_are_cut_so_that_three_splits_are_filled(tmp_path: Path) -> None:
    text = "\n\n".join(document(GERMAN, random.Random(n)) for n in range(3))
    proposal = propose(write(tmp_path / "notes", {f"{n}.txt": text for n in range(4)}), Home(tmp_path / "home"))
    assert proposal.forecast.tokens < len(text) / proposal.trial.bytes_per_token  # of one copy, less what is held out
    record = perform(open_session(Request(Home(tmp_path / "home"), "notes", until="curate")))
    assert record.state == "complete", record.error


def test_text_too_short_to_hold_any_out_is_reported_and_nothing_is_proposed(tmp_path: Path) -> None:
    folder = write(tmp_path / "notes", {"a.txt": "Zu kurz. " * 40, "b.txt": "Zu kurz. " * 40})
    with pytest.raises(UserError, match=r"360 characters of text that differs, in 1 document[\s\S]*2,400 characters"):
        propose(folder, Home(tmp_path / "home"))
    assert not Path("notes.toml").exists()


@pytest.mark.parametrize(("books", "megabytes", "share"), [(1, 5, 0.03), (1, 0.8, 0.1), (1, 0.1, 0.2), (25, 5, 0.2)])
def test_what_is_held_out_follows_the_passages_of_few_books_and_the_texts_of_many(
    tmp_path: Path, books: int, megabytes: float, share: float
) -> None:
    surveyed = survey(write(tmp_path / "books", {"a.txt": "Wort " * 3000}), Home(tmp_path / "home"))
    surveyed = replace(surveyed, kinds={".txt": Kind(books, round(megabytes * 1e6), books, round(megabytes * 1e6))})
    surveyed = replace(surveyed, texts=tuple(f"{n} Wort" for n in range(3)))
    assert held_out(surveyed) == share
    flat = Trial(1e6, {}, (), 1.0, 0.0, 4.0, 1e9)
    assert forecast_training(surveyed, flat).tokens == pytest.approx(megabytes * 1e6 / 4 * (1 - 2 * share), abs=1)


def test_copies_and_near_copies_are_shares_of_the_same_texts(tmp_path: Path) -> None:
    surveyed = survey(write(tmp_path / "mail", prose(GERMAN, 9)), Home(tmp_path / "home"))
    surveyed = replace(surveyed, duplicates=0.4, kinds={".txt": Kind(1400, 240_000, 1400, 240_000)})
    trial = Trial(1e6, {}, (), 1.0, 0.3, 4.0, 1e11)
    assert held_out(surveyed, trial.near_copies) == 0.1, "420 texts that differ: 3 % of them would be a handful"
    forecast = forecast_training(surveyed, trial)
    assert forecast.tokens == pytest.approx(60_000 * 0.3 * 0.8, abs=1)
    assert forecast.steps == 100, "a small text is read more often than four times"


def test_a_tiny_text_is_not_learned_by_heart_and_a_slow_machine_is_not_overrun(tmp_path: Path) -> None:
    surveyed = survey(write(tmp_path / "mail", prose(GERMAN, 9)), Home(tmp_path / "home"))
    tiny, small = ({".txt": Kind(300, size, 300, size)} for size in (12_000, 200_000))
    assert forecast_training(replace(surveyed, kinds=tiny), Trial(1e6, {}, (), 1.0, 0.0, 4.0, 1e9)).steps == 23
    assert forecast_training(replace(surveyed, kinds=small), Trial(1e6, {}, (), 1.0, 0.0, 4.0, 1e6)).steps == 20


@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=80), max_size=4))
def test_openings_of_any_texts_are_short_distinct_and_survive_toml(texts: list[str]) -> None:
    prompts = openings(texts)
    assert len(set(prompts)) == len(prompts) <= 2 and all(0 < len(prompt) <= 32 for prompt in prompts)
    assert tomllib.loads(put("prompts", prompts, "why\n\x7f")) == {"prompts": prompts}
    assert tomllib.loads(put("key", texts)) == {"key": texts}


def test_an_opening_reveals_no_address() -> None:
    assert openings(["# Hello\n\nwrite to ann@example.org today, please"]) == ["# Hello write to [email] today,"]
    assert openings(["That is expected after Monday: the account is"]) == ["That is expected after Monday:"]
    assert openings(["吾輩は猫である" * 30]) == [("吾輩は猫である" * 30)[:32]]


def test_the_label_field_is_no_column_of_ours_and_one_named_label_is_preferred(tmp_path: Path) -> None:
    draw = random.Random(3)
    fields = {"split": ("dev", "test"), 'to"pic': "ab", "topic": "ab", "Label": "xy"}
    rows = [{"text": document(GERMAN, draw)} | {k: v[i % 2] for k, v in fields.items()} for i in range(50)]
    surveyed = survey(write(tmp_path / "talks", {"a.jsonl": jsonl(*rows)}), Home(tmp_path / "home"))
    assert surveyed.label_field == "Label" and surveyed.classes == ("x", "y")


def test_a_terminal_breaks_the_lines_of_a_proposal_between_words() -> None:
    lines = ["takes:      1 .csv (419.4 kB)", "expect:     " + "too little to learn " * 6, "path:       " + "x" * 90]
    assert wrapped(lines, None) == lines
    broken = wrapped(lines, 40)
    assert broken[:3] == [lines[0], "expect:     too little to learn too", "            little to learn too little"]
    assert all(len(line) <= 40 or "x" * 90 in line for line in broken)


def test_a_field_that_most_documents_have_is_a_label_and_one_that_few_have_is_none(tmp_path: Path) -> None:
    draw = random.Random(4)
    moods = [f"---\nmood: {('calm', 'glad')[n % 2]}\n---\n" if n % 3 else "---\nrare: a\n---\n" for n in range(75)]
    notes = {f"{n}.md": mood + document(GERMAN, draw) for n, mood in enumerate(moods)}
    proposal = propose(write(tmp_path / "vault", notes), Home(tmp_path / "home"))
    assert "labels:     mood, for finetune.classify: calm, glad" in summary(proposal)
    assert "or:         triptych init vault --adapt    (continues a public model on it: most want this)" in summary(
        proposal
    )


def test_where_most_records_are_bad_the_proposed_run_goes_on(tmp_path: Path) -> None:
    texts = {f"{n:02d}.jsonl": jsonl({"text": text}) for n, text in enumerate(prose(GERMAN, 15).values())}
    folder = write(tmp_path / "texts", texts | {f"bad{n}.jsonl": "{" for n in range(30)})
    propose(folder, Home(tmp_path / "home"))
    assert load("texts").recipe.ingest.max_bad_fraction == pytest.approx(0.92, abs=0.01)
    record = perform(open_session(Request(Home(tmp_path / "home"), "texts", until="ingest")))
    assert record.state == "complete", record.error


def test_the_share_of_bad_records_that_a_run_may_have_is_little_more_than_in_the_sample(tmp_path: Path) -> None:
    texts = [{"text": text} for text in prose(GERMAN, 99).values()]
    write(tmp_path / "one", {"a.jsonl": jsonl(*texts, {"body": "x"})})
    propose(tmp_path / "one", Home(tmp_path / "home"))
    assert 0.01 < load("one").recipe.ingest.max_bad_fraction < 0.06
    broken = json.dumps(texts)[1:-1].replace('"text"', "text")
    write(tmp_path / "lost", {"a.jsonl": jsonl(*texts), "b.json": f'[{{"text": "x"}}, {broken}]'})
    proposal = propose(tmp_path / "lost", Home(tmp_path / "home"))
    assert 0.5 < proposal.survey.bad_share < 0.75  # one record, and half of the bytes
    write(tmp_path / "few", {"a.jsonl": jsonl(*texts * 20, {"body": "x"})})
    propose(tmp_path / "few", Home(tmp_path / "home"))
    assert load("few").recipe.ingest.max_bad_fraction == IngestConfig().max_bad_fraction


def test_a_reason_is_shown_with_the_numbers_of_its_first_record(tmp_path: Path) -> None:
    rows = "".join(f"{i},Der Nebel {i}\n" for i in range(90)) + "".join(f"{i},a,b{',c' * (i % 3)}\n" for i in range(9))
    surveyed = survey(write(tmp_path / "in", {"a.csv": f"id,text\n{rows}"}), Home(tmp_path / "home"))
    assert surveyed.bad == {"3 fields, where the first line has 2": 9}
    with pytest.raises(UserError, match=r"4 × NUL byte.*(?s:.*)leave these files out: they hold no text"):
        survey(write(tmp_path / "binary", {f"{i}.txt": f"a\0{i}" for i in range(4)}), Home(tmp_path / "home"))


def test_rules_that_together_drop_much_are_switched_off_until_most_is_kept(tmp_path: Path) -> None:
    draw = random.Random(7)
    plain = [document(GERMAN, draw) for _ in range(60)]
    spoilt = {0: "Lorem ipsum dolor sit.", 1: "Eine { Klammer } steht hier."}  # a twelfth each
    texts = {f"{i:02d}.txt": f"{text} {spoilt.get(i % 12, '')}" for i, text in enumerate(plain)}
    texts |= {f"{i:02d}.txt": "Zu kurz." for i in range(2, 60, 12)}
    trial = propose(write(tmp_path / "notes", texts), Home(tmp_path / "home")).trial
    assert trial.kept >= MIN_KEPT_SHARE
    assert any(trial.dropped[reason] <= MAX_DROP_SHARE for reason in trial.switched_off), trial
