"""What stands behind each reason: the signal that is compared, with which setting, and what switches the rule off.

The comparisons themselves are in `sql/decide.sql`; a test holds this table to them.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from tasks.curate.config import CurateConfig


@dataclass(frozen=True)
class Rule:
    """A document goes when `signal relation` the value of the setting; some rules compare no number."""

    setting: str  # TABLE.NAME below [curate]
    off: Any  # the setting's value that switches the rule off
    signal: str = ""
    relation: Literal["<", ">", ""] = ""

    def value(self, config: CurateConfig) -> Any:
        value: Any = config
        for name in self.setting.split("."):
            value = getattr(value, name)
        return value

    def flag(self) -> str:
        """As it is typed: curate.gopher_quality.min_doc_words=0."""
        return f"curate.{self.setting}={self.off if isinstance(self.off, str) else json.dumps(self.off)}"


def _quality(signal: str, relation: Literal["<", ">"], name: str) -> Rule:
    return Rule(f"gopher_quality.{name}", 0, signal, relation)


def _repetition(signal: str, off: int) -> Rule:
    return Rule(f"gopher_repetition.{signal}", off, signal, ">")


def _fineweb(signal: str, relation: Literal["<", ">"], name: str, off: int) -> Rule:
    return Rule(f"fineweb.{name}", off, signal, relation)


FILTERS: dict[str, dict[str, Rule]] = {  # filter → reason → its rule
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
    "gopher_repetition": {
        **{f"dup_{part}": _repetition(f"dup_{part}", 0) for part in ("para_frac", "para_char_frac")},
        **{f"dup_{part}": _repetition(f"dup_{part}", 0) for part in ("line_frac", "line_char_frac")},
        **{f"top_{n}_gram": _repetition(f"top_{n}_gram", 100) for n in (2, 3, 4)},
        **{f"duplicated_{n}_n_grams": _repetition(f"duplicated_{n}_n_grams", 1) for n in range(5, 11)},
    },
    "c4": {
        "lorem_ipsum": Rule("c4.filter_lorem_ipsum", off=False),
        "curly_bracket": Rule("c4.filter_curly_bracket", off=False),
        "too_few_sentences": Rule("c4.min_num_sentences", -1, "c4_sentences", "<"),
    },
    "fineweb": {
        "line_punct_ratio": _fineweb("line_punct_ratio", "<", "line_punct_thr", 0),
        "short_line_ratio": _fineweb("short_line_ratio", ">", "short_line_thr", 1),
        "char_dup_ratio": _fineweb("char_dup_ratio", ">", "char_duplicates_ratio", 1),
        "list_ratio": _fineweb("list_ratio", ">", "new_line_ratio", 1000),
    },
}
RULES: dict[str, Rule] = {  # by reason; an empty text has no rule
    "language": Rule("languages", off=[]),
    **{reason: rule for rules in FILTERS.values() for reason, rule in rules.items()},
    "exact_duplicate": Rule("dedup", off="none"),
    "near_duplicate": Rule("dedup", off="exact"),
}


def drops(rule: Rule, signals: Mapping[str, Any], config: CurateConfig) -> bool:
    """Whether these signals are beyond it; a signal that a document does not have is not."""
    value, limit = signals[rule.signal], rule.value(config)
    return value is not None and (value < limit if rule.relation == "<" else value > limit)


def loosening(reasons: Iterable[str]) -> str:
    """The flags that switch these rules off; a reason without a rule has none."""
    return " ".join(dict.fromkeys(f"--set {RULES[reason].flag()}" for reason in reasons if reason in RULES))


def loosened(config: CurateConfig, reasons: Iterable[str]) -> CurateConfig:
    """The config with these rules switched off."""
    values = config.model_dump()
    for reason in reasons:
        *tables, last = RULES[reason].setting.split(".")
        table = values
        for name in tables:
            table = table[name]
        table[last] = RULES[reason].off
    return CurateConfig.model_validate(values)
