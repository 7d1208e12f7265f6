"""A GGUF file opened: its header is walked first, so that no count or length in it is larger than the file.

The `gguf` package believes the header: a count of 2**60 that nothing backs keeps it busy for ever.
Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

import mmap
import struct
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from model.hub_config import WeightsError

STRING, ARRAY = 8, 9
SCALAR_BYTES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}  # by the number of a value's type
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


class Header(NamedTuple):
    """Metadata by name, without the tokenizer's lists; and tensors by name, as `gguf` describes them."""

    fields: dict[str, Any]
    tensors: dict[str, Any]


def open_gguf(file: Path) -> Header:
    """What is in the file; WeightsError where it is cut or damaged."""
    try:
        _walk(file)
        reader = _reader(file)
    except DAMAGE as error:
        raise damaged(file, error) from error
    return Header(dict(reader.fields), {tensor.name: tensor for tensor in reader.tensors})


def _reader(file: Path) -> Any:
    """The reader of `gguf` over a plain view of the mapped file: a memmap makes each of its many small reads slow."""
    from gguf import GGUFReader

    def set_data(self: Any, mapped: np.ndarray) -> None:
        self.view = mapped.view(np.ndarray)

    return type("PlainReader", (GGUFReader,), {"data": property(lambda self: self.view, set_data)})(file)


def damaged(file: Path, error: Exception) -> WeightsError:
    return WeightsError(f"{file}: not a GGUF file, or a damaged one ({error})", "copy it again")


class _Walk:
    """A place in the file that only moves forward, and never past the end."""

    def __init__(self, content: mmap.mmap) -> None:
        self.content, self.at = content, 4

    def skip(self, size: int) -> None:
        if size > len(self.content) - self.at:
            raise ValueError(f"at byte {self.at:,} it ends in the middle of a value")
        self.at += size

    def number(self, form: str) -> int:
        before = self.at
        self.skip(struct.calcsize(form))
        return struct.unpack_from(form, self.content, before)[0]

    def string(self) -> None:
        self.skip(self.number("<Q"))

    def value(self) -> None:
        kind = self.number("<I")
        kind, count = (self.number("<I"), self.number("<Q")) if kind == ARRAY else (kind, 1)
        if kind == STRING:
            for _ in range(count):
                self.string()
        elif kind in SCALAR_BYTES:
            self.skip(count * SCALAR_BYTES[kind])
        else:
            raise ValueError(f"at byte {self.at:,} it has a value of the unknown type {kind}")


def _walk(file: Path) -> None:
    """ValueError where the header does not fit into the file."""
    with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as content:
        if content[:4] != b"GGUF":
            raise ValueError("it does not begin with GGUF")
        walk = _Walk(content)
        walk.number("<I")
        tensors, values = walk.number("<Q"), walk.number("<Q")
        for _ in range(values):
            walk.string()
            walk.value()
        for _ in range(tensors):
            walk.string()
            if (dimensions := walk.number("<I")) > MAX_DIMENSIONS:
                raise ValueError(f"at byte {walk.at:,} it has a tensor of {dimensions:,} dimensions")
            walk.skip(8 * dimensions + 4 + 8)  # sizes, type, offset
