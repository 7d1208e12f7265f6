"""`triptych chat` as a person uses it, on a terminal of its own; and with lines piped in."""

import io
import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import triptych
from commands.models import answering
from commands.models.chat import Conversation, _print_answer, converse
from commands.models.use import Knobs
from model import hub
from model.decoder import Decoder, initialise
from model.depth import from_depth
from tasks.errors import UsageError
from tasks.home import Home
from tasks.look_up.passage_index import Passage
from tasks.models.chat_template import write_chat_template
from tasks.models.vocabulary import SPECIALS
from tasks.register.introduction import Introduction
from tests.tasks.models.byte_level import tokenizer_folder, write_tokenizer

ON_A_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
import triptych
triptych.console_script()
"""
CTRL_C, UP, CLEAR = "\x03", "\x1b[A", "\x15"
ENDLESS = 1_000_000  # tokens


class Terminal:
    """`triptych chat` on a terminal."""

    def __init__(self, home: Home, folder: Path, *arguments: str) -> None:
        self.end, child = pty.openpty()
        environment = {**os.environ, "PYTHONPATH": str(Path(triptych.__file__).parent), "TRIPTYCH_HOME": str(home)}
        self.process = subprocess.Popen(
            [sys.executable, "-c", ON_A_TERMINAL, "chat", *arguments],
            cwd=folder,
            env=environment | {"TERM": "xterm", "PYTHONUTF8": "1"},
            stdin=child,
            stdout=child,
            stderr=child,
            start_new_session=True,
        )
        os.close(child)

    def read_until(self, wanted: str, seconds: float = 60.0) -> str:
        """What it shows from now on, up to and with `wanted`."""
        shown, deadline = b"", time.monotonic() + seconds
        while wanted not in shown.decode(errors="replace"):
            ready, _, _ = select.select([self.end], [], [], max(0.0, deadline - time.monotonic()))
            assert ready, f"{wanted!r} is not in {shown!r}"
            shown += os.read(self.end, 1)
        return shown.decode(errors="replace")

    def type(self, keys: str, until: str = "» ") -> str:
        """What it shows after these keys, until it waits for the next line."""
        os.write(self.end, keys.encode())
        return self.read_until(until)

    def interrupt(self) -> None:
        """Ctrl-C while it waits for a line, until that shows. (Python misses one that comes as the wait begins.)"""
        shows = False
        while not shows:
            os.write(self.end, CTRL_C.encode())
            shows = bool(select.select([self.end], [], [], 3.0)[0])  # a second one too early would end it

    def interrupt_answer(self, keys: str) -> str:
        """What it shows of the answer to a line, which goes on until Ctrl-C ends it."""
        os.write(self.end, f"{keys}\n".encode())
        begun = self.read_until("\r\n") + "".join(os.read(self.end, 1).decode(errors="replace") for _ in range(3))
        return begun + self.type(CTRL_C)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that answers in turns."""
    folder = tokenizer_folder(tmp_path_factory.mktemp("model") / "tiny", SPECIALS)
    write_tokenizer(folder, SPECIALS, merges=[("a", "b")])
    shape = from_depth(1, 257 + len(SPECIALS), 128, "llama", width=32, heads=2, kv_heads=2)
    hub.save(initialise(Decoder(shape), seed=0), folder)
    write_chat_template(folder)
    return folder


@pytest.fixture(scope="module")
def gguf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of files for llama.cpp, which the homes of these tests share."""
    return tmp_path_factory.mktemp("gguf")


@pytest.fixture
def home(tmp_path: Path, gguf: Path) -> Home:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "gguf").symlink_to(gguf)
    return Home(tmp_path / "home")


@pytest.fixture
def terminal(weights: Path, home: Home, tmp_path: Path) -> Iterator[Terminal]:
    terminal = Terminal(home, tmp_path, str(weights), "--max-tokens", str(ENDLESS), "--temperature", "0")
    yield terminal
    terminal.process.kill()
    terminal.process.wait()
    os.close(terminal.end)


def test_a_conversation_on_a_terminal(terminal, weights, tmp_path):
    greeting = terminal.read_until("» ")
    assert f"{weights} answers (" in greeting and "); /help" in greeting
    assert terminal.type("\n").strip() == "»"  # an empty line does nothing
    assert "error: /retry: there is no message yet" in terminal.type("/retry\n")
    first = terminal.interrupt_answer("hello")
    assert " …" in first and terminal.process.poll() is None  # Ctrl-C ended the answer alone
    terminal.interrupt_answer("/retry")
    assert "temperature 0.5" in terminal.type("/temp 0.5\n")
    assert "error: /temp hot: a number from 0" in terminal.type("/temp hot\n")
    assert "written: talk.txt" in terminal.type("/save talk.txt\n")
    assert (tmp_path / "talk.txt").read_text().startswith("you: hello\n\n" + f"{weights}: ")
    assert (tmp_path / "talk.txt").read_text().count("you: ") == 1  # the answer was replaced by the new one
    assert "File exists" in terminal.type("/save talk.txt\n")
    assert "error: no model 'nothing'" in terminal.type("/model nothing\n")
    assert f"{weights} answers" in terminal.type(f"/model {weights}\n")
    assert "no command /nwe" in terminal.type("/nwe\n")
    assert "/save FILE" in terminal.type("/help\n")
    assert "a new conversation" in terminal.type(f"{UP}{CLEAR}/new\n")
    assert "error: /save: a file is expected" in terminal.type("/save\n")
    os.write(terminal.end, b"quit\n")
    assert terminal.process.wait(timeout=30) == 0
    history = tmp_path / "home" / "chat_history"
    assert history.read_text().splitlines()[:3] == ["/retry", "hello", "/retry"]
    assert history.stat().st_mode & 0o077 == 0


def test_prompts_that_the_model_knows_are_listed_and_sent_by_number(weights, home, capsys):
    conversation = Conversation(home, str(weights), Knobs(4, 0.0, 1.0, 0))
    assert conversation.command("/try") is None
    assert "no prompts are known of this model" in capsys.readouterr().err
    conversation.introduction = Introduction("It answers.", ("When?", "Continue:\nThe state"))
    conversation.introduce()
    shown = capsys.readouterr().err
    assert "It answers." in shown and "  1  When?\n  2  Continue: ↵ The state" in shown
    assert conversation.command("/try 2") == "Continue:\nThe state"
    with pytest.raises(UsageError, match="/try 3: no such prompt\n  fix: there are: 1, 2"):
        conversation.command("/try 3")


def test_the_second_ctrl_c_in_a_row_ends_it(terminal):
    terminal.read_until("» ")
    terminal.interrupt()
    assert "another Ctrl-C ends" in terminal.read_until("» ")
    terminal.interrupt()
    assert terminal.process.wait(timeout=30) == 130


def test_every_piped_line_is_a_message(weights, home, monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdin", io.StringIO("hello\n/help\n"))
    converse(home, str(weights), Knobs(3, 0.8, 0.95, seed=0))
    shown = capsys.readouterr()
    assert shown.out.count("» ") == 3 and "/retry" not in shown.out
    assert f"{weights} answers (llama.cpp, q8_0)" in shown.err
    assert [path.name for path in home.path.iterdir()] == ["gguf"]


def test_an_empty_answer_is_said_to_be_one(capsys):
    for pieces in ([], [" "]):
        _print_answer(iter(pieces))
        assert "an empty answer" in capsys.readouterr().err
    _print_answer(iter(["a", "b"]))
    assert capsys.readouterr() == ("ab\n", "")


def test_with_looking_up_the_passages_documents_stand_below_the_answer(weights, home, monkeypatch, capsys):
    class Index:
        def best(self, question, most):
            return [Passage("a#1", "abab", 2.0), Passage("b#2", "ba", 1.0), Passage("a#1", "ab", 0.5)]

    monkeypatch.setattr(answering, "passage_index", lambda home, version: Index())
    answer = answering.answer_prompt(home, str(weights), "ab?", Knobs(4, 0.0, 1.0, 0), looks_up=True)
    assert answer["passages"][0]["doc_id"] == "a#1" and answer["text"]
    assert answer["text"] != answering.answer_prompt(home, str(weights), "ab?", Knobs(4, 0.0, 1.0, 0))["text"]
    monkeypatch.setattr(sys, "stdin", io.StringIO("ab?\n"))
    converse(home, str(weights), Knobs(4, 0.0, 1.0, 0), looks_up=True)
    assert "passages of a#1" in capsys.readouterr().err
