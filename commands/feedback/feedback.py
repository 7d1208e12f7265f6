"""`triptych feedback`: what people said of answers, by model and one by one, and as rows for fine-tuning."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from commands.show import show_table
from tasks.errors import UsageError, UserError
from tasks.feedback.entry import Feedback
from tasks.feedback.export import export_rows
from tasks.feedback.log import entries, forget_texts
from tasks.feedback.rows import INSTRUCTIONS, KTO, PREFERENCES, QUESTIONS
from tasks.home import Home
from tasks.privacy import opening
from tasks.progress import say
from tasks.register.aliases import current_user, write_line

SHOWN = 60  # characters of a text
USES = {  # what a file of rows is for
    QUESTIONS: "triptych eval MODEL --questions {path}",
    INSTRUCTIONS: "triptych run RECIPE --set finetune.instruct.path={path}",
    PREFERENCES: "triptych run RECIPE --set finetune.prefer.path={path}",
    KTO: "triptych run RECIPE --set finetune.kto.path={path}",
}


def read_feedback(home: Home, last: int) -> dict[str, Any]:
    """{"entries": number, "models": [counts of each], "last": [the latest first]}."""
    every = entries(home)
    models = sorted({name for entry in every for name in (entry.model, entry.other_model) if name})
    shown = every[: -last - 1 : -1]
    return {
        "entries": len(every),
        "models": [_counts(name, every) for name in models],
        "last": [entry.model_dump(exclude_none=True) | {"messages": _messages(entry)} for entry in shown],
    }


def print_feedback(summary: dict[str, Any]) -> None:
    if not summary["entries"]:
        print("no feedback yet: the chat page of `triptych serve` and POST /v1/feedback give some")
        return
    show_table(summary["models"])
    rows = [
        {
            "id": entry["id"],
            "time": entry["time"],
            "who": entry["who"],
            "model": " : ".join(entry[name] for name in ("model", "other_model") if name in entry),
            "says": entry.get("choice") or entry.get("rating") or "corrected",
            "prompt": opening(entry["messages"][-1]["content"], SHOWN) if entry["messages"] else "(removed)",
            "text": opening(entry.get("correction") or entry.get("comment") or entry["answer"], SHOWN),
        }
        for entry in summary["last"]
    ]
    if rows:
        show_table(rows)


def export_feedback(home: Home, to: Path, held_out: float, is_quiet: bool) -> dict[str, Any]:
    """What was written, and on stderr what it is for."""
    every = entries(home)
    if not every:
        raise UserError(f"no feedback in {home}", "let people rate answers: triptych serve, or POST /v1/feedback")
    written = export_rows(every, to.absolute(), held_out)
    for name, use in USES.items():
        if written["files"][name] and not is_quiet:
            say(f"  {use.format(path=to / name)}")
    return written


def forget_entries(home: Home, ids: Sequence[str]) -> dict[str, Any]:
    """{"forgotten": ids}; UsageError, and nothing is removed, where one is unknown."""
    known = {entry.id for entry in entries(home)}
    if unknown := [id for id in ids if id not in known]:
        raise UsageError(f"no feedback {unknown[0]!r}; nothing was removed", "triptych feedback shows the ids")
    forget_texts(home, lambda entry: entry.id in ids)
    write_line(home, current_user(), "forget feedback", {"ids": list(ids)})
    say("rows that were made of it before hold its text still: make them again with --to, and run again what read them")
    return {"forgotten": list(ids)}


def _counts(name: str, every: Sequence[Feedback]) -> dict[str, Any]:
    own = [entry for entry in every if name in (entry.model, entry.other_model)]
    return {
        "model": name,
        "good": sum(entry.rating == "up" for entry in own),
        "bad": sum(entry.rating == "down" for entry in own),
        "corrections": sum(entry.kind == "correction" for entry in own),
        "votes": sum(entry.kind == "vote" for entry in own),
    }


def _messages(entry: Feedback) -> list[dict[str, str]]:
    return [turn._asdict() for turn in entry.messages]
