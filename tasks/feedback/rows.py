"""Feedback as rows: questions that are held out, and what fine-tuning reads (tasks/finetune/row_formats.py).

    questions.jsonl      corrected answers to prompts that are held out, as the questions of `eval --questions`
    instructions.jsonl   corrections, and answers that are rated good
    preferences.jsonl    a correction before the answer that it corrects, a vote's answer before the other
    kto.jsonl            rated answers, each with whether it is good
    lineage.jsonl        of each row the entries that it was made of: id, version, time

A prompt is held out by the hash of its text (case and spaces aside) alone, so that it stays so as feedback comes in. A
conversation with such a prompt anywhere among its turns is never trained on.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tasks.feedback.entry import Feedback
from tasks.feedback.judgements import Messages, corrections, preferences, ratings
from tasks.finetune.own_rows import BUCKETS, digest

QUESTIONS, INSTRUCTIONS = "questions.jsonl", "instructions.jsonl"
PREFERENCES, KTO = "preferences.jsonl", "kto.jsonl"
LINEAGE = "lineage.jsonl"
SHORT_ANSWER = 5  # words: the given answer must contain it; of a longer one the words in common count


@dataclass(frozen=True)
class MadeRow:
    """A row of one file and the entries that it was made of."""

    record: dict[str, Any]
    entries: Sequence[Feedback]

    @property
    def lineage(self) -> list[dict[str, str]]:
        """Id, version (of a vote both) and time of each entry."""
        return [
            {"feedback": entry.id, "model": entry.model, "time": entry.time}
            | ({"other_model": entry.other_model} if entry.other_model else {})
            for entry in self.entries
        ]


@dataclass
class FeedbackRows:
    """The rows of each file, and why how many entries are in none."""

    files: dict[str, list[MadeRow]] = field(default_factory=dict)
    left_out: Counter[str] = field(default_factory=Counter)

    def add(self, file: str, record: dict[str, Any], entries: Sequence[Feedback]) -> None:
        self.files.setdefault(file, []).append(MadeRow(record, entries))

    @property
    def used(self) -> set[str]:
        """Ids of the entries that are in a row."""
        return {entry.id for made in self.files.values() for row in made for entry in row.entries}


def feedback_rows(entries: Sequence[Feedback], held_out: float) -> FeedbackRows:
    """`held_out`: the share of prompts that are never trained on."""
    rows, split = FeedbackRows(), _Split(held_out)
    known = [entry for entry in entries if entry.forgotten is None and all(map(str.strip, entry.turn_texts))]
    _add_questions(rows, known, split)
    trained = [entry for entry in known if split.is_trained(entry.messages)]
    _add_instructions(rows, trained)
    _add_preferences(rows, trained)
    _add_ratings(rows, trained)
    used = rows.used
    rows.left_out.update(_reason(entry, split) for entry in entries if entry.id not in used)
    return rows


def _reason(entry: Feedback, split: "_Split") -> str:
    if entry.forgotten is not None:
        return "their texts were removed"
    if entry.choice in ("both", "none"):
        return "votes for both or none prefer neither"
    if not all(map(str.strip, (*entry.turn_texts, entry.answer))):
        return "an answer or a turn is empty"
    if not split.is_trained(entry.messages):
        return "a prompt is held out, and nothing corrects the answer"
    return "people disagree, one judged again, or two answers are equal"


class _Split:
    """Which prompts are held out."""

    def __init__(self, share: float) -> None:
        self._share = share

    def is_held_out(self, messages: Messages) -> bool:
        return self._holds(messages[-1].content)

    def is_trained(self, messages: Messages) -> bool:
        return not any(self._holds(turn.content) for turn in messages if turn.role == "user")

    def _holds(self, prompt: str) -> bool:
        return int(digest(prompt), 16) % BUCKETS < self._share * BUCKETS


def _add_questions(rows: FeedbackRows, entries: Sequence[Feedback], split: _Split) -> None:
    """One a prompt, with every correction of it as an accepted answer."""
    corrected = dict[Messages, list[Feedback]]()
    for entry in corrections(entries):
        if split.is_held_out(entry.messages):
            corrected.setdefault(entry.messages, []).append(entry)
    for messages, of in corrected.items():
        answers = list(dict.fromkeys((entry.correction or "").strip() for entry in of))
        kind = "contains" if all(len(answer.split()) <= SHORT_ANSWER for answer in answers) else "f1"
        rows.add(QUESTIONS, {"id": of[0].id, **_question(messages), "answers": answers, "kind": kind}, of)


def _add_instructions(rows: FeedbackRows, entries: Sequence[Feedback]) -> None:
    """Each correction; each answer that is rated good on balance and that nobody corrects."""
    corrected = corrections(entries)
    are_wrong = {(entry.messages, entry.answer) for entry in corrected}
    learned = dict[tuple[Messages, str], list[Feedback]]()
    for entry in corrected:
        learned.setdefault((entry.messages, entry.correction or ""), []).append(entry)
    for key, rated in ratings(entries).items():
        if rated.value > 0 and key not in are_wrong and key[1].strip():
            learned.setdefault(key, []).extend(rated.entries)
    for (messages, response), of in learned.items():
        kind = "correction" if any(entry.kind == "correction" for entry in of) else "approved"
        rows.add(INSTRUCTIONS, {"prompt": _prompt(messages), "response": response, "kind": kind}, of)


def _add_preferences(rows: FeedbackRows, entries: Sequence[Feedback]) -> None:
    for (messages, *answers), balance in preferences(entries).items():
        if balance.value and all(map(str.strip, answers)):
            chosen, rejected = answers if balance.value > 0 else answers[::-1]
            record = {"prompt": _prompt(messages), "chosen": chosen, "rejected": rejected}
            rows.add(PREFERENCES, record, balance.entries)


def _add_ratings(rows: FeedbackRows, entries: Sequence[Feedback]) -> None:
    for (messages, answer), rated in ratings(entries).items():
        if rated.value and answer.strip():
            record = {"prompt": _prompt(messages), "completion": answer, "label": rated.value > 0}
            rows.add(KTO, record, rated.entries)


def _prompt(messages: Messages) -> str | list[dict[str, Any]]:
    """The one message's text, or the turns: earlier answers are read and not learned, as nobody judged them."""
    if [turn.role for turn in messages] == ["user"]:
        return messages[0].content
    unlearned = {"assistant": {"weight": 0}}
    return [{**turn._asdict(), **unlearned.get(turn.role, {})} for turn in messages]


def _question(messages: Messages) -> dict[str, Any]:
    if [turn.role for turn in messages] == ["user"]:
        return {"prompt": messages[0].content}
    return {"messages": [turn._asdict() for turn in messages]}
