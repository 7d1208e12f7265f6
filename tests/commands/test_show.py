"""Numbers that a person reads in the tables of the command line."""

import hashlib
import json
from dataclasses import asdict
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from commands.ask.show import show_what_if
from commands.home.show import show_findings, show_status
from commands.run.show import show_run
from commands.show import show_table
from flows.headline import judged_scores
from flows.record import RunRecord, StepRecord
from tasks.store.verification import MANIFEST, sealed


def status_of(record: RunRecord, **changes: Any) -> dict[str, Any]:
    """What `status` knows of a run, without a home."""
    rest = {"scores": [], "report": None, "nightly": None, "disk": {"bytes": 1}, "schedule": [], "noticed": []}
    return {**record.as_json(), **rest, **changes}


def local(iso: str) -> str:
    return datetime.fromisoformat(iso).astimezone().strftime("%Y-%m-%d %H:%M %Z")


@pytest.mark.parametrize(
    ("metrics", "words"),
    [
        ({"documents": 7547.0, "files": 14.0}, "7,547 documents"),
        ({"kept_bytes": 11_460_000.0}, "kept 11.5 MB"),
        ({"vocabulary": 8192.0, "merges": 7900.0}, "vocabulary 8,192"),
        (
            {"val_bits_per_byte": 1.423, "loss": 5.0891, "parameters": 2_655_488.0, "tokens": 675_800.0},
            "676 k tokens · 2.66 M parameters · loss 5.089 · val bits per byte 1.423",
        ),
    ],
)
def test_a_steps_line_shows_its_first_metrics_with_units(metrics, words, capsys):
    step = StepRecord("step", "0" * 64, "complete", "", 1.0, None, None, metrics=metrics)
    record = RunRecord("1", "demo", "complete", "2026-01-01T00:00:00+00:00", 1.0, steps=(step,))
    show_status(status_of(record))
    assert f"000000000000  {words}" in [
        line.rstrip()[-len(words) - 14 :] for line in capsys.readouterr().out.splitlines()
    ]


def test_the_numbers_of_a_column_are_written_alike_and_years_have_no_comma(capsys):
    show_table([{"bytes": 49_064, "year": 1999}, {"bytes": 1150, "year": 2001}])
    assert capsys.readouterr().out.splitlines() == [" bytes  year", "49,064  1999", " 1,150  2001"]


def test_a_table_that_a_script_reads_breaks_no_cell(capsys):
    show_table([{"setting": "curate.gopher_quality." + "x" * 200, "n": n} for n in (1, 2)])
    assert len(capsys.readouterr().out.splitlines()) == 3


@pytest.mark.parametrize(
    ("value", "init_sha256", "is_named"), [(2.0, None, True), (1.0, None, False), (2.0, "a", False)]
)
def test_a_base_from_scratch_that_a_baseline_beats_is_followed_by_an_adaptation(
    tmp_path, capsys, value, init_sha256, is_named
):
    entry = {"value": value, "low": 1.0, "high": 2.0, "items": 9, "better": "lower", "baselines": {"ngram": 1.5}}
    summary = json.dumps({"bits_per_byte/test": entry}).encode()
    (tmp_path / "summary.json").write_bytes(summary)
    file = {"bytes": len(summary), "sha256": hashlib.sha256(summary).hexdigest()}
    (tmp_path / MANIFEST).write_text(json.dumps(sealed({"files": {"summary.json": file}})))
    step = StepRecord("evaluate/base", "0" * 24, "complete", "", 1.0, None, str(tmp_path))
    settings = {"pretrain": {"init_sha256": init_sha256}}
    show_run(RunRecord("1", "mine", "complete", "2026-01-01T00:00:00+00:00", 1.0, steps=(step,), settings=settings))
    (following,) = (line for line in capsys.readouterr().out.splitlines() if line.startswith("next:"))
    assert ("triptych init FOLDER --adapt" in following) is is_named and "triptych chat" in following


def test_a_large_threshold_is_not_shown_as_a_power_of_ten(capsys):
    show_table([{"most": 100_000.0, "least": 0.07143, "none": None}])
    row = capsys.readouterr().out
    assert "100,000" in row
    assert "0.07143" in row
    assert "–" in row


def test_status_shows_the_date_the_judged_scores_the_page_and_the_schedule_and_no_disk(capsys, tmp_path):
    entry = {"value": 0.6, "low": 0.5, "high": 0.7, "items": 9, "better": "higher"}
    entry["baselines"] = {"majority": 0.4, "tfidf": 0.8}
    other = entry | {"baselines": {}, "better": "lower"}
    summary = json.dumps({"classify/accuracy": entry, "classify/loss": other}).encode()
    (tmp_path / "summary.json").write_bytes(summary)
    file = {"bytes": len(summary), "sha256": hashlib.sha256(summary).hexdigest()}
    (tmp_path / MANIFEST).write_text(json.dumps(sealed({"files": {"summary.json": file}})))
    step = StepRecord("evaluate/classify", "0" * 64, "complete", "", 1.0, None, str(tmp_path))
    settings = {"registry": {"classify": {"task": "classify/accuracy"}}}
    record = RunRecord("1", "demo", "complete", "2026-01-01T04:05:06+00:00", settings=settings, steps=(step,))
    (score,) = judged_scores(record)
    assert (score.baseline, score.beats_baseline) == ("tfidf", False)
    nightly = {"on": True, "recipe": "demo", "cron": "0 3 * * *", "timezone": "UTC", "next": "2026-01-02T03:00:00Z"}
    scores = [asdict(score) | {"beats_baseline": score.beats_baseline}]
    show_status(status_of(record, scores=scores, report="/home/page.html", nightly=nightly))
    shown = capsys.readouterr().out
    assert f"started {local(record.started)}\n" in shown
    assert ["classify", "classify/accuracy", "0.600", "↑", "tfidf", "0.800", "✗", "not", "better"] in [
        line.split() for line in shown.splitlines()
    ]
    assert f"report: /home/page.html\nschedule: on, recipe demo, next {local(nightly['next'])}\n" in shown
    assert "holds" not in shown
    show_status(status_of(record, nightly=nightly | {"on": False}))
    assert "schedule: off" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("metrics", "suggested"),
    [
        ({"dropped_too_short": 3.0, "dropped_spam": 5.0, "kept_bytes": 9.0}, "triptych look spam"),
        ({"kept_bytes": 9.0}, ""),
    ],
)
def test_after_a_run_its_own_commonest_reason_is_suggested_or_none(metrics, suggested, capsys):
    step = StepRecord("curate", "0" * 64, "complete", "", 1.0, None, None, metrics=metrics)
    show_run(RunRecord("1", "demo", "complete", "2026-01-01T00:00:00+00:00", 1.0, steps=(step,)))
    following = capsys.readouterr().out.splitlines()[-1].removeprefix("next:").split("·")
    assert [line.strip() for line in following if "look" in line] == [suggested][: bool(suggested)]


def test_what_if_ends_with_the_sums_and_shows_three_texts(capsys):
    changed = {"reason_today": None, "kept_then": False, "reason_then": "spam", "text": "some text"}
    sums = {f"{what}_{when}": 1 for what in ("kept", "tokens", "bytes") for when in ("today", "then")}
    show_what_if(
        {
            **{"run": "1", "recipe": "demo", "expression": "words > 1", "changes": [], "bytes_per_token": None},
            **{"sources": [], "languages": [], "reasons": [{"reason": "spam", "today": 0, "then": 5}]},
            "total": {**sums, "documents": 9, "newly_kept": 0, "newly_dropped": 5},
            "changed": [changed | {"doc_id": f"a/{number}"} for number in range(5)],
        }
    )
    lines = capsys.readouterr().out.splitlines()
    assert sum("→" in line for line in lines) == 3
    assert lines[-1] == "of 9 documents: 0 newly kept, 5 newly dropped"


def test_a_piped_table_has_right_aligned_numbers_and_no_trailing_blanks(capsys):
    show_table(
        [{"name": "a", "bytes": Decimal(11_459_842), "of": ["x/1", "y"]}, {"name": "long", "bytes": 1790, "of": []}]
    )
    assert capsys.readouterr().out.splitlines() == [
        "name       bytes  of",
        "a     11,459,842  x/1, y",
        "long       1,790",
    ]


def test_the_findings_end_with_their_sum(capsys):
    ok = {"level": "ok", "what": "Python 3.11", "cure": ""}
    show_findings([ok])
    assert capsys.readouterr().out.splitlines() == ["ok       Python 3.11", "all is well"]
    show_findings([ok, {"level": "error", "what": "no disk", "cure": "buy one"}])
    assert capsys.readouterr().out.splitlines()[1:] == [
        "error    no disk",
        "         fix: buy one",
        "errors: 1, warnings: 0",
    ]


def test_a_version_without_an_alias_is_counted_and_not_explained_again(capsys):
    models = [{"name": "m", "version": n, "aliases": aliases} for n, aliases in enumerate(([], ["champion"], []), 1)]
    show_run(RunRecord("1", "mine", "complete", "2026-01-01T00:00:00+00:00", 1.0, models=tuple(models)))
    shown = capsys.readouterr().out
    assert "✓ model m/2: champion\n" in shown and "m/1" not in shown
    assert "2 earlier versions without an alias: triptych sql -e 'FROM models'" in shown
