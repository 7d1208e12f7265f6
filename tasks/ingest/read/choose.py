"""The reader for the files of an ending."""

from datatrove.io import DataFolder
from datatrove.pipeline.readers.base import BaseDiskReader

from tasks.ingest.kinds import PLAIN, within
from tasks.ingest.read.archives import Archives
from tasks.ingest.read.columnar import ArrowFiles, ParquetFiles
from tasks.ingest.read.json_files import JsonFiles
from tasks.ingest.read.mail import Mailboxes, MailFiles
from tasks.ingest.read.markdown import MarkdownFiles
from tasks.ingest.read.office import DocxFiles, PdfFiles
from tasks.ingest.read.packed import PackedFiles
from tasks.ingest.read.plain import TextFiles
from tasks.ingest.read.spreadsheets import Spreadsheets
from tasks.ingest.read.web_pages import WebPages
from tasks.ingest.readers import JsonLines, Quarantine
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


def reader_of(ending: str, folder: DataFolder, rules: Reading, quarantine: Quarantine) -> BaseDiskReader:
    """The reader of the files with that ending: `read_file(name)` yields documents and quarantines the rest."""
    if ending == ".zip":
        return Archives(folder, rules, quarantine, lambda end, inner, on_bad: reader_of(end, inner, rules, on_bad))
    inner, packing = within(ending)
    reader = TextFiles if ending in rules.as_text else READERS.get(inner, JsonLines)
    if packing and reader is not JsonLines:  # JsonLines unpacks by itself
        return PackedFiles(reader(folder, rules, quarantine), packing)
    return reader(folder, rules, quarantine)
