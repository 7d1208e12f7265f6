"""Which files are read, by the ending of their names, and what to do about those that are not."""

from functools import cache
from importlib.util import find_spec

PLAIN = (".txt", ".text", ".md", ".markdown", ".rst", ".adoc", ".org")
TEXT = (*PLAIN, ".html", ".htm", ".pdf", ".docx", ".eml")  # one document a file
RECORDS = (".jsonl", ".jsonl.gz", ".jsonl.zst", ".json", ".csv", ".tsv", ".parquet", ".arrow", ".mbox")  # many
ARCHIVES = (".zip",)
NEEDED = {".html": "trafilatura", ".htm": "trafilatura", ".pdf": "pypdf", ".docx": "docx"}  # the extra `documents`
EXTRA = "pip install 'triptych[documents]'"
AS_TEXT = "where they hold plain text, name them in as_text of their source"
CURES = {
    "save them as .docx or .pdf": (".doc", ".rtf", ".odt", ".pages", ".ppt", ".pptx"),
    "save them as .csv": (".xls", ".xlsx", ".ods", ".numbers"),
    "save them as .html, .pdf or .txt": (".epub", ".mobi", ".tex", ".xml", ".djvu"),
    "unpack them, or pack them as .zip": (
        ".7z",
        ".rar",
        ".tar",
        ".tar.gz",
        ".tar.xz",
        ".tar.bz2",
        ".tgz",
        ".gz",
        ".bz2",
    ),
    "save them as .eml or .mbox": (".msg", ".pst"),
    "pictures, sound and film hold no text that is read": (
        *(".png", ".jpg", ".jpeg", ".gif", ".webp", ".tif", ".tiff", ".bmp", ".svg", ".heic"),
        *(".mp3", ".wav", ".ogg", ".flac", ".m4a", ".mp4", ".mov", ".avi", ".mkv", ".webm"),
    ),
}


@cache
def readable() -> tuple[str, ...]:
    """The endings that can be read with what is installed."""
    return tuple(end for end in (*TEXT, *RECORDS, *ARCHIVES) if end not in NEEDED or find_spec(NEEDED[end]))


def cure_of(ending: str) -> str | None:
    """What makes files of that ending readable; None for those that have none."""
    if ending in NEEDED:
        return EXTRA
    other = AS_TEXT if ending.startswith(".") else None
    return next((cure for cure, endings in CURES.items() if ending in endings), other)
