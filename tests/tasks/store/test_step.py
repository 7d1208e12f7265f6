"""The key holds what changes an artifact's bytes, and nothing else."""

from pathlib import Path
from typing import Annotated

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tasks.store.step import NOT_IN_KEY, Frozen, Funnel, Inputs, Stats, Step, fingerprint, keyed


class Inner(Frozen):
    threshold: float = 0.5
    names: tuple[str, ...] = ()
    cores: Annotated[int, NOT_IN_KEY] = 2


class Config(Frozen):
    size: int = 3
    inner: Inner = Inner()
    by_name: dict[str, Inner] = {}
    workers: Annotated[int, NOT_IN_KEY] = 2
    path: Annotated[Path | None, NOT_IN_KEY] = None


def nothing(config: Config, inputs: object, out: Path) -> Stats:
    return Stats()


STEP = Step("nothing", 1, Config, nothing)
inners = st.builds(Inner, threshold=st.floats(0, 1), names=st.tuples(st.text(max_size=3)))
configs = st.builds(Config, size=st.integers(0, 5), inner=inners, by_name=st.dictionaries(st.text(max_size=2), inners))


@given(configs, configs)
def test_two_configs_share_a_key_exactly_when_their_keyed_fields_are_equal(one, other):
    assert (fingerprint(STEP, one, {}) == fingerprint(STEP, other, {})) == (keyed(one) == keyed(other))


@given(configs, st.integers(1, 64))
def test_worker_counts_and_paths_change_no_key_at_any_depth(config, workers):
    moved = config.model_copy(update={"workers": workers, "path": Path(f"/elsewhere/{workers}")})
    moved = moved.model_copy(update={"inner": config.inner.model_copy(update={"cores": workers})})
    assert fingerprint(STEP, moved, {}) == fingerprint(STEP, config, {})


def test_role_partition_name_and_order_of_the_inputs_are_in_the_key():
    keys = [
        fingerprint(STEP, Config(), inputs)
        for inputs in (
            {},
            {"shards": "a"},
            {"texts": "a"},
            {"shards": {"0001": "a"}},
            {"shards": {"0002": "a"}},
            {"shards": {"0001": "a", "0002": "b"}},
            {"shards": {"0002": "b", "0001": "a"}},
        )
    ]
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize(
    ("config", "inputs", "expected"),
    [
        (Config(), {}, "d8409e0c0f3059a313c0de22"),
        (Config(workers=9, path=Path("/elsewhere")), {}, "d8409e0c0f3059a313c0de22"),
        (
            Config(size=4, inner=Inner(threshold=0.25, names=("é",)), by_name={"x": Inner()}),
            {},
            "eda7592c1937dd0bd6e4975d",
        ),
        (Config(), {"model": "0" * 24, "shards": {"0001": "1" * 24, "0002": "2" * 24}}, "b566e6ab0118dcdee2162af9"),
    ],
)
def test_a_key_never_changes_between_versions(config, inputs, expected):
    """A new key here orphans every artifact on every disk: raise a step's VERSION instead."""
    assert fingerprint(STEP, config, inputs) == expected


def test_name_and_version_of_the_step_are_in_the_key():
    others = (Step("other", 1, Config, nothing), Step("nothing", 2, Config, nothing))
    assert fingerprint(STEP, Config(), {}) not in {fingerprint(other, Config(), {}) for other in others}


def test_a_funnel_that_loses_a_document_is_refused():
    Funnel(read=10, kept=7, dropped={"short": 2}, quarantined=1)
    with pytest.raises(ValidationError, match="10 documents read but 9 accounted for"):
        Funnel(read=10, kept=7, dropped={"short": 1}, quarantined=1)


def test_an_unknown_key_of_a_config_is_an_error_and_a_config_cannot_be_changed():
    with pytest.raises(ValidationError, match="extra_forbidden"):
        Config.model_validate({"sise": 4})
    with pytest.raises(ValidationError, match="frozen"):
        Config().size = 4


def test_an_input_is_one_folder_or_folders_by_partition_and_never_the_other():
    inputs = Inputs({"model": Path("base"), "texts": {"0001": Path("a"), "0002": Path("b")}})
    assert inputs.folder("model") == Path("base")
    assert list(inputs.partitions("texts").values()) == [Path("a"), Path("b")]
    assert inputs.partitions("shards") == {}
    with pytest.raises(TypeError, match=r"'texts'.*one folder"):
        inputs.folder("texts")
    with pytest.raises(TypeError, match=r"'model'.*by partition"):
        inputs.partitions("model")


def test_a_step_is_called_from_a_notebook_with_a_plain_dictionary(tmp_path):
    def copy(config: Config, inputs: Inputs, out: Path) -> Stats:
        (out / "copy").write_bytes((inputs.folder("text") / "file").read_bytes())
        return Stats()

    (tmp_path / "file").write_text("text")
    Step("copy", 1, Config, copy)(Config(), {"text": tmp_path}, tmp_path)
    assert (tmp_path / "copy").read_text() == "text"
