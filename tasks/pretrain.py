"""Pre-train: token shards → weights that predict text, with everything said about how they came to be.

weights/            Hugging Face layout, tokenizer included       metrics.jsonl   a row a step: the truth of the run
samples.jsonl       the same prompts, continued as it learns      data.json       what batch n was, for lineage
timing/speed.jsonl  seconds, tokens a second, MFU                 curve.svg       loss and bits per byte

weights/began_from.json   where training went on from pretrained weights: their name, hash and licence
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import BaseModel, Field, model_validator

from model.depth import PlanOverrides, ShapeOverrides
from tasks.errors import UserError
from tasks.models.pretrained import PretrainedModel, as_folder, check_weights
from tasks.models.provenance import write_provenance
from tasks.models.vocabulary import Vocabulary
from tasks.store.step import NOT_IN_KEY, Inputs, Stats, Step
from tasks.training import PROGRAM, TrainingConfig, last_metrics, tidy, train

if TYPE_CHECKING:
    from model.family import Shape
    from model.spec import Spec


class PretrainConfig(TrainingConfig, ShapeOverrides, PlanOverrides):
    """One dial, `depth`; whatever is None follows from it (model/depth.py)."""

    family: Literal["gpt2", "llama", "qwen3"] = "llama"
    depth: int = Field(default=4, ge=1)
    context: int = Field(default=256, ge=8)
    init_from: PretrainedModel = None  # weights to go on from (tasks/models/pretrained.py says which) …
    init_sha256: str | None = None  # … whose content is in the key, filled in when the recipe is resolved
    warmup: float = Field(default=0.05, ge=0, le=1)  # share of the steps
    decay: float = Field(default=0.5, ge=0, le=1)  # share of the steps, at the end
    seeds: Annotated[int, NOT_IN_KEY] = Field(default=1, ge=1, le=20)  # trainings: the first is the model, the others
    # say how much of a difference is chance (docs/gate.md)

    def further_seeds(self) -> "dict[str, PretrainConfig]":
        """By name, the same with each further seed."""
        seeds = range(self.seed + 1, self.seed + self.seeds)
        return {str(seed): self.model_copy(update={"seed": seed}) for seed in seeds}

    @model_validator(mode="after")
    def has_a_shape_and_a_batch_that_divide(self) -> Self:
        from model.depth import from_depth

        from_depth(self.depth, 512, self.context, self.family, **by_hand(self, ShapeOverrides))
        micro_batches = self.ranks * self.gradient_accumulation_steps
        if self.batch is not None and self.batch % micro_batches:
            factors = f"{self.ranks} ranks × {self.gradient_accumulation_steps} gradient_accumulation_steps"
            raise ValueError(f"a batch of {self.batch} does not divide among {factors}")
        return self

    @model_validator(mode="after")
    def has_weights_for_its_change(self) -> Self:
        if self.lora and self.init_from is None:
            raise ValueError("lora changes weights that are there: give init_from")
        return self


def pretrain(config: PretrainConfig, inputs: Inputs, out: Path) -> Stats:
    """Trains in a child process; goes on from its checkpoint where an earlier run was ended."""
    begins = as_folder(config.init_from, out / "work") if config.init_from else None
    shape = _shape(config, inputs.folder("tokenizer"), begins)
    spec = specify(config, inputs, out, shape, begins)
    train(spec, config.ranks, "pretrain")
    if config.init_from:
        write_provenance(config.init_from, out / "weights")
    from tasks.report.pictures import draw_training

    draw_training(out / "metrics.jsonl", out / "curve.svg")
    stats = _stats(out, spec, shape.parameters)
    tidy(out)
    return stats


def specify(config: PretrainConfig, inputs: Inputs, out: Path, shape: "Shape", begins: Path | None = None) -> "Spec":
    """The child's whole task; it begins with the weights of a folder, or with fresh ones."""
    from model.depth import training_plan
    from model.hub_files import read_special_ids
    from model.schedule import OptimizerConfig, Schedule
    from model.spec import Spec

    vocabulary = Vocabulary(inputs.folder("tokenizer"))
    plan = training_plan(shape, PlanOverrides(**by_hand(config, PlanOverrides)))
    shares = {"warmup_steps": config.warmup, "decay_steps": config.decay}
    schedule = Schedule(steps=plan.steps, **{name: round(share * plan.steps) for name, share in shares.items()})
    optimizer = OptimizerConfig(learning_rate=plan.learning_rate, **config.optimizer_settings())
    return Spec(
        out=out.absolute(),
        data={**_documents(inputs.partitions("shards")), "separator": vocabulary.separator},
        shape=None if begins else shape,
        weights=begins.absolute() if begins else None,
        tokenizer=vocabulary.folder.absolute(),
        special_ids=read_special_ids(begins) if begins else vocabulary.special_ids,
        context=config.context,
        batch=plan.batch,
        schedule=schedule,
        optimizer=optimizer,
        **config.settings(),
    )


def by_hand(config: PretrainConfig, overrides: type[BaseModel]) -> dict[str, Any]:
    """Those fields of ShapeOverrides or PlanOverrides that the recipe sets."""
    return config.model_dump(include=set(overrides.model_fields), exclude_none=True)


def _shape(config: PretrainConfig, tokenizer: Path, begins: Path | None) -> "Shape":
    from model.depth import from_depth

    vocabulary = Vocabulary(tokenizer).size
    if begins is not None:
        _read_by_the_same_tokenizer(begins, tokenizer)
        return check_weights(begins, vocabulary, config.context)
    return from_depth(config.depth, vocabulary, config.context, config.family, **by_hand(config, ShapeOverrides))


def _read_by_the_same_tokenizer(weights: Path, tokenizer: Path) -> None:
    """UserError where the weights learned other tokens: their embeddings would mean something else."""
    theirs = weights / "tokenizer.json"
    if not theirs.is_file() or theirs.read_bytes() != (tokenizer / "tokenizer.json").read_bytes():
        what = f"{weights}: these weights do not come with the tokenizer of this run"
        cure = "set tokenizer.init_from to the same model; weights of an earlier run over this corpus find theirs again"
        raise UserError(what, cure)


def _documents(shards: Mapping[str, Path]) -> dict[str, Any]:
    """The data to learn from: all shards of all partitions in order, and how many bytes the validation text has."""
    import pyarrow.parquet as pq

    bytes_in = {"train": 0, "validation": 0}
    for folder in shards.values():
        table = pq.read_table(folder / "bytes.parquet", columns=["split", "bytes"])
        for row in table.group_by("split").aggregate([("bytes", "sum")]).to_pylist():
            if row["split"] in bytes_in:
                bytes_in[row["split"]] += row["bytes_sum"]
    for split, count in bytes_in.items():
        if not count:
            raise UserError(f"no document is in the {split} split", "give more text, or raise that split's share")
    train, validation = _files(shards, "train"), _files(shards, "validation")
    counts = {"validation_bytes": bytes_in["validation"]}
    return {"kind": "documents", "train": train, "validation": validation, **counts}


def _files(shards: Mapping[str, Path], split: str) -> dict[str, Path]:
    """The split's shards by a name that tells the partition."""
    found = {part: sorted(folder.glob(f"{split}-*.arrow")) for part, folder in shards.items()}
    return {f"{part}/{file.name}": file.absolute() for part, files in found.items() for file in files}


def _stats(out: Path, spec: "Spec", parameters: int) -> Stats:
    metrics = last_metrics(out / "metrics.jsonl", ("loss", "val_loss", "val_bits_per_byte"))
    metrics |= {"tokens": float(spec.schedule.steps * spec.batch * spec.context)}
    return Stats(metrics=metrics | {"parameters": float(parameters)})


PRETRAIN = Step(
    "pretrain",
    3,
    PretrainConfig,
    pretrain,
    libraries=("torch", "numpy", "pyarrow", "safetensors"),
    code=(PROGRAM,),
    resumes=True,
)
