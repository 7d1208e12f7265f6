"""The home: the folder of everything that is written, and where in it each thing lies."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Self


@dataclass(frozen=True)
class Home(os.PathLike[str]):
    """A home by its absolute path. `home / NAME` is a path in it; what has a property here is named nowhere else."""

    path: Path

    @classmethod
    def current(cls) -> Self:
        """The root of everything written, absolute: TRIPTYCH_HOME, by default ./runs."""
        return cls.at(os.environ.get("TRIPTYCH_HOME") or "runs")

    @classmethod
    def at(cls, path: str | os.PathLike[str]) -> Self:
        """The home at that path, made absolute against the working directory."""
        return cls(Path(path).absolute())

    def __fspath__(self) -> str:
        return str(self.path)

    def __str__(self) -> str:
        return str(self.path)

    def __truediv__(self, name: str) -> Path:
        return self.path / name

    def free_bytes(self) -> int:
        """Free on the disk of the home, or of the nearest folder above it that exists."""
        return shutil.disk_usage(next(p for p in (self.path, *self.path.parents) if p.exists())).free

    def artifact(self, recorded: str | Path) -> Path:
        """An artifact's folder in this home, by the absolute path that was recorded of it: the home may have moved."""
        _, separator, below = str(recorded).rpartition(f"/{self.store.name}/")
        return self.store / below if separator else Path(recorded)

    @property
    def store(self) -> Path:
        """Artifacts: STEP/KEY/."""
        return self / "store"

    @property
    def tombstones(self) -> Path:
        """Manifests of artifacts whose text was removed: STEP/KEY/."""
        return self / "lineage"

    @property
    def records(self) -> Path:
        """One JSON file a run."""
        return self / "records"

    @property
    def live(self) -> Path:
        """One locked file a running run."""
        return self.outbox / "live"

    @property
    def reports(self) -> Path:
        """One HTML page a run."""
        return self / "reports"

    @property
    def corpora(self) -> Path:
        """Ledgers: CORPUS.SOURCE.json."""
        return self / "corpora"

    @property
    def listings(self) -> Path:
        """SHA-256 of source files, by their path, size and time of change."""
        return self / "listings"

    @property
    def hub(self) -> Path:
        """What was fetched from a hub: data sets, and models below `hub_models`."""
        return self / "hub"

    @property
    def hub_models(self) -> Path:
        """Models fetched from a hub: OWNER--NAME@COMMIT/."""
        return self.hub / "models"

    @property
    def forgotten(self) -> Path:
        """The documents that no run of this home reads again (JSON)."""
        return self / "forgotten.json"

    @property
    def mlflow_database(self) -> Path:
        return self / "mlflow.db"

    @property
    def mlflow_lock(self) -> Path:
        """Held while the database is made or opened."""
        return self / "mlflow.db.lock"

    @property
    def mlflow_artifacts(self) -> Path:
        return self / "mlflow-artifacts"

    @property
    def models(self) -> Path:
        """Files of registered models that an MLflow server elsewhere has: FILES_SHA256/."""
        return self / "models"

    @property
    def converted(self) -> Path:
        """Models that were named in another layout, or with an adapter, in Hugging Face's: HASH/NAME/."""
        return self / "converted"

    @property
    def look_up(self) -> Path:
        """Indexes of training texts, each made again when it is gone: HASH/."""
        return self / "look-up"

    @property
    def gguf(self) -> Path:
        """GGUF files that llama.cpp answers from, each made again when it is gone: SHA256-QUANT.gguf."""
        return self / "gguf"

    @property
    def scratch(self) -> Path:
        """Work folders of processes that live, on the home's own disk; others in it are leftovers."""
        return self / "scratch"

    @property
    def outbox(self) -> Path:
        """Events that MLflow has not received yet."""
        return self / "outbox"

    @property
    def unpublished(self) -> Path:
        """Packages that wait for MLflow: KEY.json."""
        return self.outbox / "publish"

    @property
    def registry_lock(self) -> Path:
        return self / "registry.lock"

    @property
    def audit(self) -> Path:
        """One JSON line for each alias that moved and each document that was forgotten."""
        return self / "audit.jsonl"

    @property
    def known_aliases(self) -> Path:
        """The aliases as triptych last set them: {name: {alias: version}}."""
        return self / "aliases.json"

    @property
    def prefect(self) -> Path:
        """Prefect's database, and records of detached processes: NAME.json."""
        return self / "prefect"

    @property
    def running_flows(self) -> Path:
        """The processes of flow runs: FLOW_RUN_ID.json."""
        return self.prefect / "running"

    @property
    def logs(self) -> Path:
        """Output of detached processes: NAME.log."""
        return self / "logs"

    @property
    def chat_history(self) -> Path:
        """Lines that were typed in `triptych chat`."""
        return self / "chat_history"

    @property
    def feedback(self) -> Path:
        """What people said of answers: one JSON line an entry."""
        return self / "feedback.jsonl"

    @property
    def answers(self) -> Path:
        """What models elsewhere answered, by request (SQLite)."""
        return self / "answers.db"

    @property
    def api_keys(self) -> Path:
        return self / "api" / "keys.json"
