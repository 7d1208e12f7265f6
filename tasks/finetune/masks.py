"""The loss mask of instruction rows, to look at: which tokens the model learns to write, and which it only reads."""

import codecs
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby, islice
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.errors import UserError
from tasks.models.rendering import rendered_rows
from tasks.models.vocabulary import Vocabulary

if TYPE_CHECKING:
    from rich.text import Text

Token = tuple[str, bool]  # its text, and whether the loss counts it
LEARNED, READ = "bold black on green", "dim"


def show(rows_folder: Path, tokenizer_folder: Path, n: int, context: int) -> list[list[Token]]:
    """The first `n` training rows that have a target within the context, token by token as the trainer sees them."""
    from datasets import Dataset

    if not (rows_folder / "train").is_dir():
        raise UserError(f"{rows_folder} holds no rows of instruction", "give the rows folder of a finetune/instruct")
    rows = Dataset.load_from_disk(str(rows_folder / "train"))
    vocabulary = Vocabulary(tokenizer_folder)
    names = {token: name for name, token in vocabulary.specials.items()}
    rendered = rendered_rows(rows.to_list(), vocabulary, context)
    return [
        list(zip(_texts(row.ids, names, vocabulary), row.is_target, strict=True))
        for row in islice((row for row in rendered if row is not None), n)
    ]


def _texts(ids: Sequence[int], names: Mapping[int, str], vocabulary: Vocabulary) -> Iterator[str]:
    """The text of each token; a character of several tokens stands at the last of these, and the others are empty."""
    characters = codecs.getincrementaldecoder("utf-8")(errors="replace")
    for token, following in zip(ids, [*ids[1:], None], strict=True):
        if token in names:
            yield names[token]
        else:
            is_last = following is None or following in names
            yield characters.decode(vocabulary.decode_bytes([token], continues=True), final=is_last)


def painted(conversation: Sequence[Token], brackets: bool = False) -> "Text":
    """The conversation in colour, or in ⟦brackets⟧: what is learned stands out, what is only read is dim."""
    from rich.text import Text

    text = Text()
    for is_target, tokens in groupby(conversation, key=lambda token: token[1]):
        run = "".join(token for token, _ in tokens)
        text.append(f"⟦{run}⟧" if brackets and is_target else run, style=LEARNED if is_target else READ)
    return text
