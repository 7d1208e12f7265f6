"""A low-rank change that was learned here, loaded by peft onto its base: the model itself."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from model import hub
from model.lora import LowRank, add_lora, merge, save_adapter
from model.spec import Lora
from tasks.errors import UserError
from tasks.export import peft
from tasks.export.peft import OpenedByPeft, base_of, find_base, write_adapter
from tasks.home import Home
from tasks.models.adapter import merged
from tasks.models.chat_template import write_chat_template
from tasks.models.likelihood import document_log_probabilities
from tasks.models.pretrained import content_of, copy_tokenizer
from tasks.models.provenance import write_provenance
from tasks.models.vocabulary import Vocabulary
from tasks.tracking.model_version import Version
from tests.model.shapes import logits_of, tokens_of
from tests.tasks.export.tiny_models import CHATML, tiny_model

LORA = Lora(rank=3, alpha=5)


def trained_on(base: Path, out: Path) -> Path:
    """The weights of a training that learned a low-rank change of the base, and to end an answer elsewhere."""
    decoder = add_lora(hub.load(base), LORA, seed=5)
    generator = torch.Generator().manual_seed(6)
    with torch.no_grad():
        for module in decoder.modules():
            if isinstance(module, LowRank):
                module.b_or.normal_(0.0, 0.3, generator=generator)
    decoder.special_ids = decoder.special_ids.ended_by([Vocabulary(base).specials["<|im_end|>"]])
    save_adapter(decoder, LORA, out / "adapter")
    hub.save(merge(decoder), out / "weights")
    copy_tokenizer(base, out / "weights")
    write_chat_template(out / "weights")
    write_provenance(base, out / "weights")
    return out / "weights"


@pytest.mark.parametrize("name", ["phi3", "gpt2", "qwen3"])
def test_peft_gives_the_trained_models_answers_on_its_base(name: str, tmp_path: Path):
    base = tiny_model(tmp_path / "base", name, marks=CHATML)
    weights = trained_on(base, tmp_path / "trained")
    write_adapter(weights, tmp_path / "adapter")
    opened, vocabulary = OpenedByPeft(base, tmp_path / "adapter"), Vocabulary(weights)
    prompt = vocabulary.encode("Why is <|im_end|> it so?")
    assert opened.encode("Why is <|im_end|> it so?") == prompt and opened.program.startswith("peft 0.")
    (expected,) = document_log_probabilities(hub.load(weights).eval(), [prompt[1:]], prompt[0])
    np.testing.assert_allclose(opened.log_probabilities(prompt), expected, atol=1e-4)
    (without,) = document_log_probabilities(hub.load(base).eval(), [prompt[1:]], prompt[0])
    assert np.abs(expected - without).max() > 0.1


def test_the_adapter_merged_again_is_the_model_with_its_ends_and_its_chat_template(tmp_path: Path):
    base = tiny_model(tmp_path / "base", marks=CHATML)
    weights = trained_on(base, tmp_path / "trained")
    write_adapter(weights, tmp_path / "adapter")
    again, tokens_bt = merged(base, tmp_path / "adapter", tmp_path / "again"), tokens_of(1, 20)
    torch.testing.assert_close(logits_of(hub.load(again), tokens_bt), logits_of(hub.load(weights), tokens_bt))
    assert hub.load(again).special_ids == hub.load(weights).special_ids
    assert (again / "chat_template.jinja").read_text() == (weights / "chat_template.jinja").read_text()


def test_the_config_names_the_base_and_a_hubs_commit(tmp_path: Path):
    weights = trained_on(tiny_model(tmp_path / "base", marks=CHATML), tmp_path / "trained")
    known = base_of(weights).model_copy(update={"name": "org/base", "holder": "hub, commit abc123"})
    evidence = weights.parent / "evidence"
    evidence.mkdir()
    (evidence / "evidence.json").write_text(json.dumps({"began_from": [known.model_dump(mode="json")]}))
    write_adapter(weights, tmp_path / "adapter")
    config = json.loads((tmp_path / "adapter" / "adapter_config.json").read_text())
    assert (config["base_model_name_or_path"], config["revision"], config["r"]) == ("org/base", "abc123", 3)


def test_a_model_without_an_adapter_or_without_a_known_base_is_refused(tmp_path: Path):
    base = tiny_model(tmp_path / "base" / "weights", marks=CHATML)
    with pytest.raises(UserError, match=r"no low-rank change lies beside it[\s\S]*--format hf"):
        write_adapter(base, tmp_path / "adapter")
    weights = trained_on(base, tmp_path / "trained")
    (weights / "began_from.json").unlink()
    with pytest.raises(UserError, match="nothing beside it says what it was trained on"):
        write_adapter(weights, tmp_path / "adapter")


def test_the_base_is_found_by_its_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    home, base = Home(tmp_path / "home"), tiny_model(tmp_path / "base", marks=CHATML)
    known = base_of(trained_on(base, tmp_path / "trained"))
    monkeypatch.setattr(peft, "versions", lambda _: [])
    with pytest.raises(UserError, match=r"the base base .* is not here[\s\S]*triptych import"):
        find_base(known, home)
    fetched = home.hub_models / "org--base@abc" / "files"
    shutil.copytree(base, fetched)
    assert find_base(known, home) == fetched
    other = Version("other", 1, (), {}, tmp_path / "other")
    shutil.copytree(tiny_model(tmp_path / "tiny", "qwen3"), other.weights)
    mine = Version("mine", 1, (), {"content": content_of(base)}, tmp_path / "mine")
    shutil.copytree(base, mine.weights)
    monkeypatch.setattr(peft, "versions", lambda _: [other, mine])
    assert find_base(known, home) == mine.weights
