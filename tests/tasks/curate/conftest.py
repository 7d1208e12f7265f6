"""A scored corpus that several tests decide on."""

import random
from pathlib import Path

import pytest

from tasks.curate.config import CurateConfig
from tasks.curate.steps import SIGNALS

from .corpus import addresses, nasty, random_document, write_documents


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """documents/ and signals/ of 300 documents: passages of 30 addresses, made-up prose, nasty ones, copies of some."""
    folder = tmp_path_factory.mktemp("corpus")
    draw = random.Random(11)
    by_address: dict[str, list[str]] = {}
    for name, text in addresses():
        by_address.setdefault(name, []).append(text)
    rows = [(name, text) for name in list(by_address)[:30] for text in by_address[name][:6]]
    rows += [(f"made {i}", random_document(draw)) for i in range(60)] + [(f"nasty {i}", nasty(draw)) for i in range(20)]
    rows += [(f"copy {i}", rows[i * 7][1]) for i in range(20)]
    texts, origins = [text for _, text in rows], [name for name, _ in rows]
    write_documents(folder / "documents", texts, origin=origins)
    (folder / "signals").mkdir()
    SIGNALS(
        CurateConfig(language="en", workers=1).scoring,
        {"documents": folder / "documents", "earlier": {}},
        folder / "signals",
    )
    return folder
