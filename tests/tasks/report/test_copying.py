"""The longest run in common equals that of an exhaustive search."""

import random

import numpy as np
import pyarrow as pa
import pytest

from model.stream import Shard, TokenStream
from tasks.report import copying


def stream_of(documents: list[list[int]]) -> TokenStream:
    types = pa.schema({"doc_id": pa.string(), "tokens": pa.list_(pa.uint32())})
    names = [f"d{n}" for n in range(len(documents))]
    return TokenStream([Shard("a", pa.Table.from_pydict({"doc_id": names, "tokens": documents}, schema=types))], 0)


def longest(sample: list[int], text: list[int]) -> int:
    return max(
        next((n for n in range(len(sample) - a) if b + n >= len(text) or sample[a + n] != text[b + n]), len(sample) - a)
        for a in range(len(sample))
        for b in range(len(text))
    )


@pytest.mark.parametrize(("at_once", "times"), [(7, 1), (1 << 22, 1), (1 << 22, 65_536)])
def test_the_longest_common_run_is_reported_wherever_it_lies(at_once, times, monkeypatch):
    monkeypatch.setattr(copying, "TOKENS_AT_ONCE", at_once)
    draw = random.Random(5)
    documents = [[times * draw.randint(1, 4) for _ in range(draw.randint(0, 30))] for _ in range(12)]
    stream = stream_of(documents)
    text = stream.read(0, len(stream)).tolist()
    samples = [[times * draw.randint(1, 4) for _ in range(draw.randint(1, 16))] for _ in range(20)]
    matches = copying.nearest([np.array(sample, np.uint32) for sample in samples], stream, len(stream))
    for sample, match in zip(samples, matches, strict=True):
        expected = longest(sample, text)
        assert match.tokens == (expected if expected >= copying.SEED else 0)
        here = text[match.position : match.position + match.tokens]
        assert here == sample[match.begin : match.begin + match.tokens]


def test_a_passage_copied_whole_is_reported_with_its_document():
    documents = [list(range(100, 140)), list(range(1, 60)), list(range(200, 240))]
    stream = stream_of(documents)
    copied, invented = np.arange(10, 40, dtype=np.uint16), np.arange(300, 330, dtype=np.uint16)
    half = np.concatenate([np.arange(400, 410), np.arange(205, 215)]).astype(np.uint16)
    whole, none, part = copying.nearest([copied, invented, half], stream, len(stream))
    assert (whole.tokens, whole.copied, none.tokens, none.copied) == (30, 1.0, 0, 0.0)
    assert (part.tokens, part.begin, part.copied) == (10, 10, 0.5)
    assert copying.document_at(stream, whole.position).doc_id == "d1"
