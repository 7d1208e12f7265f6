"""The rules of curation, one row each: what drops a document, by which signal, and what switches the rule off.

`sql/internal/decide.sql` joins these rows with the signals. A new rule is a column in signals.py, its setting in
config.py and a row here; what no comparison of one number says (lorem ipsum, curly brackets, empty) is in the SQL.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, get_args

import pyarrow as pa

from tasks.curate.config import CurateConfig, CurationSettings, DedupMode, FilterName
from tasks.curate.ngrams import REPEATED, TOP

ALWAYS = ("languages", "limits", "dedup")  # tables and settings whose rules hold whatever `filters` lists
DEDUP_MODES = get_args(DedupMode)
SCHEMA = pa.schema(
    [("position", pa.int64())]  # of its reason among those of a document
    + [(name, pa.string()) for name in ("filter", "reason", "signal", "comparison")]
    + [("threshold", pa.float64()), ("off", pa.float64()), ("is_on", pa.bool_()), ("spares_zero", pa.bool_())]
    + [(name, pa.string()) for name in ("unit", "needs", "setting", "meaning")]
)


@dataclass(frozen=True)
class Rule:
    """A document is dropped for `reason` when `signal comparison threshold`; without a signal, decide.sql says when."""

    filter: str  # the table below [curate] that holds the setting, or the setting itself where it has no table
    reason: str
    signal: str
    comparison: Literal["<", ">", ""]
    name: str  # of the setting in that table: its value is the threshold
    off: Any  # the threshold at which the rule drops nothing
    unit: str
    needs: Literal["words", "language", ""]  # words between blanks; the rules of a language (language_rules.py)
    meaning: str  # what is true of a dropped document; {} stands for the threshold
    spares_zero: str = ""  # a setting of the same table: where it is true, a signal of exactly 0 drops nothing

    @property
    def setting(self) -> str:
        """The key below [curate]: gopher_quality.min_doc_words."""
        return f"{self.filter}.{self.name}" if self.name else self.filter

    def threshold(self, config: CurationSettings) -> Any:
        table = getattr(config, self.filter)
        return getattr(table, self.name) if self.name else table

    def is_on(self, config: CurationSettings) -> bool:
        if self.filter == "dedup":  # each mode drops what the one before it drops, and more
            return DEDUP_MODES.index(config.dedup) > DEDUP_MODES.index(self.off)
        return self.filter in (*ALWAYS, *config.filters) and self.threshold(config) != self.off

    def flag(self) -> str:
        """The change that switches it off, as it is typed: curate.gopher_quality.min_doc_words=0."""
        off = list(self.off) if isinstance(self.off, tuple) else self.off
        return f"curate.{self.setting}={off if isinstance(off, str) else json.dumps(off)}"

    def sentence(self, config: CurationSettings) -> str:
        """The meaning at this config's threshold: fewer than 50 words."""
        if not self.unit:  # no number is compared
            return self.meaning
        threshold = self.threshold(config)
        text = f"{100 * threshold:g}%" if self.unit == "share" else f"{threshold:,}".removesuffix(".0")
        return self.meaning.replace("{}", text)

    def row(self, config: CurationSettings) -> dict[str, Any]:
        """The rule as decide.sql and a person read it."""
        names = ("filter", "reason", "signal", "comparison", "unit", "needs")
        return {
            **{name: getattr(self, name) or None for name in names},
            "threshold": self.threshold(config) if self.signal else None,
            "off": self.off if self.signal else None,
            "is_on": self.is_on(config),
            "spares_zero": bool(self.spares_zero) and getattr(getattr(config, self.filter), self.spares_zero),
            "setting": f"curate.{self.setting}",
            "meaning": self.sentence(config),
        }


_quality, _repetition = partial(Rule, "gopher_quality"), partial(Rule, "gopher_repetition")
_c4, _fineweb, _limits = partial(Rule, "c4"), partial(Rule, "fineweb"), partial(Rule, "limits")
# fmt: off
ROWS = (  # a filter's reasons are listed in this order
    Rule("languages", "language", "", "", "", (), "", "", "a language other than those listed"),
    _quality("gopher_short_doc", "plain_words", "<", "min_doc_words", 0, "words", "", "fewer than {} words"),
    _quality("gopher_long_doc", "plain_words", ">", "max_doc_words", 0, "words", "", "more than {} words"),
    _quality("gopher_below_avg_threshold", "mean_word_length", "<", "min_avg_word_length", 0, "characters", "language",
             "words shorter than {} characters on average"),
    _quality("gopher_above_avg_threshold", "mean_word_length", ">", "max_avg_word_length", 0, "characters", "language",
             "words longer than {} characters on average"),
    _quality("gopher_too_many_hashes", "hash_ratio", ">", "max_symbol_word_ratio", 0, "per word", "",
             "more than {} '#' per word"),
    _quality("gopher_too_many_ellipsis", "ellipsis_ratio", ">", "max_symbol_word_ratio", 0, "per word", "",
             "more than {} ellipses per word"),
    _quality("gopher_too_many_bullets", "bullet_lines_ratio", ">", "max_bullet_lines_ratio", 0, "share", "",
             "more than {} of the lines begin with a bullet"),
    _quality("gopher_too_many_end_ellipsis", "ellipsis_lines_ratio", ">", "max_ellipsis_lines_ratio", 0, "share", "",
             "more than {} of the lines end in an ellipsis"),
    _quality("gopher_below_alpha_threshold", "alpha_words_ratio", "<", "max_non_alpha_words_ratio", 0, "share",
             "language", "fewer than {} of the words have a letter"),
    _quality("gopher_enough_stop_words", "stop_words", "<", "min_stop_words", 0, "words", "language",
             "fewer than {} different stop words"),
    _repetition("dup_para_frac", "dup_para_frac", ">", "dup_para_frac", 0, "share", "",
                "more than {} of the paragraphs repeat an earlier one"),
    _repetition("dup_para_char_frac", "dup_para_char_frac", ">", "dup_para_char_frac", 0, "share", "",
                "more than {} of the characters are in repeated paragraphs"),
    _repetition("dup_line_frac", "dup_line_frac", ">", "dup_line_frac", 0, "share", "",
                "more than {} of the lines repeat an earlier one"),
    _repetition("dup_line_char_frac", "dup_line_char_frac", ">", "dup_line_char_frac", 0, "share", "",
                "more than {} of the characters are in repeated lines"),
    *(_repetition(f"top_{n}_gram", f"top_{n}_gram", ">", f"top_{n}_gram", 100, "share", "words",
                  f"more than {{}} of the characters are in the most frequent {n}-gram of words") for n in TOP),
    *(_repetition(name := f"duplicated_{n}_n_grams", name, ">", name, 1, "share", "words",
                  f"more than {{}} of the characters are in repeated {n}-grams of words") for n in REPEATED),
    _c4("lorem_ipsum", "", "", "filter_lorem_ipsum", False, "", "", "a line says 'lorem ipsum'"),
    _c4("curly_bracket", "", "", "filter_curly_bracket", False, "", "", "a line has a curly bracket"),
    _c4("too_few_sentences", "c4_sentences", "<", "min_num_sentences", -1, "sentences", "language",
        "fewer than {} sentences in the lines that C4 leaves"),
    _fineweb("line_punct_ratio", "line_punct_ratio", "<", "line_punct_thr", 0, "share", "language",
             "fewer than {} of the lines end in a punctuation mark", spares_zero="line_punct_exclude_zero"),
    _fineweb("short_line_ratio", "short_line_ratio", ">", "short_line_thr", 1, "share", "words",
             "more than {} of the lines are short"),
    _fineweb("char_dup_ratio", "char_dup_ratio", ">", "char_duplicates_ratio", 1, "share", "",
             "more than {} of the characters are in repeated lines"),
    _fineweb("list_ratio", "list_ratio", ">", "new_line_ratio", 1000, "per word", "",
             "more than {} line ends per word"),
    _limits("digits", "digit_ratio", ">", "max_digit_ratio", 1, "share", "",
            "more than {} of the characters are digits"),
    _limits("urls", "url_ratio", ">", "max_url_ratio", 1, "share", "",
            "more than {} of the characters are in web addresses"),
    Rule("dedup", "exact_duplicate", "", "", "", "none", "", "", "the text of an earlier document"),
    Rule("dedup", "near_duplicate", "", "", "", "exact", "", "", "nearly the text of an earlier document"),
)
# fmt: on
RULES = {rule.reason: rule for rule in ROWS}  # by reason; an empty text has no rule


def rules_table(config: CurationSettings) -> pa.Table:
    """The rules at the thresholds of this config and the conditions of its keep_if: one row each, in reasons' order."""
    own = [
        {"filter": "keep_if", "reason": name, "is_on": True, "setting": f"curate.keep_if.{name}", "meaning": condition}
        for name, condition in sorted(config.keep_if.items())
    ]
    others = [name for name in get_args(FilterName) if name not in config.filters]
    order = ["languages", *config.filters, *others, "limits", "keep_if", "dedup"]
    rows = sorted([rule.row(config) for rule in ROWS] + own, key=lambda row: order.index(row["filter"]))
    return pa.Table.from_pylist([row | {"position": n} for n, row in enumerate(rows)], schema=SCHEMA)


def loosening(reasons: Iterable[str]) -> str:
    """The flags that switch these rules off; a reason without a rule has none."""
    return " ".join(dict.fromkeys(f"--set {RULES[reason].flag()}" for reason in reasons if reason in RULES))


def switch_off(config: CurateConfig, reasons: Iterable[str]) -> CurateConfig:
    """The config with the rules behind these reasons switched off."""
    values = config.model_dump()
    for rule in (RULES[reason] for reason in reasons):
        table, name = (values[rule.filter], rule.name) if rule.name else (values, rule.filter)
        table[name] = rule.off
    return CurateConfig.model_validate(values)
