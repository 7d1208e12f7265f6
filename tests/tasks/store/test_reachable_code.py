"""The code that a step reaches is all that its result can depend on, by name, and nothing that only stands near it."""

import ast
import sys
from pathlib import Path

import pytest

from flows import graph
from tasks.store import reachable_code
from tasks.store.drift import code_digests
from tasks.store.step import Step

ROOM = {
    "__init__": "",
    "steps": """
from room import tools
from room.limits import MOST as LIMIT
def run(x):
    from room.late import later
    return tools.cut(x, LIMIT) + later(x) + helper.__doc__
def helper(): "words"
def unused(): return 1
""",
    "tools": """
def cut(x, n):
    return Cutter().cut(x, n)  # a remark
class Cutter: pass
def stray(): return 2
""",
    "limits": "MOST: int = 3\nMOST += 1\nLEAST = 1\n",
    "late": "from room.deep import deepest as later\n",
    "deep": "def deepest(x): return open('internal/decide.sql'), 'no.sql'\n",
}


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A function that writes the room's modules and returns the digests of what `run` reaches in them."""
    monkeypatch.setattr(reachable_code, "ROOMS", ("room",))
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "room").mkdir()

    def reach(**changed: str) -> dict[str, str]:
        for cached in (
            reachable_code._uses,
            reachable_code._source,
            reachable_code._path,
            reachable_code._digest,
            reachable_code._bytes,
            reachable_code._bytes_digest,
        ):
            cached.cache_clear()
        for name, text in (ROOM | changed).items():
            (tmp_path / "room" / f"{name}.py").write_text(text)
        return reachable_code.digests(reachable_code.reachable(("room.steps", "run")))

    yield reach
    sys.modules.pop("room", None)
    for cached in (
        reachable_code._uses,
        reachable_code._source,
        reachable_code._path,
        reachable_code._digest,
        reachable_code._bytes,
        reachable_code._bytes_digest,
    ):
        cached.cache_clear()


def test_names_are_followed_through_imports_wherever_they_stand(room):
    assert room().keys() == {
        "room.steps.run",
        "room.steps.helper",
        "room.tools.cut",
        "room.tools.Cutter",
        "room.limits.MOST",
        "room.deep.deepest",
        "sql.internal/decide.sql",
    }


def test_a_changed_statement_changes_the_digest_and_comments_do_not(room):
    before = room()
    assert room(tools=ROOM["tools"].replace("a remark", "another").replace("return 2", "return 3")) == before
    changed = room(limits="MOST: int = 3\nMOST += 2\nLEAST = 1\n")
    assert {name for name in before if before[name] != changed[name]} == {"room.limits.MOST"}


STEPS = [step for step in vars(graph).values() if isinstance(step, Step)]
STEPS += [*graph.FINETUNE.values(), *graph.EVALUATE.values()]


@pytest.mark.parametrize(
    ("step", "names"),
    [
        (
            "ingest",
            {
                "tasks.ingest.read.mail.MailFiles",
                "tasks.json_values.json_values",
                "tasks.ingest.planted_text.BOILERPLATE",
            },
        ),
        ("signals", {"tasks.curate.minhash.bands", "tasks.curate.language_rules.stop_words"}),
        ("curate", {"sql.internal/decide.sql", "tasks.curate.conditions.unmet", "tasks.curate.split.assign"}),
        (
            "pretrain",
            {
                "model.attention.attend",
                "model.objectives.documents.NextToken",
                "model.order.Order",
                "model.depth.from_depth",
            },
        ),
        (
            "finetune/prefer",
            {"model.objectives.preferences.Prefer", "tasks.finetune.instructions.against_others"},
        ),
        (
            "evaluate/prefer",
            {"tasks.evaluate.preference.score_preferences", "tasks.evaluate.instruction.target_losses"},
        ),
        ("evaluate/base", {"tasks.evaluate.ngrams.NGrams", "model.decoder.Decoder"}),
    ],
)
def test_the_steps_of_the_graph_reach_the_code_that_makes_their_bytes(step: str, names: set[str]):
    (digests,) = [code_digests(one) for one in STEPS if one.name == step]
    assert names <= digests.keys(), f"not reached: {names - digests.keys()}"
    assert not [name for name in digests if name.startswith(("tasks.progress", "flows.", "tasks.tracking.tracker"))]


def test_a_method_of_fine_tuning_reaches_no_other_method_and_no_evaluation():
    for name, step in graph.FINETUNE.items():
        methods = {definition for definition in code_digests(step) if definition.startswith("tasks.finetune.methods.")}
        assert methods and all(definition.startswith(f"tasks.finetune.methods.{name}.") for definition in methods)
        assert not [name for name in code_digests(step) if name.startswith("tasks.evaluate.")]


def test_a_parse_that_cpython_miscounted_is_repeated(monkeypatch):
    whole, failures = ast.parse, iter([SystemError("AST constructor recursion depth mismatch")] * 3)

    def parse(source):
        for failure in failures:
            raise failure
        return whole(source)

    monkeypatch.setattr(reachable_code.ast, "parse", parse)
    assert ast.dump(reachable_code._parse("a = 1")) == ast.dump(whole("a = 1"))
