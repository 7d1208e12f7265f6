"""Duplicates: the first document of a text in reading order stays, and every other names the one kept for it.

A document goes only where it is an exact copy of a kept one, or verified to be near it: so no chain of small
differences empties a cluster, and the first of each cluster always stays.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal

import pyarrow as pa

from tasks.curate.config import DedupMode

NearTexts = Mapping[str, list[tuple[str, float]]]  # text_hash → (text_hash, similarity) of the texts near it


@dataclass(frozen=True)
class PassingDocument:
    """A document that passes the filters; of an earlier partition, one that is kept and still counts."""

    doc_id: str
    text_hash: str
    cluster_id: str  # of an earlier document; a new one starts as its own cluster


@dataclass(frozen=True)
class DedupDecision:
    """The cluster of a passing document, and what it duplicates; without a reason it is kept."""

    cluster_id: str
    reason: Literal["exact_duplicate", "near_duplicate"] | None = None
    kept_id: str | None = None
    similarity: float | None = None


def dedup_decisions(
    documents: list[PassingDocument], earlier: list[PassingDocument], near: NearTexts, mode: DedupMode
) -> dict[str, DedupDecision]:
    """{doc_id: decision} in reading order. Near-duplicates that stay (mode none or exact) still share a cluster."""
    kept: dict[str, PassingDocument] = {}  # by text_hash, the first in reading order
    for text in earlier:
        kept.setdefault(text.text_hash, text)
    clusters = Clusters({text.cluster_id for text in earlier})
    decisions: dict[str, DedupDecision] = {}
    for text in documents:
        like = [(1.0, kept[text.text_hash])] if text.text_hash in kept else []
        like += _by_similarity(text.text_hash, kept, near)
        if like and like[0][1].text_hash == text.text_hash and mode != "none":
            decisions[text.doc_id] = DedupDecision(like[0][1].cluster_id, "exact_duplicate", like[0][1].doc_id, 1.0)
        elif like and mode == "minhash":
            decisions[text.doc_id] = DedupDecision(
                like[0][1].cluster_id, "near_duplicate", like[0][1].doc_id, like[0][0]
            )
        else:
            clusters.join(text.cluster_id, [other.cluster_id for _, other in like])
            decisions[text.doc_id] = DedupDecision(text.cluster_id)
            kept.setdefault(text.text_hash, text)
    return {
        doc_id: replace(decision, cluster_id=clusters.root(decision.cluster_id))
        for doc_id, decision in decisions.items()
    }


def near_texts(pairs: pa.Table, text_hashes: Mapping[str, str], jaccard: float) -> NearTexts:
    """The pairs of documents as pairs of texts, both ways, at least so similar."""
    near: dict[str, list[tuple[str, float]]] = defaultdict(list)
    columns = (pairs[name].to_pylist() for name in ("doc_id", "other_id", "similarity"))
    for doc_id, other_id, similarity in zip(*columns, strict=True):
        a, b = text_hashes[doc_id], text_hashes[other_id]
        if a != b and similarity >= jaccard:
            near[a].append((b, similarity))
            near[b].append((a, similarity))
    return near


class Clusters:
    """Connected documents under the first of them; clusters of earlier partitions keep their names."""

    def __init__(self, earlier: set[str]) -> None:
        self.earlier = earlier
        self.parent: dict[str, str] = {}

    def root(self, cluster_id: str) -> str:
        path = []
        while (parent := self.parent.get(cluster_id, cluster_id)) != cluster_id:
            path.append(cluster_id)
            cluster_id = parent
        for passed in path:  # the next time it is one step
            self.parent[passed] = cluster_id
        return cluster_id

    def join(self, cluster_id: str, others: list[str]) -> None:
        """Joins new clusters with the earliest of these; two clusters of earlier partitions stay two."""
        roots = list(dict.fromkeys([*map(self.root, others), cluster_id]))
        first = next((root for root in roots if root in self.earlier), roots[0])
        for root in roots:
            if root not in self.earlier:
                self.parent[root] = first


def _by_similarity(
    text_hash: str, kept: Mapping[str, PassingDocument], near: NearTexts
) -> Iterator[tuple[float, PassingDocument]]:
    """Kept documents near a text, the most similar first; of equals the first in reading order."""
    similar = [(similarity, kept[other]) for other, similarity in near.get(text_hash, ()) if other in kept]
    return iter(sorted(similar, key=lambda item: -item[0]))
