"""LitGPT's own network and ours: the same logits from the same files, and nothing read that we do not compute."""

import dataclasses
import pickle
import re
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from model import litgpt_weights
from model.family import Shape
from model.hub_config import WeightsError
from model.litgpt_config import from_litgpt, to_litgpt
from model.litgpt_settings import LIT_CONFIG, LIT_MODEL, SILENT
from tests.model.shapes import SHAPES, decoder_of, logits_of, tokens_of

UNKNOWN_TO_LITGPT = {
    "gpt2": "learned positions",
    "gpt2 untied": "learned positions",
    "granite": "embedding multiplier",
    "smollm3": "blocks without rotary positions",
}
SHARED = [name for name in SHAPES if name not in UNKNOWN_TO_LITGPT]


@pytest.fixture(scope="module")
def litgpt() -> Any:
    """LitGPT, whose import takes seconds: no other worker is to wait for it."""
    import litgpt

    return litgpt


def opened(litgpt: Any, folder: Path) -> Any:
    gpt = litgpt.GPT(litgpt.Config.from_file(folder / LIT_CONFIG))
    gpt.load_state_dict(torch.load(folder / LIT_MODEL))
    return gpt.eval()


@pytest.mark.parametrize("name", SHARED)
def test_litgpt_gives_the_same_logits_and_the_files_read_again_give_the_same_decoder(
    name: str, tmp_path: Path, litgpt: Any
):
    decoder, tokens_bt = decoder_of(name), tokens_of(2, 30)
    litgpt_weights.save(decoder, tmp_path)
    with torch.no_grad():
        torch.testing.assert_close(
            logits_of(decoder, tokens_bt), opened(litgpt, tmp_path)(tokens_bt), atol=1e-4, rtol=1e-4
        )
    read = litgpt_weights.load(tmp_path)
    assert read.shape == litgpt_weights.read_shape(tmp_path) == decoder.shape
    for ours, again in zip(decoder.parameters(), read.parameters(), strict=True):
        assert torch.equal(ours, again) and again.is_contiguous()
    (tmp_path / "again").mkdir()
    litgpt_weights.save(read, tmp_path / "again")
    for file in (LIT_CONFIG, LIT_MODEL):
        assert (tmp_path / file).read_bytes() == (tmp_path / "again" / file).read_bytes()


@pytest.mark.parametrize(("name", "missing"), UNKNOWN_TO_LITGPT.items())
def test_what_litgpt_does_not_compute_is_refused_by_its_name(name: str, missing: str, tmp_path: Path):
    with pytest.raises(WeightsError, match=f"LitGPT has no {missing}"):
        litgpt_weights.save(decoder_of(name), tmp_path)


def test_settings_that_a_file_leaves_out_mean_what_litgpt_means(litgpt: Any):
    theirs = {
        field.name: field.default_factory() if field.default is dataclasses.MISSING else field.default  # type: ignore
        for field in dataclasses.fields(litgpt.Config)
    }
    assert theirs == SILENT


READ = {
    "Llama-3.1-8B": "llama",
    "Llama-2-7b-hf": "llama",
    "CodeLlama-7b-hf": "llama",
    "Mistral-7B-v0.1": "mistral",
    "Mistral-7B-v0.3": "mistral",
    "Phi-3-mini-4k-instruct": "phi3",
    "Phi-4-mini-instruct": "phi3",
    "Qwen2.5-0.5B": "qwen2",
    "Qwen3-0.6B": "qwen3",
    "SmolLM2-135M": "llama",
    "OLMo-2-1124-7B": "olmo2",
    "Gemma-2b": "gemma",
    "CodeGemma-7b-it": "gemma",
    "Gemma-2-2b": "gemma2",
    "Gemma-3-1b-it": "gemma3_text",
    "Gemma-3-4b-it": "gemma3_text",
    "stablelm-zephyr-3b": "norm_class_name = LayerNorm",
    "pythia-160m": "parallel_residual = True",
    "Mixtral-8x7B-v0.1": "n_expert = 8",
    "phi-2": "parallel_residual = True",
    "Qwen3-30B-A3B": "n_expert = 128",
}


@pytest.mark.parametrize(("name", "family"), READ.items())
def test_published_configs_are_read_or_refused_by_the_name_of_a_setting(name: str, family: str, litgpt: Any):
    content = dataclasses.asdict(litgpt.Config.from_name(name))
    if " " in family:
        with pytest.raises(WeightsError, match=family):
            from_litgpt(content, Path(LIT_CONFIG), tied=False)
    else:
        shape = from_litgpt(content, Path(LIT_CONFIG), tied=False)
        assert shape.family == family
        assert shape.vocabulary == content["padded_vocab_size"]


def small(content: dict[str, Any]) -> dict[str, Any]:
    """A published config's network with few and narrow blocks, of which one sees all and the others a window."""
    sizes = {"n_layer": 3, "n_embd": 32, "n_head": 4, "intermediate_size": 48, "block_size": 64}
    sizes |= {
        "vocab_size": 100,
        "padded_vocab_size": 128,
        "n_query_groups": 2 if content.get("n_query_groups") else None,
    }
    if "head_size" in content:
        sizes["head_size"] = 10
    if content.get("sliding_window_size"):
        sizes["sliding_window_size"] = 7
    mixed = {name: [1, 0, 1] for name in ("sliding_window_indices", "rope_indices") if content.get(name)}
    rope = dict(content.get("rope_adjustments") or {})
    if "original_max_seq_len" in rope:
        mixed["rope_adjustments"] = rope | {"original_max_seq_len": 16}
    return content | sizes | mixed


def test_each_network_that_litgpt_ships_gives_its_logits_or_is_refused(litgpt: Any, tmp_path: Path):
    contents = {
        repr({**small(c), "name": "Gemma" in c["name"], "hf_config": 0}): small(c) for c in litgpt.config.configs
    }
    families, refused, tokens_bt = set[str](), set[str](), torch.randint(128, (2, 40))
    for content in contents.values():
        config = litgpt.Config(**content)
        try:
            from_litgpt(dataclasses.asdict(config), Path(LIT_CONFIG), tied=False)
        except WeightsError as error:
            refused.add(re.findall(r"parallel_residual = True|n_expert = |norm_class_name = LayerNorm", error.what)[0])
            continue
        gpt = litgpt.GPT(config).eval()
        with torch.no_grad():
            for parameter in gpt.parameters():
                parameter.mul_(3 if parameter.dim() == 2 else 1.1)
            expected = gpt(tokens_bt)
        litgpt.utils.save_config(config, tmp_path)
        torch.save(gpt.state_dict(), tmp_path / LIT_MODEL)
        read = litgpt_weights.load(tmp_path)
        torch.testing.assert_close(logits_of(read, tokens_bt), expected, atol=1e-4, rtol=1e-4, msg=content["name"])
        families.add(read.shape.family)
    assert families == {"llama", "mistral", "phi3", "qwen2", "qwen3", "olmo2", "gemma", "gemma2", "gemma3_text"}
    assert len(refused) == 3


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rope_adjustments": {"factor": 8.0, "beta_fast": 32.0, "beta_slow": 1.0}}, "rope_adjustments"),
        ({"rope_interleave": True}, "rope_interleave = True"),
        ({"lm_head_bias": True}, "lm_head_bias = True"),
        ({"norm_2": False}, "norm_1 = True"),
        ({"mlp_class_name": "LLaMAMoE"}, "mlp_class_name = LLaMAMoE"),
        ({"latent_attention": {"q_lora_rank": 4}}, "latent_attention"),
        ({"rope_condense_ratio": 2, "rope_adjustments": {"factor": 2.0}}, "rope_condense_ratio = 2"),
        ({"new_setting": 1}, "new_setting is no setting"),
        ({"n_layer": 10**12}, "n_layer"),
        ({"n_layer": "two"}, "not a config of LitGPT's|n_layer"),
        ({"n_head": 0}, "not a config of LitGPT's|n_head"),
        ({"n_embd": None}, "n_embd|not a config"),
        ({"rope_adjustments": [1]}, "not a config|rope_adjustments"),
        ({"sliding_window_size": 3, "sliding_window_indices": [1]}, "sliding_window_indices"),
        ({"final_logit_softcapping": 3.0}, "none of llama, .* has all"),
        ({"gelu_approximate": "tanh", "bias": True}, "bias = True"),
    ],
)
def test_a_setting_that_is_not_read_is_refused_by_its_name(changes: dict[str, Any], message: str):
    content = to_litgpt(SHAPES["llama"]) | changes
    with pytest.raises(WeightsError, match=message):
        from_litgpt(content, Path(LIT_CONFIG), tied=False)


def test_an_older_file_interleaves_queries_keys_and_values_and_may_hold_them_under_model(tmp_path: Path, litgpt: Any):
    decoder, shape = decoder_of("qwen2"), SHAPES["qwen2"]
    litgpt_weights.save(decoder, tmp_path)
    tensors = torch.load(tmp_path / LIT_MODEL)
    for name in [name for name in tensors if ".qkv." in name]:
        tensors[name.replace(".qkv.", ".attn.")] = interleaved(tensors.pop(name), shape)
    torch.save({"model": tensors, "step": 3}, tmp_path / LIT_MODEL)
    read, tokens_bt = litgpt_weights.load(tmp_path), tokens_of(1, 20)
    assert torch.equal(logits_of(read, tokens_bt), logits_of(decoder, tokens_bt))
    gpt = litgpt.GPT(litgpt.Config.from_file(tmp_path / LIT_CONFIG)).eval()
    gpt.load_state_dict(tensors)
    with torch.no_grad():
        torch.testing.assert_close(gpt(tokens_bt), logits_of(read, tokens_bt), atol=1e-4, rtol=1e-4)


def interleaved(qkv: torch.Tensor, shape: Shape) -> torch.Tensor:
    sizes = (shape.heads * shape.head_width, *2 * [shape.kv_heads * shape.head_width])
    groups = zip(*(part.chunk(shape.kv_heads) for part in qkv.split(sizes)), strict=True)
    return torch.cat([torch.cat(group) for group in groups])


class Runs:
    def __reduce__(self) -> tuple[Any, ...]:
        return (Path("/tmp/never").touch, ())


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def compressed(file: Path) -> None:
    with zipfile.ZipFile(file) as whole:
        entries = {entry.filename: whole.read(entry) for entry in whole.infolist()}
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as small:
        for name, content in entries.items():
            small.writestr(name, content)


def nested() -> torch.Tensor:
    return torch.nested.nested_tensor([torch.zeros(3), torch.zeros(2)], layout=torch.jagged)


def change(file: Path, **tensors: Any) -> None:
    torch.save(torch.load(file) | {name.replace("__", "."): tensor for name, tensor in tensors.items()}, file)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (cut, r"lit_model\.pth: cut, damaged"),
        (lambda file: file.write_bytes(b""), r"lit_model\.pth: cut, damaged"),
        (lambda file: file.write_bytes(pickle.dumps({"x": 1})), r"lit_model\.pth: cut, damaged"),
        (lambda file: torch.save({"x": Runs()}, file), "holds more than tensors, which could run any code"),
        (compressed, "it is compressed"),
        (lambda file: torch.save([1], file), "holds no table of tensors"),
        (lambda file: torch.save({}, file), "holds no table of tensors"),
        (lambda file: change(file, lm_head__weight=3), "'lm_head.weight' is no tensor"),
        (lambda file: change(file, lm_head__weight=torch.zeros(1).expand(61, 24)), "'lm_head.weight' is no tensor"),
        (lambda file: change(file, lm_head__weight=torch.zeros(61, 24, device="meta")), "'lm_head.weight' is no"),
        (lambda file: change(file, lm_head__weight=torch.eye(61, 24).to_sparse()), "'lm_head.weight' is no tensor"),
        (lambda file: change(file, lm_head__weight=nested()), "'lm_head.weight' is no tensor"),
        (lambda file: change(file, lm_head__weight=torch.zeros(61, 24).to(torch.float8_e4m3fn)), "is no tensor"),
        (lambda file: change(file, lm_head__weight=torch.zeros(60, 24)), r"shape \[60, 24\], .* asks for \[61, 24\]"),
        (lambda file: change(file, lm_head__weight=torch.full((61, 24), torch.nan)), "not finite"),
        (lambda file: change(file, extra=torch.zeros(3)), "1 tensors have no place .*: extra"),
        (lambda file: file.unlink(), r"lit_model\.pth: missing"),
        (lambda file: (file.parent / LIT_CONFIG).unlink(), r"model_config\.yaml: missing"),
        (lambda file: (file.parent / LIT_CONFIG).write_text("[" * 3_000), r"model_config\.yaml: not YAML"),
        (lambda file: (file.parent / LIT_CONFIG).write_text("!!python/object/apply:os.getcwd []"), "not YAML"),
        (lambda file: (file.parent / LIT_CONFIG).write_text("- 1"), "not a table of settings"),
        (lambda file: (file.parent / LIT_CONFIG).write_bytes(b"\xff\xfe\x00"), "not YAML"),
    ],
)
def test_a_damaged_or_hostile_file_is_refused_with_its_place_and_a_fix(damage: Any, message: str, tmp_path: Path):
    litgpt_weights.save(decoder_of("llama"), tmp_path)
    damage(tmp_path / LIT_MODEL)
    with pytest.raises(WeightsError, match=message) as refused:
        litgpt_weights.load(tmp_path)
    assert str(tmp_path) in refused.value.what and refused.value.cure
    assert not Path("/tmp/never").exists()


def test_settings_are_written_so_that_yaml_reads_numbers_as_numbers(tmp_path: Path):
    litgpt_weights.save(decoder_of("qwen3"), tmp_path)
    assert yaml.safe_load((tmp_path / LIT_CONFIG).read_text())["norm_eps"] == 1e-6
