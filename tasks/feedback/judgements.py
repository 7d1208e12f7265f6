"""What all people together say: of each answer the balance of its ratings, of each two answers which is preferred.

Who judges the same answer twice has changed their mind: the later judgement counts.
"""

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field

from tasks.feedback.entry import Asked, Feedback

Messages = tuple[Asked, ...]


@dataclass
class Balance:
    """Judgements for (above 0) and against, and the entries that they stand in."""

    value: int = 0
    entries: list[Feedback] = field(default_factory=list)

    def add(self, value: int, entry: Feedback) -> None:
        self.value += value
        self.entries.append(entry)


def ratings(entries: Sequence[Feedback]) -> dict[tuple[Messages, str], Balance]:
    """Good less bad, by prompt and answer."""
    rated = dict[tuple[Messages, str], Balance]()
    for entry in latest((e for e in entries if e.rating), lambda e: (e.who, e.messages, e.answer)):
        rated.setdefault((entry.messages, entry.answer), Balance()).add(1 if entry.rating == "up" else -1, entry)
    return rated


def corrections(entries: Sequence[Feedback]) -> list[Feedback]:
    return latest((e for e in entries if e.correction), lambda e: (e.who, e.messages, e.answer))


def preferences(entries: Sequence[Feedback]) -> dict[tuple[Messages, str, str], Balance]:
    """By prompt and two answers in the order of the alphabet: how often the first is preferred less the second.

    A correction is preferred to the answer that it corrects; a vote for both or none prefers neither.
    """
    preferred = dict[tuple[Messages, str, str], Balance]()
    pairs = [(entry, entry.correction or "", entry.answer) for entry in corrections(entries)]
    votes = (e for e in entries if e.kind == "vote")
    for entry in latest(votes, lambda e: (e.who, e.messages, *sorted((e.answer, e.other_answer or "")))):
        if entry.choice == "left":
            pairs.append((entry, entry.answer, entry.other_answer or ""))
        elif entry.choice == "right":
            pairs.append((entry, entry.other_answer or "", entry.answer))
    for entry, chosen, rejected in pairs:
        if chosen != rejected:
            first, second = sorted((chosen, rejected))
            balance = preferred.setdefault((entry.messages, first, second), Balance())
            balance.add(1 if chosen == first else -1, entry)
    return preferred


def latest(entries: Iterable[Feedback], of: Callable[[Feedback], Hashable]) -> list[Feedback]:
    """The last entry of each kind, in the order in which these came."""
    last = dict[Hashable, Feedback]()
    for entry in entries:
        last.pop(of(entry), None)
        last[of(entry)] = entry
    return list(last.values())
