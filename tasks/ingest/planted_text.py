"""Generated texts: templates of web pages, noise, other scripts, personal data of people who do not exist."""

import random

WORDS = 120  # of a generated text, about
SCRIPTS = {  # letters by their code points, and the mark that ends a sentence
    "cyrillic": (0x0430, 0x044F, "."),
    "greek": (0x03B1, 0x03C9, "."),
    "hebrew": (0x05D0, 0x05EA, "."),
    "arabic": (0x0627, 0x063A, "."),
    "devanagari": (0x0915, 0x0939, "।"),
    "thai": (0x0E01, 0x0E2E, " "),
    "hangul": (0xAC00, 0xD7A3, "."),
    "han": (0x4E00, 0x9FA5, "。"),
}
BOILERPLATE = {
    "menu": ("Home | News | Shop | Contact | Log in", "Item {n} of {m}", "Next page", "Previous page", "Back to top"),
    "cookies": (
        "We use cookies to make page {n} better for you.",
        "Accept all cookies | Reject | Settings",
        "Read our privacy policy, version {m}",
    ),
    "footer": (
        "Copyright {n} by Example Company. All rights reserved.",
        "Terms of use | Privacy policy | Imprint",
        "Please enable javascript to see part {m} of this page.",
    ),
    "placeholder": (
        "lorem ipsum {n}",
        "TODO: text goes here",
        "{{ title }} {{ body }} {m}",
        "Click here to read more...",
    ),
}
NOISES = ("letters", "symbols", "stutter")
PERSONAL = ("email", "phone", "ipv4", "card", "iban")
FIRST_NAMES = ("Ada", "Bela", "Carim", "Dorit", "Emeka", "Fenna", "Goran", "Hilde")
LAST_NAMES = ("Examplea", "Sampleson", "Testova", "Mockwell", "Fictor", "Noone", "Madeupsky", "Placeholm")


def boilerplate(rng: random.Random, name: str) -> str:
    """The lines around the text of a web page, repeated."""
    lines = [rng.choice(BOILERPLATE[name]) for _ in range(WORDS // 5)]
    return "\n".join(
        line.replace("{n}", f"{rng.randrange(100)}").replace("{m}", f"{rng.randrange(100)}") for line in lines
    )


def gibberish(rng: random.Random, of: str) -> str:
    """Random letters, random symbols, or three words repeated."""
    if of == "letters":
        return " ".join(_word(rng, "abcdefghijklmnopqrstuvwxyz", 3, 14) for _ in range(WORDS))
    if of == "symbols":
        return " ".join(_word(rng, "#$%&*+=<>@^~|/\\0123456789", 2, 9) for _ in range(WORDS))
    words = [_word(rng, "abcdefghijklmnopqrstuvwxyz", 3, 9) for _ in range(3)]
    return " ".join(rng.choice(words) for _ in range(WORDS))


def other_script(rng: random.Random, name: str) -> str:
    """Words of a script's letters in sentences; they mean nothing."""
    first, last, end = SCRIPTS[name]
    letters = "".join(chr(point) for point in range(first, last + 1))
    sentences = [" ".join(_word(rng, letters, 2, 9) for _ in range(rng.randrange(6, 15))) for _ in range(WORDS // 10)]
    return " ".join(f"{sentence}{end}" for sentence in sentences)


def personal(rng: random.Random, kind: str) -> str:
    """A sentence with a made-up mail address and one more piece of made-up personal data."""
    first, last = rng.choice(FIRST_NAMES), rng.choice(LAST_NAMES)
    address = f"{first}.{last}{rng.randrange(1000)}@example.org".lower()
    more = {
        "email": lambda: f"or to {last.lower()}@mail.example.com",
        "phone": lambda: f"or call (202) 555-01{rng.randrange(100):02d}",  # the range kept for fiction
        "ipv4": lambda: (
            f"from 22.{rng.randrange(256)}.{rng.randrange(256)}.{rng.randrange(1, 255)}"
        ),  # public by its number
        "card": lambda: f"and pay with card {_card(rng)}",
        "iban": lambda: f"and pay to {_iban(rng)}",
    }
    return f"For an answer write to {first} {last} at {address} {more[kind]()}."


def _word(rng: random.Random, letters: str, shortest: int, longest: int) -> str:
    return "".join(rng.choices(letters, k=rng.randint(shortest, longest)))


def _card(rng: random.Random) -> str:
    """Sixteen digits with a valid check digit (ISO/IEC 7812-1), with a prefix that is reserved for tests."""
    digits = [4, 0, 0, 0, 0, 0, *(rng.randrange(10) for _ in range(9))]
    doubled = [sum(divmod(2 * digit, 10)) if i % 2 == 0 else digit for i, digit in enumerate(digits)]
    text = "".join(map(str, [*digits, -sum(doubled) % 10]))
    return " ".join(text[i : i + 4] for i in range(0, 16, 4))


def _iban(rng: random.Random) -> str:
    """An IBAN with valid check digits (ISO 13616) at a bank that does not exist."""
    account = f"TEST{rng.randrange(10**14):014d}"
    as_digits = "".join(str(int(c, 36)) for c in f"{account}GB00")
    return f"GB{98 - int(as_digits) % 97:02d}{account}"
