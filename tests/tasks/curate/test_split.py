"""Groups stay whole, old documents never move, and no split is empty."""

from collections import Counter, defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.curate.config import Split
from tasks.curate.split import By, Earlier, Member, assign, choose_by, names
from tasks.errors import UserError

CONFIG = Split(validation=0.1, test=0.1)
BY = st.sampled_from(["origin", "cluster"])


def members(rows: list[tuple[int, int, bool]], prefix: str) -> list[Member]:
    return [Member(f"{prefix}/{i}", f"o{o}", f"c{c}", kept) for i, (o, c, kept) in enumerate(rows)]


ROWS = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 60), st.booleans()), min_size=1, max_size=120)
MANY = [(i, i, True) for i in range(100, 110)]  # enough groups of their own for three splits


def earlier_splits(old: list[Member], by: By, splits: dict) -> Earlier:
    by_name = {}
    for member in old:
        for name in (f"origin {member.origin}", f"cluster {member.cluster_id}"):
            if member.kept:
                by_name.setdefault(name, splits[member.doc_id])
    return Earlier(by, by_name)


@given(ROWS, BY)
def test_documents_of_one_origin_or_cluster_share_a_split(rows: list, by: By) -> None:
    everyone = members([*rows, *MANY], "d")
    splits = assign(everyone, by, CONFIG, None)
    sides = defaultdict(set)
    for member in everyone:
        for name in names(member, by) if member.kept else ():
            sides[name].add(splits[member.doc_id])
    assert all(len(side) == 1 for side in sides.values())
    assert {splits[member.doc_id] for member in everyone if member.kept} == {"train", "validation", "test"}


@given(ROWS, ROWS, BY)
def test_a_later_document_takes_the_split_of_the_group_it_joins(rows: list, more: list, by: By) -> None:
    old, new = members([*rows, *MANY], "old"), members(more, "new")
    earlier = earlier_splits(old, by, assign(old, by, CONFIG, None))
    splits = assign(new, by, CONFIG, earlier)
    for member in new:
        known = {earlier.splits[name] for name in names(member, by) if name in earlier.splits}
        if member.kept and len(known) == 1 and sum(m.kept for m in new) == 1:
            assert splits[member.doc_id] == known.pop()
    assert set(splits) == {member.doc_id for member in new}


def test_a_groups_split_does_not_depend_on_the_rest_of_the_corpus() -> None:
    few, many = members([(i, i, True) for i in range(40)], "d"), members([(i, i, True) for i in range(400)], "d")
    wide = Split(validation=0.2, test=0.2)
    assert assign(few, "origin", wide, None).items() <= assign(many, "origin", wide, None).items()


def test_split_shares_are_those_of_the_config_and_the_seed_changes_the_members() -> None:
    everyone = members([(i, i, True) for i in range(4000)], "d")
    splits = assign(everyone, "origin", Split(), None)
    counts = Counter(splits.values())
    assert counts["validation"] / 4000 == pytest.approx(0.03, abs=0.01)
    assert counts["test"] / 4000 == pytest.approx(0.03, abs=0.01)
    assert assign(everyone, "origin", Split(seed=2), None) != splits


def test_few_source_texts_are_split_by_document_instead() -> None:
    assert choose_by(members([(i % 5, i, True) for i in range(100)], "d")) == "cluster"
    assert choose_by(members([(i % 30, i, True) for i in range(100)], "d")) == "origin"


def test_too_few_groups_for_three_splits_is_an_error_with_a_fix() -> None:
    with pytest.raises(UserError, match="cannot fill train, validation and test") as error:
        assign(members([(1, 1, True), (2, 2, True)], "d"), "cluster", CONFIG, None)
    assert "add documents" in error.value.cure


@given(st.integers(3, 12), st.integers(0, 50))
def test_even_three_documents_fill_three_splits(count: int, seed: int) -> None:
    splits = assign(members([(i, i, True) for i in range(count)], "d"), "cluster", Split(seed=seed), None)
    assert set(splits.values()) == {"train", "validation", "test"}
