"""Where the texts of a folder are cut into passages, and which share of them is held out."""

import random

from commands.init.survey import Survey
from tasks.curate.config import Split
from tasks.curate.split import FEWEST_ORIGINS
from tasks.errors import UserError
from tasks.passages import passages

LONG_TEXT = 10_000  # bytes on average: books; filters and splits judge passages better
PASSAGE, SHORTEST_PASSAGE = 4_000, 200  # characters
FEWEST_TEXTS = 3  # that differ: one each to train on, to validate and to test
ENOUGH_PASSAGES = 12  # of fewer texts than that
FEW, VERY_FEW = 400, 100  # texts: below, three in a hundred would hold out a handful


def cut_at(found: Survey) -> int | None:
    """Characters of a passage, where texts are cut; UserError where there is too little text to hold any out."""
    if found.documents <= len(found.texts) and len(differing := set(found.texts)) < FEWEST_TEXTS:
        characters = sum(map(len, differing))
        if characters < ENOUGH_PASSAGES * SHORTEST_PASSAGE:
            what = f"{found.path}: {characters:,} characters of text that differs, in {len(differing)} document(s)"
            raise UserError(
                f"{what}: too little to train on one part and test on another",
                f"add documents: {FEWEST_TEXTS} that differ, or {ENOUGH_PASSAGES * SHORTEST_PASSAGE:,} characters",
            )
        return min(PASSAGE, characters // ENOUGH_PASSAGES)
    return PASSAGE if found.text_bytes > LONG_TEXT * found.documents else None


def held_out(found: Survey) -> float:
    """The share for validation, and again for test: a larger one of few texts, or of the passages of very few."""
    most = cut_at(found)
    count = found.documents * (1 - found.duplicates)
    if most and found.documents < FEWEST_ORIGINS:
        sampled = sum(map(len, found.texts)) / sum(len(text.encode(errors="replace")) for text in found.texts)
        count = found.text_bytes * sampled * (1 - found.duplicates) / most
    return Split().test if count >= FEW else 0.1 if count > VERY_FEW else 0.2


def judged(found: Survey) -> list[str]:
    """The sample as the rules will meet it: cut, and in no order, where the run cuts."""
    most = cut_at(found)
    if most is None:
        return list(found.texts)
    cut = [passage for text in found.texts for passage in passages(text, most)]
    random.Random(0).shuffle(cut)
    return cut
