"""A tokenizer folder read for use: text to ordinary ids, ids to bytes, and the special tokens apart, by name.

Text from users and corpora never becomes a special token: `<|user|>` inside a document is seven or so ordinary tokens,
so no document can inject a chat turn. Special tokens enter a sequence by their id only, put there by our code.

Two encoders give the same ids. `tiktoken` is several times faster than `tokenizers`, and is used where the folder's
tokenizer is one of ours (byte-level BPE over a pre-split known by name, whose ids are in the order of its merges).
Why they agree: when merge number r makes a token from left + right, every uncrossed occurrence of its bytes is split
as left | right at that moment, so "the pair with the lowest rank as bytes" (tiktoken) and "the pair with the lowest
merge" (tokenizers) are the same pair, and a piece that is a token is always merged into that token.
"""

import json
import re
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from model.chat import Markup

END_OF_TEXT, PAD, USER, ASSISTANT, SYSTEM, END = (
    "<|endoftext|>",
    "<|pad|>",
    "<|user|>",
    "<|assistant|>",
    "<|system|>",
    "<|end|>",
)
SPECIALS = (END_OF_TEXT, PAD, USER, ASSISTANT, SYSTEM, END)  # ids 0, 1, 2, …

_LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|"
    r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
PRE_SPLITS = {  # llama.cpp knows pre-splits by name only, so these three are what a tokenizer may have
    "gpt2": r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
    "llama3": _LLAMA3,
    "qwen2": _LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}"),
}

_LONG_WHITESPACE = re.compile(r"\s{1000}")  # tiktoken's regex engine overflows its stack on some hundred thousand


class Vocabulary:
    """The tokenizer saved in `folder`."""

    def __init__(self, folder: Path) -> None:
        from tokenizers import Tokenizer

        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.encode_special_tokens = True  # a special token's name in a text is text
        self._described: dict[str, Any] = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
        self.size: int = self._tokenizer.get_vocab_size(with_added_tokens=True)
        self.specials: dict[str, int] = {
            added["content"]: added["id"] for added in self._described["added_tokens"] if added["special"]
        }

    def encode_ordinary(self, texts: Sequence[str]) -> list[list[int]]:
        """The ids of each text, never a special token among them, nothing added before or after."""
        if self._fast is None or any(map(_LONG_WHITESPACE.search, texts)):
            found = self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
            return [encoding.ids for encoding in found]
        return [self._fast.encode_ordinary(text) for text in texts]

    def encode(self, text: str) -> list[int]:
        """The ids of one text, as `encode_ordinary` gives them."""
        return self.encode_ordinary([text])[0]

    def markup(self) -> "Markup":
        """How turns are marked in this vocabulary; KeyError names the special token that it lacks."""
        from model.chat import markup

        return markup(self.specials, self.encode)

    def decode_bytes(self, ids: Iterable[int]) -> bytes:
        """The bytes that the ids stand for: exactly those that were encoded. Special tokens stand for none."""
        return b"".join(map(self.token_bytes.__getitem__, ids))

    @cached_property
    def token_bytes(self) -> list[bytes]:
        """Id → its bytes, of a byte-level vocabulary."""
        letters = byte_letters()
        table = [b""] * self.size
        for token, id in self._described["model"]["vocab"].items():
            if token not in self.specials:
                table[id] = bytes(letters[letter] for letter in token)
        return table

    @cached_property
    def _fast(self) -> Any:
        """tiktoken's encoder with this tokenizer's merges, or None where equal ids are not certain."""
        pre_split = _name_of_pre_split(self._described)
        if pre_split is None or not _ids_follow_merges(self._described):
            return None
        from tiktoken import Encoding

        ranks = {spelt: id for id, spelt in enumerate(self.token_bytes) if spelt}
        return Encoding(pre_split, pat_str=PRE_SPLITS[pre_split], mergeable_ranks=ranks, special_tokens={})


def byte_letters() -> dict[str, int]:
    """GPT-2's alphabet: the printable letter that stands for each byte in tokenizer.json → the byte."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {chr(256 + n): byte for n, byte in enumerate(others)}


def pre_tokenizer(pre_split: str) -> Any:
    """The `tokenizers` pre-tokenizer of one of PRE_SPLITS, built as the models of that name ship it."""
    from tokenizers import Regex, pre_tokenizers

    if pre_split == "gpt2":
        return pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    split = pre_tokenizers.Split(Regex(PRE_SPLITS[pre_split]), behavior="isolated", invert=False)
    letters = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    return pre_tokenizers.Sequence([split, letters])


def _name_of_pre_split(described: dict[str, Any]) -> str | None:
    if described["model"]["type"] != "BPE" or described["normalizer"] is not None:
        return None
    for name in PRE_SPLITS:
        if described["pre_tokenizer"] == json.loads(pre_tokenizer(name).__getstate__()):
            return name
    return None


def _ids_follow_merges(described: dict[str, Any]) -> bool:
    vocab, merges = described["model"]["vocab"], described["model"]["merges"]
    if len(vocab) != len(SPECIALS) + 256 + len(merges) or any(letter not in vocab for letter in byte_letters()):
        return False
    made = [vocab.get("".join(pair)) for pair in merges]
    return made == list(range(len(SPECIALS) + 256, len(vocab)))
