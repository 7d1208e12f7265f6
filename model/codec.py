"""Text to token ids and back, by the tokenizer in a model's folder, with no special token in any text.

The name of a special token (model/special_tokens.py) in a text is text: ids of special tokens are put into a sequence
by our code alone.

What does not come back from the ids: what the tokenizer's own normalizer changes (Qwen composes letters: NFC); with
byte fallback, ▁ (U+2581) comes back as a space; where a space is put before a text that has none, so does the one of a
text that begins with one; and characters for whose bytes a byte-level BPE has no tokens (`missing_bytes`) are lost.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from model.hub_config import WeightsError
from model.hub_files import read_json
from model.special_tokens import CONFIG, added_tokens, check_ids, read_config, token_roles
from model.token_bytes import byte_letters, has_byte_fallback, token_bytes

if TYPE_CHECKING:
    from tokenizers import Tokenizer

TOKENIZER = "tokenizer.json"
PROBE = "A b  c\n\n\td é日本🙂 1234 x_y. "  # what a tokenizer that is read must give back
IN_UTF8 = frozenset(range(256)) - {0xC0, 0xC1, *range(0xF5, 0x100)}


class Codec:
    """The tokenizer of a folder; WeightsError where it is of a kind that is not read. Others' errors go through."""

    def __init__(self, folder: Path) -> None:
        file = folder / TOKENIZER
        stated = read_json(file)
        self.is_fallback = has_byte_fallback(stated, file)
        self.roles = token_roles(folder)
        added = added_tokens(stated, self.roles, folder)
        self.described: dict[str, Any] = {**stated, "added_tokens": added}
        self.tokenizer = _tokenizer(self.described, file if added == stated["added_tokens"] else None)
        self.ids: dict[str, int] = self.tokenizer.get_vocab(with_added_tokens=True)
        check_ids(added, self.ids, stated["added_tokens"], file)
        self.specials = {token["content"]: self.ids[token["content"]] for token in added if token["special"]}
        self.strips = {
            token["content"]: (token.get("lstrip", False), token.get("rstrip", False))
            for token in added
            if token["special"]
        }
        cut = (token["content"] for token in added if not token["special"] and not token.get("normalized"))
        self._cut_around = {self.ids[name] for name in cut}
        self.bos = self._before_a_text(folder)
        self._refuse_what_gives_no_text_back(file)

    @cached_property
    def token_bytes(self) -> list[bytes]:
        """Id → its bytes."""
        return token_bytes(self.described, self.ids, self.specials.keys(), self.is_fallback)

    @cached_property
    def missing_bytes(self) -> frozenset[int]:
        """Bytes of UTF-8 that no token stands for: characters with one of them have no ids."""
        if self.is_fallback:
            return frozenset()
        letters = byte_letters()
        return IN_UTF8 - {letters[token] for token in self.described["model"]["vocab"] if token in letters}

    @cached_property
    def gives_text_back(self) -> bool:
        """Whether every text comes back from its ids."""
        is_changed = self.described.get("normalizer") is not None or self.is_fallback or self._puts_space
        return not is_changed and not self.missing_bytes

    def encode(self, texts: Sequence[str], inside: bool = False) -> list[list[int]]:
        """The ids of each text; of one that is `inside` another, after a special token, as they are there."""
        encodings = (self._inside if inside else self.tokenizer).encode_batch_fast(
            list(texts), add_special_tokens=False
        )
        return [encoding.ids for encoding in encodings]

    def encode_section(self, text: str, inside: bool) -> list[int]:
        """The ids of one text of a conversation; `inside`: after a special token."""
        return self.encode([text], inside)[0]

    def decode(self, ids: Iterable[int], continues: bool = False) -> bytes:
        """The bytes of a text, or those that go on from one that `continues`: there the first space is its own."""
        if not self._puts_space:
            table, size = self.token_bytes, len(self.token_bytes)
            return b"".join([table[id] for id in ids if id < size])
        return b"".join(self._pieces(ids, continues))

    def _pieces(self, ids: Iterable[int], continues: bool) -> Iterator[bytes]:
        """The bytes of each id, without the spaces that the tokenizer put there."""
        table, specials, begins = self.token_bytes, set(self.specials.values()), not continues
        for id in ids:
            piece = table[id] if id < len(table) else b""
            if id in specials:
                begins = begins or self._puts_space_inside
            elif id in self._cut_around:
                begins = self._puts_space_inside
            elif piece:
                piece, begins = piece.removeprefix(b" ") if begins else piece, False
            yield piece

    @cached_property
    def _puts_space(self) -> bool:
        """Whether a space is put before a text."""
        return self._raw("a") == b" a"

    @cached_property
    def _puts_space_inside(self) -> bool:
        """Whether one is put after a token that cuts a text, too."""
        return self._raw("a", inside=True) == b" a"

    def _raw(self, text: str, inside: bool = False) -> bytes:
        return b"".join(self.token_bytes[id] for id in self.encode([text], inside)[0])

    @cached_property
    def _inside(self) -> "Tokenizer":
        """The tokenizer as it reads what stands after a special token."""
        before = self.described.get("pre_tokenizer") or {}
        if '"prepend_scheme": "first"' not in json.dumps(before):
            return self.tokenizer
        never = json.loads(json.dumps(before).replace('"prepend_scheme": "first"', '"prepend_scheme": "never"'))
        return _tokenizer(self.described | {"pre_tokenizer": never})

    def _before_a_text(self, folder: Path) -> tuple[int, ...]:
        """What the tokenizer itself puts before a text, where the model was trained with that: () or one id."""
        adds, bos = read_config(folder / CONFIG).get("add_bos_token"), self.roles.get("bos_token")
        if isinstance(adds, bool) or self.described.get("post_processor") is None:
            return (self.ids[bos],) if adds and bos in self.ids else ()
        first = self.tokenizer.encode("a").ids[:1]
        return tuple(id for id in first if id in self.specials.values())

    def _refuse_what_gives_no_text_back(self, file: Path) -> None:
        self.tokenizer.encode("a")  # a pre-split that cannot be used fails only here
        text = "".join(c for c in PROBE if self.missing_bytes.isdisjoint(c.encode()))
        given = self.decode(self.encode([text])[0]).decode(errors="replace")
        if self.ids and given != text:
            what = f"{file}: its tokenizer gives {given!r} back for the text {text!r}"
            raise WeightsError(what, "take a model whose tokenizer changes no text, such as Llama 3 or Qwen")


def _tokenizer(described: Mapping[str, Any], file: Path | None = None) -> "Tokenizer":
    """The tokenizer, to which a special token's name in a text is text; it neither cuts nor fills texts.

    `file` holds the same, and is read faster.
    """
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(file)) if file else Tokenizer.from_str(json.dumps(described))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    tokenizer.encode_special_tokens = True
    return tokenizer
