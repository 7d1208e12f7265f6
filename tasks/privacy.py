"""Personal data in a text, replaced by its kind: `write to [email]`.

E-mail addresses, telephone numbers, IP addresses, payment cards (Luhn's check digit) and IBANs (ISO 13616, mod 97).
A pattern proposes, a check digit or a parser decides where there is one: a masked year would cost more than it saves.
Every pattern starts behind a look-behind, so a run of a million letters is read once and not once a letter.

Curation masks, where `curate.mask_personal_data` is set, as it writes `texts.parquet`, which everything after it reads;
the file's schema records whether it did, for rows that do not come from curated documents.
"""

import json
import re
from collections.abc import Callable, Iterable
from ipaddress import AddressValueError, IPv6Address
from pathlib import Path

_OCTET = r"(?:25[0-5]|2[0-4]\d|1?\d?\d)"
_EMAIL = re.compile(r"(?<![\w.%+-])[\w.%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,24}(?![\w-])")
_IBAN = re.compile(r"(?<!\w)[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?(?!\w)")
_CARD = re.compile(r"(?<![\w.-])[2-6]\d{3}(?:[ -]?\d){8,14}\d(?!\w)")
_IPV4 = re.compile(rf"(?<![\w.])(?:{_OCTET}\.){{3}}{_OCTET}(?!\w|\.\d)")
_IPV6 = re.compile(r"(?<![\w:.])(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4}(?![\w:])")
_PHONE = re.compile(
    r"(?<![\w.+])(?:"
    r"\+\d{1,3}(?:[ .\-/]?\(?\d{1,4}\)?){2,5}"  # +44 20 7946 0958
    r"|(?:1[ .-])?(?:\(\d{3}\) ?|\d{3}[.-])\d{3}[.-]\d{4}"  # (202) 555-0143
    r"|0\d{2,4}[ /-]\d{3,4}[ -]?\d{3,4}"  # 020 7946 0958
    r")(?![\w-])"
)
_MAY_HOLD_A_NUMBER = re.compile(r"\d[\d ().:/-]{5,}\d")  # all kinds but some IPv6: one pass clears most documents
_JSON_STRING = re.compile(r'"(?:[^"\\]|\\.)*"(\s*:)?')  # with the colon where it is a key
_STATE = b"personal_data"  # a key of the metadata in a Parquet schema


def opening(text: str, characters: int) -> str:
    """The beginning of a text on one line, for a person to see, with personal data masked."""
    return " ".join(mask(text[: 2 * characters])[0].split())[:characters]


def mask(text: str) -> tuple[str, dict[str, int]]:
    """The text with each piece of personal data replaced by `[kind]`, and the number of replacements of each kind."""
    counts: dict[str, int] = {}

    def replace_with(kind: str, is_valid: Callable[[str], bool]) -> Callable[[re.Match[str]], str]:
        def replacement(match: re.Match[str]) -> str:
            if not is_valid(match[0]):
                return match[0]
            counts[kind] = counts.get(kind, 0) + 1
            return f"[{kind}]"

        return replacement

    if "@" in text:
        text = _EMAIL.sub(replace_with("email", bool), text)
    if _MAY_HOLD_A_NUMBER.search(text) or "::" in text or text.count(":") >= 7:
        for kind, pattern, is_valid in _NUMBERS:
            text = pattern.sub(replace_with(kind, is_valid), text)
    return text, counts


def mask_json(document: str) -> str:
    """The JSON document with personal data in its strings masked; its keys and numbers stay."""
    return _JSON_STRING.sub(_mask_json_string, document)


def schema_metadata(is_masked: bool) -> dict[bytes, bytes]:
    """The record, for a Parquet schema, of whether the file's texts are masked."""
    return {_STATE: b"masked" if is_masked else b"unmasked"}


def are_masked(files: Iterable[Path]) -> bool:
    """Whether personal data is masked in these Parquet files: in all of them, unless one records the contrary."""
    from pyarrow.parquet import read_schema

    return all((read_schema(file).metadata or {}).get(_STATE) != b"unmasked" for file in files)


def _mask_json_string(match: re.Match[str]) -> str:
    is_key = match[1] is not None
    masked, counts = ("", {}) if is_key else mask(json.loads(match[0]))
    return json.dumps(masked, ensure_ascii=False) if counts else match[0]


def _digits(text: str) -> list[int]:
    return [int(letter) for letter in text if letter.isdigit()]


def _is_iban(candidate: str) -> bool:
    letters = candidate.replace(" ", "")
    moved = letters[4:] + letters[:4]
    return int("".join(str(int(letter, 36)) for letter in moved)) % 97 == 1


def _is_card(candidate: str) -> bool:
    digits = reversed(_digits(candidate))
    doubled = [digit if n % 2 == 0 else sum(divmod(2 * digit, 10)) for n, digit in enumerate(digits)]
    return 13 <= len(doubled) <= 19 and sum(doubled) % 10 == 0


def _is_ipv6(candidate: str) -> bool:
    if len(candidate) < 6 or not any(map(str.isdigit, candidate)):
        return False  # "a::b" is code, "::1" is notation: nobody's address
    try:
        return bool(IPv6Address(candidate))
    except AddressValueError:
        return False


def _is_phone(candidate: str) -> bool:
    return 8 <= len(_digits(candidate)) <= 15  # E.164


_NUMBERS = (  # the most particular first: a card's digits could pass for a telephone number
    ("iban", _IBAN, _is_iban),
    ("card", _CARD, _is_card),
    ("ip", _IPV4, bool),
    ("ip", _IPV6, _is_ipv6),
    ("phone", _PHONE, _is_phone),
)
