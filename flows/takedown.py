"""The takedown list as the graph gets it: for each partition, the entries that name one of its documents.

They are known from an artifact, which the graph itself never opens: `--explain` looks into the store before it walks
the graph, a run looks into each ingest once it is complete.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from flows.graph import StepOutput, Takedown
from tasks.encode.takedown import entries_in
from tasks.store.artifacts import Artifact


def no_takedown(partition: str, ingest: StepOutput) -> tuple[str, ...]:
    """No entry: for a walk that only follows the edges."""
    return ()


def takedown_in_store(listed: tuple[str, ...], ingests: Mapping[str, Artifact]) -> Takedown:
    """The entries of the partitions whose ingest is complete, read now; of any other partition all of them."""
    known = {partition: entries_in(artifact.path, listed) for partition, artifact in ingests.items()}
    return lambda partition, ingest: known.get(partition, listed)


def takedown_as_made(listed: tuple[str, ...]) -> Takedown:
    """The entries of each partition, read once its ingest is complete; all of them where it is not."""
    read = cache(lambda folder: entries_in(folder, listed))

    def entries(partition: str, ingest: StepOutput) -> tuple[str, ...]:
        folders: list[Path] = [artifact.path for artifact in ingest.parts.values()]
        return read(folders[0]) if folders else listed

    return entries
