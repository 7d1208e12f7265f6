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

from tasks.errors import UserError
from tasks.models.damage import reading

if TYPE_CHECKING:
    from model.chat import Markup
    from model.family import SpecialIds

END_OF_TEXT, PAD, USER, ASSISTANT, SYSTEM, END = (
    "<|endoftext|>",
    "<|pad|>",
    "<|user|>",
    "<|assistant|>",
    "<|system|>",
    "<|end|>",
)
TEXT_ENDS = (END_OF_TEXT, "<|end_of_text|>")  # by the names that most vocabularies give them
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

MAX_IDS = 1 << 24
_LONG_WHITESPACE = re.compile(r"\s{1000}")  # tiktoken's regex engine overflows its stack on some hundred thousand


class Vocabulary:
    """The tokenizer saved in `folder`, a byte-level BPE; UserError where there is none, or one of another kind."""

    def __init__(self, folder: Path) -> None:
        from tokenizers import Tokenizer

        file = folder / "tokenizer.json"
        if not file.is_file():
            raise UserError(f"{folder}: no tokenizer.json", "put the model's tokenizer.json beside its weights")
        self.folder, self._described = folder, read_object(file)
        with reading(file, "not a tokenizer that can be read"):
            self._tokenizer = Tokenizer.from_file(str(file))
            _refuse_other_kinds(self._described, file)
            self._tokenizer.encode_special_tokens = True  # a special token's name in a text is text
            self._ids = self._tokenizer.get_vocab(with_added_tokens=True)
            self.specials: dict[str, int] = {
                added["content"]: added["id"] for added in self._described["added_tokens"] if added["special"]
            }
            self._tokenizer.encode("a")  # a pre-split that cannot be used fails only here
        if not self._ids or max(self._ids.values()) >= MAX_IDS:
            raise UserError(f"{file}: no tokens, or ids beyond {MAX_IDS:,}", "copy it again")

    @property
    def size(self) -> int:
        """The largest id and one more: the rows that an embedding must have. Not each id need have a token."""
        return max(self._ids.values()) + 1

    @property
    def id_type(self) -> str:
        """The type in which ids are stored: uint16 where all of them fit."""
        return "uint16" if self.size <= 1 << 16 else "uint32"

    def token(self, id: int) -> str:
        """How the vocabulary spells it."""
        return str(self._tokenizer.id_to_token(id))

    def ids_without_token(self, rows: int) -> list[int]:
        """Those of an embedding's rows: gaps, and padding to a round number. They must never be drawn."""
        return sorted(set(range(rows)) - set(self._ids.values())) if rows > len(self._ids) else []

    @cached_property
    def separator(self) -> int:
        """The id that ends a text and stands between documents; UserError where the tokenizer names none.

        It is the end that the configs beside the tokenizer name. Of chat models this is often the end of a turn: then
        it is the token whose name says that it ends a text, where there is one.
        """
        named = self._named("eos_token")
        of_texts = [self.specials[name] for name in TEXT_ENDS if name in self.specials]
        if of_texts and named not in of_texts and (named is None or self._ends_turns(named)):
            return of_texts[0]
        if named is None:
            what = f"{self.folder}: its tokenizer names no token that ends a text"
            raise UserError(what, "add eos_token to tokenizer_config.json, as the model's authors trained it")
        return named

    @cached_property
    def special_ids(self) -> "SpecialIds":
        """What weights trained with this tokenizer name."""
        from model.family import SpecialIds

        return SpecialIds(begin=self._named("bos_token"), end=(self.separator,), pad=self._named("pad_token"))

    def _named(self, role: str) -> int | None:
        """The id of the token to which the configs in the folder give that role."""
        for name in ("tokenizer_config.json", "special_tokens_map.json"):
            token = read_object(self.folder / name).get(role)
            token = token.get("content") if isinstance(token, dict) else token
            if isinstance(token, str) and token in self._ids:
                return self._ids[token]
        ids = read_object(self.folder / "config.json").get(f"{role}_id")
        first: Any = ids[0] if isinstance(ids, list) and ids else ids
        return first if first in self._ids.values() else None

    def _ends_turns(self, id: int) -> bool:
        template = self.folder / "chat_template.jinja"
        written = template.read_text(encoding="utf-8") if template.is_file() else ""
        written += str(read_object(self.folder / "tokenizer_config.json").get("chat_template", ""))
        return self.token(id) in written or "eos_token" in written

    def encode_ordinary(self, texts: Sequence[str]) -> list[list[int]]:
        """The ids of each text, never a special token among them, nothing added before or after."""
        if self._fast is None or any(map(_LONG_WHITESPACE.search, texts)):
            with reading(self.folder / "tokenizer.json", "its tokenizer fails on a text"):
                encodings = self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
            return [encoding.ids for encoding in encodings]
        return [self._fast.encode_ordinary(text) for text in texts]

    def encode(self, text: str) -> list[int]:
        """The ids of one text, as `encode_ordinary` gives them."""
        return self.encode_ordinary([text])[0]

    def markup(self) -> "Markup":
        """How turns are marked in this vocabulary; KeyError names the special token that it lacks."""
        from model.chat import markup

        return markup(self.specials, self.encode)

    def decode_bytes(self, ids: Iterable[int]) -> bytes:
        """The bytes that the ids stand for: exactly those that were encoded.

        Special tokens stand for none, and so do ids that have no token.
        """
        table = self.token_bytes
        return b"".join(table[id] for id in ids if id < len(table))

    @cached_property
    def token_bytes(self) -> list[bytes]:
        """Id → its bytes. An added token that is not special is spelt as it is, any other in byte letters."""
        letters = byte_letters()
        table = [b""] * self.size
        as_spelt = {added["content"] for added in self._described["added_tokens"]} - self.specials.keys()
        for token, id in self._ids.items():
            if token in as_spelt:
                table[id] = token.encode()
            elif token not in self.specials:
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


def _refuse_other_kinds(described: dict[str, Any], file: Path) -> None:
    """UserError unless it is a byte-level BPE: the kind in which any text has ids that give its bytes again."""
    kind, letters = described["model"]["type"], byte_letters().keys()
    added = {token["content"] for token in described["added_tokens"]}
    tokens = described["model"]["vocab"] if kind == "BPE" else ()
    other = next((token for token in tokens if token not in added and not letters >= {*token}), None)
    if kind != "BPE" or other is not None:
        example = f", with the token {other!r}" if other else ""
        what = f"{file}: its tokenizer is no byte-level BPE (it is of the kind {kind}{example})"
        raise UserError(what, "take a model with a byte-level BPE, such as GPT-2, Llama 3, Qwen or SmolLM")


def read_object(file: Path) -> dict[str, Any]:
    """The JSON object in a file; an empty one where there is no file."""
    if not file.is_file():
        return {}
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise UserError(f"{file}: not JSON ({error})", "copy it again") from error
    if not isinstance(content, dict):
        raise UserError(f"{file}: not a JSON object", "copy it again")
    return content


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
    if described.get("normalizer") is not None:
        return None
    for name in PRE_SPLITS:
        if described.get("pre_tokenizer") == json.loads(pre_tokenizer(name).__getstate__()):
            return name
    return None


def _ids_follow_merges(described: dict[str, Any]) -> bool:
    vocab, merges = described["model"]["vocab"], described["model"]["merges"]
    if len(vocab) != len(SPECIALS) + 256 + len(merges) or any(letter not in vocab for letter in byte_letters()):
        return False
    made = [vocab.get("".join(pair)) for pair in merges]
    return made == list(range(len(SPECIALS) + 256, len(vocab)))
