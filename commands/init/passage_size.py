"""The size of passages that a folder's texts are cut into, and the share of them that is held out."""

import random

from commands.init.survey import Survey
from tasks.curate.config import Split
from tasks.curate.split import MIN_ORIGINS
from tasks.errors import UserError
from tasks.passages import passages

LONG_TEXT = 10_000  # bytes on average: books; filters and splits judge passages better
PASSAGE, MIN_PASSAGE = 4_000, 200  # characters
MIN_TEXTS = 3  # that differ: one each to train on, to validate and to test
MIN_PASSAGES = 12  # that fewer texts than that are cut into
FEW, VERY_FEW = 1000, 100  # texts: below, a share of 3 % would hold out a handful


def passage_size(survey: Survey) -> int | None:
    """Characters of a passage, where texts are cut; UserError where there is too little text to hold any out."""
    if survey.documents <= len(survey.texts) and len(distinct := set(survey.texts)) < MIN_TEXTS:
        characters = sum(map(len, distinct))
        if characters < MIN_PASSAGES * MIN_PASSAGE:
            what = f"{survey.path}: {characters:,} characters of text that differs, in {len(distinct)} document(s)"
            raise UserError(
                f"{what}: too little to train on one part and test on another",
                f"add documents: {MIN_TEXTS} that differ, or {MIN_PASSAGES * MIN_PASSAGE:,} characters",
            )
        return min(PASSAGE, characters // MIN_PASSAGES)
    return PASSAGE if survey.text_bytes > LONG_TEXT * survey.documents else None


def held_out(survey: Survey, near_copies: float = 0.0) -> float:
    """The share for validation, and again for test: larger where there are few texts, or few passages of few texts.

    near_copies: the share of the texts that is dropped beside the exact copies.
    """
    size = passage_size(survey)
    differing = max(0.0, 1 - survey.duplicates - near_copies)
    count = survey.documents * differing
    if size and survey.documents < MIN_ORIGINS:
        sample_bytes = sum(len(text.encode(errors="replace")) for text in survey.texts)
        characters_per_byte = sum(map(len, survey.texts)) / sample_bytes
        count = survey.text_bytes * characters_per_byte * differing / size
    return Split().test if count >= FEW else 0.1 if count > VERY_FEW else 0.2


def cut_sample(survey: Survey) -> list[str]:
    """The texts of the sample; where the run will cut them, their passages in random order."""
    size = passage_size(survey)
    if size is None:
        return list(survey.texts)
    cut = [passage for text in survey.texts for passage in passages(text, size)]
    random.Random(0).shuffle(cut)
    return cut
