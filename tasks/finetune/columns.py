"""The documents as one SQL table: their own columns, and a column for every key of their metadata.

A recipe asks for labels and instructions in SQL expressions over this table. A key's type is the narrowest that holds
all its values (BIGINT, DOUBLE, BOOLEAN, else VARCHAR); a document without the key has NULL there.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from tasks.errors import UsageError
from tasks.tables.query import SqlError, query, statement

OWN = ("doc_id", "text", "source", "split", "origin", "bytes")
NUMBERS = ("UBIGINT", "BIGINT")


@dataclass(frozen=True)
class Documents:
    """`files`: the texts.parquet of every partition. `metadata`: a column's name → the SQL that reads it."""

    files: list[Path]
    withheld: list[Path]  # withheld.parquet of each partition's shards: documents not to be trained on
    metadata: Mapping[str, str]

    @property
    def columns(self) -> list[str]:
        return [*OWN, *self.metadata]

    def missing(self, expression: str, key: str) -> list[str]:
        """The columns that the expression names and no document has."""
        try:
            return sorted(columns_named_in(expression) - set(self.columns))
        except ValueError as error:
            raise _refused(key, str(error), []) from None

    def check(self, expression: str, key: str) -> None:
        """UsageError that names the recipe's `key` where the expression has no value over these documents."""
        self.query("select _value from valued limit 0", {}, key, {"_value": expression})

    def query(self, sql: str, params: Mapping[str, Any], key: str, values: Mapping[str, str]) -> pa.Table:
        """The result of `sql` over `valued`: the documents with the `values`, {name: the recipe's expression}.

        What DuckDB refuses is a mistake of the recipe's `key`.
        """
        columns = ", ".join([*OWN, *(f"{read} as {_quoted(name)}" for name, read in self.metadata.items())])
        others = ", ".join(_quoted(name) for name in self.columns if name not in values)  # a key may be called so too
        allowed = " anti join withheld using (doc_id)" if self.withheld else ""
        more = "".join(f", ({expression}\n) as {name}" for name, expression in values.items())
        documents = f"documents as (select {columns} from texts{allowed})"
        sql = f"with {documents}, valued as (select {others}{more} from documents)\n{sql}"
        tables = {"texts": self.files} | ({"withheld": self.withheld} if self.withheld else {})
        try:
            return query(sql, params, tables)
        except SqlError as error:
            raise _refused(key, str(error), self.columns) from None


def documents(curated: Mapping[str, Path], shards: Mapping[str, Path]) -> Documents:
    """The table of all partitions' kept documents, without those that were taken down or withdrawn since."""
    withheld = [folder / "withheld.parquet" for folder in shards.values()]
    files = [folder / "texts.parquet" for folder in curated.values()]
    keys = query(statement("internal/metadata_keys.sql"), {"own": list(OWN)}, {"texts": files}).to_pylist()
    return Documents(files, withheld, {row["name"]: _read(row["spellings"], set(row["types"])) for row in keys})


def _read(spellings: Sequence[str], types: set[str]) -> str:
    """The SQL that reads one key (SQL's names know no case: `Year` and `year` are one column)."""
    known = types - {"NULL"}
    if known and known <= {*NUMBERS}:
        kind = "BIGINT"
    elif known and known <= {*NUMBERS, "DOUBLE"}:
        kind = "DOUBLE"
    else:
        kind = "BOOLEAN" if known == {"BOOLEAN"} else "VARCHAR"
    values = ", ".join(f"metadata->>{_pointer(spelling)}" for spelling in spellings)
    return f"cast(coalesce({values}) as {kind})"


def _pointer(key: str) -> str:
    """The JSON pointer to a key, whatever signs it has, as a string of SQL."""
    escaped = key.replace("~", "~0").replace("/", "~1").replace("'", "''")
    return f"'/{escaped}'"


def _quoted(name: str) -> str:
    """The name of a column in SQL."""
    return '"' + name.replace('"', '""') + '"'


def check_expression(expression: str) -> None:
    """ValueError where it is no SQL. Whether its columns exist, a corpus decides."""
    columns_named_in(expression)


def _tree(expression: str) -> dict[str, Any]:
    selection = {"selection": f"select ({expression}\n)"}
    (row,) = query("select json_serialize_sql($selection) as tree", selection, {}).to_pylist()
    return json.loads(row["tree"])


def columns_named_in(expression: str) -> set[str]:
    """The columns that an expression names, in lower case; ValueError where it is no SQL."""
    tree = _tree(expression)
    if tree["error"]:
        raise ValueError(f"not an SQL expression: {tree['error_message']}")
    return _referred(tree) - {
        name for node in _nodes(tree) if node.get("class") == "LAMBDA" for name in _referred(node["lhs"])
    }


def _referred(tree: Any) -> set[str]:
    paths = (node["column_names"] for node in _nodes(tree) if node.get("class") == "COLUMN_REF")
    return {str(path[1] if path[0] == "documents" and len(path) > 1 else path[0]).lower() for path in paths}


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    if isinstance(tree, dict):
        yield tree
        tree = list(tree.values())
    if isinstance(tree, list):
        for child in tree:
            yield from _nodes(child)


def _refused(key: str, message: str, columns: Sequence[str]) -> UsageError:
    known = f" The columns are {', '.join(columns)}." if columns else ""
    return UsageError(f"{key} is no SQL that DuckDB can answer: {message}", f"correct {key} in the recipe.{known}")
