"""A network of a few thousand weights in a folder, with a tokenizer of bytes and a licence."""

from pathlib import Path
from typing import Any

from model import hub
from model.decoder import Decoder, initialise
from model.depth import from_depth
from tasks.models.vocabulary import SPECIALS
from tests.tasks.models.byte_level import tokenizer_folder

VOCABULARY = 256 + len(SPECIALS)


def tiny_weights(path: Path, **shape: Any) -> Path:
    """Fresh llama weights of that folder, apache-2.0."""
    folder = tokenizer_folder(path, SPECIALS)
    sizes = {"depth": 2, "vocabulary": VOCABULARY, "width": 32, "heads": 2, "kv_heads": 1} | shape
    hub.save(initialise(Decoder(from_depth(context=64, family="llama", **sizes)), seed=0), folder)
    (folder / "README.md").write_text("---\nlicense: apache-2.0\n---\nTiny.\n")
    return folder
