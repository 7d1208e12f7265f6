"""Formulas of Word (OMML) and of pages (MathML) in one line: 1/2 and 10⁶, which were 12 and 106 or nothing."""

from typing import Any

from tasks.ingest.read.raised import ABOVE, BELOW, NUMBER

FRACTIONS, ROOTS = ("f", "mfrac"), ("rad", "msqrt")
SCRIPTS = {  # below and above what stands first, by the names of Word's parts or the order of MathML's
    **{"sSup": ("", "sup"), "sSub": ("sub", ""), "sSubSup": ("sub", "sup")},
    **{"msup": ("", "1"), "msub": ("1", ""), "msubsup": ("1", "2")},
}
LEFT_OUT = ("annotation", "annotation-xml", "del", "deg")


def formula_text(element: Any) -> str:
    """The text of a formula's element, its fractions, exponents and indexes with signs of their own."""
    name = _name(element)
    if name in LEFT_OUT or name.endswith("Pr"):
        return ""
    if not len(element):
        text = element.text or ""
        return text if name == "t" else text.strip()
    children = [child for child in element if _name(child) and not _name(child).endswith("Pr")]
    in_order = [formula_text(child) for child in children]
    parts = dict(zip(map(_name, children), in_order, strict=True))
    if name in FRACTIONS and len(in_order) > 1:
        above, below = (parts["num"], parts["den"]) if {"num", "den"} <= parts.keys() else in_order[:2]
        return f"{_grouped(above)}/{_grouped(below)}"
    if name in SCRIPTS:
        numbered = parts | {str(n): text for n, text in enumerate(in_order)}
        below, above = (numbered.get(part, "") for part in SCRIPTS[name])
        return numbered.get("e", numbered.get("0", "")) + _script(below, "_") + _script(above, "^")
    joined = "".join(in_order)
    return f"√{_grouped(joined)}" if name in ROOTS else joined


def _script(text: str, mark: str) -> str:
    if NUMBER.fullmatch(text) and (mark == "^" or text != "n"):
        return text.translate(ABOVE if mark == "^" else BELOW)
    return f"{mark}{_grouped(text)}" if text else ""


def _grouped(text: str) -> str:
    return text if text.isalnum() or len(text) == 1 else f"({text})"


def _name(element: Any) -> str:
    """The name without its namespace; "" of a comment."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""
