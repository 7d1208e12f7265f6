"""What is done with a model that exists: answer, score, evaluate, export, promote, roll back."""

import json
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from commands.show import standard_output
from flows.record import latest
from model.classes import CLASSES_FILE, is_classifier, is_tfidf
from tasks.errors import UsageError, UserError
from tasks.home import Home
from tasks.models.damage import reading
from tasks.models.hub_place import GGUF, is_hub
from tasks.models.pretrained import PACKAGE, converted, copy_tokenizer
from tasks.models.prompting import ChatModel
from tasks.progress import say
from tasks.register.aliases import CANDIDATE, CHAMPION, promote, rollback
from tasks.store.verification import verify_daily
from tasks.tracking.model_version import Version
from tasks.tracking.registry import locate, resolve, verified, versions

CLASSIFIER_CURE = "triptych score {model} --prompt TEXT gives a text's label; or name another model"
SCORE_COLUMNS = ("value", "low", "high", "items")


@dataclass(frozen=True)
class Knobs:
    """How an answer is drawn."""

    max_tokens: int
    temperature: float  # 0: always the likeliest token
    top_p: float
    seed: int


def score_prompt(home: Home, model: str, prompt: str) -> dict[str, Any]:
    """Ids, tokens and log-probabilities of a text."""
    return chat_model(home, model).score(prompt)


def total_in_words(logprobs: Sequence[float], text: str) -> str:
    """`together -12.3 nats, 2.37 bits per byte`"""
    nats, size = sum(logprobs), len(text.encode())
    return f"together {nats:.1f} nats" + (f", {-nats / math.log(2) / size:.3f} bits per byte" if size else "")


def evaluate_model(home: Home, model: str, tasks: Sequence[str], folder: Path) -> list[dict[str, Any]]:
    """A row per score: those stored with a registered version, or those of tasks given by path or name, scored now."""
    model = model or at_hand(home)
    if not tasks:
        scores = _stored_scores(home, model)
        if any(name not in row for row in scores for name in SCORE_COLUMNS):
            raise UserError(
                f"{model} was evaluated by another version of triptych, whose scores this one does not read",
                "run its recipe again, which evaluates it anew; the model itself stays usable",
            )
    else:
        _refuse_classifier(model, model_path(home, model))
        scores = _score(weights_folder(home, model), tasks, folder)
    return [{"task": row["task"], "model": model, **{name: row[name] for name in SCORE_COLUMNS}} for row in scores]


def _stored_scores(home: Home, model: str) -> list[dict[str, Any]]:
    place = locate(model, home)
    if isinstance(place, Path):
        raise UsageError(f"{model} is not registered, so no scores of it are stored", "give --task FILE.yaml")
    summary = json.loads((verified(place, home).evidence / "summary.json").read_text())
    if not summary:
        raise UserError(f"{place.full_name} was imported, and nothing has scored it yet", "give --task FILE.yaml")
    return [{"task": task, **row} for task, row in summary.items()]


def show_mask(home: Home, recipe: str, rows: int, as_json: bool) -> list[list[list[Any]]]:
    """The first instruction rows of the latest run (of a recipe), token by token with whether the loss counts it."""
    from tasks.finetune.masks import painted, show

    record = latest(home, recipe) if recipe else latest(home)
    step = next((s for s in record.steps if s.step == "finetune/instruct" and s.path), None) if record else None
    if step is None:
        recipe = recipe or (record.recipe if record else "demo")
        raise UserError(f"no run of {recipe!r} with instruction rows in {home}", f"triptych run {recipe}")
    folder = Path(step.path or "")
    verify_daily(folder)
    context = json.loads((folder / "weights" / "config.json").read_text())
    length = context.get("max_position_embeddings") or context["n_positions"]
    shown = show(folder / "rows", folder / "weights", rows, length)
    if not as_json:
        out = standard_output()
        marks = "in colour" if out.is_terminal else "in ⟦brackets⟧"
        for conversation in shown:
            learned = sum(is_target for _, is_target in conversation)
            out.print(painted(conversation, brackets=not out.is_terminal), soft_wrap=not out.is_terminal)
            out.print(f"[dim]the loss counts {learned} of {len(conversation)} tokens: those {marks}[/dim]\n")
    return [[list(token) for token in conversation] for conversation in shown]


def promote_by_hand(home: Home, model: str, why: str) -> dict[str, Any]:
    """The version that is champion now."""
    return _champion_facts(promote(model, home, why or "by hand"))


def roll_back(home: Home, name: str, why: str) -> dict[str, Any]:
    """The version that is champion again."""
    return _champion_facts(rollback(name, home, why or "by hand"))


def champion(home: Home) -> str:
    """NAME@champion of the latest run: its model that answers, else its base."""
    named = _latest(home)
    if not named.endswith(f"@{CHAMPION}"):
        raise UserError(
            f"no champion for {named}: the gate promoted none (why: triptych report)",
            f"name {named}, or make it champion by hand: triptych promote {named}",
        )
    return named


def at_hand(home: Home) -> str:
    """The champion; where the gate has promoted none the candidate, with a note on stderr."""
    named = _latest(home)
    if not named.endswith(f"@{CHAMPION}"):
        say(f"{named}: the gate has promoted no model of this recipe (why: triptych report)")
    return named


def _latest(home: Home) -> str:
    """A model of the latest run: a champion before a candidate, and one that answers before the base."""
    record = latest(home)
    if record is None:
        raise UserError(f"no run in {home} yet", "triptych run demo")
    there = {f"{version.name}@{alias}" for version in versions(home) for alias in version.aliases}
    names = (f"{record.recipe}-instruct", f"{record.recipe}-base")
    named = (f"{name}@{alias}" for alias in (CHAMPION, CANDIDATE) for name in names)
    if best := next((one for one in named if one in there), None):
        return best
    raise UserError(f"no model of recipe {record.recipe!r} yet", f"triptych run {record.recipe}")


def _score(weights: Path, tasks: Sequence[str], folder: Path) -> list[dict[str, Any]]:
    """Scores of task files, and of tasks that lm-eval knows by name under `folder`, without the network."""
    from tasks.evaluate.language import score_task_files

    files = [Path(task) for task in tasks if task.endswith((".yaml", ".yml"))]
    names = [task for task in tasks if Path(task) not in files]
    scores = score_task_files(weights, files) if files else []
    if names:
        require_lm_eval(names[0])
        from tasks.evaluate.harness import score_by_name

        scores += score_by_name(weights, names, folder)
    return scores


def require_lm_eval(task: str) -> None:
    """UsageError where lm-eval is not installed, to which that task by name belongs. The network stays unused."""
    os.environ.setdefault("HF_HUB_OFFLINE", "1")  # read when `datasets` is imported; HF_HUB_OFFLINE=0 lets it fetch
    try:
        import tasks.evaluate.harness  # noqa: F401
    except ModuleNotFoundError as error:
        what = f"--task {task}: tasks by name are lm-eval's, and {error.name} is not installed"
        raise UsageError(what, "pip install lm-eval; or give a multiple-choice task as a .yaml file") from error


def is_public(model: str) -> bool:
    """Whether MODEL is of a hub, in an installed package or a GGUF file, and so no name of the registry."""
    return is_hub(model) or model.startswith(PACKAGE) or model.endswith(GGUF)


def model_path(home: Home, model: str) -> Path:
    """The folder of weights or the .gguf file that MODEL means, of any kind."""
    return resolve(model or at_hand(home), home)


def weights_folder(home: Home, model: str) -> Path:
    """The model as a folder in the Hugging Face layout; one in a GGUF file is written into the home as such, once."""
    place = model_path(home, model)
    with reading(place / CLASSES_FILE, "not the labels of a classifier"):
        has_no_network = is_tfidf(place)
    if has_no_network:
        raise UsageError(f"{model} is a classifier without a network", CLASSIFIER_CURE.format(model=model))
    return place if place.suffix != GGUF else converted(place.absolute(), home)


def chat_model(home: Home, model: str) -> ChatModel:
    """The named model, or the latest run's, ready to generate."""
    model = model or at_hand(home)
    place = model_path(home, model)
    _refuse_classifier(model, place)
    if place.suffix != GGUF:
        return ChatModel(model, place)
    with TemporaryDirectory() as folder:  # of its tokenizer, which is read at once
        copy_tokenizer(place, Path(folder))
        return ChatModel(model, place, Path(folder))


def _refuse_classifier(model: str, place: Path) -> None:
    if is_classifier(place):
        raise UsageError(f"{model} is a classifier and generates no text", CLASSIFIER_CURE.format(model=model))


def _champion_facts(version: Version) -> dict[str, Any]:
    return {"name": version.name, "version": version.version, "aliases": list(version.aliases)}
