"""The one training loop: an iterator of reports, whose caller's `for` body is everything else.

    for report in fit(learner, batches, plan, state):
        log, evaluate, sample, checkpoint …

Pretraining, continuing, classifying, instructing and preferring differ in their objective and their batches. A batch is
arithmetic in the step, so to resume is to start from `state.step`.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from model.batches import Batch
from model.objectives.objective import LossSums
from model.optimizer import AdamW
from model.ranks import Ranks
from model.schedule import Schedule

CPU, ALONE = torch.device("cpu"), Ranks()
BatchAt = Callable[[int, int], Batch]  # (step, micro-batch) → this rank's items of it


@dataclass(frozen=True)
class Plan:
    """How long, in how many micro-batches, where, in what precision and by whom."""

    schedule: Schedule
    gradient_accumulation_steps: int = 1  # micro-batches a step and rank, their gradients summed
    device: torch.device = CPU
    dtype: torch.dtype = torch.float32  # of activations; weights and moments stay float32
    ranks: Ranks = ALONE
    compiled: bool = False

    def precision(self) -> AbstractContextManager[object]:
        if self.dtype == torch.float32:
            return nullcontext()
        return torch.autocast(self.device.type, dtype=self.dtype)


@dataclass
class State:
    """What training changes beside the weights: all that a checkpoint must hold."""

    optimizer: AdamW
    step: int = 0  # steps done


@dataclass(frozen=True)
class Report:
    """One step done. Tensors are still on the device: reading one is the caller's wait."""

    step: int  # steps done, this one included
    metrics: dict[str, Tensor]  # means over the global batch, and the gradient's norm
    learning_rate: float
    count: Tensor  # what was counted in the global batch


def fit(learner: nn.Module, batch_at: BatchAt, plan: Plan, state: State) -> Iterator[Report]:
    """Trains from `state.step` to the end of the schedule; `learner` maps a batch to LossSums."""
    while state.step < plan.schedule.steps:
        sums = add_gradients(learner, batch_at, plan, state.step)
        means, count = over_ranks(sums, plan.ranks)
        fraction = plan.schedule.fraction(state.step)
        means["gradient_norm"] = state.optimizer.update(fraction, plan.ranks.count / count)
        state.optimizer.zero_gradients()
        state.step += 1
        yield Report(state.step, means, state.optimizer.config.learning_rate * fraction, count)


def add_gradients(learner: nn.Module, batch_at: BatchAt, plan: Plan, step: int) -> LossSums:
    """Sums of this rank's micro-batches, their gradients left in the parameters (ranks' averaged at the last one)."""
    total: LossSums | None = None
    last = plan.gradient_accumulation_steps - 1
    for micro_batch in range(last + 1):
        batch = batch_at(step, micro_batch).to(plan.device)
        with _alone(learner) if micro_batch < last else nullcontext():
            with plan.precision():
                sums = learner(batch)
            sums.loss.backward()
        total = _detached(sums) if total is None else _add(total, _detached(sums))
    assert total is not None, "a plan has one micro-batch or more"
    return total


@torch.no_grad()
def evaluate(learner: nn.Module, batches: Iterator[Batch], plan: Plan) -> dict[str, float]:
    """Means over all batches of all ranks; no gradient, no change."""
    total: LossSums | None = None
    for batch in batches:
        with plan.precision():
            sums = learner(batch.to(plan.device))
        total = sums if total is None else _add(total, sums)
    assert total is not None, "nothing to evaluate on"
    means, _ = over_ranks(total, plan.ranks)
    return {name: mean.item() for name, mean in means.items()}


def over_ranks(sums: LossSums, ranks: Ranks) -> tuple[dict[str, Tensor], Tensor]:
    """Means over the global batch, and how much was counted in it."""
    names = ["loss", *sums.metric_sums]
    vector = torch.stack([x.double() for x in (sums.counted, sums.loss, *sums.metric_sums.values())])
    count, *totals = ranks.total(vector).float().unbind()
    count = count.clamp(min=1)  # a batch in which nothing is counted moves nothing
    return {name: total / count for name, total in zip(names, totals, strict=True)}, count


def _alone(learner: nn.Module) -> AbstractContextManager[object]:
    return learner.no_sync() if isinstance(learner, DistributedDataParallel) else nullcontext()


def _detached(sums: LossSums) -> LossSums:
    return LossSums(sums.loss.detach(), sums.counted, {name: x.detach() for name, x in sums.metric_sums.items()})


def _add(a: LossSums, b: LossSums) -> LossSums:
    return LossSums(
        a.loss + b.loss, a.counted + b.counted, {name: x + b.metric_sums[name] for name, x in a.metric_sums.items()}
    )
