"""The spans of a text that show a reason, for a person to read; no decision is taken here.

Words are runs of letters and digits or single signs, near enough to spaCy's for the eye.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from difflib import SequenceMatcher

from tasks.curate.config import CurateConfig
from tasks.curate.lines import ends_a_sentence

Span = tuple[int, int]  # characters
COMPARED_WORDS = 5_000  # of two texts together: an alignment takes quadratic time
SHARED_WORDS = 3
WORDS = re.compile(r"\w+|[^\w\s]")
CHUNKS = re.compile(r"\S+")
LINES = re.compile(r"[^\n]+")
PARAGRAPHS = re.compile(r"[^\n]+(?:\n[^\n]+)*")
ELLIPSES = re.compile(r"\.\.\.|…")
LOREM = re.compile("lorem ipsum", re.IGNORECASE)
GRAM = re.compile(r"(top|duplicated)_(\d+)_")


def reason_spans(reason: str, text: str, config: CurateConfig) -> list[Span]:
    """The spans, in order; none where the whole text is the reason (too short, another language)."""
    if gram := GRAM.match(reason):
        find = _most_frequent if gram[1] == "top" else _repeated
        return _joined(find(text, int(gram[2])))
    find = FINDERS.get(reason)
    return _joined(find(text, config)) if find else []


def differences(text: str, kept: str) -> list[Span]:
    """The spans of a near-duplicate whose words differ from the document kept for it."""
    words, theirs = list(CHUNKS.finditer(text)), CHUNKS.findall(kept)
    if len(words) + len(theirs) > COMPARED_WORDS:
        changed = _runs_not_shared([word[0] for word in words], theirs)
        return [(words[begin].start(), words[end - 1].end()) for begin, end in changed]
    matcher = SequenceMatcher(None, [word[0] for word in words], theirs, autojunk=False)
    changed = (words[a:b] for kind, a, b, _, _ in matcher.get_opcodes() if kind != "equal")
    return _joined([(part[0].start(), part[-1].end()) for part in changed if part])


def _runs_not_shared(words: list[str], theirs: list[str]) -> list[Span]:
    """Runs of words that are in no n-gram of both texts: nearly what an alignment says, in linear time."""
    shared = set(zip(*(theirs[n:] for n in range(SHARED_WORDS)), strict=False))
    runs, end = list[Span](), 0  # of the words that were met in a shared n-gram
    for at, gram in enumerate(zip(*(words[n:] for n in range(SHARED_WORDS)), strict=False)):
        if gram in shared:
            runs += [(end, at)] if at > end else []
            end = at + SHARED_WORDS
    return runs + ([(end, len(words))] if end < len(words) else [])


def _whole(pattern: re.Pattern[str], holds: Callable[[str, CurateConfig], bool]) -> Callable:
    """Finds the pieces of that kind for which something holds."""

    def find(text: str, config: CurateConfig) -> list[Span]:
        return [piece.span() for piece in pattern.finditer(text) if holds(piece[0], config)]

    return find


def _again(pattern: re.Pattern[str]) -> Callable[[str, CurateConfig], list[Span]]:
    """Finds the pieces that stood before."""

    def find(text: str, _: CurateConfig) -> list[Span]:
        seen = set[str]()
        return [p.span() for p in pattern.finditer(text) if p[0] in seen or seen.add(p[0])]

    return find


def _grams(text: str, n: int) -> Iterator[tuple[tuple[str, ...], Span]]:
    words = list(WORDS.finditer(text))
    for i in range(len(words) - n + 1):
        yield tuple(word[0] for word in words[i : i + n]), (words[i].start(), words[i + n - 1].end())


def _most_frequent(text: str, n: int) -> list[Span]:
    grams = list(_grams(text, n))
    top = Counter(gram for gram, _ in grams).most_common(1)
    return [span for gram, span in grams if gram == top[0][0]]


def _repeated(text: str, n: int) -> list[Span]:
    seen = set[tuple[str, ...]]()
    return [span for gram, span in _grams(text, n) if gram in seen or seen.add(gram)]


def _joined(spans: list[Span]) -> list[Span]:
    """Spans that touch or overlap as one."""
    joined = list[Span]()
    for begin, end in sorted(spans):
        if joined and begin <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((begin, end))
    return joined


FINDERS: dict[str, Callable[[str, CurateConfig], list[Span]]] = {
    "gopher_above_avg_threshold": _whole(WORDS, lambda w, c: len(w) > c.gopher_quality.max_avg_word_length),
    "gopher_below_avg_threshold": _whole(WORDS, lambda w, c: len(w) < c.gopher_quality.min_avg_word_length),
    "gopher_too_many_hashes": _whole(re.compile("#"), lambda _, __: True),
    "gopher_too_many_ellipsis": _whole(ELLIPSES, lambda _, __: True),
    "gopher_too_many_bullets": _whole(LINES, lambda line, _: line.lstrip().startswith(("•", "-"))),
    "gopher_too_many_end_ellipsis": _whole(LINES, lambda line, _: line.rstrip().endswith(("...", "…"))),
    "gopher_below_alpha_threshold": _whole(WORDS, lambda word, _: not any(map(str.isalpha, word))),
    "gopher_enough_stop_words": _whole(WORDS, lambda word, c: word in (c.gopher_quality.stop_words or ())),
    "dup_line_frac": _again(LINES),
    "dup_line_char_frac": _again(LINES),
    "char_dup_ratio": _again(LINES),
    "dup_para_frac": _again(PARAGRAPHS),
    "dup_para_char_frac": _again(PARAGRAPHS),
    "lorem_ipsum": _whole(LOREM, lambda _, __: True),
    "curly_bracket": _whole(re.compile(r"\{"), lambda _, __: True),
    "line_punct_ratio": _whole(LINES, lambda line, _: bool(line.strip()) and not ends_a_sentence(line)),
    "short_line_ratio": _whole(LINES, lambda line, c: len(line) <= c.fineweb.short_line_length),
    "list_ratio": _whole(re.compile("\n"), lambda _, __: True),
}
