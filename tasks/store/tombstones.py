"""What is kept of an artifact whose text had to go: its manifest, and which documents it held; never their text.

HOME/lineage/<step>/<key>/manifest.json, with names.parquet of an ingest and bytes.parquet of an encoding. So a model
can still be asked what it was made of, when another of its documents is to be forgotten.
"""

import json
from collections.abc import Mapping

from tasks.home import Home
from tasks.store.artifacts import MANIFEST, write_durably
from tasks.store.contents import Holdings, Stored, holdings

FOLDER, NAMES, SPLITS = "lineage", "names.parquet", "bytes.parquet"
NAMING = ("doc_id", "source", "uri", "origin")


def keep(home: Home, artifact: Stored) -> None:
    """Writes what may stay of an artifact that is about to be removed; its manifest last."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    to = home.tombstones / artifact.step / artifact.key
    to.mkdir(parents=True, exist_ok=True)
    if artifact.step == "ingest":
        tables = [pq.read_table(p, columns=[*NAMING]) for p in sorted(artifact.path.glob("documents/*.parquet"))]
        pq.write_table(pa.concat_tables(tables), to / NAMES)
    elif artifact.step == "encode":
        pq.write_table(pq.read_table(artifact.path / SPLITS, columns=["doc_id", "split"]), to / SPLITS)
    manifest = json.loads((artifact.path / MANIFEST).read_text())
    kept = {"inputs": manifest["inputs"], "config": manifest.get("config", {})}
    write_durably(to / MANIFEST, json.dumps(kept, indent=1).encode())


def with_remains(home: Home, held: Holdings) -> Holdings:
    """The store's artifacts together with those of which only this is left."""
    gone: Mapping[str, Stored] = holdings(home.tombstones).artifacts
    return Holdings({**gone, **held.artifacts}, held.leftovers)


def inputs_of_what_is_gone(home: Home, keys: set[str]) -> set[str]:
    """These keys, and those that the removed ones among them were made of: the store cannot tell it any more."""
    gone = holdings(home.tombstones)
    return keys.union(*(gone.artifacts[key].inputs for key in gone.with_ancestors(keys)))
