"""For any similarities of texts, the first of a cluster stays, and each duplicate names a kept document near it."""

from collections import defaultdict
from itertools import combinations

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from tasks.curate.config import DedupMode
from tasks.curate.dedup import Clusters, PassingDocument, dedup_decisions, near_texts

HASHES = "abcdefgh"
CORPUS = st.lists(st.sampled_from(HASHES), min_size=1, max_size=25)
PAIRS = st.dictionaries(st.sampled_from(list(combinations(HASHES, 2))), st.floats(0.7, 1.0), max_size=12)
MODES = st.sampled_from(["none", "exact", "minhash"])


def symmetric(pairs: dict[tuple[str, str], float]) -> dict[str, list[tuple[str, float]]]:
    near = defaultdict(list)
    for (a, b), similarity in pairs.items():
        near[a].append((b, similarity))
        near[b].append((a, similarity))
    return near


def texts(hashes: list[str], prefix: str = "d") -> list[PassingDocument]:
    return [PassingDocument(f"{prefix}/{i}", text, f"{prefix}/{i}") for i, text in enumerate(hashes)]


@given(CORPUS, CORPUS, PAIRS, MODES)
def test_no_cluster_loses_all_its_members_and_each_duplicate_is_near_what_is_kept_for_it(
    old: list[str], new: list[str], pairs: dict[tuple[str, str], float], mode: DedupMode
) -> None:
    near = symmetric(pairs)
    documents, earlier = texts(new), texts(old, "old")
    hashes = {text.doc_id: text.text_hash for text in [*documents, *earlier]}
    decisions = dedup_decisions(documents, earlier, near, mode)
    assert list(decisions) == [text.doc_id for text in documents]
    kept = {doc_id for doc_id, decision in decisions.items() if decision.reason is None} | {
        text.doc_id for text in earlier
    }
    for doc_id, decision in decisions.items():
        if decision.reason is None:
            assert decision.kept_id is None
            continue
        assert decision.kept_id in kept
        assert decision.cluster_id in kept
        a, b = hashes[doc_id], hashes[decision.kept_id]
        assert (decision.reason == "exact_duplicate") == (a == b)
        assert a == b or (b, decision.similarity) in near[a]
    clusters = {decision.cluster_id for decision in decisions.values()}
    assert clusters <= kept
    if mode == "minhash":
        new_kept = [doc_id for doc_id, decision in decisions.items() if decision.reason is None]
        assert not any(hashes[b] in dict(near[hashes[a]]) for a, b in combinations(new_kept, 2))


@given(CORPUS, PAIRS)
def test_near_duplicates_that_stay_share_a_cluster(hashes: list[str], pairs: dict[tuple[str, str], float]) -> None:
    decisions = dedup_decisions(texts(hashes), [], near := symmetric(pairs), "none")
    for (a, x), (b, y) in combinations(enumerate(hashes), 2):
        if x == y or y in dict(near[x]):
            assert decisions[f"d/{a}"].cluster_id == decisions[f"d/{b}"].cluster_id


def test_a_chain_of_small_differences_does_not_drop_its_far_end() -> None:
    decisions = dedup_decisions(texts(["a", "b", "c"]), [], symmetric({("a", "b"): 0.8, ("b", "c"): 0.8}), "minhash")
    assert [decision.reason for decision in decisions.values()] == [None, "near_duplicate", None]


def test_a_long_chain_of_joined_clusters_is_walked_once() -> None:
    clusters = Clusters(set())
    for i in range(50):
        clusters.parent[f"d{i}"] = f"d{i + 1}"
    assert clusters.root("d0") == "d50"
    assert set(clusters.parent.values()) == {"d50"}


def test_the_most_similar_kept_document_is_the_one_kept_for_a_duplicate() -> None:
    decisions = dedup_decisions(texts(["a", "b", "c"]), [], symmetric({("a", "c"): 0.75, ("b", "c"): 0.9}), "minhash")
    assert (decisions["d/2"].kept_id, decisions["d/2"].similarity) == ("d/1", 0.9)


def test_pairs_below_the_threshold_are_not_near() -> None:
    pairs = pa.table({"doc_id": ["x", "y"], "other_id": ["w", "w"], "similarity": [0.69, 0.7]})
    near = near_texts(pairs, {"w": "W", "x": "X", "y": "Y"}, 0.7)
    assert dict(near) == {"Y": [("W", 0.7)], "W": [("Y", 0.7)]}
