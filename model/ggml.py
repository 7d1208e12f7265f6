"""llama.cpp's own quantiser, in the library of the package xllamacpp: for the K-quants, which `gguf` only reads.

https://github.com/ggml-org/llama.cpp/blob/master/ggml/include/ggml.h: ggml_quantize_chunk
"""

import ctypes
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np


def is_here() -> bool:
    """Whether the package is installed."""
    return find_spec("xllamacpp") is not None


def quantize(matrix: np.ndarray, kind: Any) -> np.ndarray:
    """The rows (n, width) of float32 as bytes (n, bytes a row) of the kind, a gguf.GGMLQuantizationType."""
    from gguf.quants import quant_shape_to_byte_shape

    rows = np.ascontiguousarray(matrix, dtype=np.float32)
    stored = np.empty(quant_shape_to_byte_shape(rows.shape, kind), dtype=np.uint8)
    address = rows.ctypes.data_as(ctypes.c_void_p), stored.ctypes.data_as(ctypes.c_void_p)
    written = _library().ggml_quantize_chunk(int(kind), *address, 0, rows.shape[0], rows.shape[1], None)
    if written != stored.nbytes:
        raise RuntimeError(f"ggml_quantize_chunk wrote {written:,} bytes of {stored.nbytes:,}")
    return stored


@cache
def _library() -> ctypes.CDLL:
    import xllamacpp

    library = ctypes.CDLL(str(next(Path(xllamacpp.__file__).parent.glob("xllamacpp*.so"))))
    size = ctypes.c_int64
    library.ggml_quantize_chunk.argtypes = [ctypes.c_int, *[ctypes.c_void_p] * 2, size, size, size, ctypes.c_void_p]
    library.ggml_quantize_chunk.restype = ctypes.c_size_t
    return library
