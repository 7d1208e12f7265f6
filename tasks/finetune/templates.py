"""Instructions made of documents: a template's {placeholders} are metadata columns and pieces of the text.

    {text}            the whole document
    {first_sentence}  its first sentence          {rest}          the whole sentences that follow it
    {opening}         its first whole sentences   {continuation}  the whole sentences that follow these

All but {text} are at most PIECE_CHARACTERS long, and no longer than half of the model's context holds, so that question
and answer fit together: a longer sentence (verse, a transcript, a script without full stops) counts as several, cut at
its lines or words. Where one short sentence is all, {opening} and {continuation} are its halves. A document for which a
placeholder is empty or NULL does not suit the template. A placeholder's case does not matter, as in SQL.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from string import Formatter
from typing import Any

from pydantic import field_validator

from tasks.passages import Span, passages
from tasks.store.step import Frozen

PIECES = ("text", "first_sentence", "rest", "opening", "continuation")
PIECE_CHARACTERS = 400
FROM_THE_MIDDLE = 20  # characters to the nearest space, at most: with none so near, the script has no spaces
COLUMN = re.compile(r"[^\W\d](?:[^.\[\]{}!:]*[^.\[\]{}!:\s])?")  # as str.format can name it; it may have spaces
SENTENCE_END = re.compile(  # the last marks: Chinese and Japanese, Indic, Urdu, Arabic, Amharic, Khmer, Burmese
    r"""(?<!\b[A-Z]\.)(?<!\bMr\.)(?<!\bDr\.)(?<!\bSt\.)(?<!\bNo\.)(?<!\bMrs\.)(?<!\bHon\.)(?<!\bGen\.)
        (?:(?<=[.!?])|(?<=[.!?]["'”’)\]]))\s+ | (?<=[。！？।॥۔؟።፧។။])\s*""",
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
            if name is not None and (not COLUMN.fullmatch(name) or form or conversion):
                raise ValueError(f"{{{name}}} is no placeholder: write {{name}} of a column or of {', '.join(PIECES)}")
        return text

    def placeholders(self, parts: Sequence[str] = ("prompt", "response")) -> set[str]:
        texts = (getattr(self, part) for part in parts)
        return {name for text in texts for _, name, _, _ in Formatter().parse(text) if name is not None}

    def renamed(self, names: Mapping[str, str]) -> "Template":
        """The template with other placeholders in the place of these."""
        return self.model_copy(
            update={"prompt": _renamed(self.prompt, names), "response": _renamed(self.response, names)}
        )


def _renamed(text: str, names: Mapping[str, str]) -> str:
    written = ""
    for literal, name, _, _ in Formatter().parse(text):
        written += literal.replace("{", "{{").replace("}", "}}")
        written += "" if name is None else f"{{{names.get(name, name)}}}"
    return written


class PlaceholderValues(dict[str, str]):
    """What placeholders stand for, by their names in lower case; a name may be written in any."""

    def __missing__(self, name: str) -> str:
        return self.get(name.lower(), "")


CONTINUE = Template(kind="continue", prompt="Continue this text:\n{opening}", response="{continuation}")


def instruction(
    templates: Sequence[Template], document: Mapping[str, Any], seed: int, most: int = PIECE_CHARACTERS
) -> tuple[Template, str, str] | None:
    """The template that the document's hash chooses among those it suits, its prompt and its response."""
    columns = {name: "" if value is None else str(value) for name, value in document.items()}
    values = PlaceholderValues(columns | pieces(document["text"], most))
    suited = [template for template in templates if all(values[name] for name in template.placeholders())]
    if not suited:
        return None
    digest = hashlib.sha256(f"{seed} {document['doc_id']}".encode()).digest()
    template = suited[int.from_bytes(digest[:8], "big") % len(suited)]
    return template, template.prompt.format_map(values), template.response.format_map(values)


def pieces(text: str, most: int = PIECE_CHARACTERS) -> dict[str, str]:
    """Every piece of the text by its placeholder's name, none but the text itself above `most` characters."""
    sentences = list(_sentences(text, most))
    first, rest = sentences[:1], sentences[1:]
    if rest:
        opening = _whole(sentences[:-1], most)
        continuation = _whole(sentences[len(opening) :], most)
    else:
        opening, continuation = _halves(text, first)
    found = {"first_sentence": first, "rest": _whole(rest, most), "opening": opening, "continuation": continuation}
    return {"text": text} | {
        name: text[spans[0][0] : spans[-1][1]].strip() if spans else "" for name, spans in found.items()
    }


def _sentences(text: str, most: int) -> Iterator[Span]:
    """Where each sentence stands; one that is longer than a piece may be is several."""
    ends = [0, *(match.end() for match in SENTENCE_END.finditer(text)), len(text)]
    done = 0
    for sentence in pairwise(ends):
        for part in passages(text[slice(*sentence)], most):
            begin = text.index(part, done)  # only white space is passed over
            done = begin + len(part)
            yield begin, done


def _whole(sentences: Sequence[Span], most: int) -> Sequence[Span]:
    """As many sentences from the start as fit a piece."""
    return [(begin, end) for begin, end in sentences if end - sentences[0][0] <= most]


def _halves(text: str, sentence: Sequence[Span]) -> tuple[Sequence[Span], Sequence[Span]]:
    """The two halves of the one sentence, cut at a space; none of a single word."""
    if not sentence:
        return (), ()
    ((begin, end),) = sentence
    middle = (begin + end) // 2
    near = range(max(begin, middle - FROM_THE_MIDDLE), min(end, middle + FROM_THE_MIDDLE + 1))
    spaces = [at for at in near if text[at].isspace()]
    if not spaces and end - begin <= 2 * FROM_THE_MIDDLE:
        return (), sentence
    cut = min(spaces, key=lambda at: abs(at - middle)) if spaces else middle
    return [(begin, cut)], [(cut, end)]
