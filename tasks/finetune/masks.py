"""The loss mask of instruction rows, to look at: which tokens the model learns to write, and which it only reads."""

from collections.abc import Sequence
from itertools import islice
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
        [
            (names.get(token) or vocabulary.decode_bytes([token]).decode(errors="replace"), counts)
            for token, counts in zip(row.ids, row.is_target, strict=True)
        ]
        for row in islice((row for row in rendered if row is not None), n)
    ]


def painted(conversation: Sequence[Token]) -> "Text":
    """The conversation in colour: what is learned stands out, what is only read is dim."""
    from rich.text import Text

    text = Text()
    for token, is_target in conversation:
        text.append(token, style=LEARNED if is_target else READ)
    return text
