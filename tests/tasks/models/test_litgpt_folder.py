"""A folder of LitGPT's as a model: located by its content, read like any other, and converted once in a home."""

import json
import shutil
from pathlib import Path

import pytest
import torch

from commands.models.use import chat_model
from model import hub, litgpt_weights
from model.chat import Turn
from tasks.errors import UserError
from tasks.home import Home
from tasks.models.pretrained import as_folder, check_weights, content_of, decoder_of
from tasks.models.provenance import provenance_of
from tasks.models.vocabulary import END_OF_TEXT, Vocabulary
from tests.model import shapes
from tests.tasks.models.byte_level import write_tokenizer


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model as LitGPT keeps it: its own two files, the tokenizer and generation_config.json."""
    shape = shapes.SHAPES["qwen3"].model_copy(update={"vocabulary": 300})
    folder = tmp_path / "tiny v1.0"
    folder.mkdir()
    litgpt_weights.save(shapes.initialise(shapes.Decoder(shape), 3), folder)
    write_tokenizer(folder, [END_OF_TEXT, "<|im_end|>"])
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": [256, 257]}))
    return folder


def test_it_becomes_a_folder_in_the_hugging_face_layout_with_the_same_logits(folder: Path, tmp_path: Path):
    written, tokens_bt = as_folder(folder, tmp_path / "work"), shapes.tokens_of(1, 20)
    assert written.name == folder.name and hub.load(written).special_ids.end == (256, 257)
    assert torch.equal(shapes.logits_of(hub.load(written), tokens_bt), shapes.logits_of(decoder_of(folder), tokens_bt))
    assert Vocabulary(written).special_ids.end == (256,)


def test_its_content_and_its_limits_are_known_before_any_work(folder: Path, tmp_path: Path):
    before = content_of(folder)
    assert check_weights(folder, vocabulary=258, context=32).family == "qwen3"
    with pytest.raises(UserError, match=r"model_config\.yaml: 300 embeddings, and the tokenizer has 301"):
        check_weights(folder, vocabulary=301, context=32)
    changed = Path(shutil.copytree(folder, tmp_path / "changed"))
    (changed / "model_config.yaml").write_text("n_layer: 3")
    assert content_of(changed) != before
    with pytest.raises(UserError, match=r"model_config\.yaml: parallel_residual = True"):
        check_weights(changed, vocabulary=258, context=32)


def test_a_command_reads_it_by_its_path_and_converts_it_once(folder: Path, tmp_path: Path):
    home = Home(tmp_path / "home")
    (folder / "config.json").write_text("{}")  # LitGPT keeps the one that it was made from
    model = chat_model(home, str(folder))
    first = "".join(model.reply([Turn("user", "Why?")], 5, temperature=0.0, seed=0))
    (converted,) = home.converted.glob("*/tiny*")
    made = (converted / "model.safetensors").stat().st_mtime_ns
    again = "".join(chat_model(home, str(folder)).reply([Turn("user", "Why?")], 5, temperature=0.0, seed=0))
    assert again == first and (converted / "model.safetensors").stat().st_mtime_ns == made


def test_a_prompt_style_that_only_litgpt_knows_is_reported(folder: Path, tmp_path: Path, capsys):
    (folder / "prompt_style.yaml").write_text("class_path: litgpt.prompts.Default")
    as_folder(folder, tmp_path / "plain")
    assert not capsys.readouterr().err
    (folder / "prompt_style.yaml").write_text("class_path: litgpt.prompts.Alpaca")
    as_folder(folder, tmp_path / "styled")
    assert "in the style Alpaca" in capsys.readouterr().err


def test_safetensors_that_lie_beside_are_read_in_its_place(folder: Path, tmp_path: Path):
    shutil.copytree(as_folder(folder, tmp_path / "work"), folder, dirs_exist_ok=True)
    (folder / "lit_model.pth").write_bytes(b"not looked at")
    assert decoder_of(folder).shape.vocabulary == 300


def test_a_change_that_litgpt_has_not_merged_is_no_model_yet(folder: Path, tmp_path: Path):
    (folder / "lit_model.pth").rename(folder / "lit_model.pth.lora")
    for read in (lambda: chat_model(Home(tmp_path), str(folder)), lambda: content_of(folder)):
        with pytest.raises((UserError, ValueError), match="litgpt merge_lora"):
            read()


def test_what_was_known_of_the_model_stays_known(folder: Path, tmp_path: Path):
    (folder / "README.md").write_text("---\nlicense: mit\n---\n")
    assert provenance_of(as_folder(folder, tmp_path)).licence == "mit"
