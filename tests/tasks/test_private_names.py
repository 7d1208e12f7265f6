"""Names that are private to other libraries and used here: after an upgrade, one that is gone fails by name.

Whatever is new among them has to be listed: the last test reads it from the code.
"""

import ast
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from importlib import import_module
from pathlib import Path

import pytest

from tasks.home import Home
from tasks.tracking.moved import ADDRESSES

REPOSITORY = Path(__file__).parents[2]
PACKAGES = ("commands", "flows", "serve", "tasks", "model")
FUNCTIONS = {  # where it is used
    "datatrove.executor.base:PipelineExecutor._run_for_rank": "tasks/executor.py",
    "fasttext.FastText:_FastText": "tasks/language.py",
    "mlflow.store.db.utils:_initialize_tables": "tasks/tracking/connection.py",
    "os:_exit": "commands/process.py, tasks/pool.py",
    "torch.cpu:_is_amx_tile_supported": "model/machine.py",
    "torch.cpu:_is_avx512_bf16_supported": "model/machine.py",
}
COLUMNS = ADDRESSES | {
    "model_versions": ("name", "version", "storage_location", "source", "current_stage"),
    "model_version_tags": ("name", "version", "key", "value"),
    "registered_model_aliases": ("name", "alias", "version"),
}
METHODS_OF_NAMED_TUPLES = {"_asdict", "_replace"}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_private_function_exists(name: str) -> None:
    module, _, path = name.partition(":")
    value = import_module(module)
    for part in path.split("."):
        value = getattr(value, part)
    assert callable(value)


@pytest.mark.parametrize("table", COLUMNS)
def test_a_table_of_mlflows_has_the_columns_that_are_read_and_written(table: str, fresh_home: Home) -> None:
    with closing(sqlite3.connect(fresh_home.mlflow_database)) as database:
        columns = {row[1] for row in database.execute(f"PRAGMA table_info({table})")}
    assert set(COLUMNS[table]) <= columns


def test_every_private_name_that_the_code_uses_and_does_not_define_is_listed() -> None:
    trees = [ast.parse(file.read_text()) for package in PACKAGES for file in (REPOSITORY / package).rglob("*.py")]
    defined, used = ({name for tree in trees for name in names(tree)} for names in (names_defined, private_names_used))
    listed = {name.rpartition(":")[2].rpartition(".")[2] for name in FUNCTIONS}
    assert used - defined - METHODS_OF_NAMED_TUPLES - listed == set()
    assert listed <= used, "listed, but used no more"


def names_defined(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Attribute | ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.attr if isinstance(node, ast.Attribute) else node.id


def private_names_used(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        names = [node.attr] if isinstance(node, ast.Attribute) else []
        if isinstance(node, ast.ImportFrom) and str(node.module).partition(".")[0] not in PACKAGES:
            names = [alias.name for alias in node.names]
        yield from (name for name in names if name.startswith("_") and not name.startswith("__"))
