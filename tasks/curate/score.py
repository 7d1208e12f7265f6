"""Scoring as a datatrove pipeline: read rows, score them in batches, write one file a rank.

A completed rank has its file and datatrove's mark, so a rerun takes up the others only. Joined in reading order, the
ranks' rows are the same whatever the number of ranks and processes.
"""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from datatrove.data import Document
from datatrove.pipeline.base import PipelineStep
from datatrove.utils.batching import batched

from tasks.curate.config import SignalsConfig
from tasks.curate.index import index_columns
from tasks.curate.normalise import normalise
from tasks.curate.signals import schema, score
from tasks.executor import Executor, RankedPipeline
from tasks.progress import progress

DOCUMENTS_A_RANK = 2_000  # where the recipe leaves the number of ranks open
DOCUMENTS_AT_ONCE = 256
COLUMNS_READ = ["doc_id", "text", "source", "uri", "language", "origin"]
COLUMNS_COPIED = ("source", "uri", "origin")


def score_documents(documents: Path, work: Path, config: SignalsConfig, executor: Executor) -> Iterator[pa.Table]:
    """Signals and index columns of all documents, in reading order, one table per rank; completed ranks are kept."""
    total = sum(pq.read_metadata(file).num_rows for file in sorted(documents.glob("*.parquet")))
    ranks = config.tasks or -(-total // DOCUMENTS_A_RANK) or 1
    folder = work / f"ranks-{ranks}"
    steps = (ReadRows(documents), ScoreDocuments(folder, config))
    pipeline = RankedPipeline("signals", steps, ranks, folder / "datatrove")
    with progress("signals", total, "documents") as advance:
        advance((ranks - len(pipeline.incomplete())) * total // ranks)
        for rank in executor.run(pipeline):
            advance((rank + 1) * total // ranks - rank * total // ranks)
    for rank in range(ranks):
        with pa.memory_map(str(_file(folder, rank))) as source:
            yield pa.ipc.open_stream(source).read_all()


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
    """Writes a rank's file under a temporary name, and renames it once it is whole."""

    type = "🔢 - SIGNALS"
    name = "triptych signals"

    def __init__(self, folder: Path, config: SignalsConfig) -> None:
        super().__init__()
        self.folder, self.config = folder, config

    def run(self, data: Iterator[Document], rank: int = 0, world_size: int = 1) -> Iterator[Document]:
        path = _file(self.folder, rank)
        partial = path.with_suffix(".partial")
        with pa.OSFile(str(partial), "wb") as sink, pa.ipc.new_stream(sink, _schema(self.config)) as writer:
            for documents in batched(data, DOCUMENTS_AT_ONCE):
                with self.track_time("batch"):
                    writer.write_table(_score_rows(documents, self.config))
                self.stat_update("documents", value=len(documents))
        partial.rename(path)
        yield from ()


def _file(folder: Path, rank: int) -> Path:
    return folder / f"{rank:05d}.arrow"


def _score_rows(documents: list[Document], config: SignalsConfig) -> pa.Table:
    texts = [normalise(document.text, config.normalise) for document in documents]
    names = [document.id for document in documents]
    signals = score(texts, [document.metadata["language"] for document in documents], config, names)
    ids = pa.array(names, pa.string())
    copied = {
        name: pa.array([document.metadata[name] for document in documents], pa.string()) for name in COLUMNS_COPIED
    }
    return pa.table({"doc_id": ids} | signals.columns | copied | index_columns(signals.shingles, config.minhash))


def _schema(config: SignalsConfig) -> pa.Schema:
    fields = [("doc_id", pa.string()), *schema(config), *((name, pa.string()) for name in COLUMNS_COPIED)]
    index = index_columns([], config.minhash)
    return pa.schema([*fields, *((name, column.type) for name, column in index.items())])
