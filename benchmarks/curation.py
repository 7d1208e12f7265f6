"""Quality filtering of the demo's corpus: signals scored once and decided in SQL, beside datatrove's own filters."""

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # run as a file, this folder is all that Python would look in

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.ratio import compare, show
from flows.load import load
from flows.session import Request, open_session, perform
from tasks.curate.decide import verdicts
from tasks.curate.normalise import normalise
from tasks.curate.reference import datatrove_verdicts
from tasks.curate.signals import score
from tasks.home import Home

DOCUMENTS = 600


def main() -> None:
    """One row on stdout: datatrove's seconds over ours, in one process each, and whether every decision is equal."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=DOCUMENTS)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    config = load("demo").recipe.curate
    decide = config.decide()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:  # MLflow may still be making its tables
        record = perform(open_session(Request(Home.at(home), "demo", until="ingest")))
        files = sorted(Path(record.steps[0].path or "").glob("documents/*.parquet"))
        table = pa.concat_tables([pq.read_table(file, columns=["doc_id", "text"]) for file in files])
    rows = table.slice(0, arguments.documents).to_pylist()
    texts = [normalise(row["text"], config.normalise) for row in rows]

    def ours() -> dict[str, bool]:
        columns = score(texts, ["en"] * len(texts), config.scoring).columns
        ids = pa.array([row["doc_id"] for row in rows])
        decided = verdicts(pa.table({"doc_id": ids, **columns}), decide)
        return {row["doc_id"]: row["passes"] for row in decided.to_pylist()}

    def theirs() -> dict[str, bool]:
        documents = ((row["doc_id"], text, "en") for row, text in zip(rows, texts, strict=True))
        return {row["doc_id"]: row["passes"] for row in datatrove_verdicts(documents, len(rows), decide).to_pylist()}

    show(compare("quality filtering", "datatrove", ours, theirs, lambda a, b: a == b), arguments.json)


if __name__ == "__main__":
    main()
