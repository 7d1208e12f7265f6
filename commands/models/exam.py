"""`triptych eval --questions`: models answer a user's own questions, by themselves and with what they can look up."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from commands.models.adapted import with_adapter
from commands.models.elsewhere import answerer_at
from commands.models.use import at_hand, is_public, model_path
from tasks.endpoints.address import EndpointAddress, is_address, parse_address
from tasks.endpoints.budget import Budget
from tasks.errors import UsageError
from tasks.home import Home
from tasks.models.hub_place import GGUF
from tasks.models.pretrained import copy_tokenizer, decoder_of
from tasks.models.prompting import prompt_builder
from tasks.progress import say
from tasks.tracking.model_version import Version
from tasks.tracking.registry import locate

if TYPE_CHECKING:
    from tasks.evaluate.answering import Answerer
    from tasks.evaluate.exam import AnsweredQuestion
    from tasks.look_up.passage_index import PassageIndex

LOOKED_UP = "+lookup"  # after the name of a model that is given passages


@dataclass(frozen=True)
class ExamRequest:
    """What the command line orders; without a model the champion of the latest run is asked."""

    questions: Path
    models: tuple[str, ...] = ()
    adapter: Path | None = None
    look_up: bool = False
    run: str = ""  # whose training text is searched; "": each model's own
    max_tokens: int = 128
    budget: Budget = field(default_factory=Budget)  # of what models elsewhere may be asked, all of them together


@dataclass(frozen=True)
class Examinee:
    """A model as its user calls it, what it is, and the version that it is of, where it is registered."""

    name: str
    place: Path | EndpointAddress
    version: Version | None


@dataclass(frozen=True)
class ExamResult:
    """The answers of each examinee, by name; `trained` is the one that was tuned, `base` the one it began from."""

    task: str
    answered: Mapping[str, Sequence["AnsweredQuestion"]]
    trained: str
    base: str  # "": none is known

    @property
    def rows(self) -> list[dict[str, Any]]:
        """task, model, value, low, high, items."""
        import numpy as np

        from tasks.evaluate.config import EvaluateConfig
        from tasks.evaluate.intervals import mean_interval

        drawing, rows = EvaluateConfig(), list[dict[str, Any]]()
        for name, answered in self.answered.items():
            scores = np.array([each.score for each in answered])
            ids = [each.question.id for each in answered]
            value, low, high = mean_interval(scores, np.ones(len(ids)), ids, drawing.draws, drawing.seed)
            rows.append({"task": self.task, "model": name, "value": value, "low": low, "high": high, "items": len(ids)})
        return rows

    def sentence(self) -> str:
        """Whether training was the right tool; "" where nothing is beside the trained model."""
        from tasks.comparison.tuning import Roles, training_in_words

        scores = {name: [each.score for each in answered] for name, answered in self.answered.items()}
        beside = [
            name if name in scores else ""
            for name in ((self.base or self.trained) + LOOKED_UP, self.trained + LOOKED_UP)
        ]
        return training_in_words(scores, Roles(self.trained, self.base, *beside))

    def write_answers(self, file: Path) -> None:
        """A JSON line per examinee and question; UsageError where the file cannot be written."""
        lines = (
            json.dumps(each.as_json(name), ensure_ascii=False) + "\n"
            for name, answered in self.answered.items()
            for each in answered
        )
        try:
            file.write_text("".join(lines), encoding="utf-8")
        except OSError as error:
            raise UsageError(f"--answers {file}: {error.strerror}", "name a file in a folder that is there") from error


def examine(home: Home, request: ExamRequest) -> ExamResult:
    """Every model's answers; those of the base of a model that looks up are among them."""
    from tasks.evaluate.exam import take_exam
    from tasks.evaluate.question_file import read_questions

    asked = read_questions(request.questions)
    examinees = _examinees(home, request)
    trained, base = _trained_and_base(examinees)
    index_of = _indexes(home, request, examinees) if request.look_up else None
    answered = dict[str, Sequence["AnsweredQuestion"]]()
    for each in examinees:
        answerer = _answerer(each, home, request.budget)
        answered[each.name] = take_exam(asked.questions, answerer, request.max_tokens)
        if index_of:
            answers = take_exam(asked.questions, answerer, request.max_tokens, index_of(each))
            answered[each.name + LOOKED_UP] = answers
    return ExamResult(asked.name, answered, trained, base)


def _examinees(home: Home, request: ExamRequest) -> list[Examinee]:
    """All are looked up before the first one answers; with looking up the base of a single one is asked too."""
    first, *others = request.models or (at_hand(home),)
    if request.adapter and is_address(first):
        raise UsageError(f"--adapter changes no model elsewhere ({first})", "name the model that it is for first")
    changed = with_adapter(home, first, request.adapter)
    name = f"{first}+{request.adapter.name}" if request.adapter else first
    examinees = [Examinee(name, _place(home, changed), None if request.adapter else _version(home, first))]
    examinees += [Examinee(each, _place(home, each), _version(home, each)) for each in others]
    parent = examinees[0].version.tags.get("parent") if examinees[0].version else None
    if request.look_up and len(examinees) == 1 and parent:
        say(f"  {parent}, which {name} began from, is asked too")
        examinees.append(Examinee(parent, model_path(home, parent), _version(home, parent)))
    names = [each.name for each in examinees]
    if twice := next((each for each in names if names.count(each) > 1), None):
        raise UsageError(f"{twice} is named twice", "name each model once")
    return examinees


def _indexes(home: Home, request: ExamRequest, examinees: Sequence[Examinee]) -> Callable[[Examinee], "PassageIndex"]:
    """The index of each one's training text; of a model that is not registered that of the first one that is."""
    from commands.models.looking_up import training_text
    from tasks.look_up.passage_index import index_of

    registered = next((each.version for each in examinees if each.version), None)
    texts = {each.name: training_text(home, each.version or registered, request.run) for each in examinees}
    indexes = {name: tuple(part.shards for part in parts) for name, parts in texts.items()}
    made = {key: index_of(next(texts[n] for n in texts if indexes[n] == key), home) for key in set(indexes.values())}
    return lambda examinee: made[indexes[examinee.name]]


def _place(home: Home, model: str) -> Path | EndpointAddress:
    return parse_address(model) if is_address(model) else model_path(home, model)


def _version(home: Home, model: str) -> Version | None:
    place = None if is_public(model) or is_address(model) else locate(model, home)
    return place if isinstance(place, Version) else None


def _trained_and_base(examinees: Sequence[Examinee]) -> tuple[str, str]:
    """The first of them that began from another one, and that one; where none is known to, the first two."""
    by_version = {each.version.full_name: each.name for each in examinees if each.version}
    for each in examinees:
        base = by_version.get(each.version.tags.get("parent", "")) if each.version else None
        if base and base != each.name:
            return each.name, base
    return examinees[0].name, examinees[1].name if len(examinees) > 1 else ""


def _answerer(examinee: Examinee, home: Home, budget: Budget) -> "Answerer":
    from tasks.evaluate.answering import ModelAnswerer

    if isinstance(examinee.place, EndpointAddress):
        return answerer_at(examinee.name, examinee.place, home, budget)
    decoder = decoder_of(examinee.place)
    if examinee.place.suffix != GGUF:
        return ModelAnswerer(examinee.name, decoder, prompt_builder(examinee.name, examinee.place, today=None))
    with TemporaryDirectory() as folder:  # of its tokenizer, which is read at once
        copy_tokenizer(examinee.place, Path(folder))
        builder = prompt_builder(examinee.name, Path(folder), decoder.special_ids.end, today=None)
        return ModelAnswerer(examinee.name, decoder, builder)
