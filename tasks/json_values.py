"""The values of a JSON file, one by one: the elements of an array, or several values after another.

The file is read in pieces, whatever its size: memory holds one value. So a file cut off half way still gives all the
values before the cut, and names what is wrong with the rest.
"""

import json
import re
from collections.abc import Iterator
from typing import NamedTuple, TextIO

READ_CHARACTERS = 1 << 20  # at once, at least
NUMBER_TAIL = 2  # characters that may stand between the end of a parsed number and its rest: e+
BLANK, BETWEEN = re.compile(r"\s*"), re.compile(r"[\s,]*")


class BrokenValue(NamedTuple):
    """The rest of a file that ends, or stops being JSON, before its last value does."""

    fault: str
    rest: str


def json_values(file: TextIO, max_characters: int) -> Iterator[str | BrokenValue]:
    """The text of each value, an array's elements one by one; ends with a BrokenValue where one is broken or longer."""
    buffer = _Buffer(file)
    buffer.skip(BLANK)
    is_array = buffer.head() == "["
    if is_array:
        buffer.at += 1
    while True:
        buffer.skip(BETWEEN)
        if not buffer.head():
            if is_array:
                yield BrokenValue("the array has no end", "")
            return
        if is_array and buffer.head() == "]":
            buffer.at += 1
            is_array = False  # what follows is another value, or nothing
            continue
        value = buffer.value(max_characters)
        yield value
        if isinstance(value, BrokenValue):
            return


class _Buffer:
    """The text that has been read of a file and not been used: grows until it holds a whole value."""

    def __init__(self, file: TextIO) -> None:
        self.file, self.text, self.at = file, "", 0
        self.scan = json.JSONDecoder(parse_int=str, parse_float=str).raw_decode  # only the end of a value is needed

    def grow(self) -> bool:
        """Reads as much again, so that a long value is scanned a few times only; False at the end of the file."""
        more = self.file.read(max(READ_CHARACTERS, len(self.text) - self.at))
        if more:
            self.text, self.at = self.text[self.at :] + more, 0
        return bool(more)

    def head(self) -> str:
        """The next character; "" at the end."""
        if self.at == len(self.text):
            self.grow()
        return self.text[self.at : self.at + 1]

    def skip(self, what: re.Pattern[str]) -> None:
        while self.head() and (end := what.match(self.text, self.at).end()) > self.at:  # type: ignore[union-attr]
            self.at = end

    def value(self, max_characters: int) -> str | BrokenValue:
        while True:
            try:
                _, end = self.scan(self.text, self.at)
                is_number = self.text[self.at] in "-0123456789"  # may go on in what was not read: 1|2, 0|.5
                if not is_number or len(self.text) - end > NUMBER_TAIL or not self.grow():
                    value, self.at = self.text[self.at : end], end
                    return value
            except (json.JSONDecodeError, RecursionError) as error:
                fault = str(error) or type(error).__name__
                if len(self.text) - self.at > max_characters:
                    fault = f"no whole value in max_record_bytes = {max_characters:,}: {fault}"
                    return BrokenValue(fault, self.text[self.at :])
                if not self.grow():
                    return BrokenValue(fault, self.text[self.at :])
