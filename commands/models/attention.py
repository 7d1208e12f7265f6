"""`triptych attention`: which earlier tokens each token of a text attends to, as numbers and as a picture."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from commands.models.use import chat_model
from tasks.errors import UsageError
from tasks.home import Home
from tasks.models.prompting import ChatModel

if TYPE_CHECKING:
    from torch import Tensor

MAX_TOKENS = 32  # of a picture: with more, its rows cannot be told apart


def attention(home: Home, model: str, prompt: str, block: int | None) -> dict[str, Any]:
    """Tokens and maps, by "block" (means over heads) or by "head" of one block: shares of each token so far."""
    reader = chat_model(home, model)
    ids = prompt_ids(reader, prompt)
    check_block(reader, block)
    if len(ids) > MAX_TOKENS:
        raise UsageError(f"the prompt has {len(ids) - 1} tokens", f"give at most {MAX_TOKENS - 1}")
    maps_hts = attention_maps(reader, ids)
    shown = mean_maps(maps_hts) if block is None else head_maps(maps_hts, block)
    return {"tokens": token_texts(reader, ids), "by": "block" if block is None else "head", "maps": shown}


def draw_attention(shares: dict[str, Any], picture: Path) -> None:
    """An SVG file with a map for each block or head; a row is a token, a column what it attends to."""
    from tasks.report.attention_maps import attention_map
    from tasks.report.svg import standalone

    plots = [
        attention_map(f"{shares['by']} {number}: share of each token's attention", shares["tokens"], rows)
        for number, rows in enumerate(shares["maps"], start=1)
    ]
    picture.write_text(standalone(plots), encoding="utf-8")


def prompt_ids(reader: ChatModel, prompt: str) -> list[int]:
    """A text as the beginning of a document; UsageError where it is longer than the model's context."""
    vocabulary, context = reader.prompt_builder.vocabulary, reader.decoder.shape.context
    ids = [vocabulary.begin, *vocabulary.encode(prompt)]
    if len(ids) > context:
        raise UsageError(f"the prompt has {len(ids) - 1:,} tokens", f"give at most {context - 1:,}")
    return ids


def check_block(reader: ChatModel, block: int | None) -> None:
    """UsageError where the model has no block of that number, counted from 1."""
    blocks = reader.decoder.shape.depth
    if block is not None and not 1 <= block <= blocks:
        raise UsageError(f"--block {block}: this model has {blocks} blocks", f"give a number from 1 to {blocks}")


def token_texts(reader: ChatModel, ids: list[int]) -> list[str]:
    """Each token as it is spelt; the first, which begins a document, by its name."""
    vocabulary = reader.prompt_builder.vocabulary
    spelt = (vocabulary.decode_bytes([token], continues=True).decode(errors="backslashreplace") for token in ids[1:])
    return [vocabulary.token(ids[0]), *spelt]


def attention_maps(reader: ChatModel, ids: list[int]) -> "list[Tensor]":
    """Of each block (h,t,s)."""
    import torch

    with torch.inference_mode():
        return [map_bhts[0] for map_bhts in reader.decoder.attention_maps(torch.tensor([ids]))]


def mean_maps(maps_hts: "list[Tensor]") -> list[list[list[float]]]:
    """Of each block the mean of its heads."""
    return [map_hts.mean(0).tolist() for map_hts in maps_hts]


def head_maps(maps_hts: "list[Tensor]", block: int) -> list[list[list[float]]]:
    """Each head of one block, counted from 1."""
    return [map_ts.tolist() for map_ts in maps_hts[block - 1]]
