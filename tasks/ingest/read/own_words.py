"""What the writer of a message wrote, without what the message quotes and without the signature.

A mark of either is believed only with what it introduces: headers under a line that announces a forwarded message,
quoted lines under "On Monday, A wrote:", a few lines under the dashes of a signature.
"""

import re

SIGNATURE = "-- "  # RFC 3676, 4.3; many mailers lose its blank
SIGNATURE_LINES = 10  # at most, that are not blank
INTRODUCTION = re.compile(  # "On Monday, A wrote:", in some languages, perhaps over two lines
    r"(?m)^(?:On\b|Am\b|Le\b|El\b|Il\b|Op\b|Em\b).{0,200}?(?:\n.{0,100}?)?"
    r"(?:wrote|schrieb.{0,80}|a écrit|escribió|ha scritto|schreef|escreveu)\s?:[^\S\n]*\n\s*(?=>)"
)
FORWARD_LINE = re.compile(  # what Outlook and Gmail put above a message that they quote as a whole
    r"(?m)^(?:-{2,} ?(?:Original Message|Ursprüngliche Nachricht|Message d'origine|Forwarded message).*|_{20,})$"
)
QUOTED_HEADER = re.compile(
    r"\s*[*_]{0,2}(?:From|Sent|Date|To|Subject|Von|Gesendet|Datum|An|Betreff|De|Envoyé|À|Objet|Da|Inviato|Data|A|"
    r"Oggetto|Van|Verzonden|Aan|Onderwerp|Enviado(?: el)?|Para|Asunto|Assunto|Från|Fra|Skickat|Sendt|Til|Till)"
    r"[*_]{0,2}[ \u00a0]?:.*"
)
BLANK_LINES = re.compile(r"\n{3,}")


def own_text(body: str) -> str:
    """The text by the message's own writer, without quoted lines, their introductions and the signature."""
    text = body.replace("\r\n", "\n").replace("\r", "\n")
    text = INTRODUCTION.sub("", _before_forwarded(text))  # the introduction alone: answers may follow between quotes
    lines = [line for line in text.split("\n") if not line.startswith(">")]
    kept = [line.rstrip() for line in lines[: _signature(lines)]]
    return BLANK_LINES.sub("\n\n", "\n".join(kept)).strip()


def _before_forwarded(text: str) -> str:
    """The text up to a message that is quoted as a whole, with its headers."""
    for match in FORWARD_LINE.finditer(text):
        first = QUOTED_HEADER.match(text, match.end())
        is_line = match[0].startswith("_")  # which many draw between sections: one header may be a heading there
        if first and (not is_line or QUOTED_HEADER.match(text, first.end())):
            return text[: match.start()]
    return text


def _signature(lines: list[str]) -> int:
    """The number of the line with which the signature begins; as many as there are where there is none."""
    marks = [n for n, line in enumerate(lines) if line in (SIGNATURE, SIGNATURE.rstrip())]
    if not marks:
        return len(lines)
    after = lines[marks[-1] + 1 :]
    is_divider = lines[marks[-1]] != SIGNATURE and (len(marks) > 1 or bool(after and not after[0].strip()))
    is_short = sum(map(bool, map(str.strip, after))) <= SIGNATURE_LINES
    return marks[-1] if is_short and not is_divider else len(lines)
