"""The values of a column as Python has them, so that no column but the text decides over a row.

A value that Python has no like of (the year 10000, a time zone of no database) is spelled as Arrow spells it, else it
is missing. Bytes are text where they are UTF-8, as Hive and Impala write text; others, pictures say, are left out.
"""

from collections import Counter
from typing import Any

import pyarrow as pa

from tasks.ingest.read.utf8 import mend

SPELLED = "values that Python cannot hold were spelled out, of the column {!r}"
LEFT_OUT = "values that cannot be read were left out, of the column {!r}"
BYTES_LEFT_OUT = "bytes that are no text were left out, of the column {!r}"


class Values:
    """Reads columns; `repairs` counts what was changed or left out."""

    def __init__(self) -> None:
        self.repairs = Counter[str]()

    def metadata(self, column: pa.Array, name: str) -> list[Any]:
        """A value for each row; None in place of what cannot be read."""
        values = self._values(column, name)
        may_hold_bytes = "binary" in str(column.type)  # at any depth
        return [self._without_bytes(value, name) for value in values] if may_hold_bytes else values

    def texts(self, column: pa.Array) -> list[Any]:
        """The values of a column of texts, which bytes may be too; an error of Arrow's where one is invalid."""
        values = _decoded(column).to_pylist()
        return [self._text(value) if isinstance(value, bytes) else value for value in values]

    def _values(self, column: pa.Array, name: str) -> list[Any]:
        try:
            if len(column) == 1:  # of several rows, all are known to be valid
                column.validate(full=True)
            return _decoded(column).to_pylist()
        except Exception:  # Arrow's, or of the library for time zones, which has its own
            if len(column) > 1:
                return [self._values(column.slice(i, 1), name)[0] for i in range(len(column))]
        spelling = _spelling(column)
        self.repairs[(LEFT_OUT if spelling is None else SPELLED).format(name)] += 1
        return [spelling]

    def _without_bytes(self, value: Any, name: str) -> Any:
        if isinstance(value, bytes):
            try:
                return value.decode()
            except UnicodeDecodeError:
                self.repairs[BYTES_LEFT_OUT.format(name)] += 1
                return None
        if isinstance(value, dict):
            return {key: self._without_bytes(inner, name) for key, inner in value.items()}
        return [self._without_bytes(inner, name) for inner in value] if isinstance(value, list) else value

    def _text(self, raw: bytes) -> str | bytes:
        try:
            return raw.decode()
        except UnicodeDecodeError:
            mended = mend(raw.decode(errors="surrogateescape"))
        if mended is None:
            return raw
        self.repairs.update(mended.repairs)
        return mended.text


def _decoded(column: Any) -> Any:
    return column.dictionary_decode() if pa.types.is_dictionary(column.type) else column


def _spelling(column: Any) -> str | None:
    """The only value of a column as Arrow spells it; times in UTC where their zone is unknown."""
    try:
        column.validate(full=True)
        kind = column.type
        if pa.types.is_timestamp(kind) and kind.tz:
            return f"{column.cast(pa.timestamp(kind.unit)).cast(pa.string())[0].as_py()}Z"
        return column.cast(pa.string())[0].as_py()
    except (pa.ArrowException, UnicodeDecodeError):
        return None
