"""The tables behind `triptych sql`: the contents of a run's artifacts under stable names.

A raw table is one kind of file over all partitions (`ingest_documents`); a view is a .sql file in sql/views over raw
tables. Only what a statement names is opened.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.document_names import file_of
from tasks.errors import UserError
from tasks.home import Home
from tasks.store.step import input_keys
from tasks.store.verification import MANIFEST, read_manifest, verify_daily
from tasks.tables.documents import describe
from tasks.tables.feedback import arena_table, feedback_table

TEXT, BYTES = pa.string(), pa.int64()
PARQUET = {  # raw table → (label, file pattern, its columns where a run has none of it)
    "ingest_documents": (
        "ingest",
        "documents/*.parquet",
        {"doc_id": TEXT, "text": TEXT, "source": TEXT, "uri": TEXT, "position": BYTES, "licence": TEXT}
        | {"language": TEXT, "origin": TEXT, "metadata": TEXT},
    ),
    "ingest_quarantine": (
        "ingest",
        "quarantine.parquet",
        {"source": TEXT, "uri": TEXT, "position": BYTES, "reason": TEXT, "raw": pa.binary()},
    ),
    "ingest_truth": ("ingest", "truth.parquet", {"doc_id": TEXT, "kind": TEXT, "level": pa.float64(), "of": TEXT}),
    "signals_signals": ("signals", "signals.parquet", {"doc_id": TEXT, "text_hash": TEXT, "language": TEXT}),
    "signals_pairs": ("signals", "pairs.parquet", {"doc_id": TEXT, "other_id": TEXT, "similarity": pa.float64()}),
    "curate_decisions": (
        "curate",
        "decisions.parquet",
        {"doc_id": TEXT, "kept": pa.bool_(), "reason": TEXT, "reasons": pa.list_(TEXT), "cluster_id": TEXT}
        | {"kept_id": TEXT, "similarity": pa.float64(), "split": TEXT},
    ),
    "encode_withheld": ("encode", "withheld.parquet", {"doc_id": TEXT, "reason": TEXT}),
}


@dataclass(frozen=True)
class RunTables:
    """The raw tables and views of one run, opened by name."""

    home: Home
    record: Mapping[str, Any]
    models: Callable[[], list[dict[str, Any]]]  # the registry's versions, read only when a statement names them
    rules: Callable[[], pa.Table]  # of curation, at this run's thresholds

    def raw(self) -> dict[str, Callable[[], pa.Table]]:
        own = {
            "encode_rows": self._shard_rows,
            "steps": self._steps,
            "funnels": self._funnels,
            "scores": self._scores,
            "curve": self._curve,
            "trained": self._trained,
            "models": self._models,
            "rules": self.rules,
            "described": lambda: describe(self.partitions("ingest")),
            "withdrawn": self._withdrawn,
            "feedback": lambda: feedback_table(self.home),
            "arena": lambda: arena_table(self.home),
        }
        return own | {name: lambda name=name: self._parquet(name) for name in PARQUET}

    @staticmethod
    def views() -> dict[str, str]:
        """{name: SQL} of the views over raw tables."""
        folder = files("sql") / "views"
        return {f.name.removesuffix(".sql"): f.read_text() for f in folder.iterdir() if f.name.endswith(".sql")}

    def partitions(self, label: str) -> dict[str, Path]:
        """{partition: artifact folder} of a label; empty where the run has none."""
        return dict(self._folders(label))

    def _folders(self, label: str) -> Iterator[tuple[str, Path]]:
        """(partition, artifact folder) of a label; partition "" where it is no bundle."""
        step = next((s for s in self.record["steps"] if s["step"] == label and s["path"]), None)
        if step is not None:
            parts = step["parts"] or [{"step": "@", "path": step["path"]}]
            for part in parts:
                folder = self.home.artifact(part["path"])
                if not (folder / MANIFEST).is_file():
                    cure = f"triptych run {self.record['recipe']}"
                    raise UserError(f"{folder}: this artifact of the run is gone", cure)
                verify_daily(folder)
                yield part["step"].partition("@")[2], folder

    def labels(self, first: str) -> list[str]:
        """The labels with that first part that left an artifact."""
        return [s["step"] for s in self.record["steps"] if s["step"].split("/")[0] == first and s["path"]]

    def _parquet(self, name: str) -> pa.Table:
        label, pattern, columns = PARQUET[name]
        tables = []
        for partition, folder in self._folders(label):
            for path in sorted(folder.glob(pattern)):
                table = pq.read_table(path)
                tables.append(table.append_column("partition", pa.repeat(pa.scalar(partition), len(table))))
        if not tables:
            columns |= {"weight": pa.float64(), "origin": TEXT, "better": TEXT}
            return pa.schema(list(columns.items())).empty_table()
        return pa.concat_tables(tables, promote_options="permissive")

    def _shard_rows(self) -> pa.Table:
        columns = {"doc_id": TEXT, "shard": TEXT, "row": BYTES, "tokens": BYTES, "split": TEXT, "partition": TEXT}
        tables = [
            _rows_of(path, partition)
            for partition, folder in self._folders("encode")
            for path in sorted(folder.glob("*.arrow"))
        ]
        return pa.concat_tables(tables) if tables else pa.schema(columns.items()).empty_table()

    def _steps(self) -> pa.Table:
        rows = []
        for step in self.record["steps"]:
            for part in step["parts"] or [step]:
                row = {name: part.get(name) for name in ("step", "key", "state", "seconds", "sha256")}
                folder = self.home.artifact(part["path"]) if part.get("path") else None
                rows.append({**row, "path": folder and str(folder), "parents": folder and _parents(folder)})
        types = {"step": TEXT, "key": TEXT, "state": TEXT, "seconds": pa.float64(), "path": TEXT, "sha256": TEXT}
        return pa.Table.from_pylist(rows, schema=pa.schema([*types.items(), ("parents", pa.list_(TEXT))]))

    def _funnels(self) -> pa.Table:
        rows = []
        for label in [s["step"] for s in self.record["steps"]]:
            stats = [read_manifest(folder)["stats"] for _, folder in self._folders(label)]
            funnels = [each["funnel"] for each in stats if each["funnel"]]
            if funnels:
                sums = {name: sum(f[name] for f in funnels) for name in ("read", "kept", "quarantined")}
                dropped = sum(sum(f["dropped"].values()) for f in funnels)
                rows.append({"position": len(rows), "step": label, **sums, "dropped": dropped})
        names = ("position", "read", "kept", "dropped", "quarantined")
        return pa.Table.from_pylist(rows, schema=pa.schema([("step", TEXT), *((name, BYTES) for name in names)]))

    def _withdrawn(self) -> pa.Table:
        """doc_id and reason of all documents, kept or not, whose file was superseded or removed later."""
        rows, read = list[tuple[str, str]](), self.partitions("ingest")
        for partition, folder in self._folders("encode"):
            gone = read_manifest(folder).get("config", {}).get("withdrawn", {})
            documents = describe({partition: read[partition]}).to_pylist() if gone else []
            reasons = ((row["doc_id"], gone.get(row["source"], {}).get(file_of(row["uri"]))) for row in documents)
            rows += [(doc_id, reason) for doc_id, reason in reasons if reason]
        return pa.table({name: pa.array([row[i] for row in rows], TEXT) for i, name in enumerate(("doc_id", "reason"))})

    def _scores(self) -> pa.Table:
        folders = [folder for label in self.labels("evaluate") for _, folder in self._folders(label)]
        if not folders:
            columns = {"model": TEXT, "task": TEXT, "item_id": TEXT, "score": pa.float64(), "contaminated": pa.bool_()}
            return pa.schema(
                [*columns.items(), ("weight", pa.float64()), ("origin", TEXT), ("better", TEXT)]
            ).empty_table()
        return pa.concat_tables(map(_with_direction, folders), promote_options="permissive")

    def _curve(self) -> pa.Table:
        rows = []
        for label in [*self.labels("pretrain"), *self.labels("finetune")]:
            for _, folder in self._folders(label):
                role = label.partition("/")[2] or "base"
                lines = (folder / "metrics.jsonl").read_text().splitlines()
                rows += [{"model": role, **json.loads(line)} for line in lines]
        names = sorted({name for row in rows for name in row} - {"model", "step"})
        schema = pa.schema([("model", TEXT), ("step", BYTES), *((name, pa.float64()) for name in names)])
        return pa.Table.from_pylist(rows, schema=schema)

    def _trained(self) -> pa.Table:
        """Which document's tokens were in which training step of the base model, from 1 as in `curve`: replayed."""
        schema = pa.schema([("step", BYTES), ("doc_id", TEXT), ("shard", TEXT), ("row", BYTES)])
        paths = [folder / "data.json" for _, folder in self._folders("pretrain")]
        if not any(path.is_file() for path in paths):
            return schema.empty_table()
        from model.replay import replay

        data = json.loads(paths[0].read_text())
        files = {f"{p}/{path.name}": path for p, folder in self._folders("encode") for path in folder.glob("*.arrow")}
        replayed = replay(data, files)
        rows = [
            {"step": step, "doc_id": document.doc_id, "shard": document.shard, "row": document.row}
            for step in range(1, data["steps"] + 1)
            for document in replayed.documents(step)
        ]
        return pa.Table.from_pylist(rows, schema=schema)

    def _models(self) -> pa.Table:
        columns = {"name": TEXT, "version": BYTES, "aliases": pa.list_(TEXT), "parent": TEXT, "key": TEXT}
        columns |= {"weights_key": TEXT}
        rows = [{name: model.get(name) for name in columns} for model in self.models()]
        return pa.Table.from_pylist(rows, schema=pa.schema(columns.items()))


def _rows_of(path: Path, partition: str) -> pa.Table:
    """One row a document of an Arrow stream shard; the tokens themselves stay on disk."""
    import pyarrow.compute as pc

    with pa.memory_map(str(path)) as source:
        table = pa.ipc.open_stream(source).read_all()
    rows = len(table)
    shard = f"{partition}/{path.name}"
    return pa.table(
        {
            "doc_id": table["doc_id"].cast(TEXT),
            "shard": pa.repeat(pa.scalar(shard), rows),
            "row": pa.array(range(rows), BYTES),
            "tokens": pc.call_function("list_value_length", [table["tokens"]]).cast(BYTES),
            "split": pa.repeat(pa.scalar(path.name.split("-")[0]), rows),
            "partition": pa.repeat(pa.scalar(partition), rows),
        }
    )


def _parents(folder: Path) -> list[str] | None:
    """The keys of an artifact's inputs; None where the artifact is gone, and they with it."""
    return input_keys(read_manifest(folder)["inputs"]) if (folder / MANIFEST).is_file() else None


def _with_direction(evaluation: Path) -> pa.Table:
    """Its scores, with whether a lower or a higher one is better; None where its summary does not say."""
    scores = pq.read_table(evaluation / "scores.parquet")
    summary = json.loads((evaluation / "summary.json").read_text(encoding="utf-8"))
    better = {task: entry.get("better") for task, entry in summary.items()}
    return scores.append_column("better", pa.array(map(better.get, scores["task"].to_pylist()), TEXT))
