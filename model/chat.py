"""A conversation as token ids, and which of them are targets: the assistant's words and the mark that ends them.

Markup is ids and never text: what a person or a document wrote is encoded by itself, by an `encode` that knows no
special token, so no text can open or close a turn. What is rendered here equals what the tokenizer's own chat template
gives for text that holds no markup.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

ROLES = ("system", "user", "assistant")
END = "<|end|>"
TOP_P = 0.95  # of sampling, where nothing else is given: the many tokens of little probability break a text
IM_START, IM_END = "<|im_start|>", "<|im_end|>"
Encode = Callable[[str], Sequence[int]]  # text → ids, where "<|user|>" in the text is eight ordinary characters


@dataclass(frozen=True)
class Turn:
    role: str
    text: str
    is_target: bool = True  # of an assistant's: whether it is to be learned


@dataclass(frozen=True)
class Markup:
    """The ids around a turn: `opens[role]` text `ends` `after`. An assistant's text and `ends` are targets."""

    opens: Mapping[str, tuple[int, ...]]
    ends: tuple[int, ...]
    after: tuple[int, ...] = ()  # what some templates (ChatML: a newline) put between turns; never a target


@dataclass(frozen=True)
class Rendered:
    """`is_target[i]`: the loss counts how well ids[i] is predicted from ids[:i]."""

    ids: tuple[int, ...]
    is_target: tuple[bool, ...]

    @property
    def targets(self) -> int:
        return sum(self.is_target)


def markup(id_of: Mapping[str, int], encode: Encode) -> Markup:
    """triptych's own, `<|user|>` text `<|end|>`, or ChatML, `<|im_start|>` user newline text `<|im_end|>` newline.

    KeyError where the special tokens `id_of` have neither.
    """
    if {IM_START, IM_END} <= id_of.keys():
        opens = {role: (id_of[IM_START], *encode(f"{role}\n")) for role in ROLES}
        return Markup(opens, ends=(id_of[IM_END],), after=tuple(encode("\n")))
    return Markup(opens={role: (id_of[f"<|{role}|>"],) for role in ROLES}, ends=(id_of[END],))


def render(turns: Sequence[Turn], markup: Markup, encode: Encode) -> Rendered:
    """The whole conversation, every turn ended."""
    ids: list[int] = []
    is_target: list[bool] = []
    for turn in turns:
        opening, text = opens(turn.role, markup), [*encode(turn.text), *markup.ends]
        ids += [*opening, *text, *markup.after]
        learned = turn.role == "assistant" and turn.is_target
        is_target += [False] * len(opening) + [learned] * len(text) + [False] * len(markup.after)
    return Rendered(tuple(ids), tuple(is_target))


def prompt_ids(turns: Sequence[Turn], markup: Markup, encode: Encode) -> list[int]:
    """The conversation so far and the opening of the assistant's turn: what to generate from until `markup.ends`."""
    return [*render(turns, markup, encode).ids, *opens("assistant", markup)]


def opens(role: str, markup: Markup) -> tuple[int, ...]:
    if role not in markup.opens:
        raise ValueError(f"no turn of role {role!r}: known are {', '.join(markup.opens)}")
    return markup.opens[role]


def fit(rendered: Rendered, context: int) -> Rendered | None:
    """The first `context` tokens; None where no target is left of them.

    The start is kept, so a long answer loses its end and the `<|end|>` with it: a model is never taught to stop in the
    middle of a sentence. The question is never cut away from an answer that stays.
    """
    kept = Rendered(rendered.ids[:context], rendered.is_target[:context])
    return kept if kept.targets else None
