"""`triptych attention`: which earlier tokens each token of a text attends to, as numbers and as a picture."""

from pathlib import Path
from typing import Any

from commands.models.use import chat_model
from tasks.errors import UsageError
from tasks.home import Home

MAX_TOKENS = 32  # of a picture: with more, its rows cannot be told apart


def attention(home: Home, model: str, prompt: str, block: int | None) -> dict[str, Any]:
    """Tokens and maps, by "block" (means over heads) or by "head" of one block: shares of each token so far."""
    import torch

    reader = chat_model(home, model)
    vocabulary = reader.prompt_builder.vocabulary
    ids = [vocabulary.begin, *vocabulary.encode(prompt)]
    blocks = reader.decoder.shape.depth
    if block is not None and not 1 <= block <= blocks:
        raise UsageError(f"--block {block}: this model has {blocks} blocks", f"give a number from 1 to {blocks}")
    if len(ids) > min(MAX_TOKENS, reader.decoder.shape.context):
        raise UsageError(f"the prompt has {len(ids) - 1} tokens", f"give at most {MAX_TOKENS - 1}")
    with torch.inference_mode():
        maps_hts = [map_bhts[0] for map_bhts in reader.decoder.attention_maps(torch.tensor([ids]))]
    shown = [map_hts.mean(0) for map_hts in maps_hts] if block is None else list(maps_hts[block - 1])
    tokens = [
        vocabulary.token(vocabulary.begin),
        *(vocabulary.decode_bytes([token], continues=True).decode(errors="backslashreplace") for token in ids[1:]),
    ]
    return {"tokens": tokens, "by": "block" if block is None else "head", "maps": [one.tolist() for one in shown]}


def draw_attention(shares: dict[str, Any], picture: Path) -> None:
    """An SVG file with a map for each block or head, in per cent; a row is a token, a column what it attends to."""
    from tasks.report.svg import heat_map, standalone

    plots = [
        heat_map(f"{shares['by']} {number}: per cent of each token's attention", shares["tokens"], _per_cent(rows))
        for number, rows in enumerate(shares["maps"], start=1)
    ]
    picture.write_text(standalone(plots), encoding="utf-8")


def _per_cent(rows: list[list[float]]) -> list[list[int]]:
    return [[round(100 * share) for share in row] for row in rows]
