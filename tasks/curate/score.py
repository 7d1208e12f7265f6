"""Scoring as a datatrove pipeline: read rows, score them in batches, one file a rank, under datatrove's executor.

The ranks run in our own pool of processes: datatrove's waits for ever for a task whose process was killed. A finished
rank has its file and datatrove's completion mark, so a rerun takes up the others only. Joined in reading order, the
ranks' rows are the same whatever the number of ranks and processes.
"""

import multiprocessing
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from datatrove.data import Document
from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.base import PipelineStep
from datatrove.utils.batching import batched

from tasks.curate.config import SignalsConfig
from tasks.curate.index import index_columns
from tasks.curate.normalise import normalise
from tasks.curate.signals import SCHEMA, score
from tasks.errors import UserError
from tasks.fan_out import live_with_parent
from tasks.progress import progress

DOCUMENTS_A_RANK = 2_000  # where the recipe leaves the number of ranks open
DOCUMENTS_AT_ONCE = 256
COLUMNS_READ = ["doc_id", "text", "source", "uri", "language", "origin"]


@dataclass(frozen=True)
class Job:
    """What a process needs to know to run any rank."""

    documents: Path  # folder of Parquet files
    work: Path
    config: SignalsConfig
    ranks: int


def score_documents(documents: Path, work: Path, config: SignalsConfig) -> Iterator[pa.Table]:
    """Signals and index columns of all documents, in reading order, a table a rank; finished ranks are not redone."""
    total = sum(pq.read_metadata(file).num_rows for file in sorted(documents.glob("*.parquet")))
    ranks = config.tasks or -(-total // DOCUMENTS_A_RANK) or 1
    job = Job(documents, work / f"ranks-{ranks}", config, ranks)
    todo = _executor(job).get_incomplete_ranks()
    with progress("signals", total, "documents") as advance:
        advance((ranks - len(todo)) * total // ranks)
        for rank in _run_ranks(job, todo):
            advance((rank + 1) * total // ranks - rank * total // ranks)
    for rank in range(ranks):
        with pa.memory_map(str(_file(job, rank))) as source:
            yield pa.ipc.open_stream(source).read_all()


def _run_ranks(job: Job, todo: list[int]) -> Iterator[int]:
    """Each rank as it is done. A process that dies is an error at once; what is done stays done."""
    if job.config.workers == 1 or len(todo) < 2:  # a process of its own costs seconds of imports
        yield from (_run_rank(job, rank) for rank in todo)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(job.config.workers, len(todo)), context, initializer=_begin_worker) as pool:
        done = as_completed([pool.submit(_run_rank, job, rank) for rank in todo])
        try:
            yield from (future.result() for future in done)
        except BrokenProcessPool:
            left = _executor(job).get_incomplete_ranks()
            raise UserError(
                f"signals: a worker process died (killed, or out of memory); ranks without a result: {left}",
                "run again: finished ranks are kept; one process needs less memory (--set curate.workers=1)",
            ) from None
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _run_rank(job: Job, rank: int) -> int:
    _executor(job)._run_for_rank(rank, local_rank=rank + 1)  # the only entry for one rank; 0 would talk on stderr
    return rank


def _executor(job: Job) -> LocalPipelineExecutor:
    pipeline: list = [ReadRows(job.documents), ScoreDocuments(job)]
    return LocalPipelineExecutor(pipeline, tasks=job.ranks, workers=1, logging_dir=str(job.work / "datatrove"))


def _file(job: Job, rank: int) -> Path:
    return job.work / f"{rank:05d}.arrow"


def _begin_worker() -> None:
    live_with_parent()
    sys.modules["torch"] = None  # pyright: ignore[reportArgumentType]  spaCy would load it for models that rules lack


class ReadRows(PipelineStep):
    """A rank's share of the rows of all Parquet files: neighbours, in reading order."""

    type = "📖 - READER"
    name = "triptych documents"

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder

    def run(self, data: object, rank: int = 0, world_size: int = 1) -> Iterator[Document]:
        files = [pq.ParquetFile(path) for path in sorted(self.folder.glob("*.parquet"))]
        total = sum(file.metadata.num_rows for file in files)
        begin, end = rank * total // world_size, (rank + 1) * total // world_size
        position = 0
        for file in files:
            for group in range(file.num_row_groups):
                rows = file.metadata.row_group(group).num_rows
                if begin < position + rows and position < end:
                    table = file.read_row_group(group, columns=COLUMNS_READ)
                    first = max(begin - position, 0)
                    for row in table.slice(first, min(end - position, rows) - first).to_pylist():
                        yield Document(text=row.pop("text"), id=row.pop("doc_id"), metadata=row)
                position += rows


class ScoreDocuments(PipelineStep):
    """Writes a rank's file under a passing name, and gives it its own once whole."""

    type = "🔢 - SIGNALS"
    name = "triptych signals"

    def __init__(self, job: Job) -> None:
        super().__init__()
        self.job = job

    def run(self, data: Iterator[Document], rank: int = 0, world_size: int = 1) -> Iterator[Document]:
        path = _file(self.job, rank)
        passing = path.with_suffix(".partial")
        with pa.OSFile(str(passing), "wb") as sink, pa.ipc.new_stream(sink, _schema(self.job.config)) as writer:
            for documents in batched(data, DOCUMENTS_AT_ONCE):
                with self.track_time("batch"):
                    writer.write_table(_scored(documents, self.job.config))
                self.stat_update("documents", value=len(documents))
        passing.rename(path)
        yield from ()


def _scored(documents: list[Document], config: SignalsConfig) -> pa.Table:
    texts = [normalise(document.text, config.normalise) for document in documents]
    scored = score(texts, [document.metadata["language"] for document in documents], config)
    ids = pa.array([document.id for document in documents], pa.string())
    places = {
        name: pa.array([document.metadata[name] for document in documents], pa.string())
        for name in ("source", "uri", "origin")
    }
    return pa.table({"doc_id": ids} | scored.columns | places | index_columns(scored.shingles, config.minhash))


def _schema(config: SignalsConfig) -> pa.Schema:
    fields = [("doc_id", pa.string()), *SCHEMA, *((name, pa.string()) for name in ("source", "uri", "origin"))]
    index = index_columns([], config.minhash)
    return pa.schema([*fields, *((name, column.type) for name, column in index.items())])
