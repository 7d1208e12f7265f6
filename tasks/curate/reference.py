"""datatrove's own filter classes on the same texts: slow, and the oracle that the scored decisions are held to."""

from collections.abc import Iterable
from functools import cache
from typing import Any, assert_never

import pyarrow as pa
from datatrove.data import Document
from datatrove.pipeline.filters import (
    C4QualityFilter,
    FineWebQualityFilter,
    GopherQualityFilter,
    GopherRepetitionFilter,
)
from datatrove.pipeline.filters.base_filter import BaseFilter, get_filter_result
from datatrove.utils.word_tokenizers import SpaCyTokenizer

from tasks.curate.c4 import rewritten
from tasks.curate.config import DecisionConfig, FilterName
from tasks.curate.language_rules import stop_words
from tasks.curate.ngrams import REPEATED, TOP
from tasks.curate.spacy_rules import spacy_code
from tasks.progress import progress


def datatrove_verdicts(texts: Iterable[tuple[str, str, str | None]], total: int, config: DecisionConfig) -> pa.Table:
    """doc_id, passes, reason, reasons of (doc_id, normalised text, language): the first reason of each class."""
    filters = [filter_class(name, config) for name in config.filters]
    rows = []
    with progress("datatrove's filters", total, "documents") as advance:
        for doc_id, text, language in texts:
            reasons = ["language"] if config.languages and language not in config.languages else []
            reasons += [reason for quality_filter in filters if (reason := first_reason(quality_filter, text))]
            if not text.strip() or (config.c4_rewrite and not rewritten(text, config.c4)):
                reasons.append("empty")
            rows.append({"doc_id": doc_id, "passes": not reasons, "reason": reasons[0] if reasons else None})
            rows[-1]["reasons"] = reasons
            advance(1)
    return pa.Table.from_pylist(rows, schema=SCHEMA)


SCHEMA = pa.schema(
    [("doc_id", pa.string()), ("passes", pa.bool_()), ("reason", pa.string()), ("reasons", pa.list_(pa.string()))]
)


def first_reason(quality_filter: BaseFilter, text: str) -> str | None:
    """Why this class drops the text by itself, None where it keeps it."""
    keeps, reason = get_filter_result(quality_filter.filter(Document(text=text, id="")))
    return None if keeps else reason


def filter_class(name: FilterName, config: DecisionConfig) -> BaseFilter:
    """datatrove's class of that name with the recipe's thresholds."""
    words: Any = _splitter(spacy_code(config.language))  # a tokenizer or a name of one: datatrove says only str
    if name == "gopher_quality":
        rules = config.gopher_quality.model_dump()
        rules["stop_words"] = list(stop_words(config.language, config.gopher_quality.stop_words))
        return GopherQualityFilter(**rules, language=words)
    if name == "gopher_repetition":
        rules = config.gopher_repetition.model_dump()
        top: Any = tuple((n, rules.pop(f"top_{n}_gram")) for n in TOP)
        repeated: Any = tuple((n, rules.pop(f"duplicated_{n}_n_grams")) for n in REPEATED)
        return GopherRepetitionFilter(**rules, top_n_grams=top, dup_n_grams=repeated, language=words)
    if name == "c4":
        return C4QualityFilter(**config.c4.model_dump(), language=words)
    if name == "fineweb":
        return FineWebQualityFilter(**config.fineweb.model_dump(), language=words)
    assert_never(name)


@cache
def _splitter(code: str) -> SpaCyTokenizer:
    """One for all classes: datatrove remembers the words of the last few texts by their splitter."""
    return SpaCyTokenizer(code)
