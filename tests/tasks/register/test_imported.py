"""A model made elsewhere becomes a verified version, a candidate, known by its content and its licence."""

import json
from pathlib import Path

import mlflow
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file, save_file

from commands.home.status import read_status
from commands.models.describe import describe_model
from commands.models.import_model import import_model
from commands.models.use import evaluate_model, score_prompt
from flows.load import load
from tasks.errors import UsageError, UserError
from tasks.home import Home
from tasks.models.pretrained import content_of
from tasks.models.provenance import provenance_of
from tasks.register.aliases import promote
from tasks.register.introduction import introduce
from tasks.tracking.connection import connect
from tasks.tracking.registry import find, resolve, verified, versions
from tests.tasks.models.tiny_weights import VOCABULARY, tiny_weights


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    return tiny_weights(tmp_path / "theirs")


def test_an_imported_model_is_a_candidate_with_its_licence_and_is_used_like_any_other(
    home: Home, weights: Path, capsys
):
    facts = import_model(home, str(weights), "brought")
    expected = {"name": "brought", "version": 1, "family": "llama", "parameters": 53_792, "licence": "apache-2.0"}
    assert facts == expected
    version = verified(find("brought/1", home), home)
    assert version.aliases == ("candidate",) and version.tags["content"] == content_of(weights)
    assert "imported from theirs (folder theirs)" in introduce(version, home).about
    assert "apache-2.0" in (version.evidence / "card.md").read_text()
    for name in ("brought", "brought@candidate", "brought/1"):
        assert score_prompt(home, name, "abc") == score_prompt(home, str(weights), "abc")
    with pytest.raises(UserError, match="nothing has scored it yet"):
        evaluate_model(home, "brought/1", [], Path())
    assert import_model(home, str(weights), "brought") == facts and "nothing was added" in capsys.readouterr().err
    assert [f"{model['name']}/{model['version']}" for model in read_status(home)["models"]] == ["brought/1"]
    assert promote("brought/1", home).aliases == ("candidate", "champion")


def test_mlflow_loads_an_imported_model(home: Home, weights: Path):
    import_model(home, str(weights), "brought")
    assert not isinstance(connect(home), str)
    answers = mlflow.pyfunc.load_model("models:/brought@candidate").predict(
        pd.DataFrame({"prompt": ["My fellow"]}), params={"max_tokens": 3, "temperature": 0.0, "seed": 0}
    )
    assert list(answers.columns) == ["text"]


def test_a_recipe_begins_from_a_registered_version_and_its_lineage_leads_to_where_that_was_from(home, weights):
    import_model(home, str(weights), "brought")
    changes = [f"{table}.init_from=brought@candidate" for table in ("tokenizer", "pretrain")]
    recipe = load("smoke", [*changes, "pretrain.context=64"], home).recipe
    assert recipe.pretrain.init_from == resolve("brought/1", home)
    known = provenance_of(resolve("brought/1", home))
    assert (known.name, known.holder, known.licence) == ("brought", "registry", "apache-2.0")
    assert known.began_from and known.began_from.sha256 == content_of(weights)


def test_weights_that_are_not_finite_and_a_tokenizer_too_large_are_refused(home: Home, weights: Path, tmp_path: Path):
    tensors = load_file(weights / "model.safetensors")
    tensors["model.norm.weight"][0] = torch.inf
    save_file(tensors, weights / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(UserError, match="not finite"):
        import_model(home, str(weights), "brought")
    small = tiny_weights(tmp_path / "small", vocabulary=VOCABULARY - 1)
    with pytest.raises(UserError, match=r"261 embeddings, and the tokenizer has 262 tokens"):
        import_model(home, str(small), "brought")
    assert not versions(home) and not [path for path in home.path.iterdir() if path.name.startswith(".import")]


def test_weights_too_large_to_compute_with_are_refused(home: Home, weights: Path):
    tensors = load_file(weights / "model.safetensors")
    tensors["model.layers.0.mlp.down_proj.weight"].fill_(3e38)
    tensors["model.layers.0.mlp.up_proj.weight"].fill_(3e38)
    save_file(tensors, weights / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(UserError, match="predictions after a text of"):
        import_model(home, str(weights), "brought")
    with pytest.raises(UserError, match="predictions are not finite"):
        describe_model(home, str(weights), "abc")


def test_what_is_wrong_with_a_tokenizer_names_the_users_file(home: Home, weights: Path):
    (weights / "tokenizer.json").write_text("{}")
    with pytest.raises(UserError, match=f"^{weights}/tokenizer.json: not a tokenizer"):
        import_model(home, str(weights), "brought")


def test_a_chat_template_that_cannot_be_used_is_reported(home: Home, weights: Path, capsys):
    (weights / "chat_template.jinja").write_text("{% if")
    import_model(home, str(weights), "brought")
    assert find("brought/1", home).tags["role"] == "base" and "only continues texts" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["", "a/b", "a@b", "a'b", "-x", ".x", "a b"])
def test_a_name_that_no_model_can_have_is_refused(home: Home, weights: Path, name: str):
    with pytest.raises(UsageError, match="is no name of a model"):
        import_model(home, str(weights), name)


def test_the_users_own_files_stay_as_they_are(home: Home, weights: Path):
    """One that names what the weights began from, too, although the version says more of it."""
    (weights / "began_from.json").write_text(provenance_of(weights).model_dump_json())
    before = {path.name: path.read_bytes() for path in weights.iterdir()}
    import_model(home, str(weights), "brought")
    assert {path.name: path.read_bytes() for path in weights.iterdir()} == before
    known = provenance_of(resolve("brought/1", home)).began_from
    assert known and known.began_from and known.name == known.began_from.name == "theirs"


def test_a_registered_version_is_not_imported_again_under_another_name(home: Home, weights: Path):
    import_model(home, str(weights), "brought")
    for name in ("brought", "brought/1"):
        with pytest.raises(UsageError, match="brought/1 is a version of the registry already"):
            import_model(home, name, "other")


def test_what_is_there_already_of_another_content_is_the_next_version(home: Home, weights: Path, tmp_path: Path):
    import_model(home, str(weights), "brought")
    assert import_model(home, str(tiny_weights(tmp_path / "other", depth=1)), "brought")["version"] == 2
    assert find("brought@candidate", home).version == 2
    evidence = json.loads((find("brought/2", home).evidence / "evidence.json").read_text())
    assert evidence["source"] == "other (folder other)"
