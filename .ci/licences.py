"""The licence of every installed distribution is one of those below, or the distribution is named with the reason.

Run by `make check`. A licence is read from the SPDX expression of a distribution, else from its classifiers, else from
its licence field.
"""

import sys
from collections.abc import Iterator
from importlib.metadata import Distribution, distributions

from license_expression import ExpressionError, get_spdx_licensing

ALLOWED = {  # SPDX
    *("0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "BSL-1.0", "CC0-1.0", "CNRI-Python", "HPND", "ISC", "MIT"),
    *("MIT-0", "MIT-CMU", "MPL-2.0", "NCSA", "PSF-2.0", "Python-2.0", "Unlicense", "Zlib"),
}
IN_WORDS = {  # as classifiers and licence fields spell them → SPDX
    **{"3-Clause BSD License": "BSD-3-Clause", "BSD License": "BSD-3-Clause", "ISC License (ISCL)": "ISC"},
    **{"Apache Software License": "Apache-2.0", "Apache 2.0 License": "Apache-2.0", "Apache 2.0": "Apache-2.0"},
    "Apache License": "Apache-2.0",
    **{"MIT License": "MIT", "The MIT License (MIT)": "MIT", "Python Software Foundation License": "PSF-2.0"},
    **{"Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0", "The Unlicense (Unlicense)": "Unlicense"},
}
NAMED = {
    "chardet": "LGPL-2.1: imported as it is by datatrove's dependencies, never changed or copied",
    "huey": "MIT in its repository, none in its metadata; installed by mlflow",
    "skops": "MIT in its repository, none in its metadata; installed by mlflow",
    "text-unidecode": "Artistic or GPL, at choice: taken as Artistic",
    "tld": "MPL-1.1, GPL or LGPL, at choice: taken as MPL-1.1",
}
SPDX = get_spdx_licensing()


def main() -> int:
    """0 where all is as expected; else each distribution that is not, one a line, and 1."""
    found = {d.metadata["Name"]: list(licences_of(d)) for d in distributions() if d.metadata["Name"]}
    strange = {name: texts for name, texts in found.items() if name not in NAMED and not any(map(is_allowed, texts))}
    for name, texts in sorted(strange.items()):
        print(f"{name}: licence {'; '.join(texts) or 'not stated'}: not in .ci/licences.py", file=sys.stderr)
    return 1 if strange else 0


def licences_of(distribution: Distribution) -> Iterator[str]:
    """What it says of its licence: an expression, or alternatives in words."""
    about = distribution.metadata
    classifiers = [c.rpartition(" :: ")[2] for c in about.get_all("Classifier") or () if c.startswith("License ::")]
    if expression := about.get("License-Expression"):
        yield expression
    elif classifiers and classifiers != ["OSI Approved"]:
        yield from classifiers
    elif field := (about.get("License") or "").strip():
        yield field.split("\n")[0]


def is_allowed(text: str) -> bool:
    """Whether the words or the expression leave a choice of allowed licences."""
    try:
        parsed = SPDX.parse(IN_WORDS.get(text, text))
    except ExpressionError:
        return False
    return parsed is not None and _holds(parsed)


def _holds(node: object) -> bool:
    operator, parts = getattr(node, "operator", None), getattr(node, "args", ())
    if operator and parts:
        return (any if operator.strip() == "OR" else all)(_holds(part) for part in parts)
    symbol = getattr(node, "license_symbol", node)  # of A WITH EXCEPTION, which only permits more
    return str(getattr(symbol, "key", symbol)) in ALLOWED


if __name__ == "__main__":
    sys.exit(main())
