"""The configs of curation: the recipe's table, and the two that follow from it, one for scores, one for decisions.

`[curate]` in a recipe is a CurateConfig. Its `signals` hold all that a score depends on; its `decide` hold the
thresholds. So a changed threshold decides again and never scores again. The four filters and their defaults are
datatrove's (Gopher: arXiv 2112.11446, table A1; C4: JMLR 21/140; FineWeb: arXiv 2406.17557); 0 switches a rule off
where datatrove's own class takes it so.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from tasks.store.step import NOT_IN_KEY, Frozen

DedupMode = Literal["none", "exact", "minhash"]
FilterName = Literal["gopher_quality", "gopher_repetition", "c4", "fineweb"]
Withdrawn = Mapping[str, Mapping[str, Mapping[str, str]]]  # partition → source → uri → superseded | removed
Reason = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
Fraction = Annotated[float, Field(ge=0, le=1)]
MIN_STORED_SIMILARITY = 0.5  # Jaccard, of a stored pair: above it `jaccard` can be moved without scoring again
SCORING_KEYS = {  # field of SignalsConfig → its key below [curate], where the two differ
    "stop_words": "gopher_quality.stop_words",
    "short_line_length": "fineweb.short_line_length",
    "own": "signals.own",
}


def _as_table(value: Any) -> Any:
    return {"function": value} if isinstance(value, str) else value


class GopherQuality(Frozen):
    """Words are spaCy's; a symbol is a word of punctuation only."""

    min_doc_words: int = Field(default=50, ge=0)  # words that are no symbols
    max_doc_words: int = Field(default=100_000, ge=0)
    min_avg_word_length: float = Field(default=3, ge=0)  # characters
    max_avg_word_length: float = Field(default=10, ge=0)
    max_symbol_word_ratio: float = Field(default=0.1, ge=0)  # '#', and apart from it ellipses, per word
    max_bullet_lines_ratio: Fraction = 0.9
    max_ellipsis_lines_ratio: Fraction = 0.3
    max_non_alpha_words_ratio: Fraction = 0.8  # datatrove's name: at least this share of words has a letter
    min_stop_words: int = Field(default=2, ge=0)  # different ones
    stop_words: tuple[str, ...] | None = Field(default=None, max_length=64)  # None: the language's (language_rules.py)


class GopherRepetition(Frozen):
    dup_line_frac: Fraction = 0.3
    dup_para_frac: Fraction = 0.3
    dup_line_char_frac: Fraction = 0.2
    dup_para_char_frac: Fraction = 0.2
    top_2_gram: float = Field(default=0.20, ge=0)  # characters of all occurrences of the most frequent, per character
    top_3_gram: float = Field(default=0.18, ge=0)
    top_4_gram: float = Field(default=0.16, ge=0)
    duplicated_5_n_grams: float = Field(default=0.15, ge=0)  # characters in repeated 5-grams per character of the text
    duplicated_6_n_grams: float = Field(default=0.14, ge=0)
    duplicated_7_n_grams: float = Field(default=0.13, ge=0)
    duplicated_8_n_grams: float = Field(default=0.12, ge=0)
    duplicated_9_n_grams: float = Field(default=0.11, ge=0)
    duplicated_10_n_grams: float = Field(default=0.10, ge=0)


class C4Lines(Frozen):
    """The lines that C4 removes; -1 switches a number off."""

    remove_citations: bool = True
    filter_no_terminal_punct: bool = True
    min_words_per_line: int = Field(default=3, ge=-1)
    max_word_length: int = Field(default=1000, ge=-1)  # characters
    filter_javascript: bool = True
    filter_policy: bool = True


class C4(C4Lines):
    min_num_sentences: int = Field(default=5, ge=-1)  # in the lines that stay
    filter_lorem_ipsum: bool = True
    filter_curly_bracket: bool = True

    @property
    def lines(self) -> C4Lines:
        return C4Lines(**{name: getattr(self, name) for name in C4Lines.model_fields})


class FineWeb(Frozen):
    line_punct_thr: Fraction = 0.12
    line_punct_exclude_zero: bool = False
    short_line_thr: Fraction = 0.67
    short_line_length: int = Field(default=30, ge=0)  # characters
    char_duplicates_ratio: Fraction = 0.01
    new_line_ratio: float = Field(default=0.3, ge=0)  # per word


class DocumentLimits(Frozen):
    """Rules beside the four filters: each is off until it is set, and then judges whatever `filters` lists."""

    max_digit_ratio: Fraction = 1  # digits per character
    max_url_ratio: Fraction = 1  # characters of web addresses per character


class MinHash(Frozen):
    """Two documents are a candidate pair when a whole band of their hashes agrees: 20 x 5 has its knee at 0.55."""

    bands: int = Field(default=20, ge=1, le=256)
    rows: int = Field(default=5, ge=1, le=64)  # hashes a band
    ngram: int = Field(default=5, ge=1, le=32)  # words a shingle
    seed: int = Field(default=1, ge=0)


class Dedup(MinHash):
    jaccard: float = Field(default=0.7, ge=MIN_STORED_SIMILARITY, le=1)  # of the shingle sets of two duplicates

    @property
    def minhash(self) -> MinHash:
        return MinHash(**{name: getattr(self, name) for name in MinHash.model_fields})


class Split(Frozen):
    validation: float = Field(default=0.03, gt=0, lt=0.5)  # of the groups
    test: float = Field(default=0.03, gt=0, lt=0.5)
    seed: int = Field(default=1, ge=0)


class OwnSignal(Frozen):
    """A function of a text: as written only its name, as run with its columns and its source (own_signals.py)."""

    function: str  # package.module:function
    columns: tuple[str, ...] = ()
    sha256: str = ""


class Signals(Frozen):
    """Signals beside those that are always scored."""

    own: tuple[Annotated[OwnSignal, BeforeValidator(_as_table)], ...] = ()


class SignalsConfig(Frozen):
    """All that a score depends on."""

    normalise: Literal["NFC", "NFKC", "none"] = "NFC"
    language: str = "auto"
    stop_words: tuple[str, ...] | None = None
    c4: C4Lines = C4Lines()
    short_line_length: int = FineWeb().short_line_length
    minhash: MinHash = MinHash()
    own: tuple[OwnSignal, ...] = ()
    workers: Annotated[int, NOT_IN_KEY] = 2
    tasks: Annotated[int, NOT_IN_KEY] = 0


class CurationSettings(Frozen):
    """The settings of a decision that a recipe holds."""

    engine: Literal["signals", "datatrove"] = "signals"  # datatrove: its own filter classes judge; the slow reference
    normalise: Literal["NFC", "NFKC", "none"] = "NFC"  # all three: line ends to \n, control characters and BOMs out
    language: str = "auto"  # whose rules judge all documents; auto: each by those of its own (language_rules.py)
    languages: tuple[str, ...] = ()  # detected or declared languages that may stay; empty: all
    filters: tuple[FilterName, ...] = ("gopher_quality", "gopher_repetition", "c4", "fineweb")  # first reasons first
    gopher_quality: GopherQuality = GopherQuality()
    gopher_repetition: GopherRepetition = GopherRepetition()
    c4: C4 = C4()
    fineweb: FineWeb = FineWeb()
    limits: DocumentLimits = DocumentLimits()
    c4_rewrite: bool = False  # the training text lacks the lines and citations that C4 takes out
    keep_if: Mapping[Reason, str] = Field(default_factory=dict)  # rules of one's own, in SQL (conditions.py)
    dedup: DedupMode = "minhash"
    split: Split = Split()
    mask_personal_data: bool = True  # in the text as it is written: tokenizer, shards, rows and samples all read that
    unseen: tuple[str, ...] = ()  # sources that nothing here is trained or chosen on: their split is `unseen`
    warn_share: Fraction = 0.05  # a note where one rule alone drops more than this share of the documents


class DecisionConfig(CurationSettings):
    """All that a decision depends on beside the scores."""

    jaccard: float = 0.7
    workers: Annotated[int, NOT_IN_KEY] = 2
    # files of earlier partitions that no later document may be dropped for
    withdrawn: Withdrawn = Field(default_factory=dict)


class CurateConfig(CurationSettings):
    """The recipe's table [curate]."""

    signals: Signals = Signals()
    minhash: Dedup = Dedup()
    takedown: Annotated[Path | None, NOT_IN_KEY] = None  # enters at encode: a file of doc_ids, one a line
    workers: Annotated[int, NOT_IN_KEY] = Field(default=2, ge=1)  # processes
    # ranks, the units of resuming; 0: one per 2,000 documents
    tasks: Annotated[int, NOT_IN_KEY] = Field(default=0, ge=0)

    @model_validator(mode="after")
    def filters_are_named_once(self) -> "CurateConfig":
        if len(set(self.filters)) != len(self.filters):
            raise ValueError(f"a filter is named twice: {', '.join(self.filters)}")
        return self

    @model_validator(mode="after")
    def datatroves_classes_know_one_language(self) -> "CurateConfig":
        if self.engine == "datatrove" and self.language == "auto":
            raise ValueError('engine = "datatrove" judges all documents by one language: name it, e.g. language = "en"')
        if self.engine == "datatrove" and (self.keep_if or self.limits != DocumentLimits()):
            raise ValueError('engine = "datatrove" has classes for the filters only: leave keep_if and limits out')
        return self

    @property
    def scoring(self) -> SignalsConfig:
        return SignalsConfig(
            normalise=self.normalise,
            language=self.language,
            stop_words=self.gopher_quality.stop_words,
            c4=self.c4.lines,
            short_line_length=self.fineweb.short_line_length,
            minhash=self.minhash.minhash,
            own=self.signals.own,
            workers=self.workers,
            tasks=self.tasks,
        )

    def decide(self, withdrawn: Withdrawn = {}) -> DecisionConfig:  # noqa: B006  never written to
        """For a partition before which files of earlier ones were superseded or removed."""
        shared = {name: getattr(self, name) for name in CurationSettings.model_fields}
        return DecisionConfig(**shared, jaccard=self.minhash.jaccard, workers=self.workers, withdrawn=withdrawn)
