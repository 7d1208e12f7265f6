"""Rows of messages as token ids: what training learns from and evaluation scores, with the model's own markup."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from model.chat import ChatTemplateError, Markup, Rendered, Turn, fit
from tasks.errors import UserError
from tasks.models.vocabulary import Vocabulary

ENDLESS = (
    "the model's chat template ends an assistant's turn with no special token",
    "fine-tune a model whose template does, so that it learns to stop",
)


def rendered_rows(rows: Iterable[Mapping[str, Any]], vocabulary: Vocabulary, context: int) -> Iterator[Rendered | None]:
    """Each row's `messages` as the trainer sees them; None where no target fits into the context."""
    markup = markup_of(vocabulary)
    for row in rows:
        turns = [Turn(m["role"], m["content"], m.get("is_target", True)) for m in row["messages"]]
        try:
            yield fit(markup.render(turns), context)
        except ChatTemplateError as error:
            raise UserError(f"a row that begins {turns[0].text[:40]!r}: {error.what}", error.cure) from error


def with_answer(row: Mapping[str, Any], answer: str) -> dict[str, Any]:
    """The row's conversation, ended by that answer."""
    *before, last = row["messages"]
    return {**row, "messages": [*before, {**last, "content": answer}]}


def markup_of(vocabulary: Vocabulary) -> Markup:
    """How the vocabulary marks turns; UserError where it cannot."""
    try:
        markup = vocabulary.markup()
        if not markup.ends:
            raise UserError(*ENDLESS)
        return markup
    except ChatTemplateError as error:
        raise UserError(error.what, error.cure) from error
    except KeyError as error:
        cure = "fine-tune a base made here, or add the chat tokens to its tokenizer"
        raise UserError(f"the model's tokenizer has no special token {error.args[0]}", cure) from None
