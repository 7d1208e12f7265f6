"""All signals of a batch of documents in one pass: what Gopher, C4 and FineWeb measure, and the shingles of each."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from xxhash import xxh3_128_hexdigest

from tasks.curate.c4 import walk
from tasks.curate.config import SignalsConfig
from tasks.curate.language import detect
from tasks.curate.lines import line_signals
from tasks.curate.minhash import shingles
from tasks.curate.ngrams import REPEATED, TOP, Tokens, repeated_gram_characters, top_gram_characters
from tasks.curate.words import Words, words_of

Column = Sequence[str | float | int | None] | np.ndarray


@dataclass(frozen=True)
class Scored:
    columns: dict[str, Column]  # one value a document
    shingles: list[np.ndarray]  # sorted different uint32 hashes of word n-grams, by document


def score(texts: list[str], declared: list[str | None], config: SignalsConfig) -> Scored:
    """Signals of normalised texts; a declared language stands, else it is detected."""
    words = words_of(config.language, config.stop_words)
    chunks = [words.numbers(text.split()) for text in texts]
    flat, counts = np.concatenate(chunks), np.fromiter(map(len, chunks), np.int64, len(chunks))
    columns: dict[str, Column] = {"text_hash": [xxh3_128_hexdigest(text.encode()) for text in texts]}
    columns["language"] = [language or detect(text) for text, language in zip(texts, declared, strict=True)]
    columns["characters"] = np.fromiter(map(len, texts), np.int64, len(texts))
    columns["bytes"] = [len(text.encode()) for text in texts]
    columns |= _word_signals(words, texts, flat, counts)
    columns |= _ngram_signals(words, flat, counts, np.maximum(columns["characters"], 1))
    columns |= _table([line_signals(text, config.short_line_length) for text in texts])
    newlines = np.array([text.count("\n") for text in texts])
    columns["list_ratio"] = newlines / np.maximum(np.asarray(columns["words"]), 1)
    columns |= _table([_c4_signals(words, text, config) for text in texts])
    return Scored(columns, shingles(words, flat, counts, config.minhash))


def _word_signals(words: Words, texts: list[str], flat: np.ndarray, counts: np.ndarray) -> dict[str, Column]:
    document = np.repeat(np.arange(len(counts)), counts)

    def total(by_chunk: np.ndarray) -> np.ndarray:
        return np.bincount(document, by_chunk[flat], len(counts)).astype(np.int64)

    number, plain = total(words.tokens.count.values), total(words.plain_words.values)
    letters, alpha = total(words.plain_letters.values), total(words.alpha_words.values)
    bits = np.zeros(len(counts), np.uint64)
    np.bitwise_or.at(bits, document, words.stop_bits.values[flat])
    per_word = np.maximum(number, 1)
    return {
        "words": number,
        "plain_words": plain,
        "mean_word_length": [a / b if b else None for a, b in zip(letters.tolist(), plain.tolist(), strict=True)],
        "hash_ratio": np.array([text.count("#") for text in texts]) / per_word,
        "ellipsis_ratio": np.array([text.count("...") + text.count("…") for text in texts]) / per_word,
        "alpha_words_ratio": alpha / per_word,
        "stop_words": np.bitwise_count(bits).astype(np.int64),
    }


def _ngram_signals(words: Words, flat: np.ndarray, counts: np.ndarray, characters: np.ndarray) -> dict[str, Column]:
    at, per_chunk = words.tokens.gather(flat)
    of_chunk = np.repeat(np.arange(len(counts)), counts)
    document = np.repeat(of_chunk, per_chunk)
    tokens = Tokens(
        document=document,
        counts=np.bincount(document, minlength=len(counts)),
        hash=words.token_hash.values[at],
        polynomial=words.token_polynomial.values[at],
        power=words.token_power.values[at],
        length=words.token_length.values[at],
    )
    repeated = repeated_gram_characters(tokens)
    return {f"top_{n}_gram": top_gram_characters(tokens, n) / characters for n in TOP} | {
        f"duplicated_{n}_n_grams": repeated[n] / characters for n in REPEATED
    }


def _c4_signals(words: Words, text: str, config: SignalsConfig) -> dict[str, float | None]:
    found = walk(text, config.c4)
    return {
        "c4_sentences": sum(map(words.count_sentences, found.kept)),
        "c4_characters": len("\n".join(found.kept).strip()),
        "c4_lorem_line": found.lorem_line,
        "c4_curly_line": found.curly_line,
    }


def _table(rows: list[dict[str, float]] | list[dict[str, float | None]]) -> dict[str, Column]:
    return {name: [row[name] for row in rows] for name in rows[0]}
