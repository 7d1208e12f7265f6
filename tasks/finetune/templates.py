"""Instructions made of documents: a template's {placeholders} are metadata columns and pieces of the text.

    {text}            the whole document
    {first_sentence}  its first sentence          {rest}          the whole sentences that follow it
    {opening}         its first whole sentences   {continuation}  the whole sentences that follow these

All but {text} are at most PIECE_CHARACTERS long unless one sentence is longer, so that question and answer fit a small
model's context together. Where there is one sentence only, {opening} and {continuation} are its halves, cut between
words. A document for which a placeholder is empty or NULL does not suit the template.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from string import Formatter
from typing import Any

from pydantic import field_validator

from tasks.step import Frozen

PIECES = ("text", "first_sentence", "rest", "opening", "continuation")
PIECE_CHARACTERS = 400
SENTENCE_END = re.compile(
    r"""(?<!\b[A-Z]\.)(?<!\bMr\.)(?<!\bDr\.)(?<!\bSt\.)(?<!\bNo\.)(?<!\bMrs\.)(?<!\bHon\.)(?<!\bGen\.)
        (?:(?<=[.!?])|(?<=[.!?]["'”’)\]]))\s+ | (?<=[。！？])\s*""",
    re.VERBOSE,
)


class Template(Frozen):
    """One way to turn a document into a question and its answer; `where` is SQL over the document's columns."""

    kind: str
    prompt: str
    response: str
    where: str = "true"

    @field_validator("prompt", "response")
    @classmethod
    def is_filled_by_names(cls, text: str) -> str:
        for _, name, form, conversion in Formatter().parse(text):
            if name is not None and (not name.isidentifier() or form or conversion):
                raise ValueError(f"{{{name}}} is no placeholder: write {{name}} of a column or of {', '.join(PIECES)}")
        return text

    def placeholders(self) -> set[str]:
        parts = [*Formatter().parse(self.prompt), *Formatter().parse(self.response)]
        return {name for _, name, _, _ in parts if name is not None}


CONTINUE = Template(kind="continue", prompt="Continue this text:\n{opening}", response="{continuation}")


def instruction(
    templates: Sequence[Template], document: Mapping[str, Any], seed: int
) -> tuple[Template, str, str] | None:
    """The template that the document's hash chooses among those it suits, its prompt and its response."""
    values = {name: "" if value is None else str(value) for name, value in document.items()} | pieces(document["text"])
    suited = [template for template in templates if all(values.get(name, "") for name in template.placeholders())]
    if not suited:
        return None
    digest = hashlib.sha256(f"{seed} {document['doc_id']}".encode()).digest()
    template = suited[int.from_bytes(digest[:8], "big") % len(suited)]
    return template, template.prompt.format_map(values), template.response.format_map(values)


def pieces(text: str) -> dict[str, str]:
    """Every piece of the text by its placeholder's name."""
    sentences = [sentence for sentence in SENTENCE_END.split(text.strip()) if sentence]
    first, rest = sentences[:1], sentences[1:]
    if rest:
        opening = _whole(sentences[:-1])
        continuation = _whole(sentences[len(opening) :])
    else:
        words = text.split()
        opening, continuation = words[: len(words) // 2], words[len(words) // 2 :]
    return {
        "text": text,
        "first_sentence": " ".join(first),
        "rest": " ".join(_whole(rest)),
        "opening": " ".join(opening),
        "continuation": " ".join(continuation),
    }


def _whole(sentences: Sequence[str]) -> list[str]:
    """As many sentences from the start as fit a piece, and at least one."""
    kept: list[str] = []
    length = 0
    for sentence in sentences:
        length += len(sentence) + 1
        if kept and length > PIECE_CHARACTERS:
            break
        kept.append(sentence)
    return kept
