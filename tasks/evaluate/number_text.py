"""The last number of a text, as GSM8K's answers are commonly extracted, whatever separates its digits.

Spaces, apostrophes and repeated signs separate thousands: 1 234, 1'234, 1,234,567, 1.234.567. Of two different signs
the last one begins the decimals: 1,234.5 and 1.234,5. A single sign before three digits can be either: 1,234 is read
as one thousand and 1.234 as one and a bit, and `others` has what it is where commas are decimal. A plain space may also
stand between two numbers. Of a list or a date without spaces (3,4,5; 1.12.2020) it is the last number.
"""

from dataclasses import dataclass
from decimal import Decimal

import regex

PLAIN_NUMBER = regex.compile(r"[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]{1,3})?")
_SPACES = "\u00a0\u202f\u2009\u2007'\u2019"  # no-break, narrow no-break, thin and figure space; apostrophes
_MINUS = "-\u2212\u2013"  # hyphen, minus, en dash
_NUMBER = regex.compile(
    rf"(?P<sign>(?<![\w.)\]])[{_MINUS}])?\s?\p{{Sc}}?\s?"
    rf"(?P<digits>\d{{1,3}}(?:[{_SPACES} ]\d{{3}})+(?!\d)(?:[.,]\d+)?|\d+(?:[.,]\d+)*|(?<!\d)\.\d+)"
    rf"(?P<power>[eE][-+]?\d{{1,3}}(?!\w))?"
)
_MAX_DIGITS = 100


@dataclass(frozen=True)
class NumberText:
    """A number as it stands in a text; `others` are its further readings, where there are any."""

    text: str
    value: Decimal
    others: tuple[Decimal, ...] = ()


def last_number(text: str) -> NumberText | None:
    """None where the text has no digit."""
    matches = [match for match in _NUMBER.finditer(text) if len(match["digits"]) <= _MAX_DIGITS]
    return _read(matches[-1]) if matches else None


def _read(match: "regex.Match[str]") -> NumberText:
    digits = regex.sub(rf"[{_SPACES} ]", "", match["digits"])
    spaced = [match["digits"].rpartition(" ")[2]] if " " in match["digits"] else []
    readings = [("-" if match["sign"] else "") + each + (match["power"] or "") for each in _readings(digits) + spaced]
    value, *others = [Decimal(each) for each in readings]
    return NumberText(match[0].strip(), value, tuple(others))


def _readings(digits: str) -> list[str]:
    """The spellings with a decimal point that digits with points and commas can stand for, the likelier first."""
    signs = [c for c in digits if c in ".,"]
    if not signs:
        return [digits]
    last = signs[-1]
    whole, _, decimals = digits.rpartition(last)
    joined = regex.sub(r"[.,]", "", whole)
    if len(set(signs)) == 2 and signs.count(last) == 1:
        return [f"{joined}.{decimals}"]
    if len(signs) > 1:
        is_thousands = all(len(group) == 3 for group in regex.split(r"[.,]", digits)[1:])
        return [joined + decimals if is_thousands else decimals]
    if len(decimals) == 3 and 0 < len(whole) <= 3 and whole != "0":
        thousands, fraction = joined + decimals, f"{joined}.{decimals}"
        return [thousands, fraction] if last == "," else [fraction, thousands]
    return [f"{joined or '0'}.{decimals}"]
