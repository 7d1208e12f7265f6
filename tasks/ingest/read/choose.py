"""The reader for the files of an ending."""

from functools import partial

from datatrove.io import DataFolder
from datatrove.pipeline.readers.base import BaseDiskReader

from tasks.ingest.kinds import PLAIN, within
from tasks.ingest.read.archives import Archives
from tasks.ingest.read.columnar import ArrowFiles, ParquetFiles
from tasks.ingest.read.json_files import JsonFiles
from tasks.ingest.read.json_lines import JsonLines
from tasks.ingest.read.mail import Mailboxes, MailFiles
from tasks.ingest.read.markdown import MarkdownFiles
from tasks.ingest.read.office import DocxFiles, PdfFiles
from tasks.ingest.read.packed import PackedFiles
from tasks.ingest.read.plain import TextFiles
from tasks.ingest.read.shared_encoding import SharedEncoding
from tasks.ingest.read.spreadsheets import Spreadsheets
from tasks.ingest.read.web_pages import WebPages
from tasks.ingest.readers import Quarantine
from tasks.ingest.sources import Reading

READERS = {
    **dict.fromkeys(PLAIN, TextFiles),
    ".md": MarkdownFiles,
    ".markdown": MarkdownFiles,
    ".html": WebPages,
    ".htm": WebPages,
    ".pdf": PdfFiles,
    ".docx": DocxFiles,
    ".eml": MailFiles,
    ".mbox": Mailboxes,
    ".json": JsonFiles,
    ".csv": Spreadsheets,
    ".tsv": Spreadsheets,
    ".parquet": ParquetFiles,
    ".arrow": ArrowFiles,
}


def reader_of(
    ending: str, folder: DataFolder, rules: Reading, quarantine: Quarantine, shared: SharedEncoding | None = None
) -> BaseDiskReader:
    """The reader of the files with that ending: `read_file(name)` yields documents and quarantines the rest.

    shared: the encoding that the files beside it have in common.
    """
    if ending == ".zip":
        return Archives(folder, rules, quarantine, partial(_member_reader, rules))
    inner, packing = within(ending)
    reader = TextFiles if ending in rules.as_text else READERS.get(inner, JsonLines)
    if packing and reader is not JsonLines:  # JsonLines unpacks by itself
        return PackedFiles(reader(folder, rules, quarantine, shared), packing)
    return reader(folder, rules, quarantine, shared)


def _member_reader(
    rules: Reading, ending: str, folder: DataFolder, quarantine: Quarantine, shared: SharedEncoding
) -> BaseDiskReader:
    return reader_of(ending, folder, rules, quarantine, shared)
