"""`triptych chat`: a conversation with a model on the terminal; piped lines are answered one by one."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from textwrap import fill, shorten
from typing import TYPE_CHECKING, NoReturn

from commands.complete import models
from commands.models.answering import AnsweringModel
from commands.models.use import Knobs, at_hand, is_public
from tasks.errors import UsageError, UserError
from tasks.home import Home
from tasks.progress import say
from tasks.register.introduction import Introduction, introduce
from tasks.tracking.model_version import Version
from tasks.tracking.registry import locate

if TYPE_CHECKING:
    from model.chat import Turn

HELP = """\
/new          begin a new conversation
/retry        answer the last message again
/try [N]      list prompts that the model knows, or send the Nth of them
/model NAME   talk to another model; without NAME: list those there are
/temp T       draw answers at temperature T; 0: always the most likely token
/save FILE    write the conversation to a new text file
/help         show this
exit, quit    end, as Ctrl-D does; Ctrl-C ends an answer"""
PROMPT = "» "
EXIT = ("exit", "quit", "/exit", "/quit")
LINES_REMEMBERED = 1000
LINE = 100  # characters, at most


@dataclass
class Conversation:
    """A model and what was written so far; a model that continues texts is given the last message alone."""

    home: Home
    name: str
    knobs: Knobs
    looks_up: bool = False
    speaker: AnsweringModel = field(init=False)
    turns: list["Turn"] = field(init=False, default_factory=list)
    earlier: list["Turn"] = field(init=False, default_factory=list)  # those before the last message
    message: str = field(init=False, default="")
    retries: int = field(init=False, default=0)
    introduction: Introduction = field(init=False)

    def __post_init__(self) -> None:
        self.speaker = AnsweringModel(self.home, self.name, self.looks_up)
        self.introduction = _introduction(self.home, self.name)

    @property
    def greeting(self) -> str:
        does = "answers" if self.speaker.answers else "continues your text (a base model)"
        return f"{self.name} {does} ({self.speaker.engine})"

    @property
    def prompts(self) -> str:
        """Those that the model knows, numbered; "" for none."""
        lines = (" ↵ ".join(prompt.splitlines()) for prompt in self.introduction.prompts)
        return "\n".join(f"  {number}  {shorten(line, LINE, placeholder=' …')}" for number, line in enumerate(lines, 1))

    def answer(self, text: str) -> Iterator[str]:
        """The pieces of the answer. What was written by the time the caller stops is part of the conversation."""
        from model.chat import Turn

        self.message, self.earlier = text, self.turns if self.speaker.answers else []
        turns, pieces = [*self.earlier, Turn("user", text)], list[str]()
        seed = self.knobs.seed + len(turns) + self.retries
        try:
            for piece in self.speaker.reply(turns, replace(self.knobs, seed=seed)):
                pieces.append(piece)
                yield piece
        finally:
            self.turns = [*turns, Turn("assistant", "".join(pieces))] if pieces else self.earlier

    def name_sources(self) -> None:
        """Says from which documents the passages of the last answer were."""
        if self.speaker.looked_up:
            say(f"passages of {', '.join(dict.fromkeys(passage.doc_id for passage in self.speaker.looked_up))}")

    def command(self, line: str) -> str | None:
        """Does what `/NAME ARGUMENT` says; a message that is to be answered again, or None."""
        name, _, argument = line.partition(" ")
        argument = argument.strip()
        if name == "/retry":
            return self._last_message()
        if name == "/try" and argument:
            return self._known_prompt(argument)
        match name:
            case "/help":
                say(HELP)
            case "/try":
                say(self.prompts or "no prompts are known of this model")
            case "/new":
                self.turns = self.earlier = []
                say("a new conversation")
            case "/model":
                self._change_model(argument)
            case "/temp":
                self._change_temperature(argument)
            case "/save":
                self._save(argument)
            case _:
                raise UsageError(f"no command {name}", "/help shows all")
        return None

    def _last_message(self) -> str:
        if not self.message:
            raise UsageError("/retry: there is no message yet", "write one first")
        self.turns, self.retries = self.earlier, self.retries + 1
        return self.message

    def _known_prompt(self, number: str) -> str:
        by_number = {str(n): prompt for n, prompt in enumerate(self.introduction.prompts, 1)}
        if number not in by_number:
            raise UsageError(f"/try {number}: no such prompt", f"there are: {', '.join(by_number) or 'none'}")
        say(f"{PROMPT}{by_number[number]}")
        return by_number[number]

    def _change_model(self, name: str) -> None:
        if not name:
            say("\n".join([self.greeting, *models()]))
            return
        self.speaker = AnsweringModel(self.home, name, self.looks_up)
        self.introduction = _introduction(self.home, name)
        self.name, self.turns, self.earlier = name, [], []
        say(self.greeting)
        self.introduce()

    def introduce(self) -> None:
        """Says what the model is, and which prompts it knows."""
        if self.introduction.about:
            say(fill(self.introduction.about, LINE))
        if self.introduction.prompts:
            say(f"it knows prompts such as these; /try N sends one:\n{self.prompts}")

    def _change_temperature(self, text: str) -> None:
        try:
            temperature = float(text)
        except ValueError:
            temperature = -1.0
        if not 0 <= temperature < float("inf"):
            raise UsageError(f"/temp {text}: a number from 0 is expected", f"now it is {self.knobs.temperature:g}")
        self.knobs = replace(self.knobs, temperature=temperature)
        say(f"temperature {temperature:g}")

    def _save(self, file: str) -> None:
        if not file:
            raise UsageError("/save: a file is expected", "write e.g. /save talk.txt")
        path = Path(file).expanduser()
        speakers = {"user": "you", "assistant": self.name}
        text = "\n\n".join(f"{speakers[turn.role]}: {turn.text}" for turn in self.turns)
        try:
            with path.open("x", encoding="utf-8") as out:
                out.write(f"{text}\n")
        except OSError as error:
            raise UsageError(f"/save {file}: {error.strerror}", "name a new file in a folder that is there") from error
        say(f"written: {path}")


def converse(home: Home, model: str, knobs: Knobs, looks_up: bool = False) -> None:
    """A conversation until the input ends."""
    conversation = Conversation(home, model or at_hand(home), knobs, looks_up)
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        say(f"{conversation.greeting}; it ends with the input")
        with suppress(EOFError):
            while True:
                _print_answer(conversation.answer(input(PROMPT)))
                conversation.name_sources()
        return
    say(f"{conversation.greeting}; /help shows the commands, Ctrl-D ends")
    conversation.introduce()
    signal.signal(signal.SIGTERM, _end)  # Ctrl-C alone is to mean: no more of this answer
    with _line_history(home):
        _converse_on_terminal(conversation)


def _converse_on_terminal(conversation: Conversation) -> None:
    interrupts = 0
    while interrupts < 2:  # in a row, where nothing is being written
        try:
            line = input(PROMPT).strip()
        except EOFError:
            print()
            return
        except KeyboardInterrupt:
            interrupts += 1
            say("\nCtrl-D or another Ctrl-C ends" if interrupts == 1 else "")
            continue
        interrupts = 0
        if line in EXIT:
            return
        try:
            message = conversation.command(line) if line.startswith("/") else line
            if message:
                _print_answer(_printable(conversation.answer(message)))
                conversation.name_sources()
        except KeyboardInterrupt:
            print(" …")
        except UserError as error:
            say(f"error: {error}")
    raise KeyboardInterrupt


def _introduction(home: Home, model: str) -> Introduction:
    """Of a registered model; empty for any other. Its prompts quote documents: nothing in them steers a terminal."""
    if is_public(model):
        return Introduction()
    target = locate(model, home)
    known = introduce(target, home) if isinstance(target, Version) else Introduction()
    return replace(known, prompts=tuple("".join(_printable(iter([prompt]))) for prompt in known.prompts))


def _print_answer(pieces: Iterator[str]) -> None:
    is_empty = True
    for piece in pieces:
        is_empty = is_empty and not piece.strip()
        sys.stdout.write(piece)
        sys.stdout.flush()
    print()
    if is_empty:
        say("(an empty answer: the model ended it at once; /retry draws another)")


def _printable(pieces: Iterator[str]) -> Iterator[str]:
    """Nothing that steers a terminal."""
    for piece in pieces:
        yield "".join(c for c in piece if c.isprintable() or c in "\n\t")


@contextmanager
def _line_history(home: Home) -> Iterator[None]:
    """Inside, lines can be edited, and earlier ones, of other conversations too, are at the arrow keys."""
    try:
        import readline
    except ModuleNotFoundError:  # a Python that was built without it
        yield
        return
    readline.set_history_length(LINES_REMEMBERED)
    with suppress(OSError):  # none yet, or of another library's making
        readline.read_history_file(home.chat_history)
    try:
        yield
    finally:
        with suppress(OSError):  # a home that cannot be written, or that is not there, is no reason to fail
            home.chat_history.touch(mode=0o600)
            readline.write_history_file(home.chat_history)


def _end(*_: object) -> NoReturn:
    sys.exit(130)
