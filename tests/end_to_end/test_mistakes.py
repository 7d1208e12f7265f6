"""Mistakes of users and failures of machines: a clear line with a fix, the right exit code, nothing lost."""

import json
import signal
import subprocess
from pathlib import Path

import pytest

from flows.servers.prefect_server import ensure_server
from tasks.home import Home
from tests.end_to_end.conftest import CommandLine, check_exit
from tests.processes import wait_until


@pytest.fixture
def empty(tmp_path: Path) -> CommandLine:
    return CommandLine(Home(tmp_path / "runs"))


def error_of(cli: CommandLine, *arguments: str, code: int) -> str:
    """The text on stderr, which always has a fix."""
    stderr = cli.call(*arguments, code=code).stderr
    assert "fix: " in stderr, stderr
    return stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("run", "smoke", "--set", "pretrain.stepz=3"), "did you mean 'steps'"),
        (("run", "nonesuch"), "no recipe 'nonesuch'"),
        (("run", "smoke", "--until", "pretran"), "did you mean 'pretrain'"),
        (("run", "smoke", "--only", "encode", "--from", "encode"), "--only goes alone"),
        (("run", "smoke", "--no-such-flag"), "No such option"),
        (("sql", "drop_reason"), "did you mean 'drop_reasons'"),
        (("sql",), "one question is expected"),
        (("export", "smoke-base@champion", "--to", "x", "--format", "zip"), "there are: hf"),
    ],
)
def test_a_bad_recipe_flag_or_argument_ends_with_2_and_a_fix(empty, arguments, words):
    assert words in error_of(empty, *arguments, code=2)


def test_a_missing_or_empty_folder_or_one_of_pictures_ends_with_1_and_a_fix(empty, tmp_path):
    assert "no folder" in error_of(empty, "run", "smoke", "--set", f"ingest.path={tmp_path / 'nowhere'}", code=1)
    folder = tmp_path / "folder"
    folder.mkdir()
    assert "no file that can be read" in error_of(empty, "run", "smoke", "--set", f"ingest.path={folder}", code=1)
    (folder / "cat.png").write_bytes(b"\x89PNG")
    assert ".png" in error_of(empty, "run", "smoke", "--set", f"ingest.path={folder}", code=1)


def test_a_home_without_a_run_names_the_command_to_type(empty):
    for arguments in (("sql", "overview"), ("chat", "--prompt", "Hello")):
        assert "triptych run demo" in error_of(empty, *arguments, code=1)
    assert empty.json("status")["run"] is None


def test_a_home_that_cannot_be_written_ends_with_1_and_a_fix(tmp_path):
    (tmp_path / "file").write_text("a file where a folder should be")
    assert "TRIPTYCH_HOME" in error_of(CommandLine(Home(tmp_path / "file" / "runs")), "run", "smoke", code=1)


def test_a_corpus_that_loses_every_document_fails_with_the_reasons_and_what_loosens_them(own_smoke):
    cli, _ = own_smoke
    result = cli.fork(
        "run", "smoke", "--until", "curate", "--set", "curate.gopher_quality.min_doc_words=100000", code=1
    )
    assert "gopher_short_doc" in result.stderr and "--set" in result.stderr


def test_an_invalid_rule_is_reported_with_the_nearest_names_and_nothing_else(own_smoke):
    cli, _ = own_smoke
    message = cli.call("run", "smoke", "--set", "curate.keep_if.long=plain_word >= 8", code=2).stderr
    assert "curate.keep_if" in message and "no signal or column 'plain_word'" in message
    assert "did you mean plain_words" in message
    label = "finetune.classify.label=year < 'long ago'"
    result = cli.fork("run", "smoke", "--only", "finetune/classify", "--set", label, code=1)
    assert "leaked" not in result.stderr  # DuckDB's word where a mistake holds its connection at exit


def test_only_with_an_incomplete_input_ends_with_1_and_names_it(own_smoke):
    cli, _ = own_smoke
    result = cli.fork("run", "smoke", "--only", "evaluate/base", "--set", "pretrain.seed=99", code=1)
    assert "its input pretrain is not complete" in result.stdout


def test_a_run_that_is_ended_or_killed_in_training_goes_on_from_there_and_prefect_knows(own_smoke):
    cli, _ = own_smoke
    arguments = ("run", "smoke", "--until", "pretrain", "--set", "pretrain.seed=7", "--set", "pretrain.steps=100")
    rows = list[str]()
    for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 130), (signal.SIGKILL, -signal.SIGKILL)):
        process = cli.process(*arguments)
        wait_for_step(cli, len(rows) + 5)
        process.send_signal(number)
        out, err = process.communicate(timeout=120)
        check_exit(subprocess.CompletedProcess(arguments, process.returncode, out, err), arguments, code)
        assert ("the same command goes on from there" in err) == (code == 130)
        (log,) = cli.home.path.glob("store/pretrain/*.partial/metrics.jsonl")
        before, rows = rows, log.read_text().splitlines()
        assert rows[: len(before)] == before and len(rows) < 100, "a rerun goes on, it does not begin again"
    last = cli.json(*arguments, "--set", "pretrain.checkpoint_every=1000")["steps"][-1]
    assert last["state"] == "complete"
    whole = Path(last["path"], "metrics.jsonl").read_text().splitlines()
    assert whole[: len(rows)] == rows and len(whole) == 100
    runs = ensure_server(cli.home).post("/flow_runs/filter", {"sort": "START_TIME_DESC", "limit": 2})
    assert [run["state"]["name"] for run in runs] == ["Completed", "Crashed"]


def wait_for_step(cli: CommandLine, step: int) -> None:
    """Returns once the training of this home has written so many rows."""
    logs = "store/pretrain/*.partial/metrics.jsonl"
    wait_until(lambda: any(path.read_text().count("\n") >= step for path in cli.home.path.glob(logs)), 120, pause=0.05)


def test_a_full_disk_ends_with_1_and_a_fix_and_the_rerun_makes_the_same_bytes(smoke, forks, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", disk], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("mounting a small disk needs more rights than this user has")
    try:
        first = forks.start(disk / "home", "run", "smoke").wait()
        assert first.returncode == 1 and "No space left" in first.stderr and "fix: " in first.stderr, first
        subprocess.run(["mount", "-o", "remount,size=400m", disk], check=True)
        second = forks.start(disk / "home", "run", "smoke", "--until", "tokenizer", "--json").wait()
        assert second.returncode == 0, second
        made = json.loads(second.stdout.splitlines()[-1])["steps"]
        _, undisturbed = smoke
        assert [s["sha256"] for s in made] == [s["sha256"] for s in undisturbed["steps"]][: len(made)]
    finally:
        subprocess.run(["umount", "-l", disk], check=True)
