"""The values of a JSON file, one by one: the elements of an array, or several values after another.

The file is read in pieces, whatever its size: memory holds one value. So a file cut off half way still gives all the
values before the cut, and names what is wrong with the rest; and where one value is broken, the next one is looked for.
"""

import json
import re
from collections.abc import Iterator
from typing import NamedTuple, TextIO

READ_CHARACTERS = 1 << 16  # at once, at least: an error counts the lines of all that is held
NUMBER_TAIL = 2  # characters that may stand between the end of a parsed number and its rest: e+
BLANK, BETWEEN = re.compile(r"\s*"), re.compile(r"[\s,]*")
FIRST_KEY = re.compile(r'\{\s*"(?:[^"\\]|\\.){0,200}"')  # of an object
ANY_END = r"\}\s*,?\s*|\n\s*"  # of a value, before another one
LONGEST_SEPARATOR = 1000  # characters between two values and of the second one's first key
SHOWN_CHARACTERS = 64 << 10  # of what is passed over
CUT_TAIL = 9  # characters: as many of -Infinity may be missing where a read ended
RESCAN_SHARE = 8  # times the text that was used may be scanned in vain


class BrokenValue(NamedTuple):
    """A value that is no JSON, and what is passed over with it, up to the next value or to the end of the file."""

    fault: str
    rest: str  # its beginning
    bytes: int  # as UTF-8; of the last one, those that were read
    is_last: bool


def json_values(file: TextIO, max_characters: int) -> Iterator[str | BrokenValue]:
    """The text of each value, an array's elements one by one; a BrokenValue for one that is broken or longer."""
    buffer = _Buffer(file, max_characters)
    buffer.skip(BLANK)
    is_array = buffer.head() == "["
    if is_array:
        buffer.at += 1
    separator, keys, is_after_value = None, list[str](), False
    while True:
        between = buffer.skip(BETWEEN)
        if not buffer.head():
            if is_array:
                yield BrokenValue("the array has no end", "", 0, is_last=True)
            return
        if buffer.head() == ("]" if is_array else "["):
            buffer.at += 1
            is_array, is_after_value = not is_array, False  # another value may follow, or another array
            continue
        separator, own_key = between if is_after_value else separator, buffer.first_key()
        value = buffer.value()
        is_after_value = isinstance(value, str)
        if isinstance(value, str):
            keys = [own_key]
            yield value
        else:
            broken = buffer.pass_over(value.fault, separator, [key for key in (*keys, own_key) if key])
            yield broken
            if broken.is_last:
                return


class _Fault(NamedTuple):
    fault: str


class _Buffer:
    """The text that has been read of a file and not been used: grows until it holds a whole value."""

    def __init__(self, file: TextIO, max_characters: int) -> None:
        self.file, self.text, self.at, self.max_characters = file, "", 0, max_characters
        self.used, self.scanned_in_vain = 0, 0  # characters
        # only the end of a value is needed
        self.scan = json.JSONDecoder(parse_int=str, parse_float=str, strict=False).raw_decode

    def grow(self) -> bool:
        """Reads as much again, so that a long value is scanned a few times only; False at the end of the file."""
        more = self.file.read(max(READ_CHARACTERS, len(self.text) - self.at))
        if more:
            self.used += self.at
            self.text, self.at = self.text[self.at :] + more, 0
        return bool(more)

    def head(self) -> str:
        """The next character; "" at the end."""
        if self.at == len(self.text):
            self.grow()
        return self.text[self.at : self.at + 1]

    def skip(self, what: re.Pattern[str]) -> str:
        """The end of what was skipped."""
        skipped = ""
        while self.head() and (end := what.match(self.text, self.at).end()) > self.at:  # type: ignore[union-attr]
            skipped = (skipped + self.text[self.at : end])[-LONGEST_SEPARATOR:]
            self.at = end
        return skipped

    def first_key(self) -> str:
        """The beginning of an object, with its first key."""
        match = FIRST_KEY.match(self.text, self.at)
        return match[0] if match else ""

    def value(self) -> str | _Fault:
        while True:
            try:
                _, end = self.scan(self.text, self.at)
                is_number = self.text[self.at] in "-0123456789"  # may go on in what was not read: 1|2, 0|.5
                if not is_number or len(self.text) - end > NUMBER_TAIL or not self.grow():
                    value, self.at = self.text[self.at : end], end
                    return value
            except (json.JSONDecodeError, RecursionError) as error:
                fault = str(error) or type(error).__name__
                end = error.pos if isinstance(error, json.JSONDecodeError) else len(self.text)
                is_open = "Unterminated" in fault or end > len(self.text) - CUT_TAIL
                if is_open and len(self.text) - self.at > self.max_characters:
                    self.scanned_in_vain += len(self.text) - self.at
                    return _Fault(f"no whole value in max_record_bytes = {self.max_characters:,}: {fault}")
                if not is_open or not self.grow():
                    self.scanned_in_vain += end - self.at
                    return _Fault(fault)

    def pass_over(self, fault: str, separator: str | None, keys: list[str]) -> BrokenValue:
        """Goes on to the next object that begins as those before it do, in linear time."""
        rest, size, start = "", 0, self.at + 1
        between = rf"\}}{re.escape(separator)}" if separator is not None else ANY_END
        if separator and "\n" in separator:  # the end of the broken value may be what is missing
            between += f"|{re.escape(separator[separator.rindex(chr(10)) :])}"
        following = re.compile(f"(?:{between})(?={'|'.join(map(re.escape, keys))})") if keys else None
        has_time = self.scanned_in_vain <= RESCAN_SHARE * (self.used + self.at + READ_CHARACTERS)
        while following and has_time and size <= self.max_characters:
            match = following.search(self.text, start)
            end = match.end() if match else max(self.at, len(self.text) - LONGEST_SEPARATOR)
            rest = rest or self.text[self.at : min(end, self.at + SHOWN_CHARACTERS)]
            size += len(self.text[self.at : end].encode(errors="surrogatepass"))
            self.at = start = end
            if match:
                return BrokenValue(fault, rest, size, is_last=False)
            if not self.grow():
                break
        rest = rest or self.text[self.at : self.at + SHOWN_CHARACTERS]
        return BrokenValue(fault, rest, size + len(self.text[self.at :].encode(errors="surrogatepass")), is_last=True)
