"""Tombstones of artifacts whose text had to be removed: their manifest and the names of their documents, never text.

HOME/lineage/<step>/<key>/manifest.json, with names.parquet of an ingest and bytes.parquet of an encoding. So the
documents behind a model are still known when another of them is to be forgotten.
"""

import json
from collections.abc import Mapping

from tasks.home import Home
from tasks.store.artifacts import write_durably
from tasks.store.contents import StoreContents, Stored, read_contents
from tasks.store.verification import MANIFEST, read_manifest

NAMES, SPLITS = "names.parquet", "bytes.parquet"
NAMING = ("doc_id", "source", "uri", "origin")


def write_tombstone(home: Home, artifact: Stored) -> None:
    """Writes the tombstone of an artifact that is about to be removed; its manifest last."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    to = home.tombstones / artifact.step / artifact.key
    to.mkdir(parents=True, exist_ok=True)
    if artifact.step == "ingest":
        tables = [pq.read_table(p, columns=[*NAMING]) for p in sorted(artifact.path.glob("documents/*.parquet"))]
        pq.write_table(pa.concat_tables(tables), to / NAMES)
    elif artifact.step == "encode":
        pq.write_table(pq.read_table(artifact.path / SPLITS, columns=["doc_id", "split"]), to / SPLITS)
    manifest = read_manifest(artifact.path)
    kept = {"inputs": manifest["inputs"], "config": manifest.get("config", {})}
    write_durably(to / MANIFEST, json.dumps(kept, indent=1).encode())


def with_tombstones(home: Home, held: StoreContents) -> StoreContents:
    """The store's artifacts together with those that have only a tombstone."""
    gone: Mapping[str, Stored] = read_contents(home.tombstones).artifacts
    return StoreContents({**gone, **held.artifacts}, held.leftovers)


def with_ancestors_of_removed(home: Home, keys: set[str]) -> set[str]:
    """These keys, and all ancestors of the removed ones among them, which the store does not know any more."""
    gone = read_contents(home.tombstones)
    return keys.union(*(gone.artifacts[key].inputs for key in gone.with_ancestors(keys)))
