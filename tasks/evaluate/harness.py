"""lm-eval on a model of ours, where it is installed: any task defined in a folder, whatever its output type.

Scores equal those of its HFLM on the same weights, except for text that spells a special token: here it stays text.
Import this module with HF_HUB_OFFLINE set where a task must not fetch its data.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lm_eval.api.model import TemplateLM
from lm_eval.evaluator import simple_evaluate
from lm_eval.tasks import TaskManager

from model import hub
from model.generate import generate
from tasks.errors import UsageError
from tasks.evaluate.choices import decoder_log_likelihoods, encode_pairs
from tasks.models.likelihood import log_probabilities, windows
from tasks.models.vocabulary import Vocabulary

Tokens = tuple[tuple[str, str], list[int], list[int]]  # (context, continuation) and the ids of each
MAX_GENERATED = 256
NORMAL_95 = 1.96  # standard errors to either side of a 95 % interval


def score_by_name(weights: Path, names: Sequence[str], folder: Path) -> list[dict[str, Any]]:
    """One row per metric of the lm-eval tasks (or groups of tasks) that YAML files under `folder` define."""
    scores = _evaluate(DecoderLM(weights), names, folder, log_samples=False)
    items = {task: count["effective"] for task, count in scores["n-samples"].items()}
    return [row for task, metrics in scores["results"].items() for row in _rows(task, metrics, items.get(task))]


def _evaluate(model: "DecoderLM", names: Sequence[str], folder: Path, log_samples: bool) -> Any:
    """lm-eval's results; UsageError where a task is not defined there."""
    manager = TaskManager(include_path=str(folder), include_defaults=False)
    if unknown := [name for name in names if name not in manager.all_tasks]:
        known = ", ".join(manager.all_tasks) or "none"
        raise UsageError(f"no task {', '.join(unknown)} under {folder}", f"there are: {known}; or give a .yaml file")
    draws = 0 if log_samples else 1000  # intervals of ours are drawn from the samples
    return simple_evaluate(
        model, tasks=list(names), task_manager=manager, bootstrap_iters=draws, log_samples=log_samples
    )


@dataclass(frozen=True)
class TaskSample:
    """One item of a task: what it asks, what the model answered, and its score."""

    id: str
    prompt: str
    answer: str
    target: str
    score: float


def samples_by_name(weights: Path, names: Sequence[str], folder: Path) -> dict[str, list[TaskSample]]:
    """`task/metric` → its items, by each task's first metric that scores every item, a higher value being better."""
    scores = _evaluate(DecoderLM(weights), names, folder, log_samples=True)
    samples = dict[str, list[TaskSample]]()
    for task, rows in scores["samples"].items():
        is_higher_better = scores["higher_is_better"].get(task, {})
        by_item = (name for name in rows[0]["metrics"] if isinstance(rows[0][name], int | float))
        if metric := next((name for name in by_item if is_higher_better.get(name, True)), None):
            samples[f"{task}/{metric}"] = [_sample(row, metric) for row in rows]
    return samples


def _sample(row: Mapping[str, Any], metric: str) -> TaskSample:
    """The answer of a multiple-choice item is its likeliest choice; of any other what was generated."""
    requests, given = row["arguments"], row["filtered_resps"]
    if isinstance(requests, Mapping):
        requests = [tuple(request.values()) for request in requests.values()]
    answer, target = str(given[0]), str(row["target"])
    if isinstance(given[0], tuple | list) and len(given) > 1:
        choices = [str(request[1]).strip() for request in requests]
        answer = choices[max(range(len(given)), key=lambda n: given[n][0])]
        target = choices[int(target)] if target.isdigit() and int(target) < len(choices) else target
    return TaskSample(str(row["doc_id"]), str(requests[0][0]), answer, target, float(row[metric]))


def _rows(task: str, metrics: Mapping[str, Any], items: int | None) -> list[dict[str, Any]]:
    """lm-eval's `{"acc,none": 0.5, "acc_stderr,none": 0.1, "alias": …}`, a row per metric."""
    rows = []
    for key, value in metrics.items():
        metric, _, form = key.partition(",")
        if metric.endswith("_stderr") or not isinstance(value, float):
            continue
        error = metrics.get(f"{metric}_stderr,{form}")
        half = NORMAL_95 * error if isinstance(error, float) else None
        low, high = (None, None) if half is None else (value - half, value + half)
        rows.append({"task": f"{task}/{metric}", "value": value, "low": low, "high": high, "items": items})
    return rows


class DecoderLM(TemplateLM):
    """The model of a weights folder, behind lm-eval's interface."""

    def __init__(self, weights: Path) -> None:
        super().__init__()
        self.decoder, self.vocabulary = hub.load(weights), Vocabulary(weights)
        self._never = self.vocabulary.ids_without_token(self.decoder.shape.vocabulary)

    @property
    def prefix_token_id(self) -> int:
        return self.vocabulary.begin

    @property
    def eot_token_id(self) -> int:
        return self.vocabulary.separator

    def tok_encode(self, string: str, *_: Any, **__: Any) -> list[int]:
        return self.vocabulary.encode_ordinary([string])[0]

    def _encode_pair(self, context: str, continuation: str) -> tuple[list[int], list[int]]:
        return encode_pairs(self.vocabulary, [(context, continuation)])[0]

    def _loglikelihood_tokens(self, requests: list[Tokens], **_: Any) -> list[tuple[float, bool]]:
        return decoder_log_likelihoods(self.decoder, [(before, after) for _, before, after in requests])

    def loglikelihood_rolling(self, requests: list[Any], **_: Any) -> list[float]:
        context = self.decoder.shape.context
        sums = []
        for request in requests:
            tokens = [self.prefix_token_id, *self.tok_encode(request.args[0])]
            scores = log_probabilities(self.decoder, list(windows(tokens, 1, context, context)))
            sums.append(sum(float(logarithms.sum()) for logarithms, _ in scores))
        return sums

    def generate_until(self, requests: list[Any], **_: Any) -> list[str]:
        return [self._generate(*request.args) for request in requests]

    def _generate(self, prompt: str, settings: dict[str, Any]) -> str:
        until = settings.get("until") or []
        stops = [until] if isinstance(until, str) else list(until)
        tokens = [*self.vocabulary.bos, *self.tok_encode(prompt)] or [self.eot_token_id]
        temperature = settings.get("temperature", 0.0) if settings.get("do_sample") else 0.0
        answer: list[int] = []
        most = settings.get("max_gen_toks", MAX_GENERATED)
        sampling = {"temperature": temperature, "stop": (self.eot_token_id,), "never": self._never}
        for token in generate(self.decoder, tokens, most, **sampling):
            answer.append(token)
            text = self.vocabulary.decode_bytes(answer).decode(errors="replace")
            if ends := [text.index(stop) for stop in stops if stop and stop in text]:
                return text[: min(ends)]
        return self.vocabulary.decode_bytes(answer).decode(errors="replace")
