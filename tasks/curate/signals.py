"""All signals of a batch of documents in one pass: those of Gopher, C4 and FineWeb, of characters, and shingles."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from xxhash import xxh3_128_hexdigest

from tasks.curate.c4 import walk
from tasks.curate.config import SignalsConfig
from tasks.curate.language_rules import c4_lines, rule_set, spaced, stop_words
from tasks.curate.lines import line_signals
from tasks.curate.minhash import shingles
from tasks.curate.ngrams import REPEATED, TOP, Tokens, repeated_gram_characters, top_gram_characters
from tasks.curate.own_signals import own_columns
from tasks.curate.words import WordMemo, word_memo
from tasks.language import detect

DIGIT = re.compile(r"\d")
URL = re.compile(r"(?:https?://|www\.)\S+")
Column = list | np.ndarray  # one value a document
WHOLE = pa.int64()
RATIO = pa.float64()
SCHEMA = pa.schema(
    [
        ("text_hash", pa.string()),  # xxh3_128 of the normalised text
        ("language", pa.string()),  # declared by the source, else detected
        ("rules", pa.string()),  # by which it was scored (language_rules.py)
        ("characters", WHOLE),
        ("bytes", WHOLE),
        ("digit_ratio", RATIO),  # digits per character
        ("url_ratio", RATIO),  # characters of web addresses per character
        ("words", WHOLE),  # spaCy's
        ("plain_words", WHOLE),  # those that are not punctuation only
        ("mean_word_length", RATIO),  # of plain words; null where there is none
        ("hash_ratio", RATIO),
        ("ellipsis_ratio", RATIO),
        ("alpha_words_ratio", RATIO),
        ("stop_words", WHOLE),  # different ones
        *((f"top_{n}_gram", RATIO) for n in TOP),
        *((f"duplicated_{n}_n_grams", RATIO) for n in REPEATED),
        *((name, RATIO) for name in ("bullet_lines_ratio", "ellipsis_lines_ratio")),
        *((f"dup_{name}_frac", RATIO) for name in ("para", "para_char", "line", "line_char")),
        ("lines", WHOLE),  # that are not blank
        *((name, RATIO) for name in ("line_punct_ratio", "short_line_ratio", "char_dup_ratio", "list_ratio")),
        ("c4_sentences", WHOLE),  # in the lines that C4 leaves
        ("c4_characters", WHOLE),
        ("c4_lorem_line", WHOLE),  # number of the line at which C4 would drop the document; null where there is none
        ("c4_curly_line", WHOLE),
    ]
)


@dataclass(frozen=True)
class Scores:
    columns: dict[str, pa.Array]  # by name of SCHEMA
    shingles: list[np.ndarray]  # sorted different uint32 hashes of word n-grams, by document


def schema(config: SignalsConfig) -> pa.Schema:
    """The columns of scores: those of every recipe, then its own."""
    return pa.schema([*SCHEMA, *((column, RATIO) for signal in config.own for column in signal.columns)])


def score(
    texts: list[str], declared: list[str | None], config: SignalsConfig, ids: Sequence[str] | None = None
) -> Scores:
    """Signals of normalised texts, at least one; a declared language stands, else it is detected.

    `ids` name the documents where a signal of the recipe's own fails.
    """
    rules = [rule_set(text, language, config.language) for text, language in zip(texts, declared, strict=True)]
    columns, shingle_sets, order = dict[str, list[pa.Array]](), list[np.ndarray](), list[int]()
    for name in dict.fromkeys(rules):
        alike = [i for i, rules_name in enumerate(rules) if rules_name == name]
        part = _score_alike([texts[i] for i in alike], [declared[i] for i in alike], name, config)
        for column, values in part.columns.items():
            columns.setdefault(column, []).append(values)
        shingle_sets += part.shingles
        order += alike
    back = np.argsort(order)
    arrays = {name: pa.concat_arrays(parts).take(back) for name, parts in columns.items()}
    own = own_columns(config.own, texts, ids or [f"text {i}" for i in range(len(texts))]) if config.own else {}
    return Scores(arrays | own, [shingle_sets[i] for i in back])


def _score_alike(texts: list[str], declared: list[str | None], rules: str, config: SignalsConfig) -> Scores:
    """Signals of texts that are judged by the same rules."""
    words = word_memo(rules, stop_words(rules, config.stop_words))
    apart = [spaced(text, rules) for text in texts]
    words.learn(chunk for text in apart for chunk in text.split())
    chunks = [words.numbers(text) for text in apart]
    flat, counts = np.concatenate(chunks), np.fromiter(map(len, chunks), np.int64, len(chunks))
    characters = np.fromiter(map(len, texts), np.int64, len(texts))
    columns = _word_signals(words, texts, flat, counts)
    columns |= {
        "text_hash": [xxh3_128_hexdigest(text.encode()) for text in texts],
        "language": [language or detect(text) for text, language in zip(texts, declared, strict=True)],
        "rules": [rules] * len(texts),
        "characters": characters,
        "bytes": [len(text.encode()) for text in texts],
    }
    columns |= _table([_character_signals(text) for text in texts])
    columns |= _ngram_signals(words, flat, counts, np.maximum(characters, 1))
    columns |= _table([line_signals(text, config.short_line_length) for text in texts])
    columns |= _table([_c4_signals(words, text, rules, config) for text in texts])
    arrays = {field.name: pa.array(columns[field.name], field.type) for field in SCHEMA}
    return Scores(arrays, shingles(words, flat, counts, config.minhash))


def _character_signals(text: str) -> dict[str, float]:
    characters = max(len(text), 1)
    return {
        "digit_ratio": len(DIGIT.findall(text)) / characters,
        "url_ratio": sum(map(len, URL.findall(text))) / characters,
    }


def _word_signals(words: WordMemo, texts: list[str], flat: np.ndarray, counts: np.ndarray) -> dict[str, Column]:
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
        "list_ratio": np.array([text.count("\n") for text in texts]) / per_word,
        "stop_words": np.bitwise_count(bits).astype(np.int64),
    }


def _ngram_signals(words: WordMemo, flat: np.ndarray, counts: np.ndarray, characters: np.ndarray) -> dict[str, Column]:
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
    columns: dict[str, Column] = {f"top_{n}_gram": top_gram_characters(tokens, n) / characters for n in TOP}
    for n, repeated in repeated_gram_characters(tokens).items():
        columns[f"duplicated_{n}_n_grams"] = repeated / characters
    return columns


def _c4_signals(words: WordMemo, text: str, rules: str, config: SignalsConfig) -> dict[str, float | None]:
    lines = walk(text, c4_lines(rules, config.c4))
    return {
        "c4_sentences": sum(words.count_sentences(spaced(line, rules)) for line in lines.kept),
        "c4_characters": len("\n".join(lines.kept).strip()),
        "c4_lorem_line": lines.lorem_line,
        "c4_curly_line": lines.curly_line,
    }


def _table(rows: Sequence[Mapping[str, float | None]]) -> dict[str, Column]:
    return {name: [row[name] for row in rows] for name in rows[0]}
