"""The text of a PDF's page by pypdf, its raised numbers with signs of their own and its ligatures as letters."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from tasks.ingest.read.raised import raised

LIGATURES = str.maketrans({"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st"})
SMALLER = 0.85  # of the size of the text before it: a raised number's, at most
LEAST_RISE, MOST_RISE = 0.15, 0.9  # of that size


class TextPiece(NamedTuple):
    """Text that stands together, in one font."""

    text: str
    height: float  # of its line above the page's bottom
    size: float


def page_text(page: Any) -> str:
    """The page's text as pypdf extracts it, which is 106 where 10 has a raised 6 behind it: here it is 10⁶."""
    chunks = list[TextPiece]()

    def visit(text: str, matrix: Sequence[float], place: Sequence[float], _: Any, size: float) -> None:
        height = place[4] * matrix[1] + place[5] * matrix[3] + matrix[5]
        chunks.append(TextPiece(text, height, abs(size * place[3] * matrix[3])))

    text = page.extract_text(visitor_text=visit)
    if "".join(chunk.text for chunk in chunks) == text:
        text = "".join(_apart(chunks))
    return text.translate(LIGATURES)


def _apart(chunks: list[TextPiece]) -> list[str]:
    texts, before = list[str](), TextPiece("", 0, 0)
    for chunk in chunks:
        texts.append(raised(chunk.text, before.text) if _is_raised(chunk, before) else chunk.text)
        before = chunk if chunk.text else before
    return texts


def _is_raised(chunk: TextPiece, before: TextPiece) -> bool:
    rise = chunk.height - before.height
    is_in_line = LEAST_RISE * before.size < rise < MOST_RISE * before.size
    return is_in_line and 0 < chunk.size <= SMALLER * before.size and not before.text.endswith("\n")
