"""LoRA: training only a low-rank change of some matrices (Hu et al. 2021, arXiv 2106.09685), and merging it in the end.

    W x  →  W x + alpha / rank · B (A x)        A is drawn as peft draws it; B begins at 0, so at first nothing changes

Adapters go out in peft's layout; the weights beside them are merged, so that whatever reads weights needs no LoRA.

r rank · i, o width in and out
"""

import json
import math
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor, nn

from model.decoder import Decoder
from model.hub_config import WeightsError
from model.hub_tensors import place_of
from model.spec import ADAPTER_CONFIG, Lora

ADAPTER_WEIGHTS = "adapter_model.safetensors"
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


def refuse_nameless(decoder: Decoder) -> None:
    """WeightsError at the beginning of training where an adapter could not be written at its end."""
    for name, _ in _changed(decoder):
        _stored(decoder, name)


def save_adapter(decoder: Decoder, lora: Lora, folder: Path) -> None:
    """Writes the change alone, as peft's `PeftModel.from_pretrained` reads it."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = dict[str, Tensor]()
    for name, module in _changed(decoder):
        theirs = PEFT_PREFIX + _stored(decoder, name)
        tensors[f"{theirs}.lora_A.weight"] = module.a_ri.detach().cpu().contiguous()
        tensors[f"{theirs}.lora_B.weight"] = module.b_or.detach().cpu().contiguous()
    save_file(tensors, folder / ADAPTER_WEIGHTS, metadata={"format": "pt"})
    targets = sorted({_stored(decoder, name).rsplit(".", 1)[1] for name, _ in _changed(decoder)})
    adapter_config = {"peft_type": "LORA", "task_type": "CAUSAL_LM", "r": lora.rank, "lora_alpha": lora.alpha}
    adapter_config |= {"target_modules": targets, "lora_dropout": 0.0, "bias": "none", "use_rslora": False}
    (folder / ADAPTER_CONFIG).write_text(json.dumps(adapter_config, indent=1) + "\n", encoding="utf-8")


def _targets(decoder: Decoder, lora: Lora) -> list[tuple[nn.Module, str]]:
    linears = [(m, n) for m in decoder.blocks.modules() for n, c in m.named_children() if isinstance(c, nn.Linear)]
    return [(module, name) for module, name in linears if name in lora.targets]


def _changed(decoder: Decoder) -> Iterator[tuple[str, LowRank]]:
    return ((name, module) for name, module in decoder.named_modules() if isinstance(module, LowRank))


def _stored(decoder: Decoder, name: str) -> str:
    """`blocks.0.attention.to_q` → `model.layers.0.self_attn.q_proj`; raises where the file keeps several in one."""
    place = place_of(decoder.shape.family, f"{name}.weight")
    if place.fused:
        raise WeightsError(
            f"{decoder.shape.family} keeps several matrices in one ({place.name}): {name} can have no adapter",
            "leave lora out, or take a family that keeps them apart, such as llama or qwen3",
        )
    return place.name.removesuffix(".weight")
