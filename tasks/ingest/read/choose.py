"""Which reader reads the files of an ending."""

from datatrove.io import DataFolder
from datatrove.pipeline.readers.base import BaseDiskReader

from tasks.ingest.kinds import PLAIN, within
from tasks.ingest.read.archives import Archives
from tasks.ingest.read.json_files import JsonFiles
from tasks.ingest.read.mail import Mailboxes, Mails
from tasks.ingest.read.office import Pdfs, WordFiles
from tasks.ingest.read.packed import Packed
from tasks.ingest.read.plain import Texts
from tasks.ingest.read.spreadsheets import Spreadsheets
from tasks.ingest.read.web_pages import WebPages
from tasks.ingest.readers import Lines, Quarantine, Streams, Tables
from tasks.ingest.sources import Reading

READERS = {
    **dict.fromkeys(PLAIN, Texts),
    ".html": WebPages,
    ".htm": WebPages,
    ".pdf": Pdfs,
    ".docx": WordFiles,
    ".eml": Mails,
    ".mbox": Mailboxes,
    ".json": JsonFiles,
    ".csv": Spreadsheets,
    ".tsv": Spreadsheets,
    ".parquet": Tables,
    ".arrow": Streams,
}


def reader_of(ending: str, folder: DataFolder, rules: Reading, quarantine: Quarantine) -> BaseDiskReader:
    """The reader of the files with that ending: `read_file(name)` yields documents and quarantines the rest."""
    if ending == ".zip":
        return Archives(folder, rules, quarantine, lambda end, inner, told: reader_of(end, inner, rules, told))
    inner, packing = within(ending)
    reader = Texts if ending in rules.as_text else READERS.get(inner, Lines)
    if packing and reader is not Lines:  # which unpacks by itself
        return Packed(reader(folder, rules, quarantine), packing)
    return reader(folder, rules, quarantine)
