"""Documents as token ids, in other processes where there is enough to do; the answer never depends on how many."""

from collections import Counter, deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, islice
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.errors import UserError
from tasks.fan_out import live_with_parent
from tasks.models.vocabulary import Vocabulary
from tasks.privacy import mask

if TYPE_CHECKING:
    import numpy as np

DOCUMENTS_AT_A_TIME = 1000
BYTES_WORTH_A_POOL = 32 * 2**20  # some six seconds of one core; a process takes one to start


@dataclass(frozen=True)
class Encoded:
    """Some documents' ids end to end, how many each has, and of how many bytes they were made."""

    tokens: "np.ndarray"  # uint16
    lengths: list[int]
    bytes: list[int]
    masked: Counter[str]

    def split(self) -> list["np.ndarray"]:
        """The ids of each document."""
        import numpy as np

        return np.split(self.tokens, np.cumsum(self.lengths)[:-1]) if self.lengths else []


Row = dict[str, Any]
Waiting = tuple[list[Row], Future[Encoded]]


def encoded_batches(
    rows: Iterator[Row], tokenizer: Path, mask_pii: bool, workers: int, text_bytes: int
) -> Iterator[tuple[list[Row], Encoded]]:
    """The rows in their order, some at a time, with what became of their texts."""
    batches = iter(lambda: list(islice(rows, DOCUMENTS_AT_A_TIME)), [])
    if workers < 2 or text_bytes < BYTES_WORTH_A_POOL:
        for batch in batches:
            yield batch, encoded(tokenizer, [row["text"] for row in batch], mask_pii)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=live_with_parent) as pool:
        waiting = deque[Waiting]()
        for batch in batches:
            waiting.append((batch, pool.submit(encoded, tokenizer, [row["text"] for row in batch], mask_pii)))
            if len(waiting) > 2 * workers:
                yield _done(waiting.popleft())
        while waiting:
            yield _done(waiting.popleft())


def encoded(tokenizer: Path, texts: Sequence[str], mask_pii: bool) -> Encoded:
    """The ids of the texts, personal data masked before."""
    import numpy as np

    masked = Counter[str]()
    if mask_pii:
        found = [mask(text) for text in texts]
        texts = [text for text, _ in found]
        masked.update(kind for _, counts in found for kind in chain.from_iterable([k] * n for k, n in counts.items()))
    ids = _vocabulary(tokenizer).encode_ordinary(texts)
    lengths = [len(document) for document in ids]
    tokens = np.fromiter(chain.from_iterable(ids), np.uint16, sum(lengths))
    return Encoded(tokens, lengths, [len(text.encode()) for text in texts], masked)


def _done(oldest: Waiting) -> tuple[list[Row], Encoded]:
    rows, future = oldest
    try:
        return rows, future.result()
    except BrokenProcessPool as error:
        what = "a process that encoded documents was killed"
        raise UserError(what, "free some memory, or set encode.workers = 1; then run again") from error


@lru_cache(maxsize=1)
def _vocabulary(folder: Path) -> Vocabulary:
    vocabulary = Vocabulary(folder)
    if vocabulary.size > 2**16:
        raise UserError(f"{folder}: {vocabulary.size:,} tokens do not fit uint16", "use a vocabulary of ≤ 65,536")
    return vocabulary
