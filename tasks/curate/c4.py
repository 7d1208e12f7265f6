"""C4's walk through the lines of a text: which stay, and where a whole document would go."""

import re
from dataclasses import dataclass

from tasks.curate.config import C4Lines

CITATION = re.compile(r"\[\d*]|\[edit]|\[citation needed]")
END_PUNCTUATION = (".", "?", "!", '"', "'")
POLICY = ("terms of use", "privacy policy", "cookie policy", "uses cookies", "use of cookies", "use cookies")


@dataclass(frozen=True)
class C4Walk:
    kept: list[str]  # lines
    lorem_line: int | None  # the first line at which "lorem ipsum" ends the document, where that rule is on
    curly_line: int | None  # the same for '{'


def walk(text: str, rules: C4Lines) -> C4Walk:
    """The walk with its two document-level rules off: they only note where they would have struck."""
    kept, lorem_line, curly_line = [], None, None
    for number, raw in enumerate(text.splitlines()):
        line = _without_citations_if_whole(raw.strip(), rules)
        if line is None:
            continue
        lower = line.lower()
        if lorem_line is None and "lorem ipsum" in lower:
            lorem_line = number
        if rules.filter_javascript and "javascript" in lower:
            continue
        if curly_line is None and "{" in line:
            curly_line = number
        if rules.filter_policy and any(phrase in lower for phrase in POLICY):
            continue
        kept.append(line)
    return C4Walk(kept, lorem_line, curly_line)


def rewritten(text: str, rules: C4Lines) -> str:
    return "\n".join(walk(text, rules).kept).strip()


def _without_citations_if_whole(line: str, rules: C4Lines) -> str | None:
    """The line without citations, or None where its words or its end send it away."""
    words = line.split()
    longest = rules.max_word_length
    if longest != -1 and len(line) > longest and max(map(len, words)) > longest:
        return None
    if rules.remove_citations and "[" in line:
        line = CITATION.sub("", line)
    if rules.filter_no_terminal_punct and (not line.endswith(END_PUNCTUATION) or line.endswith("...")):
        return None
    return None if len(words) < rules.min_words_per_line else line
