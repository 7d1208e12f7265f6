"""Changes to the registry: a new version of a model, its tags, an alias that moves."""

import sqlite3
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.home import Home
from tasks.store.scratch import scratch_folder
from tasks.tracking.connection import REFUSALS, connect, cure_for, is_damage
from tasks.tracking.model_version import FILES_TAG, Version, list_files
from tasks.tracking.registry import versions
from tasks.tracking.runs import experiment
from tasks.tracking.server import MlflowServer, MlflowUnavailable, mlflow_server

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.models import ModelSignature

KEPT = ("weights", "evidence", "adapter")  # what of a package a version has; the last where there is one
PARAMS = {"max_tokens": 64, "temperature": 0.8, "seed": 0}  # of a model that writes, with their defaults


@dataclass(frozen=True)
class Registry:
    """The registry of a home's models, open for writing."""

    home: Home
    client: "MlflowClient"

    def version(self, name: str, content: str) -> Version | None:
        """The version that was made of a packaged role with that content."""
        return next((v for v in versions(self.home, name) if v.tags.get("content") == content), None)

    def add(self, name: str, recipe: str, package: Path, about: Mapping[str, Any], run_id: str | None) -> Version:
        """A new version from a packaged role: `about` has its role, labels and tags."""
        self._register(name)
        experiment_id = experiment(self.client, recipe)
        logged = self.client.create_logged_model(experiment_id, name, run_id, model_type=about["role"])
        with scratch_folder(self.home, "register") as temporary:
            folder = temporary / "model"
            _save(folder, package, about, logged)
            files_sha256 = list_files(folder)
            self.client.log_model_artifacts(logged.model_id, str(folder))
        self.client.finalize_logged_model(logged.model_id, "READY")
        made = self.client.create_model_version(
            name,
            f"models:/{logged.model_id}",
            run_id,
            tags={**about["tags"], FILES_TAG: files_sha256},
            description=(package / "evidence" / "card.md").read_text(),
            model_id=logged.model_id,
        )
        return next(v for v in versions(self.home, name) if v.version == int(made.version))

    def tag(self, version: Version, tags: Mapping[str, str]) -> None:
        for key, value in tags.items():
            self.client.set_model_version_tag(version.name, str(version.version), key, value)

    def untag(self, version: Version, key: str) -> None:
        if key in version.tags:
            self.client.delete_model_version_tag(version.name, str(version.version), key)

    def model_tag(self, name: str, key: str) -> str | None:
        return self.client.get_registered_model(name).tags.get(key)

    def tag_model(self, name: str, key: str, value: str) -> None:
        self.client.set_registered_model_tag(name, key, value)

    def point(self, name: str, alias: str, version: int) -> None:
        """Moves an alias."""
        self.client.set_registered_model_alias(name, alias, str(version))

    def _register(self, name: str) -> None:
        if not self.client.search_registered_models(f"name = '{name}'"):
            self.client.create_registered_model(name, description=f"Made by triptych: {name}")


@contextmanager
def open_registry(home: Home) -> Iterator[Registry]:
    """The registry; MlflowUnavailable where it cannot be written, at the start or later."""
    if server := mlflow_server():
        server.check()
    from mlflow.exceptions import MlflowException
    from requests import RequestException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        connection = connect(home)
        if isinstance(connection, str):
            raise _unavailable(home, server, connection)
        yield Registry(home, connection.client)
    except (SQLAlchemyError, RequestException, sqlite3.Error) as error:
        raise _unavailable(home, server, str(error)) from error
    except MlflowException as error:
        passes = error.error_code not in REFUSALS if server else error.error_code == "TEMPORARILY_UNAVAILABLE"
        if not passes and not is_damage(str(error)):
            raise
        raise _unavailable(home, server, str(error)) from error


def _unavailable(home: Home, server: MlflowServer | None, reason: str) -> MlflowUnavailable:
    cure = f"see the log of {server}, and run again" if server else cure_for(home, reason)
    return MlflowUnavailable(f"MLflow cannot be written: {reason}", cure)


def _save(folder: Path, package: Path, about: Mapping[str, Any], logged: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MLflow's own: of its type hints at import, of pandas 3 while it saves
        from mlflow.models import Model
        from mlflow.pyfunc import save_model

        save_model(
            str(folder),
            python_model=str(package / "pyfunc_model.py"),
            artifacts={name: str(package / name) for name in KEPT if (package / name).is_dir()},
            code_paths=[str(package / "code" / "model")],
            signature=_signature(about["role"], about["labels"]),
            input_example=_example(about["role"]),
            pip_requirements=(package / "requirements.txt").read_text().splitlines(),
            model_config={name: about[name] for name in ("role", "separator")},
            mlflow_model=Model(
                artifact_path=logged.artifact_location,
                run_id=logged.source_run_id,
                model_uuid=logged.model_id,
                model_id=logged.model_id,
            ),
        )


def _example(role: str) -> Any:
    import pandas as pd

    if role == "classify":
        return pd.DataFrame({"text": ["My fellow citizens"]})
    return pd.DataFrame({"prompt": ["My fellow citizens"]}), PARAMS


def _signature(role: str, labels: list[str]) -> "ModelSignature":
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, ParamSchema, ParamSpec, Schema

    if role == "classify":
        probabilities = [ColSpec("double", f"probability_{label}") for label in labels]
        return ModelSignature(Schema([ColSpec("string", "text")]), Schema([*probabilities, ColSpec("string", "label")]))
    params = [
        ParamSpec("max_tokens", "long", 64),
        ParamSpec("temperature", "double", 0.8),
        ParamSpec("seed", "long", 0),
    ]
    return ModelSignature(
        Schema([ColSpec("string", "prompt")]), Schema([ColSpec("string", "text")]), ParamSchema(params)
    )
