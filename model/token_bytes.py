"""The bytes that each token of a tokenizer.json stands for, of the two kinds of BPE in which any text has ids.

byte-level      (GPT-2, Llama 3, Qwen, SmolLM, OLMo, Granite, Phi-4) a token is spelt in 256 letters, one a byte
byte fallback   (SentencePiece's: Llama 2, Mistral, Phi-3, Gemma) a token is text, with ▁ for a space; a character that
                no token has is written as bytes, each a token <0xNN>
"""

import re
from collections.abc import Collection, Mapping
from typing import Any

from model.hub_config import WeightsError

SPACE = "▁"
_BYTE = re.compile("<0x([0-9A-F]{2})>")
_BYTE_PIECES = frozenset(f"<0x{byte:02X}>" for byte in range(256))
READ = "byte-level BPE (GPT-2, Llama 3, Qwen, SmolLM …) and BPE with byte fallback (Llama 2, Mistral, Phi-3, Gemma)"


def byte_letters() -> dict[str, int]:
    """GPT-2's alphabet: the printable letter that stands for each byte in tokenizer.json → the byte."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {chr(256 + n): byte for n, byte in enumerate(others)}


def has_byte_fallback(described: Mapping[str, Any], file: object) -> bool:
    """Which of the two kinds a tokenizer is; WeightsError names any other."""
    model = described["model"]
    if model["type"] != "BPE":
        raise _other_kind(file, f"of the kind {model['type']}")
    for name in ("dropout", "continuing_subword_prefix", "end_of_word_suffix"):
        if model.get(name):
            raise _other_kind(file, f"a BPE with {name}")
    if model.get("byte_fallback") and model["vocab"].keys() >= _BYTE_PIECES:
        return True
    letters, added = byte_letters().keys(), {token["content"] for token in described["added_tokens"]}
    other = next((token for token in model["vocab"] if token not in added and not letters >= {*token}), None)
    if other is not None:
        raise _other_kind(file, f"a BPE without a token for every byte: it has the token {other!r}")
    return False


def token_bytes(
    described: Mapping[str, Any], ids: Mapping[str, int], specials: Collection[str], is_fallback: bool
) -> list[bytes]:
    """Id → its bytes; none of special tokens, and of ids that have no token. A token that was added is text."""
    letters, of_model = byte_letters(), described["model"]["vocab"]
    table = [b""] * (max(ids.values(), default=-1) + 1)
    for token, id in ids.items():
        if token in specials:
            continue
        if token not in of_model:
            table[id] = token.encode()
        elif not is_fallback:
            table[id] = bytes(map(letters.__getitem__, token)) if letters.keys() >= {*token} else token.encode()
        elif byte := _BYTE.fullmatch(token):
            table[id] = bytes([int(byte[1], 16)])
        else:
            table[id] = token.replace(SPACE, " ").encode()
    return table


def token_texts(described: Mapping[str, Any]) -> set[str]:
    """What the tokens may say, of a tokenizer of any kind: each as it is spelt, and as text where it is in letters."""
    vocab: Any = described["model"]["vocab"]  # of Unigram a list of tokens and scores
    spelt = {*vocab} if isinstance(vocab, dict) else {token for token, _ in vocab}
    spelt |= {token["content"] for token in described["added_tokens"]}
    letters = byte_letters()
    in_letters = (token for token in spelt if letters.keys() >= {*token})
    as_text = {bytes(letters[letter] for letter in token).decode(errors="replace") for token in in_letters}
    return as_text | {token.replace(SPACE, " ").removeprefix("##") for token in spelt}


def _other_kind(file: object, kind: str) -> WeightsError:
    return WeightsError(f"{file}: its tokenizer is {kind}; read are {READ}", "take a model with one of these")
