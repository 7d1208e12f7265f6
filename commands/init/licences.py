"""The licence files at the top of a folder, by a phrase of their text."""

import re
from collections import Counter
from pathlib import Path

LICENCE_FILES = re.compile(r"(?i)(licen[cs]e|copying|unlicense)([._-].*)?$")
HEAD_BYTES = 4000  # of a licence file
UNKNOWN = "see file"
LICENCES = {  # a phrase of the licence's own text → its SPDX name
    "Apache License": "Apache-2.0",
    "Permission is hereby granted, free of charge": "MIT",
    "CC0 1.0": "CC0-1.0",
    "Attribution-ShareAlike": "CC-BY-SA",
    "Attribution-NonCommercial": "CC-BY-NC",
    "Attribution 4.0": "CC-BY-4.0",
    "GNU GENERAL PUBLIC": "GPL",
    "public domain": "public domain",
}


def licence_files(folder: Path) -> Counter[str]:
    """The number of licence files in the folder, by licence."""
    paths = [path for path in folder.iterdir() if LICENCE_FILES.fullmatch(path.name) and path.is_file()]
    return Counter(map(_licence, paths))


def _licence(path: Path) -> str:
    try:
        head = path.read_bytes()[:HEAD_BYTES].decode(errors="replace")
    except OSError:
        return UNKNOWN
    return next((spdx for phrase, spdx in LICENCES.items() if phrase in head), UNKNOWN)
