"""Every document gets the verdict of datatrove's own filters, each of which judges the normalised text by itself."""

import random
from contextlib import nullcontext

import pyarrow as pa
import pytest
from datatrove.data import Document
from datatrove.pipeline.filters.base_filter import get_filter_result

from tasks.curate.c4 import rewritten
from tasks.curate.config import (
    C4,
    CurateConfig,
    DecisionConfig,
    FilterName,
    FineWeb,
    GopherQuality,
    GopherRepetition,
)
from tasks.curate.decide import verdicts
from tasks.curate.normalise import normalise
from tasks.curate.reference import filter_class
from tasks.curate.rules import RULES, switch_off
from tasks.curate.signals import score

from .corpus import NASTY, nasty, passages, random_document

FILTERS: tuple[FilterName, ...] = ("gopher_quality", "gopher_repetition", "c4", "fineweb")
ENGLISH = CurateConfig(language="en")
STRICT = CurateConfig(
    language="en",
    gopher_quality=GopherQuality(min_doc_words=5, max_doc_words=150, max_symbol_word_ratio=0.01, min_stop_words=4),
    gopher_repetition=GopherRepetition(top_2_gram=0.05, top_3_gram=0.05, top_4_gram=0.05, duplicated_5_n_grams=0.01),
    c4=C4(filter_curly_bracket=False, min_words_per_line=-1, filter_no_terminal_punct=False, max_word_length=10),
    fineweb=FineWeb(line_punct_thr=0.6, line_punct_exclude_zero=True, short_line_length=60, new_line_ratio=0.05),
)


@pytest.fixture(scope="module")
def texts() -> list[str]:
    draw = random.Random(7)
    everything = [
        *NASTY,
        *(random_document(draw) for _ in range(500)),
        *(nasty(draw) for _ in range(200)),
        *passages(300),
    ]
    return [normalise(text, "NFC") for text in everything]


@pytest.fixture
def quick_spacy(monkeypatch: pytest.MonkeyPatch) -> None:
    """datatrove forgets spaCy's caches after each document; kept, it finds the same words in a third of the time."""
    from spacy.language import Language

    monkeypatch.setattr(Language, "memory_zone", lambda self: nullcontext())


def score_texts(texts: list[str], config: CurateConfig) -> pa.Table:
    parts = [
        score(texts[i : i + 64], [None] * len(texts[i : i + 64]), config.scoring) for i in range(0, len(texts), 64)
    ]
    ids = [f"{i:06d}" for i in range(len(texts))]
    return pa.concat_tables([pa.table(part.columns) for part in parts]).add_column(0, "doc_id", pa.array(ids))


@pytest.mark.usefixtures("quick_spacy")
@pytest.mark.parametrize(("config", "step"), [(ENGLISH, 1), (STRICT, 4)], ids=["default", "strict"])
def test_each_filter_decides_as_datatroves_class_with_the_same_reason(
    texts: list[str], config: CurateConfig, step: int
) -> None:
    texts = texts[::step]
    assert len(texts) * step >= 1000
    reasons, rewrites = compare_with_datatrove(texts, config)
    assert rewrites > 10
    assert min(map(len, reasons.values())) > 2, "the corpus should meet several rules of each filter"


@pytest.mark.usefixtures("quick_spacy")
@pytest.mark.filterwarnings(
    "ignore:Mean of empty slice", "ignore:invalid value encountered"
)  # datatrove's, of no words
@pytest.mark.parametrize("first", [0, 1])
def test_the_rules_that_stay_on_decide_as_datatroves_class_where_others_are_switched_off(
    texts: list[str], first: int
) -> None:
    filter_rules = [reason for reason, rule in RULES.items() if rule.filter in FILTERS]
    config = switch_off(STRICT, filter_rules[first::2])
    with_words = [text for text in texts if text.strip()]  # without min_doc_words datatrove divides by zero lines
    reasons, _ = compare_with_datatrove(with_words[first::4], config)
    on = {reason for reason in filter_rules if RULES[reason].is_on(config)}
    assert 2 < len(set().union(*reasons.values()) - {None, "empty"}) <= len(on) < len(filter_rules)
    assert set().union(*reasons.values()) <= {*on, None, "empty"}


def compare_with_datatrove(texts: list[str], config: CurateConfig) -> tuple[dict[str, set], int]:
    """By filter the reasons that both agree on, and how many kept texts C4 rewrote."""
    signals = score_texts(texts, config)
    ours = {name: verdicts(signals, only(config, name)).to_pylist() for name in FILTERS}
    classes = {name: filter_class(name, config.decide()) for name in FILTERS}
    reasons, rewrites = {name: set() for name in FILTERS}, 0
    for number, text in enumerate(texts):
        for name in FILTERS:
            document = Document(text=text, id="")
            keeps, reason = get_filter_result(classes[name].filter(document))
            verdict = ours[name][number]
            drops_as_blank = verdict["reasons"] == ["empty"] and not text.strip()  # ours alone: no filter's reason
            assert verdict["reason"] == reason or (keeps and drops_as_blank), (name, text)
            reasons[name].add(reason)
            if name == "c4" and keeps:
                assert rewritten(text, config.c4) == document.text
                rewrites += document.text != text
    return reasons, rewrites


def only(config: CurateConfig, name: FilterName) -> DecisionConfig:
    return config.decide().model_copy(update={"filters": (name,)})


def test_the_name_of_one_of_spacys_symbols_is_a_word_each_time() -> None:
    """datatrove forgets such a word after the first document that has it, so its verdict is no standard here."""
    text = "IS_ALPHA is a word. LOWER too. SHAPE as well."
    first, again = (score_texts([text], ENGLISH).to_pylist() for _ in range(2))
    assert first == again and first[0]["words"] == 12


def test_every_reason_of_the_sql_has_a_setting_that_switches_its_rule_off(texts: list[str]) -> None:
    signals = score_texts(texts[:300], CurateConfig())
    strictest = CurateConfig(
        gopher_quality=GopherQuality(
            min_doc_words=10**6, max_doc_words=1, min_avg_word_length=50, max_avg_word_length=1
        )
    )
    reasons = {r for rs in verdicts(signals, strictest.decide())["reasons"].to_pylist() for r in rs}
    assert {"gopher_long_doc", "gopher_short_doc", "gopher_below_avg_threshold"} <= reasons
    assert reasons - {"empty"} <= set(RULES)
