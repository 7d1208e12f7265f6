"""The words of spaCy's rules, each whitespace chunk split once in a process's life.

spaCy splits at whitespace before anything else, so the tokens of a text are those of its chunks, and a text is a list
of chunk numbers. What the signals need of a chunk is remembered in flat arrays: a batch of documents is then a few
gathers. (datatrove's splitter throws spaCy's caches away after each document: 17 times slower, same words.)
"""

import re
import unicodedata
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import regex
from xxhash import xxh3_64_intdigest

if TYPE_CHECKING:
    from spacy.language import Language

MEMO_CHUNKS = 1_000_000  # some 800 MB of chunks; then the memory starts anew
POLYNOMIAL = 0x9E3779B97F4A7C15 | 1  # base of the hash of a concatenation, modulo 2^64
MASK = (1 << 64) - 1
UNSPACED = regex.compile(r"([\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}])")  # a word each
NUMBER = regex.compile(r"\p{Nd}+([.,،٫⎖⎗⎘]\p{Nd}+)?")  # datatrove's simplify_text
OTHER_SPACES = re.compile(r"\s\s|[^\S ]|^\s|\s$")  # than single blanks between chunks
SPACES_OR_NOT = re.compile(r"\s+|\S+")
NEED_A_SEGMENTER = ("ja", "th", "vi", "zh", "ko")  # more than rules: packages and dictionaries of their own


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
        self.nlp = spacy_rules(language)
        self.sentence_ends = frozenset(self.nlp.get_pipe("sentencizer").punct_chars)  # pyright: ignore[reportAttributeAccessIssue]
        self.stop_words = {word: 1 << i for i, word in enumerate(dict.fromkeys(stop_words))}
        self.tokens, self.simple = Ragged(), Ragged()
        self.token_hash, self.token_polynomial = Growing(np.uint64), Growing(np.uint64)
        self.token_power, self.token_length = Growing(np.uint64), Growing(np.int64)
        self.simple_hash = Growing(np.uint64)
        self.plain_words, self.plain_letters = Growing(np.int64), Growing(np.int64)  # words that are no symbols
        self.alpha_words, self.stop_bits = Growing(np.int64), Growing(np.uint64)
        self.sentences: list[tuple[tuple[int, int], tuple[int, int]]] = []

    def numbers(self, chunks: list[str]) -> np.ndarray:
        return np.fromiter(map(self.__getitem__, chunks), np.int64, len(chunks))

    def __missing__(self, chunk: str) -> int:
        number = self[chunk] = len(self.sentences)
        tokens = list(self.nlp.tokenizer(chunk))
        self.sentences.append(self._sentence_steps(tokens))
        words = [word for token in tokens if (word := token.text.strip())]
        plain = [word for word in words if any(c not in self.punctuation for c in word)]
        self.plain_words.append(len(plain))
        self.plain_letters.append(sum(map(len, plain)))
        self.alpha_words.append(sum(any(map(str.isalpha, word)) for word in words))
        bits = 0
        for word in words:
            bits |= self.stop_words.get(word, 0)
            self._append_token(word)
        self.stop_bits.append(bits)
        self.tokens.append(len(words))
        self._append_simple(chunk)
        return number

    def count_sentences(self, line: str) -> int:
        """What spaCy's sentencizer finds in a line: it starts one at a word after an end mark."""
        ended, count = 0, 1
        for chunk in _tokens_with_spaces(line) if OTHER_SPACES.search(line) else line.split(" "):
            more, ended = self.sentences[self[chunk]][ended]
            count += more
        return count

    def _sentence_steps(self, tokens: list) -> tuple[tuple[int, int], tuple[int, int]]:
        steps = []
        for ended in (False, True):
            starts = 0
            for token in tokens:
                is_end = token.text in self.sentence_ends
                if ended and not token.is_punct and not is_end:
                    starts, ended = starts + 1, False
                elif is_end:
                    ended = True
            steps.append((starts, int(ended)))
        return steps[0], steps[1]

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


def spacy_rules(language: str) -> "Language":
    """spaCy's blank pipeline with the sentencizer, as datatrove makes it for this language."""
    from datatrove.utils.word_tokenizers import SpaCyTokenizer

    return SpaCyTokenizer(spacy_code(language)).tokenizer


def spacy_code(language: str) -> str:
    """spaCy's code for the language's rules: datatrove's choice where that is rules only, else 'xx', any language."""
    from datatrove.utils.word_tokenizers import load_tokenizer_assignments

    assigned = load_tokenizer_assignments().get(language)
    kind, code = assigned.args if assigned else ("", "")  # pyright: ignore[reportAttributeAccessIssue]
    return code if kind == "SpaCyTokenizer" and code not in NEED_A_SEGMENTER else "xx"


@cache
def remembered(language: str, stop_words: tuple[str, ...]) -> list[Words]:
    """The one memory of this process for these rules, in a box so that it can start anew."""
    return [Words(language, stop_words)]


def words_of(language: str, stop_words: tuple[str, ...]) -> Words:
    box = remembered(language, stop_words)
    if len(box[0]) > MEMO_CHUNKS:
        box[0] = Words(language, stop_words)
    return box[0]


def _tokens_with_spaces(line: str) -> list[str]:
    """Chunks and, between them, what spaCy makes a token of: any whitespace beyond one blank after a chunk."""
    pieces = SPACES_OR_NOT.findall(line)
    pieces[1:] = [piece.removeprefix(" ") for piece in pieces[1:]]
    return [piece for piece in pieces if piece]
