"""Decisions of the whole corpus at other thresholds, from stored scores, for `what-if`; no text is opened."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.curate.config import CurateConfig, Withdrawn
from tasks.curate.decide import SCHEMA, Folders, deduplicated


@dataclass(frozen=True)
class ScoredPartition:
    """A partition's scores, and which files of earlier partitions no longer counted when it was decided."""

    signals: Path
    withdrawn: Withdrawn


def recompute_decisions(config: CurateConfig, judged: pa.Table, partitions: Mapping[str, ScoredPartition]) -> pa.Table:
    """doc_id, kept, reason of every document of all partitions, in reading order; `judged` has every verdict."""
    tables, earlier = [], dict[str, Path]()
    with TemporaryDirectory() as temporary:
        for partition, scored in partitions.items():
            before = {name: partitions[name].signals for name in earlier}
            folders = Folders(scored.signals, before, dict(earlier))
            rows = deduplicated(config.decide(scored.withdrawn), folders, judged)
            tables.append(pa.Table.from_pylist(rows, schema=SCHEMA))
            earlier[partition] = Path(temporary, partition)
            earlier[partition].mkdir()
            pq.write_table(tables[-1], earlier[partition] / "decisions.parquet")
    return pa.concat_tables([SCHEMA.empty_table(), *tables]).select(["doc_id", "kept", "reason"])
