"""Models of a hub: pinned, fetched once, verified, resumed; against a small server that speaks a hub's HTTP."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import huggingface_hub.constants
import pytest
from huggingface_hub import file_download

from commands.models.adapted import with_adapter
from commands.models.describe import describe_model
from commands.models.use import score_prompt
from flows.load import load
from flows.named_models import hub_models
from flows.retention import collect
from model import gguf_file, hub
from tasks.errors import UsageError, UserError
from tasks.home import Home
from tasks.models.hub_download import fetch
from tasks.models.hub_place import hub_place, read_fetched
from tasks.models.pretrained import content_of, locate
from tasks.models.provenance import provenance_of, read_provenance
from tasks.store.locks import hold_to_the_end
from tasks.tracking.registry import locate as locate_model
from tests.model.adapters import save_random_adapter
from tests.tasks.models.hub_server import Hub, hub_server
from tests.tasks.models.tiny_weights import tiny_weights

OLD, NEW = "a" * 40, "b" * 40
MODEL = "hub:someone/tiny"


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_weights(tmp_path_factory.mktemp("hub") / "tiny")


@pytest.fixture
def server(weights: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(file_download.time, "sleep", lambda _: None)  # between tries of a transfer
    monkeypatch.setattr(huggingface_hub.constants, "DOWNLOAD_CHUNK_SIZE", 100)
    with hub_server() as server:
        monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", server.url)
        template = server.url + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(huggingface_hub.constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        server.add("someone/tiny", weights)
        yield server


def test_a_model_is_fetched_once_pinned_and_known_by_its_content(server, weights, tmp_path, monkeypatch, capsys):
    home = Home(tmp_path)
    monkeypatch.setenv("TRIPTYCH_HOME", str(tmp_path))
    (weights / "extra.bin").write_bytes(b"pickle")
    server.add("someone/tiny", weights)
    (weights / "extra.bin").unlink()
    folder = fetch(MODEL, home)
    assert content_of(folder) == content_of(weights) and "extra.bin" not in server.downloads()
    assert f"{MODEL}@main is the commit {OLD} from now on in this home" in capsys.readouterr().err
    server.repos["someone/tiny"].branches["main"] = NEW
    server.asked.clear()
    assert fetch(MODEL, home) == locate(MODEL) == folder and not server.asked
    assert "the copy in this home" in capsys.readouterr().err
    known = provenance_of(folder)
    assert (known.name, known.holder, known.licence) == ("someone/tiny", f"hub, commit {OLD}", "apache-2.0")
    assert score_prompt(home, MODEL, "abc") == score_prompt(home, str(weights), "abc")


def test_a_recipe_begins_from_a_model_of_a_hub_and_its_record_names_the_commit(server, weights, tmp_path):
    home = Home(tmp_path)
    begins = [f"{table}.init_from={MODEL}" for table in ("tokenizer", "pretrain")]
    changes = [
        *begins,
        "pretrain.context=64",
        "evaluate.reference_documents=1",
        f"evaluate.reference_models={{tiny = '{MODEL}'}}",
    ]
    with pytest.raises(UsageError, match=r"pretrain\.init_from[\s\S]*not downloaded yet"):
        load("smoke", changes, home)
    recipe = load("smoke", changes, home, downloads=True).recipe
    assert recipe.pretrain.init_sha256 == recipe.tokenizer.init_sha256 == content_of(weights)
    keys = {"model tokenizer.init_from", "model pretrain.init_from", "model evaluate.reference_models.tiny"}
    assert hub_models(recipe) == dict.fromkeys(keys, f"someone/tiny@{OLD}")
    assert load("smoke", changes, home).recipe.pretrain == recipe.pretrain


def test_a_cut_off_transfer_goes_on_where_it_ended_in_the_same_process_and_in_the_next(server, weights, tmp_path):
    server.cuts = [1000]
    fetch(MODEL, Home(tmp_path / "one"))
    assert any("bytes=1000-" in line for line in server.asked)
    server.cuts = [500] + [0] * 6
    with pytest.raises(UserError, match="cannot be reached"):
        fetch(MODEL, Home(tmp_path / "two"))
    server.asked.clear()
    server.cuts = []
    folder = fetch(MODEL, Home(tmp_path / "two"))
    assert any("bytes=500-" in line for line in server.asked) and server.downloads() == ["model.safetensors"]
    assert content_of(folder) == content_of(weights)


def test_a_mirror_without_ranges_and_lists_of_files_sends_all_of_it_again(server, weights, tmp_path):
    server.cuts, server.ranges, server.lists_files = [1000], False, False
    assert content_of(fetch(MODEL, Home(tmp_path))) == content_of(weights)


def test_bytes_that_are_not_what_the_hub_lists_are_refused_and_fetched_anew(server, weights, tmp_path):
    server.damage = "model.safetensors"
    with pytest.raises(UserError, match="not what the hub lists"):
        fetch(MODEL, Home(tmp_path))
    server.damage = ""
    assert content_of(fetch(MODEL, Home(tmp_path))) == content_of(weights)


def test_without_a_network_the_pinned_copy_answers_and_nothing_else_does(server, tmp_path, monkeypatch):
    folder = fetch(MODEL, Home(tmp_path))
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "http://127.0.0.1:9")
    assert fetch(MODEL, Home(tmp_path)) == fetch(f"{MODEL}@{OLD}", Home(tmp_path)) == folder
    with pytest.raises(UserError, match="cannot be reached"):
        fetch(MODEL, Home(tmp_path / "other"))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    assert fetch(MODEL, Home(tmp_path)) == folder
    with pytest.raises(UserError, match="HF_HUB_OFFLINE is set"):
        fetch(MODEL, Home(tmp_path / "other"))


def test_a_private_model_needs_its_token_which_is_written_nowhere(server, tmp_path, monkeypatch, capfd):
    server.repos["someone/tiny"].token = "hf_secret123"
    with pytest.raises(UsageError, match=r"may not see it[\s\S]*hf auth login"):
        fetch(MODEL, Home(tmp_path))
    monkeypatch.setenv("HF_TOKEN", "hf_secret123")
    fetch(MODEL, Home(tmp_path))
    written = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert not any(b"hf_secret123" in content for content in written) and "hf_secret" not in "".join(capfd.readouterr())


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("hub:someone/tinny", "no such repository"),
        ("hub:someone/tiny@v9", "no such revision"),
        ("hub:tiny", "names no model"),
        ("hub:../../x", "names no model"),
        ("hub:someone/tiny/model.gguf", "has no model.gguf"),
    ],
)
def test_a_wrong_name_is_a_mistake_of_its_user(server, tmp_path, name, what):
    with pytest.raises(UsageError, match=what):
        fetch(name, Home(tmp_path))


@pytest.mark.parametrize(
    ("files", "what"),
    [
        (("config.json", "pytorch_model.bin"), r"pickles[\s\S]*save_pretrained"),
        (("q4.gguf", "q8.gguf"), r"name one of its files, such as hub:someone/other/q4.gguf"),
        (("adapter_config.json", "adapter_model.safetensors"), r"adapter of peft's[\s\S]*org/base"),
        (("config.json",), "has no safetensors"),
    ],
)
def test_a_repository_without_weights_that_are_read_is_refused_with_what_to_take(server, tmp_path, files, what):
    folder = tmp_path / "other"
    folder.mkdir()
    for name in files:
        (folder / name).write_bytes(b"x")
    server.add("someone/other", folder, card={"base_model": "org/base"})
    with pytest.raises(UsageError, match=what):
        fetch("hub:someone/other", Home(tmp_path / "home"))
    assert not server.downloads()


def test_a_gated_model_and_one_of_an_unknown_family_are_refused_before_their_weights(server, weights, tmp_path):
    server.repos["someone/tiny"].gated = True
    with pytest.raises(UserError, match=r"gated[\s\S]*accept its terms"):
        fetch(MODEL, Home(tmp_path / "home"))
    other = tmp_path / "mixtral"
    shutil.copytree(weights, other)
    (other / "config.json").write_text(json.dumps({"model_type": "mixtral"}))
    server.add("someone/mixtral", other)
    with pytest.raises(UserError, match="mixtral"):
        fetch("hub:someone/mixtral", Home(tmp_path / "home"))
    assert "model.safetensors" not in server.downloads()


def test_too_small_a_disk_is_reported_before_anything_large_is_fetched(server, tmp_path, monkeypatch):
    monkeypatch.setattr(Home, "free_bytes", lambda _: 1000)
    with pytest.raises(UserError, match="free some space"):
        fetch(MODEL, Home(tmp_path))
    assert "model.safetensors" not in server.downloads()


def test_a_model_is_described_before_its_weights_are_downloaded(server, weights, tmp_path):
    home = Home(tmp_path)
    for _ in range(2):
        described = describe_model(home, MODEL, "").as_json()
        assert (described["parameters"], described["licence"]) == (53_792, "apache-2.0")
        assert "config.json" in server.downloads() and "model.safetensors" not in server.downloads()
    assert hub_place(MODEL).here(home) is None and content_of(fetch(MODEL, home)) == content_of(weights)
    assert server.downloads().count("config.json") == 1


def test_one_gguf_file_of_a_repository_is_fetched_and_described(server, weights, tmp_path):
    (tmp_path / "files").mkdir()
    for quant in ("q8_0", "q4_0"):
        gguf_file.save(hub.load(weights), tmp_path / "files" / f"tiny-{quant}.gguf", quant, {})
    server.add("someone/tiny-GGUF", tmp_path / "files", card={"license": "mit"})
    home = Home(tmp_path / "home")
    name = "hub:someone/tiny-GGUF/tiny-q8_0.gguf"
    assert describe_model(home, name, "").as_json()["parameters"] == 53_792
    file = locate_model(name, home)
    assert isinstance(file, Path) and file.read_bytes() == (tmp_path / "files" / "tiny-q8_0.gguf").read_bytes()
    known = provenance_of(file)
    assert (known.name, known.licence) == ("someone/tiny-GGUF/tiny-q8_0.gguf", "mit")
    assert server.downloads() == ["tiny-q8_0.gguf"]


def test_of_shards_those_that_the_index_names_are_fetched(server, weights, tmp_path):
    from safetensors.torch import load_file, save_file

    sharded = tmp_path / "sharded"
    shutil.copytree(weights, sharded)
    tensors = load_file(sharded / "model.safetensors")
    (sharded / "model.safetensors").unlink()
    names = sorted(tensors)
    halves = {"model-00001-of-00002.safetensors": names[::2], "model-00002-of-00002.safetensors": names[1::2]}
    for file, some in halves.items():
        save_file({name: tensors[name] for name in some}, sharded / file, metadata={"format": "pt"})
    weight_map = {name: file for file, some in halves.items() for name in some}
    (sharded / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))
    (sharded / "consolidated.safetensors").write_bytes(b"the same again")
    server.add("someone/sharded", sharded)
    folder = fetch("hub:someone/sharded@main", Home(tmp_path / "home"))
    assert {path.name for path in folder.glob("*.safetensors")} == {*halves}
    fetched = read_fetched(folder.parent)
    assert fetched and set(fetched.sha256) == {*halves}


def test_the_name_of_a_place_may_hold_a_branch_with_slashes_and_a_file_in_a_folder():
    place = hub_place("hub:a/b/q8/model-Q8_0.gguf@refs/pr/12")
    assert (place.name, place.file, place.revision) == ("a/b", "q8/model-Q8_0.gguf", "refs/pr/12")


def test_a_copy_that_gc_removed_is_fetched_again_at_its_commit_and_none_that_is_in_use_goes(server, weights, tmp_path):
    home = Home(tmp_path)
    folder = fetch(MODEL, home)
    server.repos["someone/tiny"].branches["main"] = NEW
    assert not collect(home, yes=True)["folders"] and folder.is_dir(), "this process uses it"
    hold_to_the_end.cache_clear()  # as if it had ended
    assert collect(home, yes=True)["folders"][0]["folder"] == f"someone--tiny@{OLD}" and not folder.exists()
    assert fetch(MODEL, home) == folder
    assert (folder / "model.safetensors").read_bytes() == (weights / "model.safetensors").read_bytes()


def test_an_adapter_of_a_hub_beside_its_base_of_a_hub_is_one_model(server, weights, tmp_path, capsys):
    home, folder = Home(tmp_path / "home"), tmp_path / "tuned"
    save_random_adapter(weights, folder)
    server.add("someone/tuned", folder, NEW, card={"license": "mit", "base_model": "someone/tiny"})
    for name in ("hub:someone/tuned", f"hub:someone/tuned@{NEW}", str(folder)):
        merged = Path(with_adapter(home, MODEL, Path(name)))
        assert merged.name == "tuned" and score_prompt(home, str(merged), "abc") != score_prompt(home, MODEL, "abc")
    assert server.downloads().count("adapter_model.safetensors") == 1
    known = read_provenance(Path(with_adapter(home, MODEL, Path("hub:someone/tuned"))))
    assert known and (known.name, known.holder) == ("someone/tuned (an adapter of rank 2)", f"hub, commit {NEW}")
    assert known.licence == "mit" and known.began_from and known.began_from.name == "someone/tiny"


def test_what_is_no_adapter_on_a_hub_is_refused_with_what_to_name(server, weights, tmp_path):
    home = Home(tmp_path / "home")
    with pytest.raises(UsageError, match=r"it is no adapter of peft's[\s\S]*triptych chat hub:someone/tiny"):
        with_adapter(home, MODEL, Path(MODEL))
    (tmp_path / "old").mkdir()
    for name in ("adapter_config.json", "adapter_model.bin"):
        (tmp_path / "old" / name).write_bytes(b"x")
    server.add("someone/old", tmp_path / "old", card={"base_model": "someone/tiny"})
    with pytest.raises(UsageError, match=r"no adapter_model.safetensors but pickles"):
        with_adapter(home, MODEL, Path("hub:someone/old"))
    with pytest.raises(UsageError, match=r"triptych chat hub:someone/tiny --adapter hub:someone/old"):
        fetch("hub:someone/old", home)
    assert "adapter_model.bin" not in server.downloads()
