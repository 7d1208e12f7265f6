"""An adapter beside its base: one model, merged once, with what is known of both."""

import json
from pathlib import Path

import pytest
import torch

from commands.models.adapted import with_adapter
from commands.models.use import model_path
from model import hub
from tasks.errors import UsageError, UserError
from tasks.home import Home
from tasks.models.adapter import content_of_adapter, merged
from tasks.models.pretrained import content_of
from tasks.models.provenance import read_provenance, write_provenance
from tasks.models.vocabulary import Vocabulary
from tests.model.adapters import save_random_adapter
from tests.model.shapes import logits_of, tokens_of
from tests.tasks.export.tiny_models import CHATML, tiny_model
from tests.tasks.models.byte_level import write_tokenizer


@pytest.fixture
def base(tmp_path: Path) -> Path:
    folder = tiny_model(tmp_path / "base", marks=CHATML)
    (folder / "README.md").write_text("---\nlicense: apache-2.0\n---\n")
    return folder


@pytest.fixture
def adapter(base: Path, tmp_path: Path) -> Path:
    return save_random_adapter(base, tmp_path / "tuned")


def test_the_merged_folder_is_a_model_that_knows_what_it_began_from(base: Path, adapter: Path, tmp_path: Path):
    (adapter / "README.md").write_text("---\nlicense: mit\n---\n")
    out = merged(base, adapter, tmp_path / "out")
    tokens_bt = tokens_of(1, 9)
    assert (logits_of(hub.load(out), tokens_bt) - logits_of(hub.load(base), tokens_bt)).abs().max() > 0.1
    assert hub.load(out).special_ids == hub.load(base).special_ids
    assert Vocabulary(out).specials == Vocabulary(base).specials and (out / "chat_template.jinja").is_file()
    known = read_provenance(out)
    assert known and known.began_from
    assert (known.name, known.licence) == ("tuned (an adapter of rank 2)", "mit")
    assert known.sha256 == content_of_adapter(adapter)
    assert (known.began_from.sha256, known.began_from.licence) == (content_of(base), "apache-2.0")


def test_weights_keep_the_type_of_the_base(base: Path, adapter: Path, tmp_path: Path):
    hub.save(hub.load(base, torch.bfloat16), base)
    out = merged(base, adapter, tmp_path / "out")
    assert hub.stored_dtype(out) == torch.bfloat16 and hub.load(out).shape == hub.load(base).shape


def test_a_tokenizer_that_the_adapter_brings_is_the_merged_models(base: Path, adapter: Path, tmp_path: Path):
    write_tokenizer(adapter, ["<|endoftext|>", "<|mine|>"])
    assert "<|mine|>" in Vocabulary(merged(base, adapter, tmp_path / "out")).specials


def test_a_base_that_the_adapter_was_not_trained_on_is_refused_by_name(base: Path, adapter: Path, tmp_path: Path):
    write_provenance(base, adapter)
    merged(base, adapter, tmp_path / "out")
    other = tiny_model(tmp_path / "other", marks=CHATML)
    with pytest.raises(UserError, match=r"was trained on base .* and .*other is another model"):
        merged(other, adapter, tmp_path / "out2")
    wide = tiny_model(tmp_path / "wide", "qwen3")
    (adapter / "began_from.json").unlink()
    with pytest.raises(UserError, match=r"has the shape .* and the base's is"):
        merged(wide, adapter, tmp_path / "out2")
    assert not [*tmp_path.glob("out2*")]


def test_a_command_merges_once_and_names_the_base_that_is_missing(base: Path, adapter: Path, tmp_path: Path):
    home = Home(tmp_path / "home")
    assert with_adapter(home, "demo-base@champion", None) == "demo-base@champion"
    path = with_adapter(home, str(base), adapter)
    made = (Path(path) / "model.safetensors").stat().st_mtime_ns
    assert with_adapter(home, str(base), adapter) == path == str(model_path(home, path))
    assert (Path(path) / "model.safetensors").stat().st_mtime_ns == made
    config = json.loads((adapter / "adapter_config.json").read_text())
    (adapter / "adapter_config.json").write_text(json.dumps(config | {"base_model_name_or_path": "org/base"}))
    with pytest.raises(UsageError, match="name the base, too: hub:org/base"):
        with_adapter(home, "", adapter)
    assert with_adapter(home, str(base), adapter) != path
    with pytest.raises(UsageError, match=r"has no adapter_config\.json"):
        with_adapter(home, str(base), base)
