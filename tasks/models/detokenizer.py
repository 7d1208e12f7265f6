"""Bytes of tokens to text that can be shown: whole characters, and nothing of a stop sequence."""

import codecs
from collections.abc import Sequence


class StopFilter:
    """The text so far, handed out piece by piece: what could still become a stop sequence is held back."""

    def __init__(self, stops: Sequence[str] = ()) -> None:
        self.stopped = False  # at a stop sequence, which is left out with all after it
        self._stops = stops
        self._characters = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._held = ""

    def add(self, data: bytes, is_last: bool = False) -> str:
        """The text that can be shown after these bytes."""
        if self.stopped:
            return ""
        text = self._held + self._characters.decode(data, final=is_last)
        matches = [(at + len(stop), at) for stop in self._stops if (at := text.find(stop)) >= 0]
        if matches:
            self.stopped, self._held = True, ""
            return text[: min(matches)[1]]  # of the one that was complete first
        keep = 0 if is_last else _beginning_of_a_stop(text, self._stops)
        self._held = text[len(text) - keep :]
        return text[: len(text) - keep]


def _beginning_of_a_stop(text: str, stops: Sequence[str]) -> int:
    """How many characters at the end of the text are the beginning of a stop sequence."""
    longest = max(map(len, stops), default=1) - 1
    return next((n for n in range(min(longest, len(text)), 0, -1) if any(s.startswith(text[-n:]) for s in stops)), 0)
