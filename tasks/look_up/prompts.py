"""Passages before a question: the best ones, as many as fit into the context beside the question and its answer.

They stand in the user's last turn, numbered; a model that continues a text reads them as paragraphs before it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from model.chat import Turn
from tasks.look_up.passage_index import Passage, PassageIndex

MAX_PASSAGES = 8  # more of them say less and less about the question
MIN_CHARACTERS = 80  # of a passage that had to be cut
NO_ROOM = "no passage fits into the context beside the question"
NOT_THERE = "no passage shares a word with the question"

TokensLeft = Callable[[Sequence[Turn]], int | None]  # of a conversation beside its answer; None: not known


@dataclass(frozen=True)
class LookedUp:
    """A conversation with passages in it, the best first; `note` says why there are none."""

    turns: tuple[Turn, ...]
    passages: tuple[Passage, ...]
    note: str = ""


def look_up(index: PassageIndex, turns: Sequence[Turn], tokens_left: TokensLeft, answers: bool = True) -> LookedUp:
    """The conversation with the passages that say most about its last turn; `answers`: whether it is read as turns."""
    best = index.best(turns[-1].text, MAX_PASSAGES)
    if not best:
        return LookedUp(tuple(turns), (), NOT_THERE)
    for count in range(len(best), 0, -1):
        if (together := _together(turns, best[:count], tokens_left, answers)) is not None:
            return together
    text = best[0].text
    while len(text) // 2 >= MIN_CHARACTERS:
        text = text[: len(text) // 2].rsplit(None, 1)[0]
        cut = Passage(best[0].doc_id, text, best[0].score)
        if (together := _together(turns, [cut], tokens_left, answers)) is not None:
            return together
    return LookedUp(tuple(turns), (), NO_ROOM)


def _together(
    turns: Sequence[Turn], passages: Sequence[Passage], tokens_left: TokensLeft, answers: bool
) -> LookedUp | None:
    """None where the passages do not fit."""
    with_passages = (*turns[:-1], Turn("user", _text(turns[-1].text, passages, answers)))
    left = tokens_left(with_passages)
    return LookedUp(with_passages, tuple(passages)) if left is None or left >= 0 else None


def _text(question: str, passages: Sequence[Passage], answers: bool) -> str:
    if not answers:
        return "\n\n".join([*(passage.text for passage in passages), question])
    listed = "\n\n".join(f"[{number}] {passage.text}" for number, passage in enumerate(passages, 1))
    return f"Passages from documents:\n\n{listed}\n\nAnswer by these passages, where they do: {question}"
