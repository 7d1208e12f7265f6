"""A datatrove pipeline, run rank by rank by an executor; a completed rank is marked, and a rerun leaves it alone.

`LocalExecutor` runs the ranks in processes of this machine. An executor for a cluster is one more class with `run`:
datatrove's RayPipelineExecutor and SlurmPipelineExecutor take the steps, the number of ranks and the folder of logs
that a RankedPipeline holds, keep the same marks in that folder, and `incomplete` tells when a submitted job is done.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Protocol

from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.base import PipelineStep

from tasks.errors import UserError
from tasks.pool import Pool, WorkerKilled


@dataclass(frozen=True)
class RankedPipeline:
    """Steps that share the work by (rank, number of ranks). It can be pickled, and paths in it are absolute."""

    name: str  # as messages call it
    steps: Sequence[PipelineStep]
    ranks: int
    logs: Path  # datatrove's folder of logs, statistics and marks of completed ranks

    def incomplete(self) -> list[int]:
        """The ranks without a mark."""
        return self.executor().get_incomplete_ranks()

    def executor(self) -> LocalPipelineExecutor:
        """datatrove's own executor of this pipeline: it keeps the marks, and can run one rank."""
        return LocalPipelineExecutor(list(self.steps), tasks=self.ranks, workers=1, logging_dir=str(self.logs))


class Executor(Protocol):
    """Where the ranks of a pipeline run."""

    def run(self, pipeline: RankedPipeline) -> Iterator[int]:
        """Each rank that was incomplete, as it completes; a UserError where one cannot."""
        ...


@dataclass(frozen=True)
class LocalExecutor:
    """Runs ranks in processes of this machine."""

    pool: Pool

    def run(self, pipeline: RankedPipeline) -> Iterator[int]:
        """Each rank that was incomplete, in order; ranks completed before an error stay complete."""
        ranks = pipeline.incomplete()
        pool = replace(self.pool, workers=min(self.pool.workers, len(ranks)))
        try:
            yield from pool.map(partial(_run_rank, pipeline), ranks)
        except WorkerKilled as error:
            what = f"{pipeline.name}: {error.what}; ranks without a result: {pipeline.incomplete()}"
            raise UserError(what, f"{error.cure}; completed ranks are kept") from error


def _run_rank(pipeline: RankedPipeline, rank: int) -> int:
    pipeline.executor()._run_for_rank(rank, local_rank=rank + 1)  # the only entry for one rank; 0 would log to stderr
    return rank
