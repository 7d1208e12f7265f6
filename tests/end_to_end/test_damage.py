"""A byte of an artifact is flipped on the disk: whatever would be answered from it ends with an error and a fix."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from flows.record import RunRecord
from flows.report import write_report
from flows.session import Request, open_session, perform
from tasks.errors import UserError
from tasks.store.verification import verify

TRACE, LOOK, MASK = ("trace", "--step", "1"), ("look", "kept"), ("mask", "smoke")
FILES = {  # label, file of its artifact → a command that reads it, and would answer
    ("ingest", "documents/*.parquet"): ("sql", "-e", "select count(text) from ingest_documents"),
    ("signals", "signals.parquet"): ("sql", "-e", "select avg(words) from signals"),
    ("curate", "decisions.parquet"): LOOK,
    ("curate", "texts.parquet"): LOOK,
    ("tokenizer", "tokenizer.json"): ("report",),
    ("encode", "train*.arrow"): TRACE,
    ("pretrain", "metrics.jsonl"): ("sql", "-e", "select max(loss) from curve"),
    ("pretrain", "data.json"): TRACE,
    ("pretrain", "weights/model.safetensors"): ("report",),
    ("finetune/instruct", "rows/*/*.arrow"): MASK,
    ("evaluate/base", "scores.parquet"): ("sql", "leaderboard"),
    ("evaluate/base", "summary.json"): ("report",),
    ("pretrain", "manifest.json"): TRACE,
}


def artifact(run: dict, label: str) -> Path:
    (step,) = (step for step in run["steps"] if step["step"] == label)
    return Path(step["parts"][0]["path"] if step["parts"] else step["path"])


@pytest.fixture
def flipped(own_smoke, request: pytest.FixtureRequest) -> Iterator[Path]:
    """The file with its middle byte changed; as it was afterwards. Its other names, in other homes, keep theirs."""
    label, pattern = request.param
    path = next(iter(sorted(artifact(own_smoke[1], label).glob(pattern))))
    whole = path.read_bytes()
    middle = len(whole) // 2
    path.unlink()
    path.write_bytes(whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :])
    yield path
    path.unlink()
    path.write_bytes(whole)


def run(own_smoke, start: str = "", until: str = "") -> RunRecord:
    """The record of a run that is not the latest afterwards: its file is removed."""
    home = own_smoke[0].home
    record = perform(open_session(Request(home, "smoke", start=start, until=until)))
    (home.records / f"{record.run}.json").unlink()
    return record


@pytest.mark.parametrize(("flipped", "command"), FILES.items(), indirect=["flipped"], ids="/".join)
def test_a_flipped_byte_is_noticed_by_a_run_and_by_whoever_asks(own_smoke, flipped, command, without_mlflow):
    message = f"{flipped}: not what was stored"
    assert message in run(own_smoke).error
    asked = own_smoke[0].call(*command, code=1).stderr
    assert message in asked and "fix: rm -r" in asked


@pytest.mark.parametrize("flipped", [("pretrain", "metrics.jsonl")], indirect=True)
def test_a_report_on_damaged_figures_ends_with_an_error_and_its_fix(own_smoke, flipped):
    with pytest.raises(UserError, match=r"metrics\.jsonl: not what was stored"):
        write_report(own_smoke[0].home)


@pytest.mark.parametrize("flipped", [("ingest", "documents/*.parquet")], indirect=True)
def test_a_step_computed_again_replaces_the_damaged_file_and_the_rest_is_served(own_smoke, flipped, without_mlflow):
    again = run(own_smoke, "ingest", "curate")
    assert again.state == "complete"
    reason = next(step.reason for step in again.steps if step.step == "ingest")
    assert reason.startswith("reproduced, and stored anew") and flipped.name in reason
    verify(flipped.parents[1])
    assert {step.state for step in run(own_smoke).steps} == {"cached"}
