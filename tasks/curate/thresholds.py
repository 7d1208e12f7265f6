"""What stands behind each reason: the signal that was compared, with which threshold, and which way drops.

The comparisons themselves are in `sql/decide.sql`; a test holds this table to them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from tasks.curate.config import CurateConfig


@dataclass(frozen=True)
class Threshold:
    """A document goes when `signal relation threshold`, the threshold being the setting curate.TABLE.NAME."""

    signal: str
    relation: Literal["<", ">"]
    setting: str

    def value(self, config: CurateConfig) -> float:
        table, _, name = self.setting.partition(".")
        return getattr(getattr(config, table), name)


def drops(threshold: Threshold, signals: Mapping[str, Any], config: CurateConfig) -> bool:
    """Whether these signals are beyond it; a signal that a document does not have is not."""
    value, limit = signals[threshold.signal], threshold.value(config)
    return value is not None and (value < limit if threshold.relation == "<" else value > limit)


def _quality(signal: str, relation: Literal["<", ">"], name: str) -> Threshold:
    return Threshold(signal, relation, f"gopher_quality.{name}")


def _repetition(name: str) -> Threshold:
    return Threshold(name, ">", f"gopher_repetition.{name}")


def _fineweb(signal: str, relation: Literal["<", ">"], name: str) -> Threshold:
    return Threshold(signal, relation, f"fineweb.{name}")


PARTS = ("dup_para_frac", "dup_para_char_frac", "dup_line_frac", "dup_line_char_frac")
GRAMS = (*(f"top_{n}_gram" for n in (2, 3, 4)), *(f"duplicated_{n}_n_grams" for n in range(5, 11)))
THRESHOLDS: dict[str, dict[str, Threshold]] = {  # filter → reason → its threshold
    "gopher_quality": {
        "gopher_short_doc": _quality("plain_words", "<", "min_doc_words"),
        "gopher_long_doc": _quality("plain_words", ">", "max_doc_words"),
        "gopher_below_avg_threshold": _quality("mean_word_length", "<", "min_avg_word_length"),
        "gopher_above_avg_threshold": _quality("mean_word_length", ">", "max_avg_word_length"),
        "gopher_too_many_hashes": _quality("hash_ratio", ">", "max_symbol_word_ratio"),
        "gopher_too_many_ellipsis": _quality("ellipsis_ratio", ">", "max_symbol_word_ratio"),
        "gopher_too_many_bullets": _quality("bullet_lines_ratio", ">", "max_bullet_lines_ratio"),
        "gopher_too_many_end_ellipsis": _quality("ellipsis_lines_ratio", ">", "max_ellipsis_lines_ratio"),
        "gopher_below_alpha_threshold": _quality("alpha_words_ratio", "<", "max_non_alpha_words_ratio"),
        "gopher_enough_stop_words": _quality("stop_words", "<", "min_stop_words"),
    },
    "gopher_repetition": {name: _repetition(name) for name in (*PARTS, *GRAMS)},
    "c4": {"too_few_sentences": Threshold("c4_sentences", "<", "c4.min_num_sentences")},
    "fineweb": {
        "line_punct_ratio": _fineweb("line_punct_ratio", "<", "line_punct_thr"),
        "short_line_ratio": _fineweb("short_line_ratio", ">", "short_line_thr"),
        "char_dup_ratio": _fineweb("char_dup_ratio", ">", "char_duplicates_ratio"),
        "list_ratio": _fineweb("list_ratio", ">", "new_line_ratio"),
    },
}
BY_REASON = {reason: threshold for rules in THRESHOLDS.values() for reason, threshold in rules.items()}
