"""Pre-train: token shards → weights that foretell text, with everything said about how they came to be.

weights/            Hugging Face layout, tokenizer included       metrics.jsonl   a row a step: the truth of the run
samples.jsonl       the same prompts, continued as it learns      data.json       what batch n was, for lineage
timing/speed.jsonl  seconds, tokens a second, MFU                 curve.png       loss and bits per byte

weights/began_from.json   where training went on from pretrained weights: their name, hash and licence
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from model.spec import Lora
from tasks.errors import UserError
from tasks.models.pretrained import PretrainedModel, as_folder, content_of
from tasks.models.provenance import write_provenance
from tasks.store.step import NOT_IN_KEY, Frozen, Inputs, Stats, Step
from tasks.training import PROGRAM, tidy, train

if TYPE_CHECKING:
    from model.family import Shape
    from model.spec import Spec


class PretrainConfig(Frozen):
    """One dial, `depth`; whatever is None follows from it (model/depth.py)."""

    family: Literal["gpt2", "llama", "qwen3"] = "llama"
    depth: int = Field(default=4, ge=1)
    width: int | None = Field(default=None, ge=1)
    heads: int | None = Field(default=None, ge=1)
    kv_heads: int | None = Field(default=None, ge=1)
    head_width: int | None = Field(default=None, ge=1)
    ffn_width: int | None = Field(default=None, ge=1)
    tied: bool | None = None
    context: int = Field(default=256, ge=8)
    init_from: PretrainedModel = None  # weights to go on from (tasks/models/pretrained.py says which) …
    init_sha256: str | None = None  # … whose content, not their place, is in the key
    lora: Lora | None = None  # only a low-rank change of them is learned

    batch: int | None = Field(default=None, ge=1)  # sequences a step, over all ranks
    parts: int = Field(default=1, ge=1)  # micro-batches a step and rank, where a batch is too much for memory
    steps: int | None = Field(default=None, ge=1)
    tokens_per_parameter: float = Field(default=20.0, gt=0)  # how long, where steps is None
    learning_rate: float | None = Field(default=None, gt=0)  # of matrices, at its peak
    embedding_scale: float = Field(default=1.0, gt=0)  # times learning_rate
    head_scale: float = Field(default=1.0, gt=0)
    weight_decay: float = Field(default=0.1, ge=0)
    warmup: float = Field(default=0.05, ge=0, le=1)  # share of the steps
    decay: float = Field(default=0.5, ge=0, le=1)  # share of the steps, at the end
    max_norm: float = Field(default=1.0, gt=0)
    seed: int = 0
    dtype: Literal["auto", "float32", "bfloat16"] = "auto"
    compiled: bool | Literal["auto"] = "auto"
    ranks: int = Field(default=1, ge=1)
    threads: Annotated[int, NOT_IN_KEY] = Field(default=2, ge=1)

    log_every: int = Field(default=1, ge=1)  # steps
    eval_every: int = Field(default=100, ge=1)
    eval_items: int = Field(default=256, ge=1)  # validation sequences
    checkpoint_every: Annotated[int, NOT_IN_KEY] = Field(default=100, ge=1)
    prompts: tuple[str, ...] = ()
    sample_tokens: int = Field(default=64, ge=1)

    @model_validator(mode="after")
    def has_a_shape_and_a_batch_that_divide(self) -> Self:
        from model.depth import from_depth

        from_depth(self.depth, 512, self.context, self.family, **_set(self, *SHAPE))
        if self.batch is not None and self.batch % (self.ranks * self.parts):
            raise ValueError(f"a batch of {self.batch} does not divide among {self.ranks} ranks × {self.parts} parts")
        return self

    @model_validator(mode="after")
    def knows_its_beginning(self) -> Self:
        if self.init_from is not None and self.init_sha256 is None:
            object.__setattr__(self, "init_sha256", content_of(self.init_from))
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
    from model.curves import draw

    draw(out / "metrics.jsonl", out / "curve.png")
    stats = _stats(out, spec, shape.parameters)
    tidy(out)
    return stats


def specify(config: PretrainConfig, inputs: Inputs, out: Path, shape: "Shape", begins: Path | None = None) -> "Spec":
    """The child's whole task; it begins with the weights of a folder, or with fresh ones."""
    from model.depth import Given, training_plan
    from model.schedule import OptimizerConfig, Schedule
    from model.spec import Spec

    given = Given(**_set(config, "tokens_per_parameter", "batch", "steps", "learning_rate"))
    plan = training_plan(shape, given)
    shares = {"warmup_steps": config.warmup, "decay_steps": config.decay}
    schedule = Schedule(steps=plan.steps, **{name: round(share * plan.steps) for name, share in shares.items()})
    rates = OptimizerConfig(learning_rate=plan.learning_rate, **_set(config, *RATES))
    first = {"weights": begins.absolute(), "lora": config.lora} if begins else {"shape": shape}
    return Spec(
        out=out.absolute(),
        data=_documents(inputs.partitions("shards")),
        tokenizer=inputs.folder("tokenizer").absolute(),
        batch=plan.batch,
        schedule=schedule,
        rates=rates,
        **first,
        **_set(config, *PASSED_ON),
    )


RATES = ("embedding_scale", "head_scale", "weight_decay", "max_norm")
PASSED_ON = ("context", "parts", "seed", "dtype", "compiled", "threads", "log_every", "eval_every", "eval_items")
PASSED_ON += ("checkpoint_every", "prompts", "sample_tokens")
SHAPE = ("width", "heads", "kv_heads", "head_width", "ffn_width", "tied")


def _set(config: PretrainConfig, *names: str) -> dict[str, Any]:
    """Those of the fields that are not None."""
    return {name: value for name in names if (value := getattr(config, name)) is not None}


def _shape(config: PretrainConfig, tokenizer: Path, begins: Path | None) -> "Shape":
    from tokenizers import Tokenizer

    from model.depth import from_depth

    vocabulary = Tokenizer.from_file(str(tokenizer / "tokenizer.json")).get_vocab_size()
    if begins is not None:
        _read_by_the_same_tokenizer(begins, tokenizer)
        return _shape_of(begins, vocabulary, config.context)
    return from_depth(config.depth, vocabulary, config.context, config.family, **_set(config, *SHAPE))


def _read_by_the_same_tokenizer(weights: Path, tokenizer: Path) -> None:
    """UserError where the weights learned other tokens: their embeddings would mean something else."""
    theirs = weights / "tokenizer.json"
    if not theirs.is_file() or theirs.read_bytes() != (tokenizer / "tokenizer.json").read_bytes():
        what = f"{weights}: these weights do not come with the tokenizer of this run"
        cure = "set tokenizer.init_from to the same model; weights of an earlier run over this corpus find theirs again"
        raise UserError(what, cure)


def _shape_of(weights: Path, vocabulary: int, context: int) -> "Shape":
    """The shape of weights to go on from; refused where they cannot read these tokens."""
    from model.hub_config import WeightsError, to_shape

    file = weights / "config.json"
    try:
        shape = to_shape(json.loads(file.read_text(encoding="utf-8")), file)
    except WeightsError as error:
        raise UserError(error.what, error.cure) from error
    if vocabulary > shape.vocabulary:
        what = f"{file}: {shape.vocabulary} embeddings, and the tokenizer has {vocabulary} tokens"
        raise UserError(what, "give the tokenizer that these weights were trained with")
    if context > shape.context:
        what = f"{file}: made for {shape.context} positions, and pretrain.context is {context}"
        raise UserError(what, f"set pretrain.context to {shape.context} or less")
    return shape


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
    rows = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    last = rows[-1]
    metrics = {name: last[name] for name in ("loss", "val_loss", "val_bits_per_byte")}
    metrics |= {"tokens": float(spec.schedule.steps * spec.batch * spec.context), "steps": float(last["step"])}
    return Stats(metrics=metrics | {"parameters": float(parameters)})


PRETRAIN = Step(
    "pretrain",
    2,
    PretrainConfig,
    pretrain,
    libraries=("torch", "numpy", "pyarrow", "safetensors"),
    code=(PROGRAM,),
    resumes=True,
)
