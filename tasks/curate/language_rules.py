"""The rules by which a document is judged: those of its language, or rules that belong to no language.

de, fr, …   words and sentences by spaCy's rules and stop words of that language
neutral     unknown languages, and scripts without capitals (which end sentences in marks that C4 does not know):
            words lie between blanks; no rule on stop words, word lengths, letters in words, sentences, ends of lines
unspaced    scripts that put no blanks between words: each character is a word; no rule on n-grams either
"""

from functools import cache
from importlib import import_module
from importlib.util import find_spec

from tasks.curate.config import C4Lines
from tasks.curate.spacy_rules import NEED_A_SEGMENTER
from tasks.curate.words import UNSPACED
from tasks.language import detect, samples

AUTO, NEUTRAL, UNSPACED_SCRIPT = "auto", "neutral", "unspaced"
GOPHER = ("the", "be", "to", "of", "and", "that", "have", "with")  # arXiv 2112.11446, table A1: for English
MAX_STOP_WORDS = 64  # one bit each
MIN_STOP_WORDS = 30  # spaCy's shorter lists miss the commonest words
SPACY_NAMES = {"no": "nb"}  # lid.176's code → spaCy's


def rule_set(text: str, declared: str | None, wanted: str) -> str:
    """The name of the rules for one text. `wanted` is the recipe's language: auto, or one for all texts."""
    if wanted != AUTO and has_rules(wanted):
        return wanted
    shown = "".join(samples(text))
    letters = sum(map(str.isalpha, shown))
    if len(UNSPACED.findall(shown)) > 0.3 * letters:
        return UNSPACED_SCRIPT
    cased = sum(c.lower() != c.upper() for c in shown)
    if wanted != AUTO or cased < 0.5 * letters:
        return NEUTRAL
    language = _language_code(declared)
    if language is None:
        language = _language_code(detect(text))
    return language or NEUTRAL


def stop_words(rules: str, given: tuple[str, ...] | None) -> tuple[str, ...]:
    """The stop words that are given, else the language's own: Gopher's for English, spaCy's shortest for the others.

    The commonest words of a language are its shortest (Zipf 1949), and spaCy does not say how common a word is.
    """
    if given is not None:
        return given
    if rules == "en":
        return GOPHER
    words = (w for w in _spacy_stop_words(rules) if w.isalpha() and w == w.lower())
    return tuple(sorted(words, key=lambda word: (len(word), word))[:MAX_STOP_WORDS])


def spaced(text: str, rules: str) -> str:
    """The text with a blank around each character that is a word."""
    return UNSPACED.sub(r" \1 ", text) if rules == UNSPACED_SCRIPT else text


def c4_lines(rules: str, lines: C4Lines) -> C4Lines:
    """The lines that C4 removes; where no language's rules apply, none for its words or its end."""
    if rules not in (NEUTRAL, UNSPACED_SCRIPT):
        return lines
    return C4Lines(
        **lines.model_dump() | {"filter_no_terminal_punct": False, "min_words_per_line": -1, "max_word_length": -1}
    )


@cache
def has_rules(language: str) -> bool:
    """True where spaCy has rules and stop words that need no dictionary."""
    return language == "en" or (language not in NEED_A_SEGMENTER and len(_spacy_stop_words(language)) >= MIN_STOP_WORDS)


def _language_code(language: str | None) -> str | None:
    """The language of a code such as de-DE; None where there are no rules for it."""
    code = (language or "").lower().replace("_", "-").split("-")[0]
    code = SPACY_NAMES.get(code, code)
    return code if code and has_rules(code) else None


@cache
def _spacy_stop_words(language: str) -> frozenset[str]:
    name = f"spacy.lang.{language}.stop_words"
    if not language.isidentifier() or not find_spec(f"spacy.lang.{language}") or not find_spec(name):
        return frozenset()
    return frozenset(import_module(name).STOP_WORDS)
