"""What the report opens with: what came of the run in plain words, what it was made with, and what to do next."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from textwrap import shorten
from typing import Any

from flows.headline import drop_reasons, judged_scores, last_sample, reference_samples
from flows.recipe import Recipe
from flows.record import RunRecord
from tasks.classifiers.candidates import read_choice
from tasks.finetune.methods.table import METHODS
from tasks.readable_numbers import bytes_in_words, count_in_words, plain_number
from tasks.report.blocks import Block, Folded, Paragraph, Passage, Section, table
from tasks.store.step import Frozen, flatten, keyed

SETTINGS = (  # of a training: what one asks for first
    "family", "depth", "width", "context", "init_sha256", "lora", "steps", "batch", "learning_rate", "epochs", "path",
)  # fmt: skip
SHOWN_CHARACTERS = 120  # of a setting's value
SMALL = 100e6  # parameters of a model from scratch that imitates and does not know


def opening(record: RunRecord) -> Section:
    """The first section of the page."""
    blocks: list[Block] = [Paragraph(sentence) for sentence in _sentences(record)]
    if scores := list(_score_rows(record)):
        blocks.append(
            table("Each model by the score it is judged by, beside the strongest baseline of the run", scores)
        )
    blocks += _passages(record)
    if settings := list(_setting_rows(record)):
        blocks.append(table("Trained with", settings))
    if changed := list(changed_settings(record)):
        title = f"{len(changed)} settings that differ from their defaults"
        blocks.append(Folded(title, [table(f"Recipe {record.recipe}", changed)]))
    blocks.append(Paragraph(f"To make it again: triptych run {record.recipe}. Next: {'; '.join(_next(record))}."))
    return Section("summary", "In short", blocks)


def _passages(record: RunRecord) -> Iterator[Passage]:
    """What the base wrote last, and what public models write after the same prompt."""
    samples = [(f"What this base wrote after {row['step']:,} steps", row) for row in last_sample(record)]
    samples += [(f"What {row['model']}, a public model, writes", row) for row in reference_samples(record)]
    for who, row in samples:
        yield Passage(f"{who}, from the marked beginning", "", row["prompt"], row["text"])


def _sentences(record: RunRecord) -> Iterator[str]:
    metrics = {step.step: step.metrics for step in record.steps}
    read, kept = metrics.get("ingest", {}), metrics.get("curate", {})
    if read:
        lost = f", {read['quarantined']:,.0f} records went to the quarantine" if read.get("quarantined") else ""
        yield f"{read.get('documents', 0):,.0f} documents were read ({bytes_in_words(read.get('bytes', 0))}){lost}" + (
            f"; {bytes_in_words(kept['kept_bytes'])} were kept." if kept.get("kept_bytes") else "."
        )
    if trained := metrics.get("pretrain"):
        seen = metrics.get("encode", {}).get("tokens_train")
        of = f" of a text of {count_in_words(seen)} tokens" if seen else ""
        size = count_in_words(trained["parameters"])
        yield f"A network of {size} parameters read {count_in_words(trained['tokens'])} tokens{of}."
        if not record.settings.get("pretrain", {}).get("init_sha256") and trained["parameters"] < SMALL:
            yield (
                "It was trained from scratch and is small: it imitates the style of its text, without knowledge. For "
                "anything that is to be used, continue a public model: triptych init FOLDER --adapt."
            )
    for step in record.steps:
        if step.path and (choice := read_choice(Path(step.path))):
            yield f"{choice.why[0].upper()}{choice.why[1:]}."
    if record.state != "complete":
        yield f"The run did not end well: {record.state}. {record.error}"


def _score_rows(record: RunRecord) -> Iterator[dict[str, Any]]:
    champions = {model["weights_key"] for model in record.models if "champion" in model["aliases"]}
    folders = {step.step: Path(step.path).name for step in record.steps if step.path}  # called by the artifact's key
    marks = {True: "✓ better", False: "✗ not better", None: "–"}
    for score in judged_scores(record):
        training = "pretrain" if score.model == "base" else f"finetune/{score.model}"
        yield {
            "model": score.model,
            "judged by": score.task,
            "value": score.value,
            "strongest baseline": f"{score.baseline} {plain_number(score.baseline_value)}"
            if score.baseline
            else "none",
            "beside it": marks[score.beats_baseline],
            "champion": "yes" if folders.get(training) in champions else "no",
        }


def _setting_rows(record: RunRecord) -> Iterator[dict[str, Any]]:
    if vocabulary := next((s.metrics.get("vocabulary") for s in record.steps if s.step == "tokenizer"), None):
        yield {"step": "tokenizer", "settings": f"vocabulary {plain_number(vocabulary)}"}
    finetune: Mapping[str, Any] = record.settings.get("finetune", {})
    steps = {"pretrain": record.settings.get("pretrain", {})}
    steps |= {f"finetune/{name}": values for name, values in finetune.items()}
    for label, values in steps.items():
        if values and any(step.step == label for step in record.steps):
            set_ = {name: values[name] for name in SETTINGS if values.get(name) is not None}
            yield {"step": label, "settings": ", ".join(f"{name} {_value(value)}" for name, value in set_.items())}


def changed_settings(record: RunRecord) -> Iterator[dict[str, str]]:
    """Key, value and default of everything in which the recipe as run is not the default."""
    defaults = dict[str, Any]()
    for name, values in record.settings.items():
        if name == "finetune":
            defaults[name] = {method: keyed(METHODS[method].config()) for method in values if values[method]}
        elif name in Recipe.model_fields and name != "name":
            kind = Recipe.model_fields[name].annotation
            assert isinstance(kind, type) and issubclass(kind, Frozen)
            defaults[name] = keyed(kind())
    before = flatten(defaults)
    for key, value in flatten({name: record.settings[name] for name in defaults}).items():
        if value != before.get(key) and not (value is None and key not in before):
            yield {"setting": key, "value": _short(value), "default": _short(before[key]) if key in before else "none"}


def _short(value: Any) -> str:
    return shorten(json.dumps(value, ensure_ascii=False), SHOWN_CHARACTERS, placeholder=" …")


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return "(" + ", ".join(f"{name} {inner}" for name, inner in value.items() if name != "targets") + ")"
    return plain_number(value) if isinstance(value, int | float) and not isinstance(value, bool) else str(value)[:24]


def _next(record: RunRecord) -> Iterator[str]:
    champions = [model["name"] for model in record.models if "champion" in model["aliases"]]
    if answering := [name for name in champions if not name.endswith(("-base", "-classify"))] or champions:
        yield f"triptych chat {answering[0]}@champion"
    if reasons := drop_reasons(record):
        yield f"triptych look {reasons[0]}"
    yield "triptych sql --list"
