"""A conversation as token ids, and which of them are targets: what the assistant writes, up to the mark of its end.

The chat template of the model marks the turns. What is rendered here equals what transformers gives for text that holds
no markup: the ids between two special tokens are those of the text between them. Special tokens are ids and never
text: where a person or a document wrote the name of one, it is hidden from the template and encoded as the characters
that it has, so no text can open or close a turn. Where a template marks turns in plain words, as Llama 2's [/INST],
a text that has these words is refused.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from model.chat_template import ChatTemplate

ROLES = ("system", "user", "assistant")
TOP_P = 0.95  # of sampling, where nothing else is given: the many tokens of little probability break a text
Encode = Callable[[str, bool], Sequence[int]]  # text, and whether it stands after a special token → ids, none special
WHITE = "\t\n\x0b\x0c\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))
PRIVATE_USE = range(0xF0000, 0xFFFFE)
MARK = re.compile(r"[^\w\s]")


class ChatTemplateError(ValueError):
    """A conversation that a template cannot mark, or a template that marks turns in no way that is supported."""

    def __init__(self, what: str, cure: str = "choose a model with another chat template") -> None:
        super().__init__(f"{what}\n  fix: {cure}")
        self.what, self.cure = what, cure


@dataclass(frozen=True)
class Turn:
    role: str
    text: str
    is_target: bool = True  # of an assistant's: whether it is to be learned


@dataclass(frozen=True)
class Rendered:
    """`is_target[i]`: the loss counts how well ids[i] is predicted from ids[:i]."""

    ids: tuple[int, ...]
    is_target: tuple[bool, ...]

    @property
    def targets(self) -> int:
        return sum(self.is_target)


@dataclass(frozen=True)
class _Section:
    """A special token, or the text between two of them; `begin`: its first character in the rendered conversation."""

    begin: int
    text: str
    special: int | None = None

    @property
    def end(self) -> int:
        return self.begin + len(self.text)


@dataclass(frozen=True)
class _Outline:
    """What a template writes around turns, whatever they say."""

    specials: Counter[int]
    words: tuple[str, ...]  # that open or close a turn without a special token beside them


class Markup:
    """The turns of one model: its template, its special tokens by name, and what encodes the text between them.

    `strips`: special tokens that swallow the white space before and after them.
    """

    def __init__(
        self,
        template: "ChatTemplate",
        specials: Mapping[str, int],
        encode: Encode,
        strips: Mapping[str, tuple[bool, bool]] | None = None,
    ) -> None:
        self.template, self._id_of, self._encode, self._strips = template, dict(specials), encode, dict(strips or {})
        names = sorted(self._id_of, key=len, reverse=True)
        self._special = re.compile("|".join(map(re.escape, names)) or r"(?!)")
        self._outline = lru_cache(maxsize=4096)(self._write_outline)

    @cached_property
    def closing(self) -> tuple[int, ...]:
        """The ids after an assistant's last words, from the special token on that ends its turn; () without one."""
        turns = [Turn("user", _stand_in(0)), Turn("assistant", _stand_in(1))]
        text = self.template.text(turns, add_generation_prompt=False)
        sections, at = list(self._sections(text)), text.rfind(_stand_in(1))
        closing = (n for n, each in enumerate(sections) if each.special is not None and each.begin > at >= 0)
        first = next(closing, None)
        return tuple(id for each in sections[first:] for id in self._ids(each, {})) if first is not None else ()

    @property
    def ends(self) -> tuple[int, ...]:
        """What ends an assistant's turn: one id, or none where the template ends it with words."""
        return self.closing[:1]

    @cached_property
    def marks(self) -> frozenset[int]:
        """The special tokens around turns of all roles that the template takes."""
        ids = set[int]()
        for roles in (ROLES, ROLES[1:]):
            turns = [Turn(role, _stand_in(n)) for n, role in enumerate(roles)]
            try:
                texts = [self.template.text(turns[: len(turns) - last], bool(last)) for last in (0, 1)]
            except ChatTemplateError:
                continue
            ids |= {each.special for text in texts for each in self._sections(text) if each.special is not None}
        return frozenset(ids)

    def render(self, turns: Sequence[Turn]) -> Rendered:
        """The whole conversation, every turn ended."""
        hidden, names = self._hide(turns)
        text = self._text(hidden, add_generation_prompt=False)
        answers = [n for n, turn in enumerate(turns) if turn.role == "assistant" and turn.is_target]
        spans = [self._span(hidden, n, text) for n in answers]
        ids: list[int] = []
        is_target: list[bool] = []
        for section in self._sections(text):
            own = self._ids(section, names)
            ids += own
            is_target += self._targets(section, own, spans, names)
        return Rendered(tuple(ids), tuple(is_target))

    def prompt_ids(self, turns: Sequence[Turn]) -> list[int]:
        """The conversation so far and the opening of the assistant's turn: what to generate from until `ends`."""
        hidden, names = self._hide(turns)
        text = self._text(hidden, add_generation_prompt=True)
        return [id for section in self._sections(text) for id in self._ids(section, names)]

    def _hide(self, turns: Sequence[Turn]) -> tuple[list[Turn], dict[str, str]]:
        """The turns with a character of its own in place of each special token's name, and which it stands for."""
        for turn in turns:
            if turn.role not in ROLES:
                raise ChatTemplateError(f"no turn of role {turn.role!r}: known are {', '.join(ROLES)}", "give these")
        taken = set("".join(turn.text for turn in turns))
        free = (chr(code) for code in PRIVATE_USE if chr(code) not in taken)
        named = {name for turn in turns for name in self._special.findall(turn.text)}
        letter_of = {name: next(free) for name in sorted(named)}
        hidden = [
            Turn(turn.role, self._special.sub(lambda name: letter_of[name[0]], turn.text), turn.is_target)
            for turn in turns
        ]
        return hidden, {letter: name for name, letter in letter_of.items()}

    def _text(self, turns: Sequence[Turn], add_generation_prompt: bool) -> str:
        """The conversation as the template writes it; ChatTemplateError where a text would change its marks."""
        shape = tuple((turn.role, turn.text if not turn.text.strip() else None) for turn in turns)
        outline = self._outline(shape, add_generation_prompt)
        text = self.template.text(turns, add_generation_prompt)
        if Counter(self._id_of[name] for name in self._special.findall(text)) != outline.specials:
            what = "what a turn says changes how the model's chat template marks the turns"
            raise ChatTemplateError(what, "leave out of the turns what looks like markup")
        for turn in turns:
            if word := next((word for word in outline.words if word in turn.text), None):
                what = f"a text has {word!r}, with which this model's chat template marks turns"
                raise ChatTemplateError(what, "leave it out, or choose a model that marks turns by special tokens")
        return text

    def _write_outline(self, shape: tuple[tuple[str, str | None], ...], add_generation_prompt: bool) -> _Outline:
        turns = [Turn(role, _stand_in(n) if blank is None else blank) for n, (role, blank) in enumerate(shape)]
        text = self.template.text(turns, add_generation_prompt)
        places: list[tuple[int, int]] = []
        for n, (role, blank) in enumerate(shape):
            if blank is None:
                if (at := text.find(_stand_in(n))) < 0:
                    what = f"the model's chat template leaves out what turn {n + 1} ({role}) says"
                    raise ChatTemplateError(what, "leave this turn out, or put its text into the user's turn")
                places.append((at, n))
        specials = Counter(self._id_of[name] for name in self._special.findall(text))
        gaps = _gaps(text, [(at, at + len(_stand_in(n))) for at, n in sorted(places)])
        roles = [shape[n][0] for _, n in sorted(places)] + (["assistant"] if add_generation_prompt else [])
        changes = [n for n, both in enumerate(pairwise(roles), start=1) if "assistant" in both]
        if all(self._special.search(gaps[n]) for n in changes):
            return _Outline(specials, ())
        lines = (line.strip() for gap in gaps for part in self._special.split(gap) for line in part.splitlines())
        words = tuple(dict.fromkeys(line for line in lines if MARK.search(line)))
        if not all(self._special.search(gaps[n]) or any(word in gaps[n] for word in words) for n in changes):
            raise ChatTemplateError("the model's chat template marks turns neither by special tokens nor by words")
        return _Outline(specials, words)

    def _span(self, turns: Sequence[Turn], answer: int, text: str) -> tuple[int, int]:
        """Where in the text the assistant writes: from what it is prompted with to the end of its turn."""
        if not self.ends:
            what = "the model's chat template ends an assistant's turn with no special token"
            raise ChatTemplateError(what, "fine-tune a model whose template does, so that it learns to stop")
        prompt = self.template.text(turns[:answer], add_generation_prompt=True) if answer else ""
        if answer == 0 or not text.startswith(prompt):
            other = [*turns[:answer], Turn("assistant", _stand_in(answer)), *turns[answer + 1 :]]
            prompt = self.template.text(other, add_generation_prompt=False).partition(_stand_in(answer))[0]
            if not text.startswith(prompt):
                what = f"the model's chat template writes turn {answer + 1} in no place that can be told"
                raise ChatTemplateError(what, "shorten the conversation to one question and its answer")
        marks = (each for each in self._sections(text) if each.special in self.ends and each.begin >= len(prompt))
        end = next(marks, None)
        return len(prompt), len(text) if end is None else end.end

    def _targets(
        self, section: _Section, ids: Sequence[int], spans: Sequence[tuple[int, int]], names: Mapping[str, str]
    ) -> list[bool]:
        """Of a text that an answer begins in, those ids that are not the ids of what is before the answer."""
        first = next((first for first, end in spans if first < section.end and section.begin < end), None)
        if first is None:
            return [False] * len(ids)
        read = 0
        if first > section.begin:
            before = self._ids(_Section(section.begin, section.text[: first - section.begin]), names)
            pairs = enumerate(zip(before, ids, strict=False))
            read = next((n for n, (one, other) in pairs if one != other), min(len(before), len(ids)))
        return [False] * read + [True] * (len(ids) - read)

    def _sections(self, text: str) -> Iterator[_Section]:
        """The special tokens of a rendered conversation and the texts between them, as the tokenizer cuts them."""
        at, strips_next = 0, False
        for name in [*self._special.finditer(text), None]:
            begin, end = name.span() if name else (len(text), len(text))
            strips_before, strips_after = self._strips.get(name[0], (False, False)) if name else (False, False)
            start = _skip_white(text, at, begin) if strips_next else at
            stop = len(text[start:begin].rstrip(WHITE)) + start if strips_before else begin
            if stop > start:
                yield _Section(start, text[start:stop])
            if name:
                yield _Section(begin, name[0], self._id_of[name[0]])
            at, strips_next = end, strips_after

    def _ids(self, section: _Section, names: Mapping[str, str]) -> list[int]:
        """`names`: which special token's name each hidden character stands for."""
        if section.special is not None:
            return [section.special]
        text = "".join(names.get(character, character) for character in section.text) if names else section.text
        return list(self._encode(text, section.begin > 0))


def _skip_white(text: str, begin: int, end: int) -> int:
    return end - len(text[begin:end].lstrip(WHITE))


def _gaps(text: str, places: Sequence[tuple[int, int]]) -> list[str]:
    """What is before, between and after the places."""
    begins, ends = [begin for begin, _ in places], [end for _, end in places]
    return [text[begin:end] for begin, end in zip([0, *ends], [*begins, len(text)], strict=True)]


def _stand_in(turn: int) -> str:
    """A text that a template cannot have of itself."""
    return f"turn{turn}said"


def fit(rendered: Rendered, context: int) -> Rendered | None:
    """The first `context` tokens; None where no target is left of them.

    The start is kept, so a long answer loses its end and the mark of it: a model is never taught to stop in the
    middle of a sentence. The question is never cut away from an answer that stays.
    """
    kept = Rendered(rendered.ids[:context], rendered.is_target[:context])
    return kept if kept.targets else None
