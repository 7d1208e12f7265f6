"""The specification of one training run: a JSON file that the training process validates before heavy imports."""

from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from model.family import Shape, SpecialIds
from model.schedule import OptimizerConfig, Schedule

ADAPTER_CONFIG = "adapter_config.json"  # in the folder of a low-rank change, as peft writes it
ADAPTER_WEIGHTS = "adapter_model.safetensors"
TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "chat_template.jinja")


class Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


Matrix = Literal["to_q", "to_k", "to_v", "to_out", "to_gate", "to_up", "to_hidden"]
MATRICES: tuple[Matrix, ...] = ("to_q", "to_k", "to_v", "to_out", "to_gate", "to_up", "to_hidden")


class Lora(Strict):
    """How much of the network may change (model/lora.py). All matrices by default: attention alone learns less."""

    rank: int = Field(default=16, ge=1)
    alpha: float = Field(default=32.0, gt=0)
    targets: tuple[Matrix, ...] = Field(default=MATRICES, min_length=1)  # to_out: of attention and MLP both

    @property
    def scale(self) -> float:
        return self.alpha / self.rank


class TrainingSettings(Strict):
    """How weights are trained, whatever they learn: the fields that recipes and the training process share."""

    gradient_accumulation_steps: int = Field(default=1, ge=1)  # micro-batches a step and rank: less memory
    lora: Lora | None = None  # only a low-rank change of given weights is learned
    seed: int = 0
    dtype: Literal["auto", "float32", "bfloat16"] = "auto"
    compiled: bool | Literal["auto"] = "auto"
    threads: int = Field(default=2, ge=1)
    log_every: int = Field(default=1, ge=1)  # steps
    eval_every: int = Field(default=100, ge=1)  # steps
    eval_items: int = Field(default=256, ge=1)  # validation sequences or texts of one evaluation
    checkpoint_every: int = Field(default=100, ge=1)  # steps
    prompts: tuple[str, ...] = ()  # continued at each evaluation
    sample_tokens: int = Field(default=64, ge=1)


class Spec(TrainingSettings):
    """One training run. What is written goes under `out`; its folder `work` holds what only a resume needs."""

    out: Path
    data: dict[str, Any]  # `kind` names the objective (model/objectives/table.py), whose fields are the others
    shape: Shape | None = None  # fresh weights …
    weights: Path | None = None  # … or those of a folder in the Hugging Face layout
    tokenizer: Path  # its files go with the weights; samples are encoded with it
    special_ids: SpecialIds  # which the weights name when they are saved
    copied_rows: dict[int, int] = {}  # id: another id, whose embedding and output row it begins with
    context: int = Field(ge=1)
    batch: int = Field(ge=1)  # sequences or texts a step, over all ranks
    schedule: Schedule
    optimizer: OptimizerConfig

    @model_validator(mode="after")
    def has_one_beginning(self) -> Self:
        if (self.shape is None) == (self.weights is None):
            raise ValueError("give a shape (fresh weights) or weights (to go on from), and not both")
        if self.lora and self.weights is None:
            raise ValueError("lora changes weights that are there: give weights to go on from")
        return self

    @property
    def work(self) -> Path:
        return self.out / "work"
