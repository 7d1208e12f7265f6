"""From a spec to everything that training needs: network, objective, batches, plan and, on a resume, where it was."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, assert_never, cast

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from model import checkpoint, hub
from model.batches import Batch, Batches, Conversations, Dataset, Labelled, Preferences, TokenBlocks
from model.decoder import Decoder, initialise
from model.depth import attention_flops, matrix_parameters
from model.fit import Plan, State
from model.head import Classifier, freeze
from model.lora import add_lora, refuse_nameless
from model.machine import pick_compiled, pick_device, pick_dtype
from model.objectives import Classify, NextToken, Prefer
from model.optimizer import AdamW
from model.order import BatchSlice, Order
from model.ranks import Ranks
from model.spec import ConversationTokens, DocumentShards, LabelledTokens, PreferenceTokens, Spec
from model.stream import TokenStream, open_shards

VALIDATION_SEED = 0  # which validation items are looked at never changes with the run's seed


@dataclass
class Session:
    """All parts of one training run in one process."""

    spec: Spec
    model: Decoder | Classifier
    objective: nn.Module  # evaluation calls it as it is …
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
        ranks, size = self.plan.ranks, max(1, self.spec.batch // (self.plan.ranks.count * self.spec.parts))
        mine = chosen[ranks.rank :: ranks.count]
        yield from (self.validation.batch(mine[at : at + size]) for at in range(0, len(mine), size))


def prepare(spec: Spec, ranks: Ranks) -> Session:
    """A session at its first step, or at the step of its last checkpoint."""
    device = pick_device()
    saved = checkpoint.newest(spec.work / "checkpoints", device)
    tensors, kept = saved or ({}, {})
    dtype = pick_dtype(kept.get("dtype", spec.dtype), device)
    model, objective = network(spec)
    compiled = pick_compiled(kept.get("compiled", spec.compiled), run_flops(spec, objective), device)
    model.to(device)
    state = State(AdamW(objective, spec.rates))
    if saved:
        restore(model, state, tensors, kept)
    train, validation = sources(spec)
    share = BatchSlice(spec.batch, ranks.rank, ranks.count, spec.parts)
    batches = Batches(train, Order(train.items, spec.seed), share)
    plan = Plan(spec.schedule, spec.parts, device, dtype, ranks, compiled)
    learner = cast(nn.Module, torch.compile(objective)) if compiled else objective
    if ranks.count > 1:
        learner = DistributedDataParallel(learner)
    return Session(spec, model, objective, learner, batches, validation, plan, state, kept.get("log_lengths", {}))


def describe(session: Session) -> dict[str, Any]:
    """What must be known to say, years later, what batch n was: `model.replay.replay` reads it."""
    spec, source = session.spec, session.train.source
    said = {
        "kind": spec.data.kind,
        "seed": spec.seed,
        "batch": spec.batch,
        "context": spec.context,
        "steps": spec.schedule.steps,
        "items": source.items,
        "targets": source.targets,
        "dtype": str(session.plan.dtype).removeprefix("torch."),
        "compiled": session.plan.compiled,
    }
    if isinstance(source, TokenBlocks) and isinstance(spec.data, DocumentShards):
        shards = source.stream.shards
        said |= {"separator": spec.data.separator, "shards": [shard.summary() for shard in shards]}
    return said


def network(spec: Spec) -> tuple[Decoder | Classifier, nn.Module]:
    """The network that is saved in the end, and the objective that trains it."""
    if spec.weights is not None:
        decoder = hub.load(spec.weights)
        if spec.lora:
            refuse_nameless(add_lora(decoder, spec.lora, spec.seed))
    else:
        assert spec.shape is not None, "a spec has a shape or weights"
        decoder = initialise(Decoder(spec.shape), spec.seed)
    match spec.data:
        case DocumentShards() | ConversationTokens():
            return decoder, NextToken(decoder)
        case LabelledTokens():
            classifier = Classifier(decoder, spec.data.labels)
            if not spec.lora:
                freeze(classifier, spec.data.trainable)
            return classifier, Classify(classifier)
        case PreferenceTokens():
            assert spec.weights is not None, "a preference is learned by a model that answers"
            return decoder, Prefer(decoder, None if spec.lora else hub.load(spec.weights), spec.data.beta)
        case _:
            assert_never(spec.data)


def sources(spec: Spec) -> tuple[Dataset, Dataset]:
    """Training and validation items."""
    data = spec.data
    match data:
        case DocumentShards():
            streams = (TokenStream(open_shards(files), data.separator) for files in (data.train, data.validation))
            train, validation = (TokenBlocks(stream, spec.context) for stream in streams)
        case ConversationTokens():
            train, validation = (Conversations(path, spec.context) for path in (data.train, data.validation))
        case LabelledTokens():
            train, validation = (Labelled(path, spec.context) for path in (data.train, data.validation))
        case PreferenceTokens():
            train, validation = (Preferences(path, spec.context) for path in (data.train, data.validation))
        case _:
            assert_never(data)
    return train, validation


def run_flops(spec: Spec, objective: nn.Module) -> float:
    """Of all steps together, as if every item were full."""
    sequences = spec.batch * (2 if isinstance(spec.data, PreferenceTokens) else 1)
    return learning_flops(objective) * spec.schedule.steps * sequences * spec.context


def learning_flops(objective: nn.Module) -> float:
    """A token, forward and backward, counted as `flops_per_token` does but for what this training leaves out.

    2 N forward, once more for a reference; 2 N back through the blocks from the lowest that learns; 2 for each
    parameter that learns.
    """
    decoder = next(module for module in objective.modules() if isinstance(module, Decoder))
    multiplied, attention = matrix_parameters(decoder.shape), attention_flops(decoder.shape)
    forward, backward = 2 * multiplied + attention / 3, 2 * multiplied + attention * 2 / 3
    learning = [any(p.requires_grad for p in block.parameters()) for block in decoder.blocks]
    reach = 1 - (learning.index(True) / len(learning) if any(learning) else 1)
    learned = sum(p.numel() for p in decoder.parameters() if p.requires_grad)
    passes = 2 if isinstance(objective, Prefer) else 1
    return passes * forward + reach * backward + 2 * min(learned, multiplied)


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
