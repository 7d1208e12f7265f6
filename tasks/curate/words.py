"""The words of spaCy's rules, each whitespace chunk split once in a process's life.

spaCy splits at whitespace first, so the tokens of a text are those of its chunks, and a text is a list of numbers of
chunks. What the signals need of a chunk is remembered in flat arrays: a batch of documents is then a few
gathers. (datatrove's splitter throws spaCy's caches away after each document: 17 times slower, same words.)
"""

import re
import unicodedata
from collections.abc import Iterable
from functools import cache
from itertools import accumulate

import numpy as np
import regex
from xxhash import xxh3_64_intdigest

from tasks.curate.normalise import stream_safe
from tasks.curate.spacy_rules import LONG_CHUNK, WHITESPACE, Chunk, SpacyRules

MEMO_CHUNKS = 300_000  # some 500 MB of chunks (1.8 kB each); then the memory starts anew
POLYNOMIAL = 0x9E3779B97F4A7C15 | 1  # base of the hash of a concatenation, modulo 2^64
MASK = (1 << 64) - 1
UNSPACED = regex.compile(r"([\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}])")  # a word each
SPACES_OR_NOT = re.compile(r"\s+|\S+")


class GrowingArray:
    """A numpy array that items are appended to."""

    def __init__(self, dtype: type) -> None:
        self.buffer = np.zeros(1024, dtype)
        self.size = 0

    def extend(self, items: list) -> None:
        end = self.size + len(items)
        if end > len(self.buffer):
            self.buffer = np.concatenate([self.values, np.zeros(end, self.buffer.dtype)])
        self.buffer[self.size : end] = items
        self.size = end

    @property
    def values(self) -> np.ndarray:
        return self.buffer[: self.size]


class RaggedArray:
    """Rows of different lengths in one flat array: the start and the length of each."""

    def __init__(self) -> None:
        self.start, self.count = GrowingArray(np.int64), GrowingArray(np.int64)
        self.size = 0

    def extend(self, counts: list[int]) -> None:
        ends = list(accumulate(counts, initial=self.size))
        self.start.extend(ends[:-1])
        self.count.extend(counts)
        self.size = ends[-1]

    def gather(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Positions in the flat array of all items of the rows, in order; and how many each row has."""
        count = self.count.values[rows]
        ends = np.cumsum(count)
        shift = self.start.values[rows] - (ends - count)
        return np.arange(ends[-1] if len(ends) else 0) + np.repeat(shift, count), count


class WordMemo(dict[str, int]):
    """{chunk: its number}; the tokens and counts of a chunk lie under its number."""

    def __init__(self, language: str, stop_words: tuple[str, ...]) -> None:
        super().__init__()
        from datatrove.utils.text import PUNCTUATION_SET

        self.punctuation = frozenset(PUNCTUATION_SET)
        self.simplifying = {ord(c): " " for c in PUNCTUATION_SET}
        self.rules = SpacyRules(language)
        self.stop_words = {word: 1 << i for i, word in enumerate(dict.fromkeys(stop_words))}
        self.tokens, self.simple = RaggedArray(), RaggedArray()
        self.token_hash, self.token_polynomial = GrowingArray(np.uint64), GrowingArray(np.uint64)
        self.token_power, self.token_length = GrowingArray(np.uint64), GrowingArray(np.int64)
        self.simple_hash = GrowingArray(np.uint64)
        self.plain_words, self.plain_letters = GrowingArray(np.int64), GrowingArray(np.int64)  # without punctuation
        self.alpha_words, self.stop_bits = GrowingArray(np.int64), GrowingArray(np.uint64)
        self.begins, self.continues = GrowingArray(np.bool_), GrowingArray(np.bool_)  # a special case, with a neighbour
        self.chunks: list[Chunk] = []

    def learn(self, chunks: Iterable[str]) -> None:
        """Splits the chunks that are new; many at once cost a fraction of as many one by one."""
        new = [chunk for chunk in dict.fromkeys(chunks) if chunk not in self]
        self._remember(new, self.rules.split(new) if new else [])

    def numbers(self, text: str) -> np.ndarray:
        """The text as numbers of its chunks."""
        chunks = text.split()
        numbers = np.fromiter(map(self.__getitem__, chunks), np.int64, len(chunks))
        if not self._some_meet(numbers):
            return numbers
        chunks = [piece for piece in self._pieces(text) if not piece.isspace()]
        return np.fromiter(map(self.__getitem__, chunks), np.int64, len(chunks))

    def count_sentences(self, line: str) -> int:
        """The sentences of a line by spaCy's sentencizer, which starts one at a word after an end mark."""
        pieces = line.split()
        return self._count_sentences(line, pieces if " ".join(pieces) == line else self._pieces(line))

    def _count_sentences(self, line: str, pieces: list[str], are_joined: bool = False) -> int:
        ended, count, before = 0, 1, WHITESPACE
        for piece in pieces:
            chunk = self.chunks[self[piece]]
            if not are_joined and before.last and chunk.first and self.rules.may_meet(before, chunk):
                return self._count_sentences(line, self._pieces(line), are_joined=True)
            more, ended = chunk.sentences[ended]
            count, before = count + more, chunk
        return count

    def _some_meet(self, numbers: np.ndarray) -> bool:
        where = np.flatnonzero(self.begins.values[numbers[:-1]] & self.continues.values[numbers[1:]])
        neighbours = zip(numbers[where].tolist(), numbers[where + 1].tolist(), strict=True)
        return any(self.rules.may_meet(self.chunks[left], self.chunks[right]) for left, right in neighbours)

    def __missing__(self, chunk: str) -> int:
        self._remember([chunk], [WHITESPACE] if chunk.isspace() else self.rules.split([chunk]))
        return self[chunk]

    def _remember(self, chunks: list[str], split: list[Chunk]) -> None:
        self.update(zip(chunks, range(len(self), len(self) + len(chunks)), strict=True))
        self.chunks += split
        self.begins.extend([bool(chunk.last) for chunk in split])
        self.continues.extend([bool(chunk.first) for chunk in split])
        plain = [[word for word in chunk.words if not self.punctuation.issuperset(word)] for chunk in split]
        self.plain_words.extend([len(words) for words in plain])
        self.plain_letters.extend([sum(map(len, words)) for words in plain])
        self.alpha_words.extend([sum(word.isalpha() or any(map(str.isalpha, word)) for word in c.words) for c in split])
        stops = [{self.stop_words[word] for word in chunk.words if word in self.stop_words} for chunk in split]
        self.stop_bits.extend([sum(bits) for bits in stops])
        self.tokens.extend([len(chunk.words) for chunk in split])
        self._append_tokens([word for chunk in split for word in chunk.words])
        simple = [self._simplified(chunk) for chunk in chunks]
        self.simple.extend([len(words) for words in simple])
        self.simple_hash.extend([xxh3_64_intdigest(word.encode()) for words in simple for word in words])

    def _pieces(self, text: str) -> list[str]:
        """Chunks, and between them the whitespace that spaCy makes tokens of: all but one blank after a chunk.

        Chunks that are one blank apart and may make a special case together are one piece, up to a length: each is
        read anew with every chunk that joins it.
        """
        pieces: list[str] = []
        after_blank = False
        for piece in SPACES_OR_NOT.findall(text):
            if piece.isspace():
                rest = piece.removeprefix(" ") if pieces else piece
                pieces += [rest] if rest else []
                after_blank = not rest
            elif after_blank and self._meet(pieces[-1], piece):
                pieces[-1] += f" {piece}"
            else:
                pieces.append(piece)
        return pieces

    def _meet(self, left: str, right: str) -> bool:
        if len(left) > LONG_CHUNK and " " in left:
            return False
        return self.rules.may_meet(self.chunks[self[left]], self.chunks[self[right]])

    def _append_tokens(self, words: list[str]) -> None:
        self.token_hash.extend([xxh3_64_intdigest(word.encode()) for word in words])
        self.token_polynomial.extend([_polynomial(word) for word in words])
        self.token_power.extend([_power(len(word)) for word in words])
        self.token_length.extend([len(word) for word in words])

    def _simplified(self, chunk: str) -> list[str]:
        """The chunk's words as near-duplicates compare them: lower case, no marks or accents.

        Numbers stay, where datatrove's simplify_text takes each for 0: two sums are not one text.
        """
        if chunk.isascii() and chunk.isalpha():
            return [chunk.lower()]
        text = chunk.lower().translate(self.simplifying)
        if not text.isascii():
            text = "".join(
                c for c in unicodedata.normalize("NFD", stream_safe(text)) if unicodedata.category(c) != "Mn"
            )
            text = UNSPACED.sub(r" \1 ", text)
        return text.split()


def _polynomial(word: str) -> int:
    value = 0
    for c in word:
        value = (value * POLYNOMIAL + ord(c) + 1) & MASK
    return value


@cache
def _power(length: int) -> int:
    return pow(POLYNOMIAL, length, MASK + 1)


@cache
def word_memos() -> dict[tuple[str, tuple[str, ...]], WordMemo]:
    """{(language, stop words): memo} of this process."""
    return {}


def word_memo(language: str, stop_words: tuple[str, ...]) -> WordMemo:
    memos = word_memos()
    if sum(map(len, memos.values())) > MEMO_CHUNKS:
        memos.clear()
    key = (language, stop_words)
    if key not in memos:
        memos[key] = WordMemo(language, stop_words)
    return memos[key]
