"""What one wants to know first of a step and of a run: in words, as metrics that can be compared, and as Markdown."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flows.record import RunRecord, StepRecord
from tasks.evaluate.steps import REFERENCE_SAMPLES
from tasks.readable_numbers import bytes_in_words, count_in_words, plain_number
from tasks.store.verification import verify_daily

HEADLINE: dict[str, Callable[[float], str]] = {  # a step's metric → how it reads beside the step
    "documents": lambda count: f"{count:,.0f} documents",
    "kept_bytes": lambda count: f"kept {bytes_in_words(count)}",
    "vocabulary": lambda size: f"vocabulary {size:,.0f}",
    "tokens": lambda count: f"{count_in_words(count)} tokens",
    "parameters": lambda count: f"{count_in_words(count)} parameters",
    "loss": lambda value: f"loss {plain_number(value)}",
    "val_bits_per_byte": lambda value: f"val bits per byte {plain_number(value)}",
}
DROPPED = "dropped_"  # metrics of curate begin with it, and go on with the reason
OF_A_RUN = {"encode": ("tokens_train",), "pretrain": ("parameters", "tokens", "val_bits_per_byte")}


def headline(metrics: Mapping[str, float]) -> str:
    """The two or three metrics of a step that one looks at first."""
    return " · ".join(words(metrics[name]) for name, words in HEADLINE.items() if name in metrics)


def headline_metrics(record: RunRecord) -> dict[str, float]:
    """What runs are compared by: sizes, the validation's result, and every score beside its baselines."""
    metrics = {
        f"{step.step}/{name}": step.metrics[name]
        for step in record.steps
        for name in OF_A_RUN.get(step.step, ())
        if name in step.metrics
    }
    for model, task, entry in _scores(record):
        metrics[f"{model}/{task}"] = entry["value"]
        metrics |= {f"{model}/{task} of {name}": value for name, value in entry.get("baselines", {}).items()}
    return metrics


def drop_reasons(record: RunRecord) -> list[str]:
    """The reasons for which a run dropped documents, the commonest first."""
    metrics = next((step.metrics for step in record.steps if step.step == "curate"), {})
    dropped = {name: count for name, count in metrics.items() if name.startswith(DROPPED) and count}
    return [name.removeprefix(DROPPED) for name in sorted(dropped, key=lambda name: (-dropped[name], name))]


@dataclass(frozen=True)
class JudgedScore:
    """A score that the gate judges a model by, beside the strongest of its baselines."""

    model: str  # its role: base, classify, …
    task: str
    value: float
    better: str  # lower, higher
    baseline: str | None
    baseline_value: float | None

    @property
    def beats_baseline(self) -> bool | None:
        """None without a baseline."""
        if self.baseline_value is None:
            return None
        return self.value < self.baseline_value if self.better == "lower" else self.value > self.baseline_value


def judged_scores(record: RunRecord) -> list[JudgedScore]:
    """One for each model that the run evaluated; every score where the run does not say which one is judged."""
    standards = record.settings.get("registry", {})
    return [
        beside_strongest(model, task, entry)
        for model, task, entry in _scores(record)
        if standards.get(model, {}).get("task", task) == task
    ]


def beside_strongest(model: str, task: str, entry: Mapping[str, Any]) -> JudgedScore:
    """A score of a model on a task beside the strongest of its baselines, whatever the gate judges by."""
    baselines = entry.get("baselines", {})
    best = min if entry["better"] == "lower" else max
    strongest = best(baselines, key=baselines.__getitem__) if baselines else None
    return JudgedScore(model, task, entry["value"], entry["better"], strongest, baselines.get(strongest))


def verdicts(record: RunRecord) -> dict[str, str]:
    """Each model's verdict and aliases, by the model's name."""
    return {
        f"{model['name']}/{model['version']}": ", ".join([model.get("verdict") or "not judged", *model["aliases"]])
        for model in record.models
    }


def description(record: RunRecord) -> str:
    """The run as Markdown: its steps, each model's scores beside its baselines, and the verdicts."""
    steps = [f"| {s.step} | {s.state} | {s.seconds:.1f} | {s.reason or headline(s.metrics)} |" for s in record.steps]
    scores = [f"| {model} | {task} | {_in_words(entry)} |" for model, task, entry in _scores(record)]
    parts = [f"Recipe `{record.recipe}`, run `{record.run}`: {record.state}. {record.error}".strip()]
    parts += ["\n".join(f"- {name}: {verdict}" for name, verdict in verdicts(record).items())] if record.models else []
    if scores:
        parts.append(
            "\n".join(["| model | task | value | 95 % interval | baselines |", "|---|---|---|---|---|", *scores])
        )
    if steps:
        parts.append("\n".join(["| step | state | seconds | |", "|---|---|---|---|", *steps]))
    return "\n\n".join(parts)


def _in_words(entry: Mapping[str, Any]) -> str:
    interval = f"{entry['low']:.3f} – {entry['high']:.3f}"
    return f"{entry['value']:.3f} | {interval} | {baselines_in_words(entry)}"


def baselines_in_words(entry: Mapping[str, Any]) -> str:
    """The baselines of one task in a summary: `ngram 1.565 · xz 1.973`."""
    return " · ".join(f"{name} {value:.3f}" for name, value in entry.get("baselines", {}).items())


def _scores(record: RunRecord) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """(model, task, its entry in the summary) of each evaluation that has a value."""
    for step in record.steps:
        yield from ((step.step.split("/")[1], task, entry) for task, entry in scores_of(step))


def scores_of(step: StepRecord) -> Iterator[tuple[str, dict[str, Any]]]:
    """(task, its entry in the summary) of an evaluation; of no other step. DamagedArtifact where it was changed."""
    summary = Path(step.path or "") / "summary.json"
    if step.step.startswith("evaluate/") and summary.is_file():
        verify_daily(summary.parent)
        yield from ((t, e) for t, e in json.loads(summary.read_text()).items() if e.get("value") is not None)


def last_sample(record: RunRecord) -> list[dict[str, Any]]:
    """The last continuation that pretraining wrote (step, prompt, text); none where it wrote none."""
    return _rows(record, "pretrain", "samples.jsonl")[-1:]


def reference_samples(record: RunRecord) -> list[dict[str, Any]]:
    """What public models write after the same prompt (model, prompt, text)."""
    return _rows(record, "evaluate/base", REFERENCE_SAMPLES)


def _rows(record: RunRecord, label: str, name: str) -> list[dict[str, Any]]:
    path = next((Path(step.path) / name for step in record.steps if step.step == label and step.path), None)
    lines = path.read_text(encoding="utf-8").split("\n") if path and path.is_file() else []
    return [json.loads(line) for line in lines if line]
