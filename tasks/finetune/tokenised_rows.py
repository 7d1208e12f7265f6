"""Rows as the trainer reads them: token ids with a label, or with the assistant's targets, as Arrow IPC streams."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from model.chat import Markup, Rendered, Turn, fit, render
from tasks.errors import UserError
from tasks.finetune.preferences import side
from tasks.finetune.templates import PIECE_CHARACTERS
from tasks.models.vocabulary import Vocabulary

if TYPE_CHECKING:
    import pyarrow as pa
    from datasets import Dataset


@dataclass(frozen=True)
class Parent:
    """The model a child begins from: its weights with their tokenizer, and the longest sequence it takes."""

    weights: Path
    vocabulary: Vocabulary
    context: int

    def room(self, text: str) -> int:
        """How many characters half of the context holds of this text, one at least, or a piece may have."""
        ids = self.vocabulary.encode(text.lstrip()[:PIECE_CHARACTERS])[: self.context // 2]
        return max(1, len(self.vocabulary.decode_bytes(ids).decode(errors="ignore")))


class TooLong(UserError):
    """No row of a split has a target within the context."""


def rendered_rows(rows: Iterable[Mapping[str, Any]], vocabulary: Vocabulary, context: int) -> Iterator[Rendered | None]:
    """Each row's `messages` as the trainer sees them; None where no target fits into the context."""
    around = _markup(vocabulary)
    for row in rows:
        turns = [Turn(message["role"], message["content"]) for message in row["messages"]]
        yield fit(render(turns, around, vocabulary.encode), context)


def conversation_table(rows: "Dataset", parent: Parent) -> "pa.Table":
    """ids, is_target and doc_id of each conversation that has a target within the context."""
    import pyarrow as pa

    rendered = zip(rendered_rows(rows.to_list(), parent.vocabulary, parent.context), rows["doc_id"][:], strict=True)
    kept = [(row, doc_id) for row, doc_id in rendered if row is not None]
    if not kept:
        what = f"no answer begins within the model's context of {parent.context} tokens"
        raise TooLong(what, "shorten the prompts, or pretrain with a longer context")
    columns = {"ids": _ids([row.ids for row, _ in kept], parent)}
    columns |= {"is_target": pa.array([row.is_target for row, _ in kept], pa.list_(pa.bool_()))}
    return pa.table(columns | {"doc_id": pa.array([doc_id for _, doc_id in kept], pa.string())})


def preference_table(rows: "Dataset", parent: Parent) -> "pa.Table":
    """Ids and targets of both answers, and doc_id, of each pair of which both have a target within the context."""
    import pyarrow as pa

    read = rows.to_list()
    sides = {"chosen": read, "rejected": [side(row, row["rejected"]) for row in read]}
    rendered = {name: list(rendered_rows(said, parent.vocabulary, parent.context)) for name, said in sides.items()}
    whole = [n for n in range(len(read)) if all(found[n] is not None for found in rendered.values())]
    if not whole:
        what = f"in no pair both answers begin within the model's context of {parent.context} tokens"
        raise TooLong(what, "shorten the prompts of finetune.prefer, or pretrain with a longer context")
    columns = {"doc_id": pa.array([read[n]["doc_id"] for n in whole], pa.string())}
    for name, found in rendered.items():
        kept = [row for n in whole if (row := found[n]) is not None]
        columns[name] = _ids([row.ids for row in kept], parent)
        columns[f"{name}_is_target"] = pa.array([row.is_target for row in kept], pa.list_(pa.bool_()))
    return pa.table(columns)


def labelled_table(rows: "Dataset", parent: Parent) -> "pa.Table":
    """ids (of the text's first `context` tokens), label and doc_id of each row."""
    import pyarrow as pa

    ids = [found[: parent.context] for found in parent.vocabulary.encode_ordinary(rows["text"][:])]
    columns = {"ids": _ids(ids, parent), "label": pa.array(rows["label"][:], pa.int64())}
    return pa.table(columns | {"doc_id": pa.array(rows["doc_id"][:], pa.string())})


def written(table: "pa.Table", path: Path) -> Path:
    """The path, with the table there as an Arrow IPC stream; what maps an older one keeps it."""
    import pyarrow as pa

    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    with pa.OSFile(str(partial), "wb") as file, pa.ipc.new_stream(file, table.schema) as stream:
        stream.write_table(table)
    return partial.rename(path)


def _markup(vocabulary: Vocabulary) -> Markup:
    try:
        return vocabulary.markup()
    except KeyError as error:
        cure = "fine-tune a base made here, or add the chat tokens to its tokenizer"
        raise UserError(f"the model's tokenizer has no special token {error.args[0]}", cure) from None


def _ids(ids: Sequence[Sequence[int]], parent: Parent) -> "pa.Array":
    import pyarrow as pa

    fits = parent.vocabulary.size <= 1 << 16
    return pa.array(ids, pa.list_(pa.uint16() if fits else pa.uint32()))
