"""Scope follows the edges of the graph, not the order of its lines."""

import pytest

from flows.load import load
from flows.scope import edges, scope
from tasks.errors import UsageError
from tasks.ingest.ledger import Corpus
from tasks.ingest.sources import File, Partition

NEEDS = {
    "ingest": set(),
    "signals": {"ingest"},
    "curate": {"ingest", "signals"},
    "tokenizer": {"curate"},
    "encode": {"curate", "tokenizer"},
    "pretrain": {"encode", "tokenizer"},
    "evaluate/base": {"pretrain", "encode"},
    "finetune/classify": {"pretrain", "curate"},
    "evaluate/classify": {"finetune/classify"},
    "register": {"pretrain", "evaluate/base", "finetune/classify", "evaluate/classify"},
}


def test_without_flags_everything_is_in_scope_and_nothing_is_computed_again():
    result = scope(NEEDS)
    assert result.labels == tuple(NEEDS) and not result.recompute


def test_until_takes_the_step_and_what_it_needs_and_no_more():
    assert scope(NEEDS, until="finetune/classify").labels == (
        "ingest", "signals", "curate", "tokenizer", "encode", "pretrain", "finetune/classify",
    )  # fmt: skip


def test_from_takes_the_step_and_what_depends_on_it_all_computed_again():
    result = scope(NEEDS, start="finetune/classify")
    assert result.labels == ("finetune/classify", "evaluate/classify", "register")
    assert result.recompute == set(result.labels)


def test_from_and_until_take_what_lies_between():
    assert scope(NEEDS, start="encode", until="evaluate/base").labels == ("encode", "pretrain", "evaluate/base")
    with pytest.raises(UsageError, match="nothing lies between"):
        scope(NEEDS, start="evaluate/base", until="encode")


def test_only_takes_the_step_alone_and_a_first_part_means_all_of_its_labels():
    assert scope(NEEDS, only="evaluate").labels == ("evaluate/base", "evaluate/classify")
    with pytest.raises(UsageError, match="alone"):
        scope(NEEDS, only="encode", until="pretrain")


def test_further_seeds_are_trainings_of_their_own_whose_scores_go_to_the_register():
    corpus = Corpus({"0001": Partition({"addresses": (File("a.txt", 3, "0" * 64),)}, planted=("planted",))})
    assert not [label for label in edges(load("demo").recipe, corpus) if label.startswith("seeds")]
    needs = edges(load("demo", ["pretrain.seeds=3", "pretrain.seed=5"]).recipe, corpus)
    assert needs["seeds/6"] == needs["seeds/7"] == needs["pretrain"] and "seeds/8" not in needs
    assert needs["seeds/evaluate"] >= {"seeds/6", "seeds/7", "encode"} and "seeds/evaluate" in needs["register"]


def test_an_unknown_step_names_the_nearest():
    with pytest.raises(UsageError, match="did you mean 'pretrain'"):
        scope(NEEDS, until="pretran")
