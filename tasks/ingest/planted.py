"""Planted dirt: copies, near copies, cut texts, junk, made-up personal data and broken records, with the truth beside.

All of it is generated from a seed and another source's documents, as a JSON Lines file that is then read like any
other: so a broken record ends in the quarantine because it is broken.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import orjson

from tasks.ingest.planted_text import (
    BOILERPLATE,
    NOISES,
    PERSONAL,
    SCRIPTS,
    boilerplate,
    gibberish,
    other_script,
    personal,
)
from tasks.ingest.sources import PlantedSource

FILE = "planted.jsonl"
EDITED = (0.01, 0.05, 0.10)  # shares of a near copy's words that are replaced
CUT_OFF = (0.1, 0.25, 0.5)  # shares of a truncation's words that are missing
MIN_WORDS = 50  # of a text worth copying
LINKED = ("exact_copy", "near_copy", "truncation")  # their origin is their original's: one side of a split for both


class Original(NamedTuple):
    """A document that dirt may be made of."""

    doc_id: str
    text: str
    origin: str


class Truth(NamedTuple):
    """One planted record. A broken one never becomes a document: its `doc_id` is its place, SOURCE/URI#POSITION."""

    doc_id: str
    kind: str
    level: float | None  # near copies: the share of words edited; truncations: the share cut off
    of: str | None  # the original's doc_id
    detail: str | None  # which boilerplate, script, personal data or fault


class Dirt(NamedTuple):
    kind: str
    level: float | None
    detail: str | None
    make: "Make"


class Material(NamedTuple):
    """The words and sentences of all the originals, from which texts are mixed."""

    words: list[str]
    sentences: list[str]


Make = Callable[[random.Random, Original, Material], str | bytes]  # bytes where it is a line that cannot be read


def plant(name: str, source: PlantedSource, originals: Sequence[Original], count: int, path: Path) -> list[Truth]:
    """The truth of `count` records made of `originals`, which are written to `path` in random order."""
    rng = random.Random(f"{source.seed} {name}")  # hashed by SHA-512, so the same on every machine
    pool = _pool(originals)
    rounds = (divmod(i, len(SLOTS)) for i in range(count))
    dirt = [SLOTS[slot][turn % len(SLOTS[slot])] for turn, slot in rounds]
    rng.shuffle(dirt)
    truth = []
    with path.open("wb") as file:
        for position, (item, original) in enumerate(zip(dirt, _deal(rng, originals, count), strict=True)):
            text = item.make(rng, original, pool)
            identity = f"{position:05d}"
            is_linked = item.kind in LINKED
            if isinstance(text, str):
                record = {"id": identity, "text": text, "origin": original.origin if is_linked else None}
                line = orjson.dumps(record)
            else:
                identity, line = f"{FILE}#{position}", text
            file.write(line + b"\n")
            of = original.doc_id if is_linked else None
            truth.append(Truth(f"{name}/{identity}", item.kind, item.level, of, item.detail))
    return truth


def planted_count(source: PlantedSource, originals: int) -> int:
    """The number of planted records that makes them `share` of all."""
    return min(round(originals * source.share / (1 - source.share)), source.most)


def is_worth_copying(text: str) -> bool:
    return len(text.split()) >= MIN_WORDS


def _deal(rng: random.Random, originals: Sequence[Original], count: int) -> Iterator[Original]:
    """`count` originals in random order, each once before any comes twice."""
    hand = list[Original]()
    for _ in range(count):
        if not hand:
            hand = rng.sample(list(originals), len(originals))
        yield hand.pop()


def _pool(originals: Sequence[Original]) -> Material:
    words = sorted({word for original in originals for word in original.text.split()})
    sentences = [s for original in originals for s in original.text.replace("\n", " ").split(". ") if len(s) > 40]
    return Material(words, sentences or [original.text for original in originals])


def _exact_copy(_: random.Random, original: Original, __: Material) -> str:
    return original.text


def _near_copy(level: float) -> Make:
    def make(rng: random.Random, original: Original, pool: Material) -> str:
        pieces = original.text.split(" ")
        for i in rng.sample(range(len(pieces)), max(1, round(level * len(pieces)))):
            pieces[i] = next((w for w in rng.choices(pool.words, k=8) if w != pieces[i]), f"{pieces[i]}s")
        return " ".join(pieces)

    return make


def _truncation(level: float) -> Make:
    def make(_: random.Random, original: Original, __: Material) -> str:
        pieces = original.text.split(" ")
        return " ".join(pieces[: max(1, round((1 - level) * len(pieces)))])

    return make


def _generate(text: Callable[[random.Random, str], str], variant: str) -> Make:
    return lambda rng, _, __: text(rng, variant)


def _personal(kind: str) -> Make:
    def make(rng: random.Random, _: Original, pool: Material) -> str:
        sentences = [f"{s.strip().rstrip('.')}." for s in rng.choices(pool.sentences, k=6)]
        sentences.insert(3, personal(rng, kind))
        return " ".join(sentences)

    return make


def _broken(fault: str) -> Make:
    def make(_: random.Random, original: Original, __: Material) -> bytes:
        return FAULTS[fault](original.text[:400])

    return make


FAULTS: dict[str, Callable[[str], bytes]] = {
    "cut_off": lambda text: orjson.dumps({"text": text})[:-9],
    "invalid_utf8": lambda text: b'{"text":"' + b"\xff" * (len(text) + 3) + orjson.dumps(text)[1:] + b"}",
    "lone_surrogate": lambda _: b'{"text":"\\ud800"}',
    "no_text": lambda text: orjson.dumps({"body": text}),
    "empty_text": lambda _: b'{"text":" "}',
    "text_is_a_number": lambda text: orjson.dumps({"text": len(text)}),
    "a_list": lambda text: orjson.dumps([text]),
    "too_deep": lambda _: b'{"text":' + b"[" * 2000 + b"]" * 2000 + b"}",
}

SLOTS: tuple[tuple[Dirt, ...], ...] = (  # each gets an equal share, and its variants take turns
    (Dirt("exact_copy", None, None, _exact_copy),),
    *((Dirt("near_copy", level, None, _near_copy(level)),) for level in EDITED),
    tuple(Dirt("truncation", level, None, _truncation(level)) for level in CUT_OFF),
    tuple(Dirt("boilerplate", None, name, _generate(boilerplate, name)) for name in BOILERPLATE),
    tuple(Dirt("gibberish", None, of, _generate(gibberish, of)) for of in NOISES),
    tuple(Dirt("other_script", None, name, _generate(other_script, name)) for name in SCRIPTS),
    tuple(Dirt("pii", None, kind, _personal(kind)) for kind in PERSONAL),
    tuple(Dirt("broken", None, fault, _broken(fault)) for fault in FAULTS),
)
