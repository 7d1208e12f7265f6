"""The documents that a training saw, computed backwards from the order, equal those of its steps forwards."""

from collections import Counter

import pyarrow as pa
import pytest

from model.batches import Batches
from model.objectives.conversations import Conversations
from model.objectives.documents import TokenBlocks
from model.objectives.labelled import Labelled
from model.order import BatchSlice, Order
from model.replay import Replay
from model.stream import Shard, TokenStream
from tests.tiny_training import write_rows


def stream() -> TokenStream:
    lengths = [3, 0, 17, 1, 8, 40, 2, 2, 9]
    rows = {"doc_id": [f"d{n}" for n in range(9)], "tokens": [[7] * length for length in lengths]}
    types = pa.schema({"doc_id": pa.string(), "tokens": pa.list_(pa.uint16())})
    table = pa.Table.from_pydict(rows, schema=types)
    return TokenStream([Shard("a", table.slice(0, 4).combine_chunks()), Shard("b", table.slice(4))], separator=0)


@pytest.mark.parametrize("kind", ["blocks", "conversations", "labelled"])
@pytest.mark.parametrize("steps", [1, 4, 30])
def test_documents_seen_computed_backwards_equal_those_computed_forwards(kind, steps, tmp_path):
    ids, doc_id = [[5] * n for n in (3, 6, 2, 4, 1)], ["x", "y", "z", "y", "w"]
    match kind:
        case "blocks":
            source = TokenBlocks(stream(), context=7)
        case "conversations":
            flags = [[True] * len(row) for row in ids]
            source = Conversations(write_rows(tmp_path / "c", ids=ids, is_target=flags, doc_id=doc_id), 8)
        case _:
            source = Labelled(write_rows(tmp_path / "l", ids=ids, label=[0] * 5, doc_id=doc_id), 8)
    replay = Replay(Batches(source, Order(source.items, 3), BatchSlice(2)), steps)
    forwards = {step: {d.doc_id for d in replay.documents(step)} for step in range(1, steps + 1)}
    names = set().union(*forwards.values())
    first = {row["doc_id"]: row["first_step"] for row in replay.seen().to_pylist()}
    assert first == {name: min(step for step, seen in forwards.items() if name in seen) for name in names}
    for name in names:
        assert replay.steps_with(name) == [step for step, seen in forwards.items() if name in seen]
    assert replay.steps_with("nobody") == []
    if kind == "labelled":
        drawn = Counter(doc_id[i] for step in range(steps) for i in replay.batches.items_of(step, 0).tolist())
        assert {row["doc_id"]: row["times_seen"] for row in replay.seen().to_pylist()} == drawn
