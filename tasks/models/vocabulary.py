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
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from model.token_bytes import byte_letters
from tasks.errors import UserError
from tasks.models.damage import reading

if TYPE_CHECKING:
    from datetime import date

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
OLDER_FILES = ("tokenizer.model", "vocab.json")  # of tokenizers before there was tokenizer.json
_LONG_WHITESPACE = re.compile(r"\s{1000}")  # tiktoken's regex engine overflows its stack on some hundred thousand


class Vocabulary:
    """The tokenizer saved in `folder`; UserError where there is none, or one of a kind that is not read."""

    def __init__(self, folder: Path) -> None:
        from model.codec import Codec

        file = folder / "tokenizer.json"
        if not file.is_file():
            cure = "put the model's tokenizer.json beside its weights"
            if any((folder / name).is_file() for name in OLDER_FILES):
                cure += ", which transformers writes: AutoTokenizer.from_pretrained(DIR).save_pretrained(DIR)"
            raise UserError(f"{folder}: no tokenizer.json", cure)
        with reading(file, "not a tokenizer that can be read"):
            self._codec = Codec(folder)
        self.folder, self._described, self._ids = folder, self._codec.described, self._codec.ids
        self.specials: dict[str, int] = self._codec.specials
        if not self._ids or max(self._ids.values()) >= MAX_IDS:
            raise UserError(f"{file}: no tokens, or ids beyond {MAX_IDS:,}", "copy it again")

    @cached_property
    def size(self) -> int:
        """The largest id and one more: the rows that an embedding must have. Not each id need have a token."""
        return max(self._ids.values()) + 1

    @property
    def id_type(self) -> str:
        """The type in which ids are stored: uint16 where all of them fit."""
        return "uint16" if self.size <= 1 << 16 else "uint32"

    def token(self, id: int) -> str:
        """How the vocabulary spells it."""
        return str(self._codec.tokenizer.id_to_token(id))

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

    @property
    def bos(self) -> tuple[int, ...]:
        """What the model's authors put before every text: the id of a token that begins one, or nothing."""
        return self._codec.bos

    @property
    def begin(self) -> int:
        """The id that stands before a text's first token: what begins a text here, else what ends the one before."""
        return self.bos[0] if self.bos else self.separator

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
                return self._codec.encode(texts)
        return [self._fast.encode_ordinary(text) for text in texts]

    def encode_documents(self, texts: Sequence[str]) -> list[list[int]]:
        """The ids of whole texts, each begun as the model's authors begin one."""
        return [[*self.bos, *ids] for ids in self.encode_ordinary(texts)]

    def encode(self, text: str) -> list[int]:
        """The ids of one text, as `encode_ordinary` gives them."""
        return self.encode_ordinary([text])[0]

    def decode_bytes(self, ids: Iterable[int], continues: bool = False) -> bytes:
        """The bytes that the ids stand for: exactly those that were encoded, but for what model/codec.py says.

        Special tokens stand for none, and so do ids that have no token. Where the tokenizer puts a space before a text,
        that one is left out, unless the ids go on from a text that `continues` in them.
        """
        return self._codec.decode(ids, continues)

    @property
    def gives_text_back(self) -> bool:
        """Whether every text comes back from its ids; model/codec.py says what may not."""
        return self._codec.gives_text_back

    @property
    def swallowing(self) -> frozenset[str]:
        """The special tokens that swallow the white space after them, as Phi-3's do."""
        return frozenset(name for name, (_, after) in self._codec.strips.items() if after)

    @property
    def token_bytes(self) -> list[bytes]:
        """Id → its bytes."""
        return self._codec.token_bytes

    def markup(self, today: "Callable[[], date] | None" = None) -> "Markup":
        """How the model's turns are marked: by its own template, else by the special tokens that it has.

        `today`: the date where a template writes one; by default always the same, as in rows to train on.
        ChatTemplateError where it has neither; KeyError names the special token that it lacks.
        """
        from model.chat import Markup
        from model.chat_template import ChatTemplate, template_of

        codec, source = self._codec, template_of(self.folder, self.specials)
        encode = codec.encode_section if self._fast is None else lambda text, _: self.encode(text)
        return Markup(ChatTemplate(source, codec.roles, today), self.specials, encode, codec.strips)

    @cached_property
    def _fast(self) -> Any:
        """tiktoken's encoder with this tokenizer's merges, or None where equal ids are not certain."""
        pre_split = _name_of_pre_split(self._described)
        if pre_split is None or not _ids_follow_merges(self._described):
            return None
        from tiktoken import Encoding

        ranks = {spelt: id for id, spelt in enumerate(self.token_bytes) if spelt}
        return Encoding(pre_split, pat_str=PRE_SPLITS[pre_split], mergeable_ranks=ranks, special_tokens={})


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
