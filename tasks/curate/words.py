"""The words of spaCy's rules, each whitespace chunk split once in a process's life.

spaCy splits at whitespace first, so the tokens of a text are those of its chunks, and a text is a list of numbers of
chunks. What the signals need of a chunk is remembered in flat arrays: a batch of documents is then a few
gathers. (datatrove's splitter throws spaCy's caches away after each document: 17 times slower, same words.)
"""

import re
import unicodedata
from functools import cache
from itertools import pairwise

import numpy as np
import regex
from xxhash import xxh3_64_intdigest

from tasks.curate.spacy_rules import Chunk, Rules

MEMO_CHUNKS = 1_000_000  # some 800 MB of chunks; then the memory starts anew
POLYNOMIAL = 0x9E3779B97F4A7C15 | 1  # base of the hash of a concatenation, modulo 2^64
MASK = (1 << 64) - 1
UNSPACED = regex.compile(r"([\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}])")  # a word each
NUMBER = regex.compile(r"\p{Nd}+([.,،٫⎖⎗⎘]\p{Nd}+)?")  # datatrove's simplify_text
OTHER_SPACES = re.compile(r"\s\s|[^\S ]|^\s|\s$")  # than single blanks between chunks
SPACES_OR_NOT = re.compile(r"\s+|\S+")


class Growing:
    """A numpy array that items are appended to."""

    def __init__(self, dtype: type) -> None:
        self.room = np.zeros(1024, dtype)
        self.size = 0

    def append(self, item: object) -> None:
        if self.size == len(self.room):
            self.room = np.concatenate([self.room, np.zeros_like(self.room)])
        self.room[self.size] = item
        self.size += 1

    @property
    def values(self) -> np.ndarray:
        return self.room[: self.size]


class Ragged:
    """Rows of different lengths in one flat array: `start` and `count` by row."""

    def __init__(self) -> None:
        self.start, self.count = Growing(np.int64), Growing(np.int64)
        self.size = 0

    def append(self, count: int) -> None:
        self.start.append(self.size)
        self.count.append(count)
        self.size += count

    def gather(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Positions in the flat array of all items of the rows, in order; and how many each row has."""
        count = self.count.values[rows]
        ends = np.cumsum(count)
        shift = self.start.values[rows] - (ends - count)
        return np.arange(ends[-1] if len(ends) else 0) + np.repeat(shift, count), count


class Words(dict[str, int]):
    """Chunk → number; the tokens and figures of a chunk lie under its number."""

    def __init__(self, language: str, stop_words: tuple[str, ...]) -> None:
        super().__init__()
        from datatrove.utils.text import PUNCTUATION_SET

        self.punctuation = frozenset(PUNCTUATION_SET)
        self.simplifying = {ord(c): " " for c in PUNCTUATION_SET}
        self.rules = Rules(language)
        self.stop_words = {word: 1 << i for i, word in enumerate(dict.fromkeys(stop_words))}
        self.tokens, self.simple = Ragged(), Ragged()
        self.token_hash, self.token_polynomial = Growing(np.uint64), Growing(np.uint64)
        self.token_power, self.token_length = Growing(np.uint64), Growing(np.int64)
        self.simple_hash = Growing(np.uint64)
        self.plain_words, self.plain_letters = Growing(np.int64), Growing(np.int64)  # words that are no symbols
        self.alpha_words, self.stop_bits = Growing(np.int64), Growing(np.uint64)
        self.begins, self.continues = Growing(np.bool_), Growing(np.bool_)  # a special case, with a neighbour
        self.chunks: list[Chunk] = []

    def numbers(self, text: str) -> np.ndarray:
        """The text as numbers of its chunks."""
        chunks = text.split()
        numbers = np.fromiter(map(self.__getitem__, chunks), np.int64, len(chunks))
        if not (self.begins.values[numbers[:-1]] & self.continues.values[numbers[1:]]).any():
            return numbers
        chunks = [piece for piece in self._pieces(text) if not piece.isspace()]
        return np.fromiter(map(self.__getitem__, chunks), np.int64, len(chunks))

    def count_sentences(self, line: str) -> int:
        """What spaCy's sentencizer finds in a line: it starts one at a word after an end mark."""
        pieces = self._pieces(line) if OTHER_SPACES.search(line) else line.split(" ")
        chunks = [self.chunks[self[piece]] for piece in pieces]
        if any(left.begins and right.continues for left, right in pairwise(chunks)):
            chunks = [self.chunks[self[piece]] for piece in self._pieces(line)]
        ended, count = 0, 1
        for chunk in chunks:
            more, ended = chunk.sentences[ended]
            count += more
        return count

    def __missing__(self, chunk: str) -> int:
        number = self[chunk] = len(self.chunks)
        split = self.rules.split(chunk)
        self.chunks.append(split)
        self.begins.append(split.begins)
        self.continues.append(split.continues)
        plain = [word for word in split.words if any(c not in self.punctuation for c in word)]
        self.plain_words.append(len(plain))
        self.plain_letters.append(sum(map(len, plain)))
        self.alpha_words.append(sum(any(map(str.isalpha, word)) for word in split.words))
        bits = 0
        for word in split.words:
            bits |= self.stop_words.get(word, 0)
            self._append_token(word)
        self.stop_bits.append(bits)
        self.tokens.append(len(split.words))
        self._append_simple(chunk)
        return number

    def _pieces(self, text: str) -> list[str]:
        """Chunks, and between them the whitespace that spaCy makes tokens of: all but one blank after a chunk.

        Chunks that are one blank apart and may make a special case together are one piece.
        """
        pieces: list[str] = []
        after_blank = False
        for piece in SPACES_OR_NOT.findall(text):
            if piece.isspace():
                rest = piece.removeprefix(" ") if pieces else piece
                pieces += [rest] if rest else []
                after_blank = not rest
            elif after_blank and self.rules.may_meet(self.chunks[self[pieces[-1]]], self.chunks[self[piece]]):
                pieces[-1] += f" {piece}"
            else:
                pieces.append(piece)
        return pieces

    def _append_token(self, word: str) -> None:
        polynomial = 0
        for c in word:
            polynomial = (polynomial * POLYNOMIAL + ord(c) + 1) & MASK
        self.token_hash.append(xxh3_64_intdigest(word.encode()))
        self.token_polynomial.append(polynomial)
        self.token_power.append(pow(POLYNOMIAL, len(word), MASK + 1))
        self.token_length.append(len(word))

    def _append_simple(self, chunk: str) -> None:
        """The chunk's words as near-duplicates compare them: lower case, no marks or accents, numbers as 0."""
        text = NUMBER.sub("0", chunk.lower()).translate(self.simplifying)
        text = "".join(c for c in unicodedata.normalize("NFD", text) if unicodedata.category(c) != "Mn")
        words = UNSPACED.sub(r" \1 ", text).split()
        for word in words:
            self.simple_hash.append(xxh3_64_intdigest(word.encode()))
        self.simple.append(len(words))


@cache
def remembered(language: str, stop_words: tuple[str, ...]) -> list[Words]:
    """The one memory of this process for these rules, in a box so that it can start anew."""
    return [Words(language, stop_words)]


def words_of(language: str, stop_words: tuple[str, ...]) -> Words:
    box = remembered(language, stop_words)
    if len(box[0]) > MEMO_CHUNKS:
        box[0] = Words(language, stop_words)
    return box[0]
