"""How fast what learns when: rates by group of parameters, and their course over the run."""

from pydantic import BaseModel, ConfigDict, Field


class Schedule(BaseModel):
    """Warm-up, stable, decay (Hu et al. 2024, MiniCPM, arXiv 2404.06395): fractions of the peak rate by step."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    steps: int = Field(ge=1)
    warmup_steps: int = Field(default=0, ge=0)
    decay_steps: int = Field(default=0, ge=0)
    final_fraction: float = Field(default=0.0, ge=0, le=1)

    def fraction(self, step: int) -> float:
        """The share of the peak rate at the update that ends step `step` (from 0): linear up, flat, linear down.

        Where warm-up and decay overlap, the lower of the two counts.
        """
        up = (step + 1) / (self.warmup_steps + 1)
        left = (self.steps - step) / (self.decay_steps + 1)
        down = self.final_fraction + (1 - self.final_fraction) * left
        return min(1.0, up, down)


class OptimizerSettings(BaseModel):
    """AdamW's constants, and peak learning rates of groups of parameters as multiples of one (model/optimizer.py)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    embedding_scale: float = Field(default=1.0, gt=0)
    head_scale: float = Field(default=1.0, gt=0)
    vector_scale: float = Field(default=1.0, gt=0)  # norms and biases
    weight_decay: float = Field(default=0.1, ge=0)  # of matrices; nothing else decays
    beta1: float = Field(default=0.9, ge=0, lt=1)
    beta2: float = Field(default=0.95, ge=0, lt=1)
    epsilon: float = Field(default=1e-8, gt=0)
    max_norm: float = Field(default=1.0, gt=0)  # gradients are clipped to this length


class OptimizerConfig(OptimizerSettings):
    """With the peak learning rate of matrices, which the scales multiply."""

    learning_rate: float = Field(gt=0)
