"""Personal data in a text, replaced by what kind it is: `write to [email]`.

E-mail addresses, telephone numbers, IP addresses, payment cards (Luhn's check digit) and IBANs (ISO 13616, mod 97).
A pattern proposes, a check digit or a parser decides where there is one: a masked year would cost more than it saves.
Every pattern starts behind a look-behind, so a run of a million letters is read once and not once a letter.
"""

import re
from collections.abc import Callable
from ipaddress import AddressValueError, IPv6Address

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
_WORTH_A_LOOK = re.compile(r"\d[\d ().:/-]{5,}\d")  # in every find but some IPv6: one quick pass clears most documents


def mask(text: str) -> tuple[str, dict[str, int]]:
    """The text with each find replaced by `[kind]`, and how many of each kind there were."""
    counts: dict[str, int] = {}

    def replacing(kind: str, holds: Callable[[str], bool]) -> Callable[[re.Match[str]], str]:
        def replacement(found: re.Match[str]) -> str:
            if not holds(found[0]):
                return found[0]
            counts[kind] = counts.get(kind, 0) + 1
            return f"[{kind}]"

        return replacement

    if "@" in text:
        text = _EMAIL.sub(replacing("email", bool), text)
    if _WORTH_A_LOOK.search(text) or "::" in text or text.count(":") >= 7:
        for kind, pattern, holds in _NUMBERS:
            text = pattern.sub(replacing(kind, holds), text)
    return text, counts


def _digits(text: str) -> list[int]:
    return [int(letter) for letter in text if letter.isdigit()]


def _is_iban(found: str) -> bool:
    letters = found.replace(" ", "")
    moved = letters[4:] + letters[:4]
    return int("".join(str(int(letter, 36)) for letter in moved)) % 97 == 1


def _is_card(found: str) -> bool:
    doubled = [digit if n % 2 == 0 else sum(divmod(2 * digit, 10)) for n, digit in enumerate(reversed(_digits(found)))]
    return 13 <= len(doubled) <= 19 and sum(doubled) % 10 == 0


def _is_ipv6(found: str) -> bool:
    if len(found) < 6 or not any(map(str.isdigit, found)):
        return False  # "a::b" is code, "::1" is notation: nobody's address
    try:
        return bool(IPv6Address(found))
    except AddressValueError:
        return False


def _is_phone(found: str) -> bool:
    return 8 <= len(_digits(found)) <= 15  # E.164


_NUMBERS = (  # the most particular first: a card's digits could pass for a telephone number
    ("iban", _IBAN, _is_iban),
    ("card", _CARD, _is_card),
    ("ip", _IPV4, bool),
    ("ip", _IPV6, _is_ipv6),
    ("phone", _PHONE, _is_phone),
)
