"""The bytes that each row of an Arrow array stands for, however often it is stored.

A dictionary, a run or a view holds one value for many rows, so a small file may hold rows of any size. These numbers
follow from lengths alone: no value is copied.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

FIXED_BYTES = 8  # of a number, a date, a missing value; and of what holds others
is_, VIEW_INTS = pa.types, 4  # a view is 16 bytes, of which the first four are its length


def row_bytes(array: Any) -> np.ndarray:
    """int64 by row. The array must be valid: lengths and offsets are believed."""
    kind = array.type
    if len(array) == 0:
        return np.zeros(0, np.int64)
    if is_.is_dictionary(kind):
        return _by_index(array.dictionary, pc.fill_null(array.indices, 0).to_numpy(zero_copy_only=False))
    if is_.is_run_end_encoded(kind):
        rows = array.offset + np.arange(len(array))
        return _by_index(array.values, np.searchsorted(array.run_ends.to_numpy(), rows, side="right"))
    if isinstance(array, pa.ExtensionArray):
        return row_bytes(array.storage)
    measure = next((measure for holds, measure in MEASURES if holds(kind)), None)
    return FIXED_BYTES + (measure(array) if measure else np.zeros(len(array), np.int64))


def _by_index(values: Any, rows: np.ndarray) -> np.ndarray:
    sizes = row_bytes(values)
    return sizes[rows.astype(np.int64)] if len(sizes) else np.full(len(rows), FIXED_BYTES)


def _length(array: Any) -> np.ndarray:
    lengths = pc.call_function("binary_length", [array])
    return pc.fill_null(lengths, 0).to_numpy(zero_copy_only=False).astype(np.int64)


def _view_length(array: Any) -> np.ndarray:
    views = np.frombuffer(array.buffers()[1], np.int32)
    return views[array.offset * VIEW_INTS : (array.offset + len(array)) * VIEW_INTS : VIEW_INTS].astype(np.int64)


def _within_lists(array: Any) -> np.ndarray:
    """Of lists that follow one another in their values."""
    offsets = array.offsets.to_numpy().astype(np.int64)
    return _sums(array.values.slice(offsets[0], offsets[-1] - offsets[0]), offsets - offsets[0])


def _within_views(array: Any) -> np.ndarray:
    """Of lists anywhere in their values, perhaps the same for many rows."""
    begin, sizes = array.offsets.to_numpy().astype(np.int64), array.sizes.to_numpy().astype(np.int64)
    total = np.concatenate([[0], np.cumsum(row_bytes(array.values))])
    return total[begin + sizes] - total[begin]


def _within_fixed_lists(array: Any) -> np.ndarray:
    size = array.type.list_size
    values = array.values.slice(array.offset * size, len(array) * size)
    return _sums(values, np.arange(len(array) + 1) * size)


def _sums(values: Any, offsets: np.ndarray) -> np.ndarray:
    total = np.concatenate([[0], np.cumsum(row_bytes(values))])
    return total[offsets[1:]] - total[offsets[:-1]]


def _within_struct(array: Any) -> np.ndarray:
    return sum((row_bytes(array.field(i)) for i in range(array.type.num_fields)), np.zeros(len(array), np.int64))


def _within_union(array: Any) -> np.ndarray:
    """Each row counts as the largest of all, since any row may stand for any value."""
    largest = (row_bytes(array.field(i)).max(initial=0) for i in range(array.type.num_fields))
    return np.full(len(array), max(largest, default=0))


MEASURES: tuple[tuple[Callable[[Any], bool], Callable[[Any], np.ndarray]], ...] = (
    (lambda kind: is_.is_string_view(kind) or is_.is_binary_view(kind), _view_length),
    (lambda kind: is_.is_string(kind) or is_.is_binary(kind), _length),
    (lambda kind: is_.is_large_string(kind) or is_.is_large_binary(kind), _length),
    (is_.is_fixed_size_binary, _length),
    (lambda kind: is_.is_list(kind) or is_.is_large_list(kind) or is_.is_map(kind), _within_lists),
    (lambda kind: is_.is_list_view(kind) or is_.is_large_list_view(kind), _within_views),
    (is_.is_fixed_size_list, _within_fixed_lists),
    (is_.is_struct, _within_struct),
    (is_.is_union, _within_union),
)
