"""The kinds of files that are read, by the ending of their names, and what to do about the others."""

import re
from functools import cache
from importlib.util import find_spec

from tasks.document_names import ARCHIVE

PLAIN = (".txt", ".text", ".md", ".markdown", ".rst", ".adoc", ".org")
WEB = (".html", ".htm")
TABLES = (".csv", ".tsv")
LINES = (".jsonl", ".ndjson", ".jl")  # one JSON object per line
PACKINGS = (".gz", ".zst", ".bz2")  # decompressed as they are read
PACKED = tuple(f"{end}{packing}" for end in (*PLAIN, *WEB, *TABLES, *LINES, ".json") for packing in PACKINGS)
TEXT = (*PLAIN, *WEB, ".pdf", ".docx", ".eml", *(end for end in PACKED if end.startswith((*PLAIN, *WEB))))
RECORDS = (*LINES, ".json", *TABLES, ".parquet", ".arrow", ".mbox", *(end for end in PACKED if end not in TEXT))
ARCHIVES = (ARCHIVE,)
NEEDED = {".html": "trafilatura", ".htm": "trafilatura", ".pdf": "pypdf", ".docx": "docx"}  # the extra `documents`
EXTRA = "pip install 'triptych[documents]'"
NONE = "(none)"  # the ending of README, `1.` and cur/1700.M2.host:2,S
NO_ACCESS = "(may not be read)"
AS_TEXT = "where they hold plain text, name them in as_text of their source, or init with --as-text"
UNPACK = "unpack them, or pack them as .zip"
ENDING_NAME = re.compile(r"[^\s:,]+")  # what follows the dot of an ending
CURES = {
    "save them as .docx or .pdf": (
        *(".doc", ".docm", ".dotx", ".rtf", ".odt", ".pages", ".wpd", ".wps", ".ppt", ".pptx", ".pptm", ".odp"),
        *(".pub", ".one", ".xps", ".oxps", ".ps", ".dvi", ".vsd", ".vsdx", ".indd"),
    ),
    "save them as .csv": (
        *(".xls", ".xlsx", ".xlsm", ".xlsb", ".ods", ".numbers", ".rds", ".rdata", ".sav", ".dta", ".sas7bdat"),
    ),
    "save them as .csv, .jsonl or .parquet": (
        *(".db", ".sqlite", ".sqlite3", ".db3", ".mdb", ".accdb", ".dbf", ".avro", ".orc", ".feather", ".h5", ".hdf5"),
    ),
    "save them as .html": (".mht", ".mhtml", ".webarchive"),
    "save them as .html, .pdf or .txt": (".xml", ".djvu"),
    "convert them to .txt or .html (pandoc and Calibre do)": (
        *(".epub", ".mobi", ".azw", ".azw3", ".fb2", ".lit", ".prc", ".chm"),
    ),
    UNPACK: (
        *(".7z", ".rar", ".tar", ".tgz", ".tbz2", ".txz", ".gz", ".zst", ".bz2", ".lz4", ".z", ".cab", ".lzh", ".arj"),
    ),
    "decrypt them first": (".gpg", ".pgp", ".p7m", ".age", ".enc"),
    "they point to other files: give those": (".lnk", ".url", ".webloc", ".gdoc", ".gsheet", ".gslides"),
    "programs, fonts, models and arrays hold no text that is read": (
        *(".exe", ".dll", ".so", ".dylib", ".o", ".a", ".lib", ".class", ".jar", ".pyc", ".pyo", ".pyd", ".wasm"),
        *(".bin", ".apk", ".msi", ".deb", ".rpm", ".whl", ".iso", ".dmg", ".img"),
        *(".ttf", ".otf", ".woff", ".woff2", ".eot", ".npy", ".npz", ".mat", ".pkl", ".pickle", ".joblib"),
        *(".pt", ".pth", ".ckpt", ".safetensors", ".onnx", ".gguf", ".keras", ".tflite", ".pb"),
    ),
    "save them as .eml or .mbox": (".msg", ".pst"),
    "pictures, sound and film hold no text that is read": (
        *(".png", ".jpg", ".jpeg", ".gif", ".webp", ".tif", ".tiff", ".bmp", ".svg", ".heic"),
        *(".ico", ".icns", ".avif", ".jxl", ".psd", ".ai", ".eps", ".wmf", ".emf", ".cr2", ".nef", ".dng"),
        *(".mp3", ".wav", ".ogg", ".flac", ".m4a", ".mp4", ".mov", ".avi", ".mkv", ".webm"),
        *(".opus", ".aac", ".wma", ".aif", ".aiff", ".mid", ".m4b", ".m4v", ".wmv", ".flv", ".mpg", ".mpeg", ".3gp"),
    ),
    "settings that `datasets` keeps beside its tables": (".json", ".arrow"),
    "left alone: rename what should be read": ("(hidden)",),
    "pipes and devices are not read": ("(no plain file)",),
    "rename them in UTF-8: convmv can": ("(name is not UTF-8)",),
    "change their permissions, or name them in `exclude` of their source": (NO_ACCESS,),
}
CURE_BY_ENDING = {end: cure for cure, endings in CURES.items() for end in endings}


def ending(name: str) -> str:
    """`.txt`, `.jsonl.gz`, or `(none)`: in lower case, a compressed file's with the ending of the file within."""
    first, *suffixes = name[name.rfind("/") + 1 :].lower().split(".")
    if not suffixes or (not first and len(suffixes) == 1) or not ENDING_NAME.fullmatch(suffixes[-1]):
        return NONE
    is_packed = f".{suffixes[-1]}" in (*PACKINGS, ".xz") and len(suffixes) > 1 and ENDING_NAME.fullmatch(suffixes[-2])
    return "." + ".".join(suffixes[-2 if is_packed else -1 :])


def within(ending: str) -> tuple[str, str]:
    """The ending without its compression, and the compression: .csv and .gz; "" where it is none that is read."""
    packing = next((packing for packing in PACKINGS if ending.endswith(packing) and ending != packing), "")
    return ending.removesuffix(packing), packing


@cache
def readable() -> tuple[str, ...]:
    """The endings that can be read with what is installed."""
    needed = {end: NEEDED.get(within(end)[0]) for end in (*TEXT, *RECORDS, *ARCHIVES)}
    return tuple(end for end, library in needed.items() if library is None or find_spec(library))


def readable_in_words() -> str:
    """The endings that can be read, as a person reads them."""
    return f"{', '.join(end for end in readable() if end not in PACKED)} files (also as {', '.join(PACKINGS)})"


def cure_of(ending: str) -> str:
    """What a person can do to have files of that ending read."""
    inner, packing = within(ending)
    if ending in TEXT:
        return EXTRA
    if ending.endswith(".xz") or (packing and inner in (*TEXT, *RECORDS, *ARCHIVES, *CURE_BY_ENDING)):
        return UNPACK
    return CURE_BY_ENDING.get(ending, AS_TEXT)
