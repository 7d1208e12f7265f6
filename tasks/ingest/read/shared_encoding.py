"""The encoding that a source's texts have in common: what a text is read in that is too short to show its own."""

from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from tasks.ingest.kinds import PLAIN, TABLES, WEB, ending
from tasks.ingest.read.alphabets import ENCODINGS, fit_of
from tasks.ingest.read.encodings import CommonEncoding, Undecodable, is_utf8, legacy_encoding
from tasks.ingest.read.utf8 import is_mostly_utf8
from tasks.ingest.sources import Reading

KINDS = (*PLAIN, *WEB, *TABLES, ".eml")
HEAD_BYTES = 4096  # of each text
MAX_BLOCKS = 256  # of one file
MAX_HEADS, POOL_BYTES = 1000, 256 << 10  # texts that are looked at, and bytes that are not UTF-8


class SharedEncoding:
    """`named` in the recipe, else common to the lines of all texts that are not UTF-8: together they show it."""

    def __init__(self, named: str | None = None, heads: Callable[[], Iterable[bytes]] = lambda: ()) -> None:
        self.named, self.heads = named, heads

    def with_blocks(self, open_file: Callable[[], BinaryIO]) -> "SharedEncoding":
        """That of the source's texts and of one file whose records are texts that may name no encoding."""

        def heads() -> Iterator[bytes]:
            with open_file() as file:
                yield from islice(iter(lambda: file.read(HEAD_BYTES), b""), MAX_BLOCKS)
            yield from self.heads()

        return SharedEncoding(self.named, heads)

    @cached_property
    def common(self) -> CommonEncoding | None:
        """None where all of it is UTF-8, or no encoding certainly fits."""
        pool = bytearray()
        for head in islice(self.heads(), MAX_HEADS):
            pool += b"".join(line + b"\n" for line in head.split(b"\n") if _shows_encoding(line))
            if len(pool) >= POOL_BYTES:
                break
        try:
            encoding, is_certain = legacy_encoding(bytes(pool), "")
        except Undecodable:
            return None
        if not is_certain:
            return None
        return CommonEncoding(encoding, fit_of(bytes(pool), encoding).language if encoding in ENCODINGS else "")


def _shows_encoding(line: bytes) -> bool:
    """Whether it is more than ASCII, and no UTF-8, be it damaged."""
    return not line.isascii() and not is_utf8(line) and not is_mostly_utf8(line.decode(errors="surrogateescape"))


def shared_by(names: Iterable[str], head: Callable[[str, int], bytes], rules: Reading) -> SharedEncoding:
    """The encoding shared by those of the files that are plain text; `head` reads the first bytes of one, if needed."""
    texts = [name for name in names if ending(name) in (*KINDS, *rules.as_text)]
    return SharedEncoding(rules.encoding, lambda: (head(name, HEAD_BYTES) for name in texts))


def head_of(path: Path, size: int) -> bytes:
    """The first bytes of a file; none where it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(size)
    except OSError:
        return b""
