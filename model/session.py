"""From a spec to everything that training needs: network, objective, batches, plan and, on a resume, where it was."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from model import checkpoint, hub
from model.batches import Batch, Batches, Dataset
from model.decoder import Decoder, initialise
from model.depth import attention_flops, matrix_parameters
from model.fit import Plan, State
from model.head import Classifier
from model.lora import add_lora
from model.machine import pick_compiled, pick_device, pick_dtype
from model.objectives.objective import Objective, TrainingData
from model.objectives.table import training_data
from model.optimizer import AdamW
from model.order import BatchSlice, Order
from model.ranks import Ranks
from model.spec import Spec

VALIDATION_SEED = 0  # which validation items are looked at never changes with the run's seed


@dataclass
class TrainingSession:
    """All parts of one training run in one process."""

    spec: Spec
    data: TrainingData
    model: Decoder | Classifier
    objective: Objective  # evaluation calls it as it is …
    learner: nn.Module  # … training compiled and over all ranks
    train: Batches
    validation: Dataset
    plan: Plan
    state: State
    log_lengths: dict[str, int]

    @property
    def decoder(self) -> Decoder:
        return self.model.decoder if isinstance(self.model, Classifier) else self.model

    def tensors(self) -> dict[str, Tensor]:
        """What a checkpoint holds of all that is trained: `weights/NAME`, moments as `first/NAME` and `second/NAME`."""
        trained = ((name, weight) for name, weight in self.model.named_parameters() if weight.requires_grad)
        weights = {f"weights/{name}": weight for name, weight in trained}
        first = {f"first/{name}": pair[0] for name, pair in self.state.optimizer.moments.items()}
        second = {f"second/{name}": pair[1] for name, pair in self.state.optimizer.moments.items()}
        return weights | first | second

    def validation_batches(self) -> Iterator[Batch]:
        """This rank's part of the same validation items each time."""
        items = min(self.spec.eval_items, self.validation.items)
        chosen = Order(self.validation.items, VALIDATION_SEED).at(torch.arange(items).numpy())
        ranks, micro_batches = self.plan.ranks, self.plan.ranks.count * self.spec.gradient_accumulation_steps
        size = max(1, self.spec.batch // micro_batches)
        mine = chosen[ranks.rank :: ranks.count]
        yield from (self.validation.batch(mine[at : at + size]) for at in range(0, len(mine), size))


def prepare(spec: Spec, ranks: Ranks) -> TrainingSession:
    """A session at its first step, or at the step of its last checkpoint."""
    device = pick_device()
    saved = checkpoint.newest(spec.work / "checkpoints", device)
    tensors, kept = saved or ({}, {})
    dtype = pick_dtype(kept.get("dtype", spec.dtype), device)
    data = training_data(spec.data)
    model, objective = data.network(begun_decoder(spec), spec)
    flops = learning_flops(objective) * spec.schedule.steps * spec.batch * data.sequences_per_item * spec.context
    compiled = pick_compiled(kept.get("compiled", spec.compiled), flops, device)  # as if every item were full
    model.to(device)
    state = State(AdamW(objective, spec.optimizer))
    if saved:
        restore(model, state, tensors, kept)
    train, validation = data.datasets(spec.context)
    batch_slice = BatchSlice(spec.batch, ranks.rank, ranks.count, spec.gradient_accumulation_steps)
    batches = Batches(train, Order(train.items, spec.seed), batch_slice)
    plan = Plan(spec.schedule, spec.gradient_accumulation_steps, device, dtype, ranks, compiled)
    learner = cast(nn.Module, torch.compile(objective)) if compiled else objective
    if ranks.count > 1:
        learner = DistributedDataParallel(learner)
    return TrainingSession(
        spec, data, model, objective, learner, batches, validation, plan, state, kept.get("log_lengths", {})
    )


def describe(session: TrainingSession) -> dict[str, Any]:
    """What must be known to say, years later, what batch n was: `model.replay.replay` reads it."""
    spec, source = session.spec, session.train.source
    return {
        "kind": spec.data["kind"],
        "seed": spec.seed,
        "batch": spec.batch,
        "context": spec.context,
        "steps": spec.schedule.steps,
        "items": source.items,
        "targets": source.targets,
        "dtype": str(session.plan.dtype).removeprefix("torch."),
        "compiled": session.plan.compiled,
        **source.description(),
    }


def begun_decoder(spec: Spec) -> Decoder:
    """The decoder that training begins with: given weights, or fresh ones."""
    if spec.weights is None:
        assert spec.shape is not None, "a spec has a shape or weights"
        return initialise(Decoder(spec.shape, spec.special_ids), spec.seed)
    decoder = hub.load(spec.weights)
    decoder.special_ids = spec.special_ids
    decoder.copy_rows(spec.copied_rows)
    if spec.lora:
        add_lora(decoder, spec.lora, spec.seed)
    return decoder


def learning_flops(objective: Objective) -> float:
    """A token, forward and backward, counted as `flops_per_token` does but for what this training leaves out.

    2 N for each pass forward; 2 N back through the blocks from the lowest that learns; 2 for each
    parameter that learns.
    """
    decoder = next(module for module in objective.modules() if isinstance(module, Decoder))
    multiplied, attention = matrix_parameters(decoder.shape), attention_flops(decoder.shape)
    forward, backward = 2 * multiplied + attention / 3, 2 * multiplied + attention * 2 / 3
    learning = [any(p.requires_grad for p in block.parameters()) for block in decoder.blocks]
    reach = 1 - (learning.index(True) / len(learning) if any(learning) else 1)
    learned = sum(p.numel() for p in decoder.parameters() if p.requires_grad)
    return objective.forward_passes * forward + reach * backward + 2 * min(learned, multiplied)


def restore(model: nn.Module, state: State, tensors: dict[str, Tensor], kept: dict[str, Any]) -> None:
    """Puts a checkpoint's tensors where training goes on."""
    weights = {n.removeprefix("weights/"): x for n, x in tensors.items() if n.startswith("weights/")}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            parameter.data.copy_(weights[name])
    for name, (first, second) in state.optimizer.moments.items():
        first.copy_(tensors[f"first/{name}"])
        second.copy_(tensors[f"second/{name}"])
    state.step = state.optimizer.updates = kept["step"]
