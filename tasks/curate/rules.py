"""Which setting stands behind each reason: so that a run that drops too much can say what to change."""

import json
from collections.abc import Iterable

from tasks.curate.config import CurateConfig

SETTINGS = {  # reason → what to `--set`, at the value that switches the rule off
    "language": "curate.languages=[]",
    "gopher_short_doc": "curate.gopher_quality.min_doc_words=0",
    "gopher_long_doc": "curate.gopher_quality.max_doc_words=0",
    "gopher_below_avg_threshold": "curate.gopher_quality.min_avg_word_length=0",
    "gopher_above_avg_threshold": "curate.gopher_quality.max_avg_word_length=0",
    "gopher_too_many_hashes": "curate.gopher_quality.max_symbol_word_ratio=0",
    "gopher_too_many_ellipsis": "curate.gopher_quality.max_symbol_word_ratio=0",
    "gopher_too_many_bullets": "curate.gopher_quality.max_bullet_lines_ratio=0",
    "gopher_too_many_end_ellipsis": "curate.gopher_quality.max_ellipsis_lines_ratio=0",
    "gopher_below_alpha_threshold": "curate.gopher_quality.max_non_alpha_words_ratio=0",
    "gopher_enough_stop_words": "curate.gopher_quality.min_stop_words=0",
    "dup_para_frac": "curate.gopher_repetition.dup_para_frac=0",
    "dup_para_char_frac": "curate.gopher_repetition.dup_para_char_frac=0",
    "dup_line_frac": "curate.gopher_repetition.dup_line_frac=0",
    "dup_line_char_frac": "curate.gopher_repetition.dup_line_char_frac=0",
    **{f"top_{n}_gram": f"curate.gopher_repetition.top_{n}_gram=100" for n in (2, 3, 4)},
    **{f"duplicated_{n}_n_grams": f"curate.gopher_repetition.duplicated_{n}_n_grams=1" for n in range(5, 11)},
    "lorem_ipsum": "curate.c4.filter_lorem_ipsum=false",
    "curly_bracket": "curate.c4.filter_curly_bracket=false",
    "too_few_sentences": "curate.c4.min_num_sentences=-1",
    "line_punct_ratio": "curate.fineweb.line_punct_thr=0",
    "short_line_ratio": "curate.fineweb.short_line_thr=1",
    "char_dup_ratio": "curate.fineweb.char_duplicates_ratio=1",
    "list_ratio": "curate.fineweb.new_line_ratio=1000",
    "exact_duplicate": "curate.dedup=none",
    "near_duplicate": "curate.dedup=exact",
}


def loosening(reasons: Iterable[str]) -> str:
    """The flags that switch these rules off; a reason without a rule (an empty text) has none."""
    return " ".join(dict.fromkeys(f"--set {SETTINGS[reason]}" for reason in reasons if reason in SETTINGS))


def loosened(config: CurateConfig, reasons: Iterable[str]) -> CurateConfig:
    """The config with these rules switched off."""
    values = config.model_dump()
    for reason in reasons:
        keys, _, value = SETTINGS[reason].partition("=")
        *tables, last = keys.split(".")[1:]
        table = values
        for name in tables:
            table = table[name]
        table[last] = json.loads(value)
    return CurateConfig.model_validate(values)
