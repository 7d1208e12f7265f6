"""Tiny byte-level tokenizers: one token a byte, then special and added ones."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Tokenizer, decoders, models

from model.token_bytes import byte_letters
from tasks.models.vocabulary import END_OF_TEXT, pre_tokenizer

LLAMA = {"model_type": "llama", "vocab_size": 512, "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1}
LLAMA |= {"num_attention_heads": 2, "max_position_embeddings": 4096}


def tokenizer_folder(path: Path, specials: Sequence[str], added: Sequence[str] = (), eos: Any = END_OF_TEXT) -> Path:
    """A folder with a tokenizer, its config, and an empty config.json."""
    path.mkdir(parents=True)
    write_tokenizer(path, specials, added, eos)
    (path / "config.json").write_text("{}")
    return path


def model_folder(path: Path, specials: Sequence[str] = (END_OF_TEXT,), **config: Any) -> Path:
    """A folder that looks like a public model to what reads its configs; its weights cannot be loaded."""
    tokenizer_folder(path, specials)
    (path / "config.json").write_text(json.dumps(LLAMA | config))
    (path / "model.safetensors").write_text("no tensors")
    return path


def write_tokenizer(
    folder: Path,
    specials: Sequence[str] = (END_OF_TEXT,),
    added: Sequence[str] = (),
    eos: Any = END_OF_TEXT,
    merges: Sequence[tuple[str, str]] = (),
) -> None:
    """The ids of the bytes are 0 to 255, then come what the merges make, special and added tokens."""
    letters = [*byte_letters(), *(left + right for left, right in merges)]
    bpe = Tokenizer(models.BPE({letter: number for number, letter in enumerate(letters)}, list(merges)))
    bpe.pre_tokenizer, bpe.decoder = pre_tokenizer("gpt2"), decoders.ByteLevel()
    bpe.add_special_tokens(list(specials))
    bpe.add_tokens([AddedToken(token, normalized=False) for token in added])
    bpe.save(str(folder / "tokenizer.json"))
    config = {"tokenizer_class": "PreTrainedTokenizerFast"} | ({"eos_token": eos} if eos else {})
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
