import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from model import hub, hub_files
from model.cross_entropy import cross_entropy
from model.hub_config import WeightsError, to_config, to_shape
from model.hub_tensors import place_of, rows_of
from tests.model.shapes import SHAPES, decoder_of, logits_of, tokens_of
from tests.peers import CONFIGS, network_of


@pytest.mark.parametrize("name", CONFIGS)
def test_a_model_that_transformers_wrote_gives_the_logits_that_transformers_gives(name: str, tmp_path: Path):
    theirs, tokens_bt = network_of(name), tokens_of(2, 48)
    theirs.save_pretrained(tmp_path)
    with torch.no_grad():
        torch.testing.assert_close(
            logits_of(hub.load(tmp_path), tokens_bt), theirs(tokens_bt).logits, atol=5e-5, rtol=1e-5
        )


@pytest.mark.parametrize("name", CONFIGS)
def test_the_gradients_of_its_training_are_those_of_transformers(name: str, tmp_path: Path):
    theirs, tokens_bt = network_of(name), tokens_of(2, 48).clamp(min=4)  # to padding transformers gives no gradient
    theirs.save_pretrained(tmp_path)
    ours = hub.load(tmp_path)
    theirs(tokens_bt, labels=tokens_bt).loss.backward()
    cap, targets_bt = ours.shape.logits_cap, tokens_bt[:, 1:]
    loss = cross_entropy(ours(tokens_bt)[:, :-1], ours.head_weight_vd, targets_bt, cap) / targets_bt.numel()
    loss.backward()
    gradients = {parameter_name: parameter.grad for parameter_name, parameter in theirs.named_parameters()}
    for parameter_name, parameter in ours.named_parameters():
        place = place_of(ours.shape.family, parameter_name)
        expected = gradients[place.name].T if place.transposed else gradients[place.name]
        expected = expected.split(rows_of(ours.shape, place, len(parameter)))[place.part]
        torch.testing.assert_close(parameter.grad, expected, atol=2e-5, rtol=1e-3)


@pytest.mark.parametrize("name", list(CONFIGS)[1:])
def test_a_config_of_transformers_4_means_the_same(name: str):
    new = json.loads(CONFIGS[name].to_json_string(use_diff=False))
    old = {key: value for key, value in new.items() if key not in ("rope_parameters", "dtype")}
    rope = dict(new["rope_parameters"])
    if "full_attention" in rope:
        old["rope_local_base_freq"] = rope["sliding_attention"]["rope_theta"]
        rope = dict(rope["full_attention"])
    old |= {"rope_theta": rope.pop("rope_theta"), "torch_dtype": "float32"}
    if "partial_rotary_factor" in rope:
        old["partial_rotary_factor"] = rope.pop("partial_rotary_factor")
    old["rope_scaling"] = None if rope["rope_type"] == "default" else rope
    assert to_shape(old, Path("config.json")) == to_shape(new, Path("config.json"))


@pytest.mark.parametrize("name", SHAPES)
def test_transformers_reads_what_we_write_and_gives_the_same_logits(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(os.environ, "HF_HUB_OFFLINE", "1")
    from transformers import AutoModelForCausalLM

    decoder, tokens_bt = decoder_of(name), tokens_of(2, 30)
    hub.save(decoder, tmp_path)
    theirs, report = AutoModelForCausalLM.from_pretrained(tmp_path, dtype=torch.float32, output_loading_info=True)
    assert not report["missing_keys"] and not report["unexpected_keys"] and not report["mismatched_keys"]
    with torch.no_grad():
        torch.testing.assert_close(logits_of(decoder, tokens_bt), theirs(tokens_bt).logits, atol=1e-4, rtol=1e-4)
    assert (theirs.config.bos_token_id, theirs.config.eos_token_id, theirs.config.pad_token_id) == (0, 0, 1)
    assert theirs.generation_config.eos_token_id == 0

    theirs.save_pretrained(tmp_path / "theirs")
    torch.testing.assert_close(logits_of(hub.load(tmp_path / "theirs"), tokens_bt), logits_of(decoder, tokens_bt))


@pytest.mark.parametrize("name", SHAPES)
def test_weights_load_bit_for_bit_and_save_to_the_same_bytes(name: str, tmp_path: Path):
    decoder = decoder_of(name)
    hub.save(decoder, tmp_path / "one")
    loaded = hub.load(tmp_path / "one")
    assert loaded.shape == decoder.shape and loaded.special_ids == decoder.special_ids
    for (name_, ours), theirs in zip(decoder.named_parameters(), loaded.parameters(), strict=True):
        assert torch.equal(ours, theirs), name_
        assert theirs.requires_grad and theirs.is_contiguous()
    hub.save(loaded, tmp_path / "two")
    for file in (tmp_path / "one").iterdir():
        assert file.read_bytes() == (tmp_path / "two" / file.name).read_bytes()


@pytest.mark.parametrize(
    ("changes", "shape"),
    [
        ({"model_type": "mixtral"}, "mixtral': experts are not read yet; read are gpt2, llama"),
        ({"model_type": "gemma3"}, "gemma3': its pictures"),
        ({"model_type": "qwen2", "use_sliding_window": True, "sliding_window": 4, "layer_types": ["x"]}, "layer_types"),
        ({"model_type": "llama", "partial_rotary_factor": 0.5}, "a share of 0.5 of each head"),
        ({"model_type": "phi3", "rope_scaling": {"type": "longrope"}}, "of the type 'longrope'"),
    ],
)
def test_what_is_not_read_is_refused_by_its_name(changes: dict, shape: str, tmp_path: Path):
    hub.save(decoder_of("llama"), tmp_path)
    configure(tmp_path, rope_parameters=None, rope_scaling=None)
    configure(tmp_path, **changes)
    with pytest.raises(WeightsError, match=shape):
        hub.load(tmp_path)


def test_weights_are_read_without_torchs_compiler_whose_import_takes_seconds(tmp_path: Path):
    hub.save(decoder_of("llama"), tmp_path)
    code = (
        "import sys; from pathlib import Path; from model import hub; hub.load(Path(sys.argv[1])); print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code, tmp_path], capture_output=True, text=True, check=True)
    assert "model.hub" in done.stdout.split() and "torch._dynamo" not in done.stdout.split()


def test_shards_with_an_index_read_like_one_file(tmp_path: Path):
    decoder = decoder_of("gpt2")
    hub.save(decoder, tmp_path)
    tensors = load_file(tmp_path / hub_files.SINGLE)
    (tmp_path / hub_files.SINGLE).unlink()
    files = {name: f"model-0000{number % 2 + 1}-of-00002.safetensors" for number, name in enumerate(tensors)}
    for file in set(files.values()):
        save_file({name: tensors[name] for name in files if files[name] == file}, tmp_path / file)
    (tmp_path / hub_files.INDEX).write_text(json.dumps({"metadata": {}, "weight_map": files}))
    torch.testing.assert_close(logits_of(hub.load(tmp_path), tokens_of(1, 9)), logits_of(decoder, tokens_of(1, 9)))

    (tmp_path / "model-00002-of-00002.safetensors").unlink()
    with pytest.raises(WeightsError, match=r"model-00002-of-00002\.safetensors: missing, but .*index"):
        hub.load(tmp_path)


def test_openais_own_gpt2_files_load_too(tmp_path: Path):
    """Without the prefix, with the causal masks as buffers and with the tied head stored twice."""
    decoder = decoder_of("gpt2")
    hub.save(decoder, tmp_path)
    tensors = {
        name.removeprefix("transformer."): tensor for name, tensor in load_file(tmp_path / hub_files.SINGLE).items()
    }
    tensors |= {"h.0.attn.bias": torch.ones(1, 1, 32, 32), "lm_head.weight": tensors["wte.weight"].clone()}
    save_file(tensors, tmp_path / hub_files.SINGLE)
    torch.testing.assert_close(logits_of(hub.load(tmp_path), tokens_of(1, 9)), logits_of(decoder, tokens_of(1, 9)))


def test_a_pickle_is_not_opened_and_the_error_names_the_fix(tmp_path: Path):
    hub.save(decoder_of("llama"), tmp_path)
    (tmp_path / hub_files.SINGLE).rename(tmp_path / "pytorch_model.bin")
    with pytest.raises(WeightsError, match=r"pytorch_model\.bin is a pickle") as caught:
        hub.load(tmp_path)
    assert "save_pretrained" in caught.value.cure


def cut(folder: Path) -> None:
    file = folder / hub_files.SINGLE
    file.write_bytes(file.read_bytes()[:-100])


def drop(name: str, folder: Path) -> None:
    tensors = load_file(folder / hub_files.SINGLE)
    del tensors[name]
    save_file(tensors, folder / hub_files.SINGLE)


def add(name: str, folder: Path) -> None:
    save_file(load_file(folder / hub_files.SINGLE) | {name: torch.zeros(3)}, folder / hub_files.SINGLE)


def store_as(dtype: torch.dtype, folder: Path) -> None:
    tensors = load_file(folder / hub_files.SINGLE)
    save_file(tensors | {"model.norm.weight": tensors["model.norm.weight"].to(dtype)}, folder / hub_files.SINGLE)


def configure(folder: Path, **changes) -> None:
    config = json.loads((folder / hub_files.CONFIG).read_text()) | changes
    (folder / hub_files.CONFIG).write_text(json.dumps(config))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (shutil.rmtree, r"config\.json: missing"),
        (lambda f: (f / "config.json").write_text("{"), r"config\.json: not JSON"),
        (lambda f: (f / "config.json").write_text("[]"), r"config\.json: not a JSON object"),
        (lambda f: (f / hub_files.SINGLE).unlink(), r"neither model\.safetensors nor"),
        (cut, r"model\.safetensors: not a whole safetensors file"),
        (lambda f: drop("model.norm.weight", f), r"the tensor model\.norm\.weight is missing"),
        (lambda f: drop("lm_head.weight", f), r"lm_head\.weight is missing\n.*tie_word_embeddings = true"),
        (lambda f: store_as(torch.float8_e4m3fn, f), r"model\.norm\.weight is stored as float8_e4m3fn: .*quantized"),
        (lambda f: store_as(torch.int8, f), r"model\.norm\.weight is stored as int8: the weights are quantized"),
        (lambda f: add("model.layers.0.self_attn.q_proj.bias", f), r"1 tensors have no place .*q_proj\.bias"),
        (
            lambda f: configure(f, model_type="mamba"),
            r"model_type = 'mamba': it is no transformer.*; read are gpt2, llama, mistral",
        ),
        (lambda f: configure(f, intermediate_size=41), r"gate_proj\.weight has the shape \[40, 24\].*\[41, 24\]"),
        (lambda f: configure(f, hidden_size=None), r"hidden_size: Field required"),
        (lambda f: configure(f, num_key_value_heads=3), r"not a multiple of kv_heads = 3"),
        (lambda f: configure(f, attention_bias=True), r"attention_bias = True, where our llama has False only"),
        (lambda f: configure(f, quantization_config={"bits": 4}), r"the weights are quantized"),
        (
            lambda f: configure(f, rope_parameters={"rope_type": "yarn"}),
            r"rotary positions of the type 'yarn' are not read",
        ),
        (lambda f: configure(f, rope_parameters={"rope_type": "llama3", "factor": -1}), r"factor: .*greater than 0"),
    ],
)
def test_each_kind_of_damage_is_reported_with_its_place_and_a_fix(damage, message: str, tmp_path: Path):
    folder = tmp_path / "weights"
    hub.save(decoder_of("llama"), folder)
    damage(folder)
    with pytest.raises(WeightsError, match=message) as caught:
        hub.load(folder)
    assert str(folder) in caught.value.what and caught.value.cure


def test_an_index_cannot_point_outside_its_folder(tmp_path: Path):
    hub.save(decoder_of("llama"), tmp_path / "victim")
    shutil.copytree(tmp_path / "victim", tmp_path / "bait")
    (tmp_path / "bait" / hub_files.SINGLE).unlink()
    (tmp_path / "bait" / hub_files.INDEX).write_text(json.dumps({"weight_map": {"x": "../victim/model.safetensors"}}))
    with pytest.raises(WeightsError, match="is no safetensors file of this folder"):
        hub.load(tmp_path / "bait")


@pytest.mark.parametrize("name", SHAPES)
def test_config_and_shape_convert_into_each_other(name: str):
    decoder = decoder_of(name)
    config = json.loads(json.dumps(to_config(decoder.shape, decoder.special_ids, torch.bfloat16)))
    assert to_shape(config, Path("config.json")) == decoder.shape
    assert config["dtype"] == config["torch_dtype"] == "bfloat16"
