"""The text of a WordprocessingML document (ECMA-376, 17): each paragraph once, in the order of the file.

Paragraphs stand in content controls, tables within tables and text boxes too, and runs in insertions, links and
formulas as well as in the paragraph itself; so the tree is walked whole. What is deleted or moved away is left out, and
of the same thing in two forms (mc:AlternateContent) the first is read.

Only the parts with text are opened: a link to a picture that is gone, as some programs leave them, costs no text.
"""

import posixpath
import zipfile
from collections.abc import Iterator
from typing import Any

from lxml import etree  # pyright: ignore[reportAttributeAccessIssue]  # it has no stubs

from tasks.ingest.read.formulas import formula_text
from tasks.ingest.read.raised import raised

PROPERTIES = ("pPr", "rPr", "tblPr", "tblGrid", "trPr", "tcPr", "sectPr", "sdtPr", "sdtEndPr")
DELETED = ("del", "moveFrom", "rt")  # and the pronunciation above a character
SIGNS = {"tab": "\t", "br": "\n", "cr": "\n", "ptab": "\t", "noBreakHyphen": "-"}
MAIN, NOTES = "/officeDocument", ("/footnotes", "/endnotes")  # how the types of relationships end, in both versions


def word_blocks(archive: zipfile.ZipFile) -> Iterator[str]:
    """Paragraphs and rows of tables of a DOCX, then its footnotes and endnotes; ValueError where it is none."""
    main = _related(archive, "", MAIN)
    if main is None:
        raise ValueError("no document of Word in it")
    yield from _blocks(_xml(archive, main))
    for kind in NOTES:
        if part := _related(archive, main, kind):
            for note in _xml(archive, part):
                if _attribute(note, "type") in (None, "normal"):  # else the line above the notes
                    yield from _blocks(note)


def _related(archive: zipfile.ZipFile, part: str, kind: str) -> str | None:
    """The part of that kind to which another one, or the whole archive (""), is related; None where it is missing."""
    folder, name = posixpath.split(part)
    relations = posixpath.join(folder, "_rels", f"{name}.rels")
    names = archive.namelist()
    for relation in _xml(archive, relations) if relations in names else ():
        target = posixpath.normpath(posixpath.join("/", folder, relation.get("Target") or "")).lstrip("/")
        if (relation.get("Type") or "").endswith(kind) and target in names:
            return target
    return None


def _xml(archive: zipfile.ZipFile, part: str) -> Any:
    parser = etree.XMLParser(resolve_entities=False, no_network=True)
    return etree.fromstring(archive.read(part), parser)


def _blocks(parent: Any) -> Iterator[str]:
    """The texts of the paragraphs and rows within an element that holds such."""
    for element in parent:
        name = _name(element)
        if name == "p":
            text, boxes = list[str](), list[Any]()
            _collect(element, text, boxes)
            yield "".join(text).strip("\n")
            for box in boxes:
                yield from _blocks(box)
        elif name == "tr":
            if not _is_deleted_row(element):
                yield "\t".join("\n".join(filter(str.strip, _blocks(cell))) for cell in _cells(element))
        elif name == "AlternateContent":
            yield from _blocks(_first_form(element))
        elif name not in PROPERTIES and name not in DELETED:
            yield from _blocks(element)


def _collect(element: Any, text: list[str], boxes: list[Any]) -> None:
    """Adds the text within a paragraph, and the text boxes that are anchored in it."""
    for child in element:
        name = _name(child)
        if name == "t":
            text += [child.text] if child.text else []
        elif name in SIGNS:
            text.append(SIGNS[name])
        elif name == "oMath":
            text += [formula] if (formula := formula_text(child)) else []
        elif name == "txbxContent":
            boxes.append(child)
        elif name == "AlternateContent":
            _collect(_first_form(child), text, boxes)
        elif name not in PROPERTIES and name not in DELETED:
            start = len(text)
            _collect(child, text, boxes)
            if name == "r" and start < len(text) and _is_raised(child):
                text[start:] = [raised("".join(text[start:]), text[start - 1] if start else "")]


def _is_raised(run: Any) -> bool:
    marks = (mark for properties in run if _name(properties) == "rPr" for mark in properties)
    return any(_name(mark) == "vertAlign" and _attribute(mark, "val") == "superscript" for mark in marks)


def _cells(row: Any) -> Iterator[Any]:
    """The cells of a row, those in content controls too."""
    for element in row:
        if _name(element) == "tc":
            yield element
        elif _name(element) not in PROPERTIES and _name(element) not in DELETED:
            yield from _cells(element)


def _first_form(alternatives: Any) -> Any:
    """The first choice, else the fallback; nothing where there is neither."""
    forms = {_name(form): form for form in reversed(alternatives)}
    return forms.get("Choice", forms.get("Fallback", ()))


def _is_deleted_row(row: Any) -> bool:
    return any(_name(mark) == "del" for properties in row if _name(properties) == "trPr" for mark in properties)


def _name(element: Any) -> str:
    """The name without its namespace (there are two of WordprocessingML's); "" of a comment."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def _attribute(element: Any, name: str) -> str | None:
    return next((value for key, value in element.attrib.items() if key.rpartition("}")[2] == name), None)
