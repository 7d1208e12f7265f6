"""The encoding of text in Latin letters: the one that decodes it to letters of the language it is in.

Detectors that count how often letters occur cannot tell these encodings apart, since all agree on ASCII: they read
French as if it were cp1250 (ŕ for à) and Czech in ISO-8859-2 as if it were cp1250 (ą for š).
"""

import re
from typing import NamedTuple

CANDIDATES = ("cp1252", "cp1250", "iso8859_2", "cp1254", "cp1257", "iso8859_15", "cp850", "cp852", "mac_roman")
WESTERN = "àáâãäåæçèéêëìíîïðñòóôõöøùúûüýþÿœßªº"
SERBO_CROATIAN = "čćđšž"
LETTERS = {  # of a language beside a to z, those of common loan words and names included
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
MIN_ASCII_SHARE = 0.5  # of the bytes that may be letters
MIN_FITTING_SHARE = 0.8  # of the letters and marks beyond ASCII
MIN_LANGUAGE_PROBABILITY = 0.15


class EncodingFit(NamedTuple):
    """How well a text decoded in one encoding fits the language that it is most likely in."""

    share: float  # of the letters and marks beyond ASCII that belong to the language
    probability: float
    encoding: str


def latin_encoding(raw: bytes) -> str | None:
    """The encoding that fits best; None where none fits well enough, or the letters are not Latin."""
    others = sum(byte > 127 for byte in raw)
    letters = sum(65 <= byte <= 90 or 97 <= byte <= 122 for byte in raw)
    if letters < MIN_ASCII_SHARE * (letters + others):
        return None
    best = max(filter(None, (_fit(raw, encoding) for encoding in CANDIDATES)), key=lambda fit: fit[:2])
    return best.encoding if best.share >= MIN_FITTING_SHARE and best.probability >= MIN_LANGUAGE_PROBABILITY else None


def _fit(raw: bytes, encoding: str) -> EncodingFit | None:
    from tasks.language import detect_with_probability

    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError:
        return None
    language, probability = detect_with_probability(text.lower())  # the detector is poor at capitals
    letters = LETTERS.get(language or "", WESTERN)
    fitting = [fits(text, match.start(), letters) for match in NOT_ASCII.finditer(text)]
    return EncodingFit(sum(fitting) / len(fitting), probability, encoding)


def fits(text: str, at: int, letters: str) -> bool:
    """Whether it is a letter of the language (no capital within a word) or a mark (not within a word)."""
    character, before, after = text[at], text[at - 1 : at], text[at + 1 : at + 2]
    if character.isalpha():
        return character.lower() in letters and not (character.isupper() and before.islower())
    return character in (WITHIN_WORDS if before.isalpha() and after.isalpha() else MARKS)
