"""The encoding of text in an alphabet: the one that decodes it to letters of the language it is in.

Detectors that count how often letters occur cannot tell these encodings apart, since all agree on ASCII: they read
French as if it were cp1250 (ŕ for à) and Czech in ISO-8859-2 as if it were cp1250 (ą for š).
"""

import re
from collections import Counter
from functools import cache
from typing import NamedTuple

LATIN = (
    *("cp1252", "cp1250", "iso8859_2", "cp1254", "cp1257", "iso8859_15", "cp850", "cp852", "mac_roman"),
    *("iso8859_3", "iso8859_4", "iso8859_10", "iso8859_13", "iso8859_14"),
    *("cp437", "cp775", "cp857", "cp860", "cp861", "cp863", "cp865"),
    *("mac_latin2", "mac_turkish", "mac_iceland", "mac_croatian", "mac_romanian"),
)
OTHERS = (  # each in its own script, where words in Latin letters may stand between
    *("cp1251", "koi8_r", "koi8_u", "iso8859_5", "cp866", "mac_cyrillic", "cp855", "cp1125"),
    *("kz1048", "ptcp154", "koi8_t"),
    *("cp1253", "iso8859_7", "cp737", "mac_greek", "cp869"),
    *("cp1255", "iso8859_8", "cp862", "cp1256", "iso8859_6"),
)
THAI = ("cp874",)
ENCODINGS = frozenset((*LATIN, *OTHERS, *THAI))
WESTERN = "àáâãäåæçèéêëìíîïðñòóôõöøùúûüýþÿœßªº"
SERBO_CROATIAN = "čćđšž"
RUSSIAN = "абвгдеёжзийклмнопрстуфхцчшщъыьэюя"
SERBIAN = "абвгдђежзијклљмнњопрстћуфхцчџш"
HEBREW = "".join(map(chr, range(0x5B0, 0x5EB)))
ARABIC = "".join(map(chr, range(0x621, 0x653))) + "پچژگکیےٹڈڑ"
LETTERS = {  # of a language beside a to z, those of common loan words and names included
    **{"en": "àâçéèêëîïñôöü", "nl": "áàäéèêëíïóöúü", "fr": "àâæçèéêëîïôœùûüÿ", "de": "äöüßéàè", "it": "àèéìíîòóùú"},
    **{"es": "áéíñóúüªº", "pt": "àáâãçéêíóôõúüªº", "ca": "àçèéíïòóúü", "gl": "áéíñóúü", "sq": "çë", "eu": "ñçü"},
    **{"da": "æøåéöäü", "no": "æøåéèêòôöä", "sv": "åäöéü", "fi": "äöåé", "is": "áðéíóúýþæö", "fo": "áðíóúýæø"},
    **{"et": "äöõüšž", "lt": "ąčęėįšųūž", "lv": "āčēģīķļņšūž", "tr": "çğıöşüâîû", "az": "çəğıöşü"},
    **{"cs": "áčďéěíňóřšťúůýž", "sk": "áäčďéíĺľňóôŕšťúýž", "pl": "ąćęłńóśźż", "hu": "áéíóöőúüű", "ro": "ăâîşţșț"},
    **{"eo": "ĉĝĥĵŝŭ", "mt": "ċġħżàèìòù", "cy": "âêîôûŵŷáéíóúàèìòùäëïöü", "ga": "áéíóú", "gd": "àèìòùáéó", "gv": "ç"},
    **{"nn": "æøåéèêòôöä", "af": "êëéèîïôöûü", "fy": "âêôûúéëï", "lb": "äëéöüèê", "br": "âêñùü", "oc": "áàçéèíïóòúü"},
    **{"co": "àèìòùï", "rm": "àèéìòü", "ast": "áéíñóúüḥḷ", "an": "áéíñóúü", "hsb": "čćěłńóřšśžź", "dsb": "čćěłńóŕšśžź"},
    **{"id": "é", "ms": "é", "sw": "", "tl": "ñáéíóú", "la": "æœëāēīōū", "ht": "àèòé", "wa": "åéèêëîôûçàâ"},
    **dict.fromkeys(("sl", "hr", "bs", "sh"), SERBO_CROATIAN),
    **{"sr": SERBO_CROATIAN + SERBIAN, "mk": SERBIAN + "ѓѕќѐѝ", "ru": RUSSIAN, "bg": RUSSIAN},
    **{"kk": RUSSIAN + "әғқңөұүһі", "ky": RUSSIAN + "ңөү", "tt": RUSSIAN + "әөүҗңһ", "ba": RUSSIAN + "ғҙҡңөҫүһә"},
    **{"tg": RUSSIAN + "ғӣқӯҳҷ", "mn": RUSSIAN + "өү"},
    **{"uk": "абвгґдеєжзиіїйклмнопрстуфхцчшщьюя", "be": RUSSIAN + "іў", "el": "αβγδεζηθικλμνξοπρσςτυφχψωάέήίόύώϊϋΐΰ"},
    **{"he": HEBREW, "yi": HEBREW, "ar": ARABIC, "arz": ARABIC, "fa": ARABIC, "ur": ARABIC},
    **{"th": "".join(map(chr, range(0xE01, 0xE5C)))},
}
MARKS = "\xa0«»„“”‘’‚‹›–—…·•¿¡§°€£®™×²³№‐―\u200e\u200f،؛؟"
APART = "©±¼½¾"  # stand beside no letter
WITHIN_WORDS = "’·–—"
WORD = re.compile(rb"[A-Za-z\x80-\xff]*[\x80-\xff][A-Za-z\x80-\xff]*")  # with a letter or mark beyond ASCII
MANY_WORDS = 4000  # different ones
MIN_WORDS = 5  # different ones: fewer are no text in another alphabet, and in this one of a certain language alone
MIN_THAI_WORD = 8  # letters between two blanks, on average: any letters make Thai for a detector
SAMPLE_BYTES = 4096  # in which the language is detected
MIN_ASCII_SHARE = 0.5  # of the bytes that may be letters, in Latin text
MIN_FITTING_SHARE = 0.8  # of the letters and marks beyond ASCII
MIN_LANGUAGE_PROBABILITY = 0.15
MISSPELT = {  # what few words have, in scripts of one language: for a detector any letters in any order are that
    "he": re.compile("[ךםןףץ][א-ת]|(?<![א-ת])[\u05b0-\u05bc]"),  # a final letter within a word, a point before one
    "ar": re.compile("[ةى][ء-ي]"),  # letters that end words
    "el": re.compile("[άέήίόύώΐΰ][α-ωϊϋ]*[άέήίόύώΐΰ]"),  # two accents
    "th": re.compile("(?<![ก-ฮะ-ฺ็-๎])[ัิ-ฺ็-๎]|[เ-ไ](?![ก-ฮ])"),  # a mark below or above no consonant
}
MAX_MISSPELT_SHARE = 0.1  # of the words
INVERTED = re.compile("[а-яё][А-ЯЁ]")  # a capital within a word: what KOI8-R and cp1251 make of each other
FEW_WORDS, NEARLY_ALL = 8, 0.95  # in so few words another script whose letters fit so well makes both uncertain
SHARE_WEIGHT = 4  # of fitting letters, beside the probability of the language
LIKELY, CERTAIN = 0.3, 0.5  # probabilities of a language
MIN_EVIDENCE, MANY = 2.4, 40  # words, times how much better they fit than another text; words that need no more


class EncodingFit(NamedTuple):
    """How well a text decoded in one encoding fits the language that it is most likely in."""

    share: float  # of the letters and marks beyond ASCII that belong to the language
    probability: float
    letters: int  # of these: of two readings that are as good, the one with fewer marks is right
    encoding: str
    language: str = ""

    @property
    def goodness(self) -> tuple[float, ...]:
        return round(self.fitness, 1), self.share, self.letters, self.probability  # one stray byte never decides

    @property
    def fitness(self) -> float:
        return self.share * (SHARE_WEIGHT + self.probability)


class AlphabetEncoding(NamedTuple):
    encoding: str
    is_certain: bool  # by the number of words, and how much worse the best other reading fits


def alphabet_encoding(raw: bytes) -> AlphabetEncoding | None:
    """The encoding that fits best; None where none fits well enough."""
    others = sum(byte > 127 for byte in raw)
    letters = sum(65 <= byte <= 90 or 97 <= byte <= 122 for byte in raw)
    words = [word for word, _ in Counter(WORD.findall(raw)).most_common(MANY_WORDS)]
    fits = list[EncodingFit]()
    if letters >= MIN_ASCII_SHARE * (letters + others):
        fits += [_fit(words, raw[:SAMPLE_BYTES], encoding) for encoding in LATIN]
    if len(words) >= MIN_WORDS:
        sample = b" ".join(words)[:SAMPLE_BYTES]
        is_without_blanks = sum(map(len, words)) >= MIN_THAI_WORD * len(words)
        fits += [_fit(words, sample, encoding) for encoding in OTHERS + THAI * is_without_blanks]
    best = max(fits, key=lambda fit: fit.goodness, default=EncodingFit(0, 0, 0, ""))
    if len(words) < FEW_WORDS and any(_is_rival(fit, best) for fit in fits):
        return None  # it may be in either script
    least = MIN_LANGUAGE_PROBABILITY if len(words) >= MIN_WORDS else LIKELY
    if best.share < MIN_FITTING_SHARE or best.probability < least:
        return None
    is_certain = len(words) >= MANY or (
        len(words) >= FEW_WORDS and len(words) * _margin(best, fits, words) >= MIN_EVIDENCE
    )
    return AlphabetEncoding(best.encoding, is_certain)


def _margin(best: EncodingFit, fits: list[EncodingFit], words: list[bytes]) -> float:
    """How much better the best reading fits than the best one that gives another text."""
    joined = b" ".join(words)
    text = joined.decode(best.encoding, errors="replace")
    others = [fit.fitness for fit in fits if joined.decode(fit.encoding, errors="replace") != text]
    return best.fitness - max(others, default=0.0)


def _is_rival(fit: EncodingFit, best: EncodingFit) -> bool:
    """Whether a reading in another script fits as well as letters and a language can."""
    letters, others = set(LETTERS.get(best.language, "")), set(LETTERS.get(fit.language, ""))
    return fit.share >= NEARLY_ALL and fit.probability >= CERTAIN and bool(others) and letters.isdisjoint(others)


def latin_encoding_of_few(raw: bytes) -> str | None:
    """The encoding of Latin text with so few letters beyond ASCII that all have to fit a language that is certain."""
    words = WORD.findall(raw)
    fits = [_fit(words, raw[:SAMPLE_BYTES], encoding) for encoding in LATIN]
    certain = [fit for fit in fits if fit.share == 1 and fit.probability >= CERTAIN]
    if any(fit.encoding == LATIN[0] for fit in certain):
        return LATIN[0]
    return max(certain, key=lambda fit: fit.goodness).encoding if certain else None


def fit_of(raw: bytes, encoding: str) -> EncodingFit:
    """How well the bytes fit one encoding."""
    words = [word for word, _ in Counter(WORD.findall(raw)).most_common(MANY_WORDS)]
    sample = raw if encoding in LATIN else b" ".join(words)
    return _fit(words, sample[:SAMPLE_BYTES], encoding)


def fits_language(text: str, language: str, encoding: str) -> bool:
    """Whether the letters beyond ASCII are those of the language, or marks in their places."""
    beyond_ascii = len(text) - len(text.encode("ascii", "ignore"))
    fitting = _fitting(LETTERS.get(language, ""), encoding in LATIN).findall(text)
    return len(fitting) >= MIN_FITTING_SHARE * beyond_ascii


def _fit(words: list[bytes], sample: bytes, encoding: str) -> EncodingFit:
    from tasks.language import detect_with_probability

    language, probability = detect_with_probability(sample.decode(encoding, errors="replace"))
    letters = LETTERS.get(language or "")
    if letters is None:
        return EncodingFit(0, 0, 0, encoding)
    text = b" ".join(words).decode(encoding, errors="replace")
    if language in MISSPELT and len(MISSPELT[language].findall(text.lower())) > MAX_MISSPELT_SHARE * len(words):
        return EncodingFit(0, 0, 0, encoding)
    if encoding in OTHERS and len(INVERTED.findall(text)) > MAX_MISSPELT_SHARE * len(words):
        return EncodingFit(0, 0, 0, encoding)
    beyond_ascii = len(text) - len(text.encode("ascii", "ignore"))
    fitting = "".join(_fitting(letters, encoding in LATIN).findall(text))
    share = len(fitting) / max(1, beyond_ascii)
    return EncodingFit(share, probability, sum(map(str.isalpha, fitting)), encoding, language or "")


@cache
def _fitting(letters: str, is_latin: bool) -> re.Pattern[str]:
    """What belongs to a language beyond ASCII: its letters (no capital within a word) and marks (none within one).

    A letter of another script stands beside no letter of ASCII.
    """
    upper = "".join(c.upper() for c in letters if len(c.upper()) == 1 and c.upper() != c)
    small = f"[{re.escape(letters)}]" if letters else r"(?!)"
    capital = rf"(?<![a-z{re.escape(letters)}])[{re.escape(upper)}]" if upper else r"(?!)"
    within = rf"(?<=[^\W\d_])[{WITHIN_WORDS}](?=[^\W\d_])"
    mark = rf"(?<![^\W\d_])[{re.escape(MARKS)}]|[{re.escape(MARKS)}](?![^\W\d_])"
    apart = rf"(?<![^\W\d_])[{APART}](?![^\W\d_])"
    letter = f"(?:{small}|{capital})" if is_latin else f"(?<![A-Za-z])(?:{small}|{capital})(?![A-Za-z])"
    return re.compile(f"{letter}|{within}|{mark}|{apart}")


def fits_latin(text: str, at: int) -> bool:
    """Whether the character there is a Western letter or a mark in its place."""
    return _fitting(WESTERN, is_latin=True).match(text, at) is not None
