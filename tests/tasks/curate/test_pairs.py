"""Near-duplicates are detected at the rate that theory promises, and each pair's similarity is the true one."""

import random
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from datatrove.data import Document
from datatrove.pipeline.dedup.minhash import (
    MinhashConfig,
    MinhashDedupBuckets,
    MinhashDedupCluster,
    MinhashDedupSignature,
)
from datatrove.utils.hashing import HashConfig

from tasks.curate.config import CurateConfig, MinHash
from tasks.curate.index import DOCUMENT_COLUMNS, Index
from tasks.curate.minhash import bands
from tasks.curate.pairs import candidates, find_pairs, jaccard
from tasks.curate.signals import score

from .corpus import WORDS, passages

CONFIG = CurateConfig().scoring
COUNT = 250


def shingles_of(texts: list[str]) -> list[np.ndarray]:
    return score(texts, ["en"] * len(texts), CONFIG).shingles


def edit(text: str, rate: float, draw: random.Random) -> str:
    words = text.split(" ")
    for i in draw.sample(range(len(words)), max(1, round(rate * len(words)))) if rate else ():
        words[i] = "".join(draw.choices("abcdefghij", k=8))
    return " ".join(words)


def index_of(texts: list[str], prefix: str) -> Index:
    sets = shingles_of(texts)
    ids = [f"{prefix}/{i}" for i in range(len(texts))]
    documents = pa.table({name: ids if name != "text_hash" else texts for name in DOCUMENT_COLUMNS})
    return Index(documents, bands(sets, CONFIG.minhash), sets)


@pytest.fixture(scope="module")
def originals() -> list[str]:
    return list(dict.fromkeys(" ".join(text.split()[:200]) for text in passages(COUNT * 2) if len(text.split()) > 150))


@pytest.mark.parametrize(("rate", "least"), [(0, 1.0), (0.01, 0.99), (0.02, 0.99), (0.05, 0.8)])
def test_copies_with_edited_words_become_candidates(originals: list[str], rate: float, least: float) -> None:
    draw = random.Random(1)
    sets = shingles_of([*originals, *(edit(text, rate, draw) for text in originals)])
    later, earlier = candidates(bands(sets, CONFIG.minhash), len(originals))
    proposed = set(zip(later.tolist(), earlier.tolist(), strict=True))
    recall = sum((i + len(originals), i) in proposed for i in range(len(originals))) / len(originals)
    assert recall >= least


def test_a_pairs_similarity_is_the_jaccard_similarity_of_its_word_5_grams() -> None:
    draw = random.Random(2)
    first = " ".join(draw.choices(WORDS, k=300))
    texts = [
        first,
        *(edit(first, rate, draw) for rate in (0.005, 0.02, 0.05, 0.2)),
        " ".join(draw.choices(WORDS, k=90)),
    ]

    def grams(text: str) -> set[tuple[str, ...]]:
        words = text.split()
        return {tuple(words[i : i + 5]) for i in range(len(words) - 4)}

    truth = [len(grams(first) & grams(text)) / len(grams(first) | grams(text)) for text in texts]
    shouted = shingles_of([text.upper().replace(" ", ", ") + "." for text in texts])
    for sets in (shingles_of(texts), shouted):
        assert jaccard(sets, np.zeros(6, np.int64), np.arange(6)).tolist() == truth


def sums(count: int) -> list[str]:
    """Problems that differ in their numbers alone, as in sets for arithmetic."""
    draw = random.Random(4)
    rows = []
    for _ in range(count):
        boxes, each, sold = draw.randint(2, 99), draw.randint(2, 99), draw.randint(2, 50)
        left = boxes * each - sold
        rows.append(
            f"A gardener fills {boxes} crates with {each} pears in every crate and gives {sold} of them away at noon, "
            f"which leaves {left}. First count all: {boxes} times {each} is {boxes * each}. Then take {sold} off "
            f"{boxes * each} and write down {left}. The result is {left}."
        )
    return list(dict.fromkeys(rows))


def test_texts_that_differ_in_their_numbers_alone_are_no_near_duplicates() -> None:
    texts = sums(120)
    rows = find_pairs(index_of(texts, "s"), []).to_pylist()
    assert not [row for row in rows if row["similarity"] >= CurateConfig().minhash.jaccard]


def test_one_other_number_in_a_long_text_leaves_a_near_duplicate(originals: list[str]) -> None:
    texts = [f"{originals[0]} It is {year} now." for year in (1999, 2004)]
    (row,) = find_pairs(index_of(texts, "s"), []).to_pylist()
    assert 0.9 < row["similarity"] < 1


def test_pairs_reach_back_into_earlier_partitions_and_never_forward(originals: list[str]) -> None:
    draw = random.Random(3)
    old = index_of(originals[:50], "old")
    new = index_of([*(edit(text, 0.01, draw) for text in originals[:10]), originals[20], *originals[60:80]], "new")
    rows = find_pairs(new, [old]).to_pylist()
    assert {(row["doc_id"], row["other_id"]) for row in rows} >= {(f"new/{i}", f"old/{i}") for i in range(10)}
    assert {"doc_id": "new/10", "other_id": "old/20", "similarity": 1.0} in rows
    assert all(row["doc_id"].startswith("new/") for row in rows)
    assert find_pairs(old, []).num_rows == 0


def test_many_copies_of_one_text_make_one_pair_each() -> None:
    same = index_of(["the same words in every document of this corpus"] * 500, "s")
    rows = find_pairs(same, []).to_pylist()
    assert [row["doc_id"] for row in rows] == [f"s/{i}" for i in range(1, 500)]
    assert {row["other_id"] for row in rows} == {"s/0"}


def test_a_band_that_all_share_costs_no_more_than_a_few_comparisons_a_document() -> None:
    draw = np.random.default_rng(0)
    shared = draw.integers(1, 1 << 60, (3000, 4), dtype=np.uint64)
    shared[:, 0] = 7
    later, earlier = candidates(shared, 0)
    assert len(later) < 33 * 3000
    assert (later > earlier).all()


def test_documents_without_words_have_no_pairs() -> None:
    assert find_pairs(index_of(["", "!!!", "…"], "s"), []).num_rows == 0


def test_a_seed_draws_other_hashes() -> None:
    sets = shingles_of(["some words that are hashed by their five grams each"])
    assert (bands(sets, MinHash(seed=1)) != bands(sets, MinHash(seed=2))).all()


@pytest.mark.parametrize("share", [0.01, 0.02])
def test_datatroves_own_minhash_stages_remove_the_same_copies(
    originals: list[str], share: float, tmp_path: Path
) -> None:
    """Signatures, buckets and clusters as datatrove ships them, with the same bands, rows and n-grams."""
    draw = random.Random(2)
    texts = originals[:100] + [edit(text, share, draw) for text in originals[:50]]
    ours = find_pairs(index_of(texts, "d"), [])
    removed = {
        int(doc_id[2:])
        for doc_id, near in zip(ours["doc_id"].to_pylist(), ours["similarity"].to_pylist(), strict=True)
        if near >= 0.7
    }
    minhash = CONFIG.minhash
    config = MinhashConfig(minhash.ngram, minhash.bands, minhash.rows, hash_config=HashConfig(precision=64))
    folders = {name: str(tmp_path / name) for name in ("signatures", "buckets", "removed")}
    documents = (Document(text, str(number)) for number, text in enumerate(texts))
    list(MinhashDedupSignature(folders["signatures"], config=config, language="en").run(documents) or ())
    buckets = MinhashDedupBuckets(folders["signatures"], folders["buckets"], config=config)
    for bucket in range(minhash.bands):
        list(buckets.run(None, bucket, minhash.bands) or ())
    list(MinhashDedupCluster(folders["buckets"], folders["removed"], config=config).run(None, 0, 1) or ())
    theirs = np.frombuffer((tmp_path / "removed" / "000000.remove").read_bytes(), "<u4")
    assert removed == set(theirs.tolist()) == set(range(100, 150))
