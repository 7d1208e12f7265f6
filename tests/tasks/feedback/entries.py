"""Entries of feedback for tests."""

from typing import Any

from tasks.feedback.entry import Asked, Feedback, new_id, now, prompt_sha256


def judged(prompt: str = "When?", answer: str = "Then.", **changes: Any) -> Feedback:
    """A rating, or what the changes make of it; several turns may stand in `messages`."""
    messages = changes.pop("messages", (Asked("user", prompt),))
    kind = "vote" if "choice" in changes else "correction" if "correction" in changes else "rating"
    fields = {"id": new_id(), "time": now(), "who": "local", "kind": kind, "model": "m/1", "messages": messages}
    fields |= {"rating": "up"} if kind == "rating" else {}
    return Feedback(**fields | {"answer": answer, "prompt_sha256": prompt_sha256(messages)} | changes)


def vote(left: str, right: str, choice: str, **changes: Any) -> Feedback:
    answers = {"answer": f"of {left}", "other_answer": f"of {right}"}
    return judged(**answers | {"model": left, "other_model": right, "choice": choice} | changes)
