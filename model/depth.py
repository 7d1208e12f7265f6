"""The dial: from one number, `depth`, to a shape, a batch, a learning rate and a number of steps.

Each rule names its source, and each derived number can be set by hand instead.
"""

import math
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from model.family import FAMILIES, Family, Shape

WIDTH_PER_BLOCK = 64  # width / depth; loss is flat from 40 to 100 (Kaplan et al. 2020, arXiv 2001.08361, figure 5)
HEAD_WIDTH = 64  # GPT-2's; so heads = depth
TOKENS_PER_PARAMETER = 20.0  # compute-optimal (Hoffmann et al. 2022, arXiv 2203.15556, table 3)


class ShapeOverrides(BaseModel):
    """Fields of a shape that are set by hand; None: derived from the depth."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    width: int | None = Field(default=None, ge=1)
    heads: int | None = Field(default=None, ge=1)
    kv_heads: int | None = Field(default=None, ge=1)
    head_width: int | None = Field(default=None, ge=1)
    ffn_width: int | None = Field(default=None, ge=1)
    tied: bool | None = None


class PlanOverrides(BaseModel):
    """What of a training plan is set by hand; None: derived from the shape."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tokens_per_parameter: float = Field(default=TOKENS_PER_PARAMETER, gt=0)  # how long, where steps is None
    batch: int | None = Field(default=None, ge=1)  # sequences a step, over all ranks
    steps: int | None = Field(default=None, ge=1)
    learning_rate: float | None = Field(default=None, gt=0)  # of matrices, at its peak


class TrainingPlan(BaseModel):
    """How long, in what portions and how fast a network of some shape is trained."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    batch: int  # sequences a step, over all ranks
    steps: int
    learning_rate: float  # peak
    tokens: int  # batch · context · steps
    flops: float  # forward and backward, all steps


def from_depth(depth: int, vocabulary: int, context: int, family: Family, **by_hand: Any) -> Shape:
    """The family's shape at that depth; any field of Shape may be given by hand, the others follow from it.

    width = 64 · depth, heads of width 64, one key/value head a query head (grouping saves memory in generation, which
    small networks do not lack). The MLP is 4 widths wide (Vaswani et al. 2017), or 8/3 where it is gated, so that it
    has as many parameters (Shazeer 2020, arXiv 2002.05202), rounded up to a multiple of 64.
    """
    traits = FAMILIES[family]
    width = by_hand.get("width", WIDTH_PER_BLOCK * depth)
    head_width = by_hand.get("head_width", HEAD_WIDTH if width % HEAD_WIDTH == 0 else width)
    heads = by_hand.get("heads", width // head_width)
    ffn_width = 4 * width if traits.mlp == "gelu" else 64 * math.ceil(8 * width / 3 / 64)
    derived = {"width": width, "head_width": head_width, "heads": heads, "kv_heads": heads, "ffn_width": ffn_width}
    named = {"family": family, "depth": depth, "vocabulary": vocabulary, "context": context, "tied": traits.tied}
    return Shape.model_validate(named | derived | by_hand)


def training_plan(shape: Shape, overrides: PlanOverrides | None = None) -> TrainingPlan:
    """Batch, steps and learning rate for a shape.

    Tokens are 20 a parameter of the matrices (Hoffmann et al. 2022) unless the steps are given. With C the compute in
    FLOPs, a batch has 0.2920 · C^0.3271 tokens and the peak learning rate is 0.3118 · C^-0.1250 (DeepSeek LLM, arXiv
    2401.02954, equation 1; fitted on 1e17 to 2e19 FLOPs: at a laptop's 1e14 they are an extrapolation).
    """
    given = overrides or PlanOverrides()
    if given.batch is not None:
        batch = given.batch
    elif given.steps is not None:
        batch = batch_at(given.steps * flops_per_token(shape), shape.context)
    else:
        flops = given.tokens_per_parameter * matrix_parameters(shape) * flops_per_token(shape)
        batch = nearest_power_of_two(0.2920 * flops**0.3271 / shape.context)
    wanted_tokens = given.tokens_per_parameter * matrix_parameters(shape)
    steps = given.steps or math.ceil(wanted_tokens / (batch * shape.context))
    tokens = batch * shape.context * steps
    flops = tokens * flops_per_token(shape)
    learning_rate = given.learning_rate or float(f"{0.3118 * flops**-0.1250:.2g}")
    return TrainingPlan(batch=batch, steps=steps, learning_rate=learning_rate, tokens=tokens, flops=flops)


def batch_at(flops_per_batch_token: float, context: int) -> int:
    """Sequences a batch where the steps are fixed: the root of tokens = 0.2920 · (tokens · flops)^0.3271."""
    return nearest_power_of_two((0.2920 * flops_per_batch_token**0.3271) ** (1 / (1 - 0.3271)) / context)


def flops_per_token(shape: Shape) -> float:
    """FLOPs of training, forward and backward: 6 N + 12 L H Q T (PaLM, arXiv 2204.02311, appendix B).

    N counts the parameters that are multiplied: a looked-up table is not, a tied embedding is (as the head). Scores
    count in full although causal attention needs half of them, as is the custom for MFU.
    """
    return 6.0 * matrix_parameters(shape) + attention_flops(shape)


def attention_flops(shape: Shape) -> float:
    """A token of training, for queries times keys and scores times values: 12 L H Q T, a third of it forward."""
    return 12.0 * shape.depth * shape.heads * shape.head_width * shape.context


def matrix_parameters(shape: Shape) -> int:
    """All parameters but those of tables that are only looked up."""
    looked_up = 0 if shape.tied else shape.vocabulary * shape.width
    if shape.traits.positions == "learned":
        looked_up += shape.context * shape.width
    return shape.parameters - looked_up


def nearest_power_of_two(number: float) -> int:
    return 2 ** max(0, round(math.log2(number)))
