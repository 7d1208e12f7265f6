"""Batches are arithmetic."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.batches import IGNORE, Batches
from model.objectives.conversations import pack
from model.objectives.documents import TokenBlocks
from model.order import BatchSlice, Order
from model.stream import TokenStream, open_shards
from tests.tiny_training import noise, write_shard

SEPARATOR = 0


@given(items=st.integers(1, 3000), seed=st.integers(0, 2**63), epoch=st.integers(0, 2**20))
def test_every_block_is_seen_exactly_once_an_epoch(items: int, seed: int, epoch: int) -> None:
    places = np.arange(items, dtype=np.uint64) + np.uint64(epoch * items)
    assert sorted(Order(items, seed).at(places)) == list(range(items))


def test_epochs_and_seeds_differ_in_order() -> None:
    first, second = Order(500, 0).at(np.arange(1000)).reshape(2, 500)
    other = Order(500, 1).at(np.arange(500))
    assert (first != second).mean() > 0.9
    assert (first != other).mean() > 0.9
    assert (np.abs(np.diff(first)) == 1).mean() < 0.05  # neighbours are torn apart


def test_the_order_never_changes_between_versions() -> None:
    assert Order(10, 7).at(np.arange(10)).tolist() == [2, 4, 6, 1, 3, 5, 8, 7, 9, 0]


@given(
    ranks=st.sampled_from([1, 2, 3, 4]),
    micro_batches=st.sampled_from([1, 2]),
    size=st.integers(1, 5),
    step=st.integers(0, 999),
)
def test_ranks_and_micro_batches_together_make_the_batch_of_one_rank(
    ranks: int, micro_batches: int, size: int, step: int
) -> None:
    batch = ranks * micro_batches * size
    whole = BatchSlice(batch).places(step, 0).tolist()
    pieces = [
        BatchSlice(batch, rank, ranks, micro_batches).places(step, micro_batch)
        for rank in range(ranks)
        for micro_batch in range(micro_batches)
    ]
    assert np.concatenate(pieces).tolist() == whole


def test_a_batch_that_does_not_divide_is_refused() -> None:
    with pytest.raises(ValueError, match="6 does not divide among 4 ranks"):
        BatchSlice(6, 0, 4)


documents_of_ids = st.lists(st.lists(st.integers(1, 9), max_size=12), max_size=12)


@settings(max_examples=60, deadline=None)
@given(shards=st.lists(documents_of_ids, min_size=1, max_size=3), context=st.integers(1, 9), seed=st.integers(0, 99))
def test_every_token_is_a_target_once_an_epoch_after_the_token_before_it(
    shards: list[list[list[int]]], context: int, seed: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    stream = stream_of(tmp_path_factory.mktemp("shards"), shards)
    ids = [SEPARATOR, *(i for shard in shards for document in shard for i in (*document, SEPARATOR))]
    blocks = TokenBlocks(stream, context)
    assert len(stream) == len(ids)
    if not blocks.items:
        return
    batch = blocks.batch(Order(blocks.items, seed).at(np.arange(blocks.items)))
    assert (batch.tokens_bt >= 0).all()  # what no loss counts is still read
    counted = batch.targets_bt != IGNORE
    pairs = zip(batch.tokens_bt[counted].tolist(), batch.targets_bt[counted].tolist(), strict=True)
    assert sorted(pairs) == sorted(pairwise(ids))


def test_a_short_last_block_counts_no_padding_however_often_a_batch_repeats_it(tmp_path: Path) -> None:
    blocks = TokenBlocks(stream_of(tmp_path, [[[1, 2, 3, 4, 5]]]), 4)  # 6 targets: one block of 4, one of 2
    batch = blocks.batch(np.array([1, 0, 1]))
    assert (batch.targets_bt != IGNORE).sum(dim=1).tolist() == [2, 4, 2]


@settings(max_examples=60, deadline=None)
@given(shards=st.lists(documents_of_ids, min_size=1, max_size=3), first=st.integers(0, 60), count=st.integers(1, 30))
def test_a_window_names_the_documents_whose_tokens_it_holds(
    shards: list[list[list[int]]], first: int, count: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    stream = stream_of(tmp_path_factory.mktemp("shards"), shards)
    owners: list[tuple[str, int] | None] = [None]
    for number, shard in enumerate(shards):
        for row, document in enumerate(shard):
            owners += [(f"{number}.arrow", row)] * len(document) + [None]
    inside = dict.fromkeys(owner for owner in owners[first : first + count] if owner)
    assert [(d.shard, d.row) for d in stream.documents_in(first, count)] == list(inside)


def test_what_a_step_saw_does_not_depend_on_the_ranks(tmp_path: Path) -> None:
    blocks = TokenBlocks(stream_of(tmp_path, [noise(40, 1), noise(30, 2)]), 16)
    order = Order(blocks.items, 3)
    alone = Batches(blocks, order, BatchSlice(8))
    second_of_two = Batches(blocks, order, BatchSlice(8, 1, 2, 2))
    seen = alone.documents_of(5)
    assert seen == second_of_two.documents_of(5)
    assert {d.doc_id for d in seen} <= {f"{n}#{row}" for n in (0, 1) for row in range(40)}
    assert len(seen) == len(set(seen)) > 1


def test_shards_are_read_without_a_copy(tmp_path: Path) -> None:
    stream = stream_of(tmp_path, [noise(40, 1)])
    assert all(not chunk.flags.owndata and not chunk.flags.writeable for chunk in stream._chunks)


@given(lengths=st.lists(st.integers(1, 50), max_size=60))
def test_packs_hold_every_row_once_and_never_overflow(lengths: list[int]) -> None:
    packs = pack(lengths, 50)
    assert sorted(row for rows in packs for row in rows) == list(range(len(lengths)))
    assert all(sum(lengths[row] for row in rows) <= 50 for rows in packs)
    assert len(packs) <= 2 * -(-sum(lengths) // 50)  # no two packs could be one


def stream_of(folder: Path, shards: list[list[list[int]]]) -> TokenStream:
    files = {}
    for number, documents in enumerate(shards):
        files[f"{number}.arrow"] = folder / f"{number}.arrow"
        write_shard(files[f"{number}.arrow"], documents)
    return TokenStream(open_shards(files), SEPARATOR)
