"""Lines of a file in bounded memory, whatever the file claims to hold."""

from collections.abc import Iterator
from typing import NamedTuple

MIB = 1 << 20
RAW_BYTES = 64 << 10  # of a bad record are kept in the quarantine
FREE_EXPANSION = 64 * MIB  # bytes that any file may unpack to, however small


class ExpansionLimit(Exception):
    """A compressed file that unpacks to more than its size allows."""


class LongLine(NamedTuple):
    """A line above the limit, of which only the head was kept."""

    head: bytes
    size: int


def lines(blocks: Iterator[bytes], max_bytes: int) -> Iterator[bytes | LongLine]:
    """Every line without its end; a LongLine for one above `max_bytes`, which is never held as a whole."""
    line, size = bytearray(), 0
    for block in blocks:
        *ended, rest = block.split(b"\n")
        for end in ended:
            size += len(end)
            if size > max_bytes:
                yield LongLine(bytes(line[:RAW_BYTES] + end[:RAW_BYTES])[:RAW_BYTES], size)
            else:
                yield bytes(line + end) if line else end
            line, size = bytearray(), 0
        size += len(rest)
        if size <= max_bytes:
            line += rest
        else:
            del line[RAW_BYTES:]
            line += rest[: RAW_BYTES - len(line)]
    if size > max_bytes:
        yield LongLine(bytes(line[:RAW_BYTES]), size)
    elif line:
        yield bytes(line)


def check_expansion(unpacked: int, packed: int, max_expansion: float) -> None:
    """ExpansionLimit where `packed` bytes unpack to more than `max_expansion` times as many."""
    if unpacked > max(packed * max_expansion, FREE_EXPANSION):
        raise ExpansionLimit(f"it unpacks to more than {max_expansion:g} times its {packed:,} bytes")
