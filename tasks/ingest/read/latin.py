"""Which encoding of Latin letters some bytes are in: the one that gives the letters of the language they are in.

Detectors that count how often letters occur cannot tell these encodings apart, since all agree on ASCII: they read
French as if it were cp1250 (ŕ for à) and Czech in ISO-8859-2 as if it were cp1250 (ą for š).
"""

import re
from typing import NamedTuple

CANDIDATES = ("cp1252", "cp1250", "iso8859_2", "cp1254", "cp1257", "iso8859_15", "cp850", "cp852", "mac_roman")
WESTERN = "àáâãäåæçèéêëìíîïðñòóôõöøùúûüýþÿœßªº"
SERBO_CROATIAN = "čćđšž"
LETTERS = {  # of a language beside a to z, what is usual in its loan words and names among them
    **{"en": "àâçéèêëîïñôöü", "nl": "áàäéèêëíïóöúü", "fr": "àâæçèéêëîïôœùûüÿ", "de": "äöüßéàè", "it": "àèéìíîòóùú"},
    **{"es": "áéíñóúüªº", "pt": "àáâãçéêíóôõúüªº", "ca": "àçèéíïòóúü", "gl": "áéíñóúü", "sq": "çë"},
    **{"da": "æøåéöäü", "no": "æøåéèêòôöä", "sv": "åäöéü", "fi": "äöåé", "is": "áðéíóúýþæö"},
    **{"et": "äöõüšž", "lt": "ąčęėįšųūž", "lv": "āčēģīķļņšūž", "tr": "çğıöşüâîû"},
    **{"cs": "áčďéěíňóřšťúůýž", "sk": "áäčďéíĺľňóôŕšťúýž", "pl": "ąćęłńóśźż", "hu": "áéíóöőúüű", "ro": "ăâîşţ"},
    **dict.fromkeys(("sl", "hr", "bs", "sr", "sh"), SERBO_CROATIAN),
}
MARKS = "\xa0«»„“”‘’‚‹›–—…·•¿¡§°€£©®™±×²³¼½¾"
WITHIN_WORDS = "’·–—"
NOT_ASCII = re.compile(r"[^\x00-\x7f]")
LATIN = 0.5  # at least this share of what may be letters is ASCII
FITS = 0.8  # of the letters and marks beyond ASCII, as they should be
LIKELY = 0.15  # probability of the language


class Fit(NamedTuple):
    """How well a decoding fits the language that it is most likely in."""

    share: float
    probability: float
    encoding: str


def latin_encoding(raw: bytes) -> str | None:
    """The encoding that fits; None where none surely does, or the letters are not Latin."""
    others = sum(byte > 127 for byte in raw)
    letters = sum(65 <= byte <= 90 or 97 <= byte <= 122 for byte in raw)
    if letters < LATIN * (letters + others):
        return None
    best = max(filter(None, (_fit(raw, encoding) for encoding in CANDIDATES)), key=lambda fit: fit[:2])
    return best.encoding if best.share >= FITS and best.probability >= LIKELY else None


def _fit(raw: bytes, encoding: str) -> Fit | None:
    from tasks.language import likeliest

    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError:
        return None
    language, probability = likeliest(text.lower())  # capitals alone tell it little
    letters = LETTERS.get(language or "", WESTERN)
    fitting = [_fits(text, found.start(), letters) for found in NOT_ASCII.finditer(text)]
    return Fit(sum(fitting) / len(fitting), probability, encoding)


def _fits(text: str, at: int, letters: str) -> bool:
    """A letter of the language that is no capital within a word, or a mark that is not within one."""
    character, before, after = text[at], text[at - 1 : at], text[at + 1 : at + 2]
    if character.isalpha():
        return character.lower() in letters and not (character.isupper() and before.islower())
    return character in (WITHIN_WORDS if before.isalpha() and after.isalpha() else MARKS)
