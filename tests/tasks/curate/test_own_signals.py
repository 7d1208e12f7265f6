"""A signal of the user's own is a column like any other: in the scores, in conditions, in the key."""

import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.curate.conditions import check
from tasks.curate.config import CurateConfig
from tasks.curate.decide import verdicts
from tasks.curate.own_signals import own_columns, resolve_own
from tasks.curate.signals import SCHEMA
from tasks.curate.steps import SIGNALS
from tasks.errors import UserError
from tasks.store.step import fingerprint

from .corpus import write_documents

MODULE = """
import math

BIG = 10

def marks(text):
    return text.count("!")

def length(text):
    lines = text.split("\\n")
    return {"letters": sum(map(str.isalpha, text)), "per_line": len(text) / len(lines) if text else None}

def per_mark(text):
    return len(text) / text.count("!")

def of_questions(text):
    return 1 / text.count("?") if "a" in text else float("nan")

def words(text):
    return len(text.split())

def in_words(text):
    return "many"

def other_names(text):
    return {f"n{len(text)}": 1}
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a module in the current folder."""
    name = f"own_{tmp_path.name}".replace("-", "_")
    (tmp_path / f"{name}.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", sys.path.copy())
    return name


def resolved_config(*names: str, **settings) -> CurateConfig:
    """The config that loading a recipe gives."""
    config = CurateConfig.model_validate({"language": "en", "filters": [], "signals": {"own": names}, **settings})
    signals = config.signals.model_copy(update={"own": resolve_own(names, SCHEMA.names)})
    return config.model_copy(update={"signals": signals})


@pytest.mark.parametrize("workers", [1, 2])
def test_own_signals_are_columns_of_the_scores_and_usable_in_conditions(module: str, tmp_path: Path, workers: int):
    config = resolved_config(
        f"{module}:marks", f"{module}:length", workers=workers, tasks=3, keep_if={"calm": "marks < 2"}
    )
    write_documents(tmp_path / "in", ["One!", "Two!!\nlines", "", "None"])
    (tmp_path / "out").mkdir()
    SIGNALS(config.scoring, {"documents": tmp_path / "in", "earlier": {}}, tmp_path / "out")
    scores = pq.read_table(tmp_path / "out" / "signals.parquet")
    assert scores.select(["marks", "letters", "per_line"]).to_pydict() == {
        "marks": [1, 2, 0, 0],
        "letters": [3, 8, 0, 4],
        "per_line": [4, 11 / 2, None, 4],
    }
    assert verdicts(scores, config.decide())["reasons"].to_pylist() == [[], ["calm"], ["empty"], []]


def test_a_condition_may_name_an_own_signal_and_no_other_name(module: str):
    own = [column for signal in resolved_config(f"{module}:length").signals.own for column in signal.columns]
    check({"long": "per_line > 3 and letters > 2"}, own)
    with pytest.raises(ValueError, match="did you mean per_line"):
        check({"long": "per_lines > 3"}, own)


def test_the_source_of_the_function_and_of_its_module_is_in_the_key(module: str, tmp_path: Path):
    def key(config: CurateConfig) -> str:
        return fingerprint(SIGNALS, config.scoring, {"documents": "k"})

    first = key(resolved_config(f"{module}:marks"))
    assert key(resolved_config(f"{module}:marks")) == first != key(resolved_config())
    (tmp_path / f"{module}2.py").write_text(MODULE.replace("BIG = 10", "BIG = 11"))
    assert key(resolved_config(f"{module}2:marks")) != first
    columns = [
        signal.sha256 for name in (module, f"{module}2") for signal in resolved_config(f"{name}:marks").signals.own
    ]
    assert columns[0] != columns[1]


def test_a_config_as_run_is_read_again_without_the_module(module: str):
    config = resolved_config(f"{module}:marks")
    assert CurateConfig.model_validate(config.model_dump(mode="json")) == config


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("no_such_module_here:marks", "no module 'no_such_module_here'; put no_such_module_here.py into"),
        ("{}:mark", "no Python function 'mark' in .*; did you mean 'marks'"),
        ("{}:BIG", "no Python function 'BIG'"),
        ("math:sqrt", "no Python function 'sqrt'"),
        ("{}.marks", "package.module:function is expected"),
        ("{}:per_mark", "raises ZeroDivisionError on a sample text: "),
        ("{}:in_words", "returns 'many' on a sample text: a number or {{name: number}} is expected"),
        ("{}:words", "gives 'words', which is another column's name"),
    ],
)
def test_a_missing_function_or_one_without_numbers_is_an_error_when_the_recipe_is_loaded(
    module: str, name: str, message: str
):
    with pytest.raises(ValueError, match=message.format()):
        resolve_own([name.format(module)], SCHEMA.names)


def test_two_functions_may_not_give_one_column(module: str):
    with pytest.raises(ValueError, match="gives 'marks', which is another column's name"):
        resolve_own([f"{module}:marks", f"{module}:marks"], SCHEMA.names)


@pytest.mark.parametrize(
    ("function", "text", "message"),
    [
        ("of_questions", "a", "raises ZeroDivisionError on s/7: "),
        ("of_questions", "b", "returns nan for of_questions on s/7: a finite number is expected"),
        ("other_names", "c", "gives n1 for s/7, and gave n"),
    ],
)
def test_a_document_that_a_function_fails_on_is_named_with_the_key_and_a_fix(
    module: str, function: str, text: str, message: str
):
    (signal,) = resolve_own([f"{module}:{function}"], SCHEMA.names)
    with pytest.raises(UserError, match=r"^curate\.signals\.own: ") as error:
        own_columns([signal], [text], ["s/7"])
    assert message in error.value.what and "None where a text has no value" in error.value.cure


def test_a_module_that_changed_after_the_recipe_was_loaded_is_an_error(module: str):
    (signal,) = resolve_own([f"{module}:marks"], SCHEMA.names)
    assert own_columns([signal], ["a!"], ["s/1"]) == {"marks": pa.array([1.0])}
    with pytest.raises(UserError, match="was changed while the run was going"):
        own_columns([signal.model_copy(update={"sha256": "0" * 64})], ["a!"], ["s/1"])
