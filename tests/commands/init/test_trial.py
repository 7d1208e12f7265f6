"""The trial of a folder's sample: what it counts is what curation will drop."""

import random
from pathlib import Path

import pytest

from commands.init.survey import survey
from commands.init.trial import measure
from tasks.curate.config import CurateConfig
from tasks.home import Home


@pytest.mark.usefixtures("short_trials")
def test_near_copies_are_counted_apart_from_exact_ones(tmp_path: Path) -> None:
    draw, folder = random.Random(5), tmp_path / "texts"
    folder.mkdir()
    texts = [" ".join(f"w{draw.randrange(10**6)}x" for _ in range(80)) for _ in range(40)]
    texts += [text.rsplit(" ", 1)[0] + " otherwise" for text in texts[:5]] + texts[:3]
    for number, text in enumerate(texts):
        (folder / f"{number:02}.txt").write_text(text)
    surveyed = survey(folder, Home(tmp_path / "home"))
    assert surveyed.duplicates == pytest.approx(3 / 48)
    assert measure(surveyed, CurateConfig()).near_copies == pytest.approx(5 / 48)
