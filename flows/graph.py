"""The graph as a value: which step follows which, once. Interpreters walk it to run it, explain it or list its edges.

`run(label, step, call)` gives one output; `run.parts(label, step, partitions, call_of)` one for each partition, where
`call_of(partition, earlier)` may use the outputs of the partitions before it.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol

from flows.recipe import Recipe
from tasks.curate.steps import CURATE, SIGNALS
from tasks.encode.shards import ENCODE
from tasks.encode.tokenizer import TOKENIZER
from tasks.evaluate.steps import EVALUATE_BASE, EVALUATE_SEEDS, evaluate_step
from tasks.finetune.methods.table import METHODS
from tasks.finetune.steps import finetune_step
from tasks.ingest.ledger import Corpus
from tasks.ingest.sources import Partition
from tasks.ingest.steps import INGEST
from tasks.pretrain import PRETRAIN
from tasks.register.package import REGISTER
from tasks.store.artifacts import Artifact, ArtifactInputs
from tasks.store.step import Frozen, Step

State = Literal["complete", "cached", "skipped", "failed", "absent"]
FINETUNE = {name: finetune_step(method) for name, method in METHODS.items()}
EVALUATE = {
    name: evaluate_step(name, method.evaluate, method.evaluate_version, method.answers)
    for name, method in METHODS.items()
}


@dataclass(frozen=True)
class StepOutput:
    """The output of one label of the graph: one artifact, or a bundle of one for each partition."""

    label: str
    state: State
    parts: Mapping[str, Artifact] = field(default_factory=dict)
    is_bundle: bool = False
    reason: str = ""

    def __getitem__(self, partition: str) -> "StepOutput":
        """One partition's artifact."""
        parts = {partition: self.parts[partition]} if partition in self.parts else {}
        return replace(self, parts=parts, is_bundle=False)

    def before(self, partition: str) -> "StepOutput":
        """The artifacts of the earlier partitions."""
        return self.among(p for p in self.parts if p < partition)

    def among(self, partitions: Iterable[str]) -> "StepOutput":
        """The artifacts of these partitions alone."""
        return replace(self, parts={p: self.parts[p] for p in partitions if p in self.parts}, is_bundle=True)

    @property
    def artifact(self) -> Artifact:
        """The only artifact of what is no bundle."""
        (artifact,) = self.parts.values()
        return artifact


@dataclass(frozen=True)
class Invocation:
    """A step's config and its inputs by role."""

    config: Frozen
    inputs: Mapping[str, StepOutput]

    def artifacts(self) -> ArtifactInputs:
        return {role: made.parts if made.is_bundle else made.artifact for role, made in self.inputs.items()}

    def needs(self) -> set[str]:
        """The labels this call reads."""
        return {made.label for made in self.inputs.values()}

    def missing(self) -> list[StepOutput]:
        """The inputs that are not there: skipped, or out of scope and not complete."""
        return [made for made in self.inputs.values() if made.state in ("skipped", "absent")]


InvocationOf = Callable[[str, StepOutput], Invocation]  # (partition, the parts of this label made before it)
Takedown = Callable[[str, StepOutput], tuple[str, ...]]  # (partition, its ingest) → entries of the list that it touches


class Interpreter(Protocol):
    def __call__(self, label: str, step: Step, call: Invocation) -> StepOutput: ...
    def parts(self, label: str, step: Step, partitions: Mapping[str, object], call_of: InvocationOf) -> StepOutput: ...


def graph(recipe: Recipe, corpus: Corpus, run: Interpreter, takedown: Takedown) -> None:
    """From text to packaged models."""
    parts = corpus.parts
    documents = run.parts("ingest", INGEST, parts, lambda p, earlier: _ingest(recipe, parts[p], earlier))
    signals = run.parts("signals", SIGNALS, parts, lambda p, earlier: _signals(recipe, documents[p], earlier))
    decided = run.parts(
        "curate", CURATE, parts, lambda p, earlier: _curate(recipe, corpus, p, (documents, signals, earlier))
    )
    tokenizer = run("tokenizer", TOKENIZER, Invocation(recipe.tokenizer, {"texts": decided.among(list(parts)[:1])}))
    shards = run.parts(
        "encode", ENCODE, parts, lambda p, _: _encode(recipe, corpus, p, (documents, decided, tokenizer), takedown)
    )
    base = run("pretrain", PRETRAIN, Invocation(recipe.pretrain, {"shards": shards, "tokenizer": tokenizer}))
    held_out = {"shards": shards, "texts": decided, "tokenizer": tokenizer}
    scores = {"base": run("evaluate/base", EVALUATE_BASE, Invocation(recipe.evaluate, {"model": base, **held_out}))}
    tuned = dict[str, StepOutput]()
    for method, config in recipe.finetune.methods.items():
        start = tuned.get(METHODS[method].starts_from, base)
        learned = {"model": start, "texts": decided, "shards": shards}
        tuned[method] = model = run(f"finetune/{method}", FINETUNE[method], Invocation(config, learned))
        judged = Invocation(recipe.evaluate, {"model": model, "rows": model, "base": start, **held_out})
        scores[method] = run(f"evaluate/{method}", EVALUATE[method], judged)
    evidence = {f"scores_{role}": made for role, made in scores.items() if made.state != "skipped"}
    if further := recipe.pretrain.further_seeds():
        learned = {"shards": shards, "tokenizer": tokenizer}
        trained = {
            f"seed_{seed}": run(f"seeds/{seed}", PRETRAIN, Invocation(config, learned))
            for seed, config in further.items()
        }
        evidence["seeds"] = run("seeds/evaluate", EVALUATE_SEEDS, Invocation(recipe.evaluate, {**trained, **held_out}))
    models = {method: model for method, model in tuned.items() if model.state != "skipped"}
    registry = recipe.registry.named(recipe.name, recipe.ingest.licences())
    run("register", REGISTER, Invocation(registry, {"base": base, **models, **evidence}))


def _ingest(recipe: Recipe, part: Partition, earlier: StepOutput) -> Invocation:
    return Invocation(recipe.ingest.part(part), {"earlier": earlier})


def _signals(recipe: Recipe, documents: StepOutput, earlier: StepOutput) -> Invocation:
    return Invocation(recipe.curate.scoring, {"documents": documents, "earlier": earlier})


def _curate(recipe: Recipe, corpus: Corpus, p: str, outputs: tuple[StepOutput, StepOutput, StepOutput]) -> Invocation:
    documents, signals, earlier = outputs
    inputs = {"documents": documents[p], "signals": signals[p], "earlier_signals": signals.before(p)}
    config = recipe.curate.decide(corpus.withdrawn_before(p))
    return Invocation(config, {**inputs, "earlier": earlier})


def _encode(
    recipe: Recipe,
    corpus: Corpus,
    p: str,
    outputs: tuple[StepOutput, StepOutput, StepOutput],
    takedown: Takedown,
) -> Invocation:
    """What was withdrawn or taken down since enters here, for the partition that it touches."""
    documents, decided, tokenizer = outputs
    config = recipe.encode.part(takedown(p, documents[p]), corpus.withdrawn_from(p))
    return Invocation(config, {"texts": decided[p], "tokenizer": tokenizer})
