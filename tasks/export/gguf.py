"""A model as GGUF, the one file that llama.cpp, Ollama and LM Studio read."""

from pathlib import Path
from typing import TYPE_CHECKING

from tasks.errors import UserError
from tasks.export.gguf_vocabulary import vocabulary_metadata
from tasks.models.damage import reading
from tasks.models.vocabulary import Vocabulary

if TYPE_CHECKING:
    from model.decoder import Decoder
    from model.family import Shape

DEFAULT_QUANT = "q8_0"
PHI3_OTHERS = {"<unk>", "<s>", "<|endoftext|>"}


def write_gguf(weights: Path, file: Path, quant: str = DEFAULT_QUANT, decoder: "Decoder | None" = None) -> None:
    """Writes a folder of weights as one file; UserError where its network or tokenizer has no place in GGUF.

    `decoder`: its network, where that is loaded already.
    """
    from model.gguf_families import QUANTS
    from model.gguf_file import save
    from tasks.models.pretrained import decoder_of

    if quant not in QUANTS:
        raise UserError(f"--quant {quant}: not known", f"there are: {', '.join(QUANTS)}")
    with reading(weights, "it cannot be written as GGUF"):
        decoder = decoder or decoder_of(weights)
        described = vocabulary_metadata(weights, decoder.shape.vocabulary, decoder.special_ids.end)
        save(decoder, file, quant, described | {"general.name": _name(weights)})


def _name(weights: Path) -> str:
    """A name of phi-3's is how llama.cpp knows that all special tokens but these swallow white space after them."""
    vocabulary = Vocabulary(weights)
    is_phi3 = bool(vocabulary.swallowing) and vocabulary.specials.keys() - vocabulary.swallowing == PHI3_OTHERS
    return f"{weights.name} phi-3" if is_phi3 else weights.name


def context_in_gguf(shape: "Shape") -> int:
    """The context that the file states: it ends at the window of a family for which llama.cpp knows none."""
    from model.gguf_families import GGUF_FAMILIES, to_metadata

    return to_metadata(shape)[f"{GGUF_FAMILIES[shape.family].architecture}.context_length"]
