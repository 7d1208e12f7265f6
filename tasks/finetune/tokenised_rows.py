"""Rows as the trainer reads them: token ids with what counts as a target, in Arrow IPC streams."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.errors import UserError
from tasks.finetune.templates import PIECE_CHARACTERS
from tasks.models.vocabulary import Vocabulary

if TYPE_CHECKING:
    import pyarrow as pa

    from model.chat import Rendered


@dataclass(frozen=True)
class StartingModel:
    """The model that fine-tuning begins from: its weights with their tokenizer, and the longest sequence it takes."""

    weights: Path
    vocabulary: Vocabulary
    context: int

    def max_piece_chars(self, text: str) -> int:
        """How many characters half of the context holds of this text, one at least, or a piece may have."""
        ids = self.vocabulary.encode(text.lstrip()[:PIECE_CHARACTERS])[: self.context // 2]
        return max(1, len(self.vocabulary.decode_bytes(ids).decode(errors="ignore")))


class TooLong(UserError):
    """No row of a split has a target within the context."""


def answer_columns(rows: "Sequence[Rendered]", model: StartingModel, name: str = "") -> "dict[str, pa.Array]":
    """`ids` and `is_target` of conversations; of one of several answers NAME and NAME_is_target."""
    import pyarrow as pa

    is_target = pa.array([row.is_target for row in rows], pa.list_(pa.bool_()))
    return {
        name or "ids": ids_column([row.ids for row in rows], model),
        f"{name}_is_target" if name else "is_target": is_target,
    }


def cut_rows(table: "pa.Table", model: StartingModel) -> int:
    """How many rows of a split are cut at the context: answers without the mark of their end, texts that fill it."""
    closing = (model.vocabulary.separator,) if "label" in table.column_names else model.vocabulary.markup().closing
    columns = [table[name] for name in ("ids", "chosen", "rejected") if name in table.column_names]
    sequences = zip(*(column.to_pylist() for column in columns), strict=True)
    return sum(any(len(ids) == model.context and not _is_ended(ids, closing) for ids in row) for row in sequences)


def _is_ended(ids: Sequence[int], closing: Sequence[int]) -> bool:
    """Whether the ids end with what closes them, all of it or the first of it."""
    return any(ids[-length:] == [*closing[:length]] for length in range(1, len(closing) + 1))


def ids_column(ids: Sequence[Sequence[int]], model: StartingModel) -> "pa.Array":
    import pyarrow as pa

    return pa.array(ids, pa.list_(pa.type_for_alias(model.vocabulary.id_type)))


def write_table(table: "pa.Table", path: Path) -> Path:
    """The path, with the table there as an Arrow IPC stream; what maps an older one keeps it."""
    import pyarrow as pa

    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    with pa.OSFile(str(partial), "wb") as file, pa.ipc.new_stream(file, table.schema) as stream:
        stream.write_table(table)
    return partial.rename(path)
