"""`triptych compare`: any two or more models on the same items."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from commands.models.elsewhere import answerer_at
from commands.models.use import require_lm_eval, weights_folder
from flows.held_out_texts import corpus_of
from flows.run_tables import record_of
from tasks.comparison.contestants import Contest, Contestant, Texts
from tasks.comparison.pairs import Row, compare_all
from tasks.endpoints.address import is_address, parse_address
from tasks.endpoints.budget import Budget
from tasks.errors import UsageError, UserError
from tasks.home import Home
from tasks.progress import say
from tasks.tracking.model_version import Version
from tasks.tracking.registry import locate, verified

TASK_FILES = (".yaml", ".yml")
SPLITS = ("test", "validation")  # the first that holds a text


@dataclass(frozen=True)
class Items:
    """What the models are compared on: questions or tasks, or else stored scores or at most so many held-out texts."""

    tasks: Sequence[str] = ()  # paths of .yaml files, or names of tasks that lm-eval finds in `tasks_in`
    tasks_in: Path = Path()
    questions: Path | None = None
    texts: int = 200


def compare_models(home: Home, models: Sequence[str], items: Items, budget: Budget | None = None) -> list[Row]:
    """A row per task and pair; UsageError where there is nothing that all of them can be compared on."""
    if len(models) < 2:
        raise UsageError("compare takes two or more models", "triptych compare A B [C …]")
    if items.tasks and items.questions:
        raise UsageError("--questions and --task are two comparisons", "give one of them")
    if items.questions:
        contest = _on_questions(home, models, items.questions, budget or Budget())
    elif far := next(filter(is_address, models), None):
        raise UsageError(f"{far} gives answers and no probabilities", "compare it on --questions FILE")
    elif items.tasks:
        contest = _on_tasks(home, models, items)
    else:
        contest = _stored(home, models) or _on_texts(home, models, items.texts)
    rows = compare_all(contest)
    if not rows:
        raise UserError(
            "every item occurs in the training text", "give other items: --questions FILE or --task FILE.yaml"
        )
    return rows


def rows_as_json(rows: Sequence[Row]) -> Any:
    """One object for one row, else a list."""
    return rows[0].as_json() if len(rows) == 1 else [row.as_json() for row in rows]


def _stored(home: Home, models: Sequence[str]) -> Contest | None:
    """The scores of registered versions; None where one is not registered, or they share no task."""
    versions = [locate(model, home) for model in models]
    if not all(isinstance(version, Version) for version in versions):
        return None
    known = [_stored_scores(name, version, home) for name, version in zip(models, versions, strict=True)]
    contest = Contest(known, _texts_of_questions(home, versions))
    return contest if contest.shared_tasks() else None


def _texts_of_questions(home: Home, versions: Sequence[Version | Path]) -> Texts:
    """What the questions ask that an evaluation made of test documents; none where it is gone from the store."""
    from tasks.comparison.scoring import texts_of
    from tasks.evaluate.next_passage import TASK
    from tasks.evaluate.task_files import read_task

    for version in versions:
        tags = version.tags if isinstance(version, Version) else {}
        role = tags.get("role", "")
        evaluation = home.store / "evaluate" / role / json.loads(tags.get("parents", "{}")).get(f"scores_{role}", "")
        if (file := evaluation / TASK / f"{TASK}.yaml").is_file():
            return texts_of([read_task(file)])
    return {}


def _stored_scores(name: str, version: Version | Path, home: Home) -> Contestant:
    from tasks.comparison.stored import stored_scores

    assert isinstance(version, Version)
    return stored_scores(name, verified(version, home))


def _on_questions(home: Home, models: Sequence[str], file: Path, budget: Budget) -> Contest:
    from model import hub
    from tasks.comparison.scoring import score_questions
    from tasks.evaluate.answering import ModelAnswerer
    from tasks.evaluate.question_file import read_questions
    from tasks.models.prompting import prompt_builder

    asked, scored = read_questions(file), list[tuple[Contestant, Texts]]()
    weights = dict(_weights(home, [model for model in models if not is_address(model)]))
    addresses = {model: parse_address(model) for model in models if is_address(model)}
    for name in models:
        if name in addresses:
            scored.append(score_questions(answerer_at(name, addresses[name], home, budget), asked))
        else:
            builder = prompt_builder(name, weights[name])
            scored.append(score_questions(ModelAnswerer(name, hub.load(weights[name]), builder), asked))
    return Contest([contestant for contestant, _ in scored], scored[0][1])


def _on_tasks(home: Home, models: Sequence[str], items: Items) -> Contest:
    """Files of multiple choice here, and tasks by name under lm-eval."""
    from tasks.comparison.scoring import score_choices, score_named_tasks, texts_of
    from tasks.evaluate.task_files import read_task

    tasks = [read_task(Path(task)) for task in items.tasks if task.endswith(TASK_FILES)]
    names = [task for task in items.tasks if not task.endswith(TASK_FILES)]
    if names:
        require_lm_eval(names[0])
    contestants, texts = list[Contestant](), dict(texts_of(tasks))
    for model, weights in _weights(home, models):
        scored = score_choices(model, weights, tasks) if tasks else Contestant(model, {}, 0.0, 0)
        if names:
            by_name, asked = score_named_tasks(model, weights, names, items.tasks_in)
            scored = scored.joined(by_name)
            texts |= asked
        contestants.append(scored)
    return Contest(contestants, texts)


def _on_texts(home: Home, models: Sequence[str], most: int) -> Contest:
    """Bits per byte on held-out texts: of the first registered model's run, else of the latest."""
    from tasks.comparison.scoring import score_documents
    from tasks.evaluate.contamination import contaminated

    corpus = corpus_of(record_of(home, _run(home, models)))
    split, documents = next(((s, d) for s in SPLITS if (d := corpus.held_out(s, most))), ("", []))
    if not documents:
        raise UserError("the run holds no text out", "give --questions FILE or --task FILE.yaml, or raise curate.split")
    dirty = contaminated([document.text.decode(errors="replace") for document in documents], corpus.train_texts())
    scored = [score_documents(model, path, split, documents, dirty) for model, path in _weights(home, models)]
    return Contest(scored)


def _weights(home: Home, models: Sequence[str]) -> list[tuple[str, Path]]:
    """All are looked up before the first is scored."""
    folders = [(model, weights_folder(home, model)) for model in models]
    for model, folder in folders:
        if (folder / "classes.json").is_file():
            what = f"{model} is a classifier: it is compared by the scores that were stored with it"
            raise UsageError(what, "name another version of the same classifier, scored on the same rows")
    say(f"  scoring {len(models)} models")
    return folders


def _run(home: Home, models: Sequence[str]) -> str:
    places = (locate(model, home) for model in models)
    runs = (place.tags.get("run", "") for place in places if isinstance(place, Version))
    return next((run for run in runs if (home.records / f"{run}.json").is_file()), "")
