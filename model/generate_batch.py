"""Greedy text of many prompts at once: the likeliest tokens, as `generate` gives them one by one at temperature 0.

Prompts of a batch end at the same column: shorter ones are padded on their left, and no position sees padding.

b batch · t position · s position attended to · v vocabulary
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from model.attention import KVCache
from model.decoder import Decoder

PROMPT_TOKENS_AT_A_TIME, ROWS_AT_A_TIME = 8192, 32  # of a batch, padding included
PAD = 0  # any id would do


@dataclass
class _Row:
    number: int  # among the prompts
    prompt: list[int]
    room: int  # tokens that it may still get
    answer: list[int] = field(default_factory=list)


def generate_batch(
    decoder: Decoder,
    prompts: Sequence[Sequence[int]],
    max_tokens: int,
    is_end: Callable[[int, Sequence[int]], bool],
    never: Collection[int] = (),
) -> Iterator[tuple[int, list[int]]]:
    """(number of the prompt, the ids that follow it), in the order in which they are complete.

    `is_end(number, ids)` is whether an answer ends with its last id. An id of `never` is not drawn. A prompt is cut to
    its last context - max_tokens tokens, never to fewer than half a context; an answer ends where the context is full.
    """
    context = decoder.shape.context
    longest = max(context - max_tokens, (context + 1) // 2)
    rows = [
        _Row(n, list(ids[-longest:]), min(max_tokens, context - min(len(ids), longest)))
        for n, ids in enumerate(prompts)
    ]
    if any(not row.prompt for row in rows):
        raise ValueError("a prompt needs at least one token to go on from, say the id of <|endoftext|>")
    for batch in _batches(rows):
        yield from _generate(decoder, batch, is_end, torch.tensor(sorted(never), dtype=torch.long))


def _batches(rows: Sequence[_Row]) -> Iterator[list[_Row]]:
    """Rows of similar length, the longest first."""
    batch: list[_Row] = []
    for row in sorted(rows, key=lambda row: (-len(row.prompt), row.number)):
        is_full = len(batch) == ROWS_AT_A_TIME or (
            batch and (len(batch) + 1) * len(batch[0].prompt) > PROMPT_TOKENS_AT_A_TIME
        )
        if is_full:
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch


@torch.inference_mode()
def _generate(
    decoder: Decoder, rows: list[_Row], is_end: Callable[[int, Sequence[int]], bool], never_n: Tensor
) -> Iterator[tuple[int, list[int]]]:
    device, width = decoder.embedding.weight.device, len(rows[0].prompt)
    caches = [KVCache(width + max(row.room for row in rows)) for _ in decoder.blocks]
    pads_b = torch.tensor([width - len(row.prompt) for row in rows], device=device)
    tokens_bt = torch.tensor([[PAD] * (width - len(row.prompt)) + row.prompt for row in rows], device=device)
    while rows:
        read = caches[0].length
        columns_t = torch.arange(read, read + tokens_bt.shape[1], device=device)
        positions_bt = (columns_t - pads_b[:, None]).clamp(min=0)
        mask_b1ts = _mask(pads_b, columns_t) if pads_b.any() else None
        x_btd = decoder(tokens_bt, positions_bt, mask_b1ts, caches)
        logits_bv = decoder.logits(x_btd[:, -1]).float().index_fill(1, never_n.to(device), -torch.inf)
        is_left = list[bool]()
        for row, token in zip(rows, logits_bv.argmax(1).tolist(), strict=True):
            row.answer.append(token)
            is_left.append(len(row.answer) < row.room and not is_end(row.number, row.answer))
            if not is_left[-1]:
                yield row.number, row.answer
        if not all(is_left):
            kept_b = torch.tensor(is_left, device=device)
            rows = [row for row, kept in zip(rows, is_left, strict=True) if kept]
            pads_b = pads_b[kept_b]
            for cache in caches:
                cache.keep(kept_b)
        tokens_bt = torch.tensor([row.answer[-1:] for row in rows], device=device)


def _mask(pads_b: Tensor, columns_t: Tensor) -> Tensor:
    """(b,1,t,s): a position sees itself and what is before it, but no padding.

    Itself also where it is padding, which would else be no number, and make none of all that it is multiplied with.
    """
    columns_s = torch.arange(int(columns_t[-1]) + 1, device=columns_t.device)
    is_before_ts = columns_s <= columns_t[:, None]
    is_text_bs = columns_s >= pads_b[:, None]
    is_own_ts = columns_s == columns_t[:, None]
    return (is_before_ts & (is_text_bs[:, None] | is_own_ts)).unsqueeze(1)
