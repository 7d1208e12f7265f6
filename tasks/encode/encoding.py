"""Documents as token ids, in other processes where there is enough to do; the result never depends on how many."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import chain, islice, tee
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.models.vocabulary import Vocabulary
from tasks.pool import Pool

if TYPE_CHECKING:
    import numpy as np

DOCUMENTS_AT_A_TIME = 1000
BYTES_WORTH_A_POOL = 32 * 2**20  # some six seconds of one core; a process takes one to start
BATCHES_AHEAD = 2  # for each worker: read and not yet written

Row = dict[str, Any]


@dataclass(frozen=True)
class EncodedTexts:
    """The ids of some documents end to end, how many each has, and how many bytes its text has."""

    tokens: "np.ndarray"  # of the vocabulary's id_type
    lengths: list[int]
    bytes: list[int]
    changed: int  # documents that do not come back from their ids as they were

    def split(self) -> list["np.ndarray"]:
        """The ids of each document."""
        import numpy as np

        return np.split(self.tokens, np.cumsum(self.lengths)[:-1]) if self.lengths else []


def encode_rows(
    rows: Iterator[Row], tokenizer: Path, workers: int, text_bytes: int
) -> Iterator[tuple[list[Row], EncodedTexts]]:
    """The rows in their order, in batches, each with the ids of its texts."""
    batches, read = tee(iter(lambda: list(islice(rows, DOCUMENTS_AT_A_TIME)), []))
    texts = ([row["text"] for row in batch] for batch in read)
    pool = Pool(workers if text_bytes >= BYTES_WORTH_A_POOL else 1, "encode.workers")
    return zip(batches, pool.map(partial(encode_texts, tokenizer), texts, ahead=BATCHES_AHEAD * workers), strict=True)


def encode_texts(tokenizer: Path, texts: Sequence[str]) -> EncodedTexts:
    """The ids of the texts under the tokenizer in this folder."""
    import numpy as np

    vocabulary = _vocabulary(tokenizer)
    ids = vocabulary.encode_documents(texts)
    lengths = [len(document) for document in ids]
    tokens = np.fromiter(chain.from_iterable(ids), vocabulary.id_type, sum(lengths))
    encoded, changed = [text.encode() for text in texts], 0
    if not vocabulary.gives_text_back:
        changed = sum(vocabulary.decode_bytes(own) != text for own, text in zip(ids, encoded, strict=True))
    return EncodedTexts(tokens, lengths, list(map(len, encoded)), changed)


@lru_cache(maxsize=1)
def _vocabulary(folder: Path) -> Vocabulary:
    return Vocabulary(folder)
