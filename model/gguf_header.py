"""A GGUF file opened: its metadata as plain values, and its tensors as views of the mapped file.

Read here and not by the `gguf` package, which believes the header: a count of 2**60 that nothing backs keeps it busy
for ever, and which makes an array of each string of a vocabulary: seconds. Its tables of types are used.
Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

import math
import mmap
import struct
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from model.hub_config import WeightsError

BOOL, STRING, ARRAY = 7, 8, 9
SCALARS = {
    0: "<u1",
    1: "<i1",
    2: "<u2",
    3: "<i2",
    4: "<u4",
    5: "<i4",
    6: "<f4",
    BOOL: "?",
    10: "<u8",
    11: "<i8",
    12: "<f8",
}
PLAIN = {"F32": "<f4", "F16": "<f2", "F64": "<f8", "I8": "<i1", "I16": "<i2", "I32": "<i4", "I64": "<i8"}
VERSIONS = (2, 3)
ALIGNMENT = "general.alignment"
DEFAULT_ALIGNMENT = 32
MAX_DIMENSIONS = 4
DAMAGE = (
    OSError,
    ValueError,
    LookupError,
    OverflowError,
    TypeError,
    RuntimeError,
    ArithmeticError,
    NotImplementedError,
)


class StoredTensor(NamedTuple):
    """`shape` as the file has it, the innermost first; `data` its numbers, or the bytes of its blocks in rows."""

    name: str
    shape: tuple[int, ...]
    tensor_type: Any  # a gguf.GGMLQuantizationType
    data: NDArray[Any]


class Header(NamedTuple):
    """Metadata and tensors by name."""

    fields: dict[str, Any]
    tensors: dict[str, StoredTensor]


def open_gguf(file: Path) -> Header:
    """What is in the file; WeightsError where it is cut or damaged."""
    try:
        return _read(file)
    except DAMAGE as error:
        raise damaged(file, error) from error


def damaged(file: Path, error: Exception) -> WeightsError:
    return WeightsError(f"{file}: not a GGUF file, or a damaged one ({error})", "copy it again")


class _Place:
    """A place in the file that only moves forward, and never past the end."""

    def __init__(self, content: mmap.mmap) -> None:
        self.content, self.at = content, 4

    def take(self, size: int) -> bytes:
        begin, end = self.at, self.at + size
        if end > len(self.content):
            raise ValueError(f"at byte {begin:,} it ends in the middle of a value")
        self.at = end
        return self.content[begin:end]

    def number(self, form: str) -> int:
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def string(self) -> str:
        return self.take(self.number("<Q")).decode()

    def value(self) -> Any:
        kind = self.number("<I")
        if kind != ARRAY:
            return self.values(kind, 1)[0]
        kind, count = self.number("<I"), self.number("<Q")
        return self.values(kind, count)

    def values(self, kind: int, count: int) -> list[Any]:
        if kind == STRING:
            return [self.string() for _ in range(count)]
        if kind not in SCALARS:
            raise ValueError(f"at byte {self.at:,} it has a value of the unknown type {kind}")
        dtype = np.dtype(SCALARS[kind])
        return np.frombuffer(self.take(count * dtype.itemsize), dtype).tolist()


def _read(file: Path) -> Header:
    with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as content:
        if content[:4] != b"GGUF":
            raise ValueError("it does not begin with GGUF")
        place = _Place(content)
        if (version := place.number("<I")) not in VERSIONS:
            raise ValueError(f"it is of version {version:,}; versions 2 and 3 are read, of machines as this one")
        tensors, values = place.number("<Q"), place.number("<Q")
        fields = dict[str, Any]()
        for _ in range(values):
            _add(fields, place.string(), place.value())
        described = dict[str, tuple[tuple[int, ...], int, int]]()
        for _ in range(tensors):
            _add(described, place.string(), _describe(place))
        end = place.at
    alignment = int(fields.get(ALIGNMENT, DEFAULT_ALIGNMENT))
    begin = -(-end // alignment) * alignment
    mapped = np.memmap(file, np.uint8, "r").view(np.ndarray)  # plain: a memmap makes each of many small reads slow
    return Header(fields, {name: _tensor(name, each, mapped[begin:]) for name, each in described.items()})


def _add(values: dict[str, Any], name: str, value: Any) -> None:
    if name in values:
        raise ValueError(f"it has two values of the name {name!r}")
    values[name] = value


def _describe(place: _Place) -> tuple[tuple[int, ...], int, int]:
    """Sizes, number of the type, offset."""
    if (dimensions := place.number("<I")) > MAX_DIMENSIONS:
        raise ValueError(f"at byte {place.at:,} it has a tensor of {dimensions:,} dimensions")
    shape = tuple(place.number("<Q") for _ in range(dimensions))
    return shape, place.number("<I"), place.number("<Q")


def _tensor(name: str, described: tuple[tuple[int, ...], int, int], content: NDArray[np.uint8]) -> StoredTensor:
    from gguf import GGML_QUANT_SIZES, GGMLQuantizationType
    from gguf.quants import quant_shape_to_byte_shape

    shape, number, offset = described
    kind, rows = GGMLQuantizationType(number), shape[::-1]
    per_block, bytes_per_block = GGML_QUANT_SIZES[kind]
    size = math.prod(shape) // per_block * bytes_per_block
    if offset + size > len(content):
        raise ValueError(f"it ends before the end of its tensor {name!r}")
    data = content[offset : offset + size]
    if kind.name in PLAIN:
        return StoredTensor(name, shape, kind, data.view(PLAIN[kind.name]).reshape(rows))
    return StoredTensor(name, shape, kind, data.reshape(quant_shape_to_byte_shape(rows, kind)))
