"""Adapters that peft trained, in every form that is read: merged as peft merges them, or refused by name."""

import json
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from model import hub
from model.family import SpecialIds
from model.hub_config import WeightsError
from model.peft_adapter import merged_tensors
from model.spec import ADAPTER_CONFIG, ADAPTER_WEIGHTS
from tests.model.shapes import logits_of, tokens_of
from tests.peers import network_of

QV = ["q_proj", "v_proj"]
FORMS: dict[str, tuple[str, dict[str, Any]]] = {
    "attention": ("llama", {"target_modules": QV}),
    "ranks and alphas of their own": (
        "qwen3",
        {
            "target_modules": [*QV, "down_proj"],
            "rank_pattern": {"v_proj": 6, "layers.1.mlp.down_proj": 2},
            "alpha_pattern": {"^model.layers.0.self_attn.q_proj": 3, "down_proj": 5},
        },
    ),
    "rsLoRA": ("mistral", {"target_modules": QV, "use_rslora": True}),
    "all linear maps": ("gemma2", {"target_modules": "all-linear"}),
    "fused": ("phi3", {"target_modules": ["qkv_proj", "gate_up_proj"]}),
    "Conv1D": ("gpt2", {"target_modules": ["c_attn", "c_proj"], "fan_in_fan_out": True}),
    "biases": ("qwen2", {"target_modules": QV, "bias": "all"}),
    "biases of its own": ("qwen2", {"target_modules": QV, "bias": "lora_only"}),
    "norms and head whole": ("llama", {"target_modules": QV, "modules_to_save": ["lm_head", "input_layernorm"]}),
    "embedding and head": ("llama", {"target_modules": ["embed_tokens", "lm_head", "q_proj"]}),
    "embedding of a tied model": ("llama tied", {"target_modules": ["embed_tokens", "q_proj"]}),
    "head of a tied model": ("qwen3", {"target_modules": ["lm_head"]}),
    "head of a tied model whole": ("llama tied", {"target_modules": QV, "modules_to_save": ["lm_head"]}),
    "embedding of a tied model whole": ("llama tied", {"target_modules": QV, "modules_to_save": ["embed_tokens"]}),
    "some layers": ("llama", {"target_modules": QV, "layers_to_transform": [1]}),
}


def trained(name: str, folder: Path, **settings: Any) -> Any:
    """peft's model with noise in all that it trains; base and adapter are saved in `folder`."""
    network = network_of(name)
    network.save_pretrained(folder / "base")
    with warnings.catch_warnings(action="ignore"):
        from peft import LoraConfig, get_peft_model

        adapted = get_peft_model(network, LoraConfig(r=4, lora_alpha=10, task_type="CAUSAL_LM", **settings))
        generator = torch.Generator().manual_seed(8)
        with torch.no_grad():
            for _, parameter in sorted(adapted.named_parameters()):
                if parameter.requires_grad:
                    parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
        adapted.save_pretrained(folder / "adapter")
    return adapted.eval()


def merged(folder: Path) -> Any:
    tensors, shape = merged_tensors(hub.load(folder / "base"), folder / "adapter")
    hub.write(tensors, shape, SpecialIds(), folder / "merged")
    return hub.load(folder / "merged")


@pytest.mark.parametrize("form", FORMS)
def test_merged_weights_give_pefts_logits(form: str, tmp_path: Path):
    name, settings = FORMS[form]
    theirs, tokens_bt = trained(name, tmp_path, **settings), tokens_of(2, 30)
    with torch.no_grad():
        beside = theirs(tokens_bt).logits
    torch.testing.assert_close(logits_of(merged(tmp_path), tokens_bt), beside, atol=1e-4, rtol=1e-4)
    assert (logits_of(hub.load(tmp_path / "base"), tokens_bt) - beside).abs().max() > 0.02
    if "tied" in form:
        return  # there peft's merge changes both matrices, unlike its own network before
    with warnings.catch_warnings(action="ignore"):
        theirs.merge_and_unload().save_pretrained(tmp_path / "theirs")
    for (parameter, ours), expected in zip(
        merged(tmp_path).named_parameters(), hub.load(tmp_path / "theirs").parameters(), strict=True
    ):
        torch.testing.assert_close(ours, expected, atol=1e-6, rtol=1e-6, msg=parameter)


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("llama", {"use_dora": True}, "use_dora = True is not read"),
        ("llama", {"lora_bias": True}, "lora_bias = True is not read"),
        ("llama", {"init_lora_weights": "pissa"}, "init_lora_weights = 'pissa' changes the base"),
        ("llama tied", {"target_modules": ["embed_tokens", "q_proj"], "ensure_weight_tying": True}, "ensure_weight_ty"),
        ("llama", {"trainable_token_indices": {"embed_tokens": [1, 2]}}, "trainable_token_indices"),
    ],
)
def test_what_else_peft_can_do_is_refused_by_the_name_of_its_setting(name, settings, message: str, tmp_path: Path):
    trained(name, tmp_path, **({"target_modules": QV} | settings))
    with pytest.raises(WeightsError, match=message) as refused:
        merged(tmp_path)
    assert refused.value.cure


def configure(folder: Path, **changes: Any) -> None:
    file = folder / ADAPTER_CONFIG
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


def change(folder: Path, rename: dict[str, str] | None = None, **tensors: torch.Tensor) -> None:
    named = load_file(folder / ADAPTER_WEIGHTS)
    for part, other in (rename or {}).items():
        named = {name.replace(part, other): tensor for name, tensor in named.items()}
    save_file(named | {name.replace("__", "."): tensor for name, tensor in tensors.items()}, folder / ADAPTER_WEIGHTS)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda f: configure(f, peft_type="IA3"), "peft_type = 'IA3'"),
        (lambda f: configure(f, r=5), "pair of matrices of the rank 5"),
        (lambda f: configure(f, lora_alpha="many"), "'many' is no rank and no alpha"),
        (lambda f: configure(f, rank_pattern={"(": 3}), "no regular expression"),
        (lambda f: configure(f, rank_pattern=[3]), "no table of patterns"),
        (lambda f: configure(f, new_setting=[1]), r"new_setting = \[1\] is not read"),
        (lambda f: (f / ADAPTER_CONFIG).write_text("{"), r"adapter_config\.json: not JSON"),
        (lambda f: (f / ADAPTER_WEIGHTS).write_bytes(b"\x08"), "not a whole safetensors file"),
        (lambda f: (f / ADAPTER_WEIGHTS).rename(f / "adapter_model.bin"), r"adapter_model\.bin is a pickle"),
        (lambda f: (f / ADAPTER_WEIGHTS).unlink(), "there is no adapter_model"),
        (lambda f: change(f, {"layers.1": "layers.9"}), "changes model.layers.9.self_attn"),
        (lambda f: change(f, {"q_proj.lora_A": "q_proj.lora_C"}), "lora_C.weight is of a kind"),
        (lambda f: change(f, {"q_proj.lora_A": "k_proj.lora_A"}), "no pair of matrices"),
        (lambda f: change(f, {"q_proj": "k_proj"}), r"shape \[64, 64\], and the base's is \[32, 64\]"),
        (lambda f: change(f, {"base_model.model.": "other."}), "changes other.model.layers.0"),
        (lambda f: change(f, base_model__model__lm_head__weight=torch.zeros(3, 64)), r"\[3, 64\]"),
        (lambda f: change(f, base_model__model__lm_head__weight=torch.full((128, 64), torch.nan)), "not finite"),
    ],
)
def test_a_damaged_adapter_or_one_of_another_base_is_refused_with_a_fix(damage: Any, message: str, tmp_path: Path):
    trained("llama", tmp_path, target_modules=QV)
    damage(tmp_path / "adapter")
    with pytest.raises(WeightsError, match=message) as refused:
        merged(tmp_path)
    assert str(tmp_path / "adapter") in refused.value.what and refused.value.cure


def test_a_vocabulary_that_an_adapter_widened_is_the_merged_models(tmp_path: Path):
    trained("llama", tmp_path, target_modules=QV)
    wider = {f"base_model__model__{name}__weight": torch.ones(130, 64) for name in ("lm_head", "model__embed_tokens")}
    change(tmp_path / "adapter", **wider)
    assert merged(tmp_path).shape.vocabulary == 130
