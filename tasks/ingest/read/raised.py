"""Exponents and indexes: a raised or lowered number stays apart from the one before it (10⁶ is no 106)."""

import re

DIGITS = "0123456789+-−=()"
ABOVE = str.maketrans(DIGITS + "n", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁼⁽⁾ⁿ")
BELOW = str.maketrans(DIGITS, "₀₁₂₃₄₅₆₇₈₉₊₋₋₌₍₎")
NUMBER = re.compile(r"[+\-−]?\(?\d+\)?|n")
FORMULA = re.compile(r"[\w.,+\-−=*/]*\d[\w.,+\-−=*/]*")


def raised(text: str, before: str) -> str:
    """A raised text behind `before`: with Unicode's own digits, or a ^ where it has none; words stay as they are."""
    if not before or before.isspace():
        return text
    if NUMBER.fullmatch(text.strip()):
        return text.translate(ABOVE)
    return f"^{text}" if before[-1].isalnum() and FORMULA.fullmatch(text) else text


def lowered(text: str, before: str, after: str) -> str:
    """A lowered text between two others: with Unicode's own digits where one of these is a number too."""
    is_number = NUMBER.fullmatch(text.strip()) and text.strip() != "n"
    return text.translate(BELOW) if is_number and (before[-1:].isdigit() or after[:1].isdigit()) else text
