"""A packaged model answers where nothing of this repository is: another folder, another process, its own code."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tasks.errors import UserError
from tasks.register.package import REGISTER, RegisterConfig
from tasks.register.publish import RunInfo, publish
from tasks.store.artifacts import Store
from tasks.store.step import Frozen, Stats, Step
from tasks.tracking.connection import tracking_uri
from tests.tasks.register.conftest import CONFIG, Given, write_scores

ANSWERS = """
import json, sys, warnings
import pandas as pd
warnings.simplefilter("ignore")
import mlflow.pyfunc
mlflow.set_tracking_uri(sys.argv[1])
load = lambda name: mlflow.pyfunc.load_model(f"models:/{name}@candidate")
params = {"max_tokens": 5, "temperature": 0.0, "seed": 1}
ask = lambda name, prompts: load(name).predict(pd.DataFrame({"prompt": prompts}), params)
answers = {
    "base": [ask("demo-base", ["a b", "<|end|>"]).text.tolist() for again in range(2)],
    "instruct": ask("demo-instruct", ["a b"]).text.tolist(),
    "classify": load("demo-classify").predict(pd.DataFrame({"text": ["a b", ""]})).to_dict("list"),
}
import model.hub
answers["code"] = model.hub.__file__
print(json.dumps(answers))
"""


def train(config: Given, inputs, out: Path) -> Stats:
    """A tiny random network, its tokenizer, and a classifier's head where there are labels."""
    from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers

    from model import head, hub
    from model.decoder import Decoder, initialise
    from model.family import Shape

    decoder = initialise(Decoder(Shape(**SHAPE)), seed=0)
    if config.items == "classify":
        head.save(head.Classifier(decoder, ["old", "new"]), out / "weights")
    else:
        hub.save(decoder, out / "weights")
    tokenizer = Tokenizer(models.BPE({chr(ord("a") + i): i + 6 for i in range(26)}, [], unk_token="a"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    specials = ("endoftext", "pad", "user", "assistant", "system", "end")
    tokenizer.add_special_tokens([AddedToken(f"<|{name}|>", special=True) for name in specials])
    tokenizer.save(str(out / "weights" / "tokenizer.json"))
    return Stats()


SHAPE = {
    "family": "llama",
    "vocabulary": 40,
    "context": 16,
    "depth": 1,
    "width": 16,
    "heads": 2,
    "kv_heads": 1,
    "head_width": 8,
    "ffn_width": 32,
    "tied": True,
}
TRAIN = Step("tiny", 1, Given, train)


def test_every_role_answers_in_a_clean_process_elsewhere(home, tmp_path):
    store = Store(home.store)
    roles = ("base", "classify", "instruct")
    models = {role: store.complete(TRAIN, Given(loss=1.0, items=role), {}) for role in roles}
    package = store.complete(REGISTER, CONFIG, models).path
    published = publish(package, home, RunInfo(run="r1", recipe="demo"))
    assert [version.aliases for version in published] == [("candidate",)] * 3  # nothing was scored
    script = tmp_path / "elsewhere" / "ask.py"
    script.parent.mkdir()
    script.write_text(ANSWERS)
    command = [sys.executable, "-I", str(script), tracking_uri(home)]
    done = subprocess.run(command, cwd=script.parent, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    answers = json.loads(done.stdout.splitlines()[-1])
    assert answers["base"][0] == answers["base"][1]
    assert all(isinstance(text, str) for text in answers["base"][0] + answers["instruct"])
    assert sorted(answers["classify"]) == ["label", "probability_new", "probability_old"]
    assert answers["classify"]["probability_old"] == pytest.approx([0.5, 0.5])
    assert Path(answers["code"]).is_relative_to(home / "mlflow-artifacts")


def test_a_package_names_its_versions_scores_and_limits(make_package):
    folder = make_package(1.0) / "base"
    assert {path.name for path in folder.iterdir()} == {
        "weights",
        "evidence",
        "code",
        "pyfunc_model.py",
        "requirements.txt",
    }
    requirements = (folder / "requirements.txt").read_text().splitlines()
    assert all("==" in line and "+" not in line for line in requirements)
    card = (folder / "evidence" / "card.md").read_text()
    assert "# demo-base" in card
    assert "| 0.900 – 1.100 | 40 | lower |" in card
    assert json.loads((folder / "evidence" / "evidence.json").read_text())["standard"]["margin"] == 0.05


def test_packaging_twice_gives_the_same_bytes(home, tmp_path, make_package):
    first = make_package(1.0)
    elsewhere = Store(tmp_path / "store")
    given = Given(loss=1.0)
    from tests.tasks.register.conftest import SCORE
    from tests.tasks.register.conftest import TRAIN as MADE_UP

    inputs = {"base": elsewhere.complete(MADE_UP, given, {}), "scores_base": elsewhere.complete(SCORE, given, {})}
    again = elsewhere.complete(REGISTER, CONFIG, inputs)
    assert again.sha256 == json.loads((first / "manifest.json").read_text())["sha256"]


def test_a_model_without_weights_is_refused(home):
    class Nothing(Frozen):
        pass

    nothing = Store(home.store).complete(Step("nothing", 1, Nothing, lambda c, i, o: Stats()), Nothing(), {})
    with pytest.raises(UserError, match="no weights to register as base"):
        Store(home.store).complete(REGISTER, RegisterConfig(name="demo"), {"base": nothing})


def test_scores_of_a_task_where_higher_is_better_become_losses(tmp_path):
    from tasks.register.scores import read_scores

    write_scores(tmp_path, 1.0, "a")
    summary = json.loads((tmp_path / "summary.json").read_text())
    lower = read_scores(tmp_path, "base")["text"]["model"].mean
    summary["text"]["better"] = "higher"
    (tmp_path / "summary.json").write_text(json.dumps(summary))
    assert read_scores(tmp_path, "base")["text"]["model"].mean == -lower
