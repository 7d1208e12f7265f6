"""Adapters in peft's layout, read back to stand beside the matrices: triptych itself merges what it reads."""

import json
from pathlib import Path
from typing import cast

import torch
from safetensors.torch import load_file
from torch import nn

from model import hub
from model.decoder import Decoder
from model.hub_tensors import place_of
from model.lora import PEFT_PREFIX, LowRank, add_lora, save_adapter
from model.spec import ADAPTER_CONFIG, ADAPTER_WEIGHTS, Lora, Matrix


def load_adapter(decoder: Decoder, folder: Path) -> Decoder:
    """The decoder with an adapter of peft's layout beside its matrices."""
    adapter_config = json.loads((folder / ADAPTER_CONFIG).read_text(encoding="utf-8"))
    tensors = load_file(folder / ADAPTER_WEIGHTS)
    lora = Lora(
        rank=adapter_config["r"],
        alpha=adapter_config["lora_alpha"],
        targets=_ours(decoder, adapter_config["target_modules"]),
    )
    add_lora(decoder, lora)
    for name, module in decoder.named_modules():
        if not isinstance(module, LowRank):
            continue
        theirs = PEFT_PREFIX + _stored(decoder, name)
        module.a_ri.data.copy_(tensors.pop(f"{theirs}.lora_A.weight"))
        module.b_or.data.copy_(tensors.pop(f"{theirs}.lora_B.weight"))
    if tensors:
        raise ValueError(f"{folder}: {len(tensors)} tensors have no place in this network: {sorted(tensors)[0]}")
    return decoder


def save_random_adapter(base: Path, folder: Path) -> Path:
    """An adapter of rank 2 whose change is not nil."""
    lora = Lora(rank=2, alpha=4)
    decoder = add_lora(hub.load(base), lora, seed=5)
    with torch.no_grad():
        for module in decoder.modules():
            if isinstance(module, LowRank):
                module.b_or.normal_(generator=torch.Generator().manual_seed(6))
    save_adapter(decoder, lora, folder)
    return folder


def _ours(decoder: Decoder, theirs: list[str]) -> tuple[Matrix, ...]:
    """Our names of peft's target modules."""
    linears = [name for name, module in decoder.blocks.named_modules(prefix="blocks") if isinstance(module, nn.Linear)]
    ours = {_stored(decoder, name).rsplit(".", 1)[1]: name.rsplit(".", 1)[1] for name in linears}
    return tuple(sorted({cast(Matrix, ours[name]) for name in theirs}))


def _stored(decoder: Decoder, name: str) -> str:
    return place_of(decoder.shape.family, f"{name}.weight").name.removesuffix(".weight")
