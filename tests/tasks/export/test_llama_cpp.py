"""What is written as GGUF, opened by the real llama.cpp."""

from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from model import hub
from model.decoder import Decoder
from model.family import Shape, SpecialIds
from model.generate import generate
from tasks.export.gguf import write_gguf
from tasks.export.llama_cpp import OpenedByLlamaCpp
from tasks.models.likelihood import Window, log_probabilities
from tasks.models.vocabulary import END_OF_TEXT, Vocabulary
from tests.model.shapes import SHAPES, scrambled
from tests.tasks.models.byte_level import write_tokenizer

NASTY = (
    "",
    " ",
    "a",
    "  two  spaces ",
    "\t\r\n\n x",
    "Ünï çödé 漢字 🙂👩‍👩‍👧",
    f"{END_OF_TEXT} as text",
    "0123456789",
    "\x00\x01\x7f",
)
FIXED = {"smollm3": {"unrotated_blocks": (3,), "depth": 4}, "gemma": {"tied": True}}
FIXED |= {"olmo2": {"head_width": 6, "tied": True}, "phi3 partly rotated": {"head_width": 6, "rotated_share": 2 / 3}}
FIXED |= {"gemma2": {"tied": True, "attention_multiplier": 10**-0.5}, "gemma3": {"attention_multiplier": 8**-0.5}}
MERGES = ("t", "h"), ("th", "e"), ("Ġ", "the"), ("e", "n")
WITHIN = ("mistral", "phi3", "qwen2 windowed")  # their files end at the window


def model(name: str, folder: Path) -> tuple[Path, Decoder]:
    """A folder of weights with a token a byte, and a few more, and what is in it."""
    write_tokenizer(folder, merges=MERGES)
    changed = FIXED.get(name, {}) | {"vocabulary": 264, "context": 64}
    decoder = scrambled(Decoder(Shape.model_validate(SHAPES[name].model_dump() | changed), SpecialIds(end=(260,))))
    hub.save(decoder, folder)
    return folder, decoder


@pytest.mark.parametrize("name", SHAPES)
def test_llama_cpp_computes_what_the_decoder_does(name: str, tmp_path: Path):
    weights, decoder = model(name, tmp_path)
    write_gguf(weights, tmp_path / "model.gguf", "f32")
    vocabulary = Vocabulary(weights)
    tokens = vocabulary.encode("Fellow citizens of the Senate")[: decoder.shape.window if name in WITHIN else None]
    ((ours, _),) = log_probabilities(decoder, [Window(tokens, 1)])
    with closing(OpenedByLlamaCpp(tmp_path / "model.gguf", 64, 1)) as opened:
        for text in NASTY:
            assert opened.encode(text) == vocabulary.encode(text), text
        assert np.abs(opened.log_probabilities(tokens) - ours).max() < 0.02
        greedy = opened.greedy(tokens[:3], 2, frozenset({260}))  # a shorter prompt after a longer one
    assert greedy == list(generate(decoder, tokens[:3], 2, 0.0, stop=frozenset({260})))
