"""LoRA: training only a low-rank change of some matrices (Hu et al. 2021, arXiv 2106.09685), and merging it in the end.

    W x  →  W x + alpha / rank · B (A x)        A is drawn as peft draws it; B begins at 0, so at first nothing changes

Adapters go out in peft's layout; the weights beside them are merged, so that whatever reads weights needs no LoRA.

r rank · i, o width in and out
"""

import json
import math
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor, nn

from model.decoder import Decoder
from model.hub_tensors import Place, place_of, rows_of
from model.spec import ADAPTER_CONFIG, ADAPTER_WEIGHTS, Lora

PEFT_PREFIX = "base_model.model."


class LowRank(nn.Module):
    """A frozen linear map and what is learned beside it."""

    def __init__(self, frozen: nn.Linear, lora: Lora, generator: torch.Generator) -> None:
        super().__init__()
        self.frozen, self.scale, self.is_on = frozen.requires_grad_(False), lora.scale, True
        drawn = torch.empty(lora.rank, frozen.in_features)
        nn.init.kaiming_uniform_(drawn, a=math.sqrt(5), generator=generator)
        self.a_ri = nn.Parameter(drawn)
        self.b_or = nn.Parameter(torch.zeros(frozen.out_features, lora.rank))

    def forward(self, x: Tensor) -> Tensor:
        if not self.is_on:
            return self.frozen(x)
        return self.frozen(x) + F.linear(F.linear(x, self.a_ri), self.b_or) * self.scale

    @torch.no_grad()
    def merge_into_frozen(self) -> nn.Linear:
        self.frozen.weight += (self.b_or @ self.a_ri) * self.scale
        return self.frozen


def add_lora(decoder: Decoder, lora: Lora, seed: int = 0) -> Decoder:
    """The decoder, frozen but for a low-rank change of every target matrix in its blocks."""
    decoder.requires_grad_(False)
    generator = torch.Generator().manual_seed(seed)
    for module, name in _targets(decoder, lora):
        setattr(module, name, LowRank(getattr(module, name), lora, generator))
    return decoder


@contextmanager
def lora_disabled(decoder: Decoder) -> Generator[None]:
    """The decoder as it was before: within, no change is added."""
    changes = [module for module in decoder.modules() if isinstance(module, LowRank)]
    for change in changes:
        change.is_on = False
    try:
        yield
    finally:
        for change in changes:
            change.is_on = True


def merge(decoder: Decoder) -> Decoder:
    """The decoder with every change added to its matrix: an ordinary one again. The head is never a target."""
    for module in list(decoder.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, LowRank):
                setattr(module, name, child.merge_into_frozen())
    return decoder


def save_adapter(decoder: Decoder, lora: Lora, folder: Path) -> None:
    """Writes the change alone, as peft's `PeftModel.from_pretrained` reads it.

    Matrices that the family's file keeps as one get one change there, of as many times the rank: their A below each
    other, their B along a diagonal.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tensors, times, is_transposed = dict[str, Tensor](), dict[str, int](), False
    for module, changes in _stored_changes(decoder).items():
        tensors[f"{PEFT_PREFIX}{module}.lora_A.weight"] = torch.cat([change.a_ri for _, change in changes]).detach()
        tensors[f"{PEFT_PREFIX}{module}.lora_B.weight"] = _together(decoder, changes).detach()
        times[module.rsplit(".", 1)[1]] = len(changes)
        is_transposed |= changes[0][0].transposed
    save_file(
        {n: t.cpu().contiguous() for n, t in tensors.items()}, folder / ADAPTER_WEIGHTS, metadata={"format": "pt"}
    )
    several = {module: count for module, count in times.items() if count > 1}
    adapter_config = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "r": lora.rank,
        "lora_alpha": lora.alpha,
        "rank_pattern": {module: lora.rank * count for module, count in several.items()},
        "alpha_pattern": {module: lora.alpha * count for module, count in several.items()},
        "target_modules": sorted(times),
        "fan_in_fan_out": is_transposed,
        "lora_dropout": 0.0,
        "bias": "none",
        "use_rslora": False,
    }
    (folder / ADAPTER_CONFIG).write_text(json.dumps(adapter_config, indent=1) + "\n", encoding="utf-8")


def _targets(decoder: Decoder, lora: Lora) -> list[tuple[nn.Module, str]]:
    linears = [(m, n) for m in decoder.blocks.modules() for n, c in m.named_children() if isinstance(c, nn.Linear)]
    return [(module, name) for module, name in linears if name in lora.targets]


def _stored_changes(decoder: Decoder) -> dict[str, list[tuple[Place, LowRank]]]:
    """The changes by the module of the file that has their matrices: `model.layers.0.self_attn.q_proj`."""
    changes = dict[str, list[tuple[Place, LowRank]]]()
    for name, module in decoder.named_modules():
        if isinstance(module, LowRank):
            place = place_of(decoder.shape.family, f"{name}.weight")
            changes.setdefault(place.name.removesuffix(".weight"), []).append((place, module))
    return changes


def _together(decoder: Decoder, changes: list[tuple[Place, LowRank]]) -> Tensor:
    """B of the stored matrix: each change's in the rows of its part, and in columns of its own."""
    rows = rows_of(decoder.shape, changes[0][0], len(changes[0][1].b_or))
    columns = [
        F.pad(change.b_or, (0, 0, sum(rows[: place.part]), sum(rows[place.part + 1 :]))) for place, change in changes
    ]
    return torch.cat(columns, dim=1)
