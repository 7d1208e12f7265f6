"""Every command shows an example that parses, and starts without the heavy libraries that it does not need."""

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

import triptych

HEAVY = {"torch", "mlflow", "prefect", "datasets", "transformers", "datatrove", "pandas", "sklearn", "spacy"}
LOADED = """
import json, sys, triptych
try:
    triptych.main()
except SystemExit as ended:
    print(json.dumps([ended.code or 0, sorted(sys.modules)]), file=sys.stderr)
"""
ENDS = """
import atexit, sys, triptych
def main():
    atexit.register(print, "tidied up")
    print("x" * 100_000)
    {end}
triptych.main = main
triptych.console_script()
"""
ROOT = typer.main.get_command(triptych.app)


def commands(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Each command below the group with its full name: `keys add`."""
    for name, command in group.commands.items():
        yield " ".join((*path, name)), command
        if hasattr(command, "commands"):
            yield from commands(command, (*path, name))


def command_name(words: list[str]) -> str:
    """The full name of the command that the words call; raises the parser's error where they are refused."""
    context, names = ROOT.make_context("triptych", words), []
    command: Any = ROOT
    while hasattr(command, "commands"):
        name, command, rest = command.resolve_command(context, [*context._protected_args, *context.args])
        names.append(name)
        context = command.make_context(name, rest, parent=context)
    return " ".join(names)


COMMANDS = dict(commands(ROOT))


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_shows_examples_that_parse(name):
    first, *rest = re.split(r"\s{2,}", COMMANDS[name].epilog or "")
    assert first == "Example:" and rest, f"triptych {name} --help has no example"
    lines = [shlex.split(example.removeprefix("TRIPTYCH_HOME=restored ")) for example in rest if example != "then"]
    assert {line[0] for line in lines} == {"triptych"}
    meant = [command_name(line[1:]) for line in lines]
    assert meant[0].startswith(name)


@pytest.mark.parametrize(
    "arguments",
    [("--help",), ("-h",), ("--version",), ("status", "--json"), ("run", "smoke", "--explain"), ("sql", "--list")],
)
def test_a_command_that_needs_no_heavy_library_imports_none(arguments, tmp_path: Path):
    done = subprocess.run(
        [sys.executable, "-c", LOADED, *arguments],
        env={"PYTHONPATH": str(Path(triptych.__file__).parent), "TRIPTYCH_HOME": str(tmp_path / "home")},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    code, loaded = json.loads(done.stderr.splitlines()[-1])
    assert code == 0, done.stderr
    assert not HEAVY & set(loaded)


def test_help_shows_each_command_on_one_line_of_80_columns_under_a_heading(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit):
        ROOT.main(["-h"], prog_name="triptych")
    lines = capsys.readouterr().out.splitlines()
    panels = {line.split()[1]: number for number, line in enumerate(lines) if line.startswith("╭")}
    assert list(panels) == ["Options", *triptych.PANELS] and max(map(len, lines)) <= 80
    for panel, names in triptych.PANELS.items():
        shown = lines[panels[panel] + 1 : panels[panel] + 1 + len(names)]
        assert [line.split()[1] for line in shown] == list(names)
        assert all(line.rstrip("│ ").endswith(".") for line in shown)
    assert {name for names in triptych.PANELS.values() for name in names} == set(ROOT.commands)


@pytest.mark.parametrize("command", [[], ["run"], ["keys", "add"]])
def test_help_is_a_word_too(capsys, command):
    shown = []
    for words in (["help", *command], [*command, "--help"]):
        with pytest.raises(SystemExit):
            ROOT.main(words, prog_name="triptych")
        shown.append(capsys.readouterr().out)
    assert shown[0] == shown[1] != ""


@pytest.mark.parametrize("words", [["-h"], ["run", "-h"], ["keys", "add", "--help"], ["schedule", "-h"]])
def test_help_shows_no_type_beside_a_flag(capsys, words):
    with pytest.raises(SystemExit):
        ROOT.main(words, prog_name="triptych")
    shown = capsys.readouterr().out
    assert "--help" in shown and "bool" not in shown


def test_a_mistake_in_arguments_names_the_help_of_that_command(capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["triptych", "keys", "add"])
    with pytest.raises(SystemExit, match="2"):
        triptych.main()
    assert capsys.readouterr().err == "error: Missing argument 'name'.\n  fix: triptych keys add --help\n"


def test_a_flag_that_takes_no_such_value_is_answered_in_plain_words(capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["triptych", "chat", "--max-tokens", "many"])
    with pytest.raises(SystemExit, match="2"):
        triptych.main()
    expected = "error: Invalid value for '--max-tokens': a whole number is expected\n  fix: triptych chat --help\n"
    assert capsys.readouterr().err == expected


@pytest.mark.parametrize(
    ("end", "code", "message"),
    [
        ("sys.exit(130)", 130, ""),
        ("sys.exit()", 0, ""),
        ("return", 0, ""),
        ("sys.exit('in words')", 1, "in words"),
        ("raise ValueError('ours')", 1, "Traceback"),
    ],
)
def test_a_process_ends_with_its_code_once_all_is_written_and_tidied_up(end, code, message):
    program = ENDS.format(end=end)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, message in done.stderr) == (code, True)
    assert [len(line) for line in done.stdout.splitlines()] == [100_000, len("tidied up")]


def test_a_process_that_is_started_without_stdout_ends_normally():
    command = f"{shlex.quote(sys.executable)} -m triptych sql --list >&- 2>&-"
    assert subprocess.run(["sh", "-c", command], cwd=Path(triptych.__file__).parent, check=False).returncode == 0
