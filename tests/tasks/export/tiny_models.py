"""Tiny models in the Hugging Face layout, with a tokenizer of one token a byte, for exports of every kind."""

from collections.abc import Sequence
from pathlib import Path

import torch

from model import hub
from model.decoder import Decoder, initialise
from model.family import SpecialIds
from tasks.models.chat_template import write_chat_template
from tasks.models.vocabulary import END_OF_TEXT
from tests.model.shapes import SHAPES
from tests.tasks.models.byte_level import write_tokenizer

TURNS = ("<|user|>", "<|assistant|>", "<|system|>", "<|end|>")
MERGES = (("t", "h"), ("th", "e"), ("Ġ", "the"), ("e", "n"), ("1", "2"))
CHATML = ("<|im_start|>", "<|im_end|>")


def tiny_model(folder: Path, name: str = "llama", marks: Sequence[str] = (), context: int = 128) -> Path:
    """A folder with the shape of that name, wide enough for the tokenizer; one that answers where it has marks."""
    shape = SHAPES[name].model_copy(update={"vocabulary": 300, "context": context})
    decoder = initialise(Decoder(shape, SpecialIds(end=(261,))), seed=1)
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for parameter in decoder.parameters():
            parameter.mul_(10 if parameter.dim() == 2 else 1)
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
    hub.save(decoder, folder)
    write_tokenizer(folder, [END_OF_TEXT, *marks], merges=MERGES)
    if marks:
        write_chat_template(folder)
    return folder
