"""How likely a decoder finds tokens that exist: the one primitive under perplexity, multiple choice and losses.

b batch · t position · d width · n scored tokens
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tasks.progress import progress

if TYPE_CHECKING:
    from model.decoder import Decoder

TOKENS_AT_A_TIME = 4096  # with their padding: what a block makes of them stays near the cache
LOGITS_AT_A_TIME = 256  # rows of vocabulary size


@dataclass(frozen=True)
class Window:
    """`tokens[first:]` are scored, each given the tokens before it in the window; at most context + 1 tokens."""

    tokens: Sequence[int]
    first: int


def windows(tokens: Sequence[int], first: int, context: int, stride: int) -> Iterator[Window]:
    """Windows that together score `tokens[first:]` once each, at most `stride` new tokens in all but the first.

    As lm-eval's rolling windows with context_len = context - stride + 1: stride = context is the cheapest, a smaller
    one gives every token at least context - stride tokens before it.
    """
    at = first
    while at < len(tokens):
        end = min(len(tokens), max(at + stride, context + 1))
        start = max(0, end - context - 1)
        yield Window(tokens[start:end], at - start)
        at = end


def log_probabilities(decoder: "Decoder", asked: Sequence[Window]) -> list[tuple[np.ndarray, bool]]:
    """For each window the natural logarithms (n,) of its scored tokens, and whether each was the likeliest."""
    import torch

    answers: list[tuple[np.ndarray, bool]] = [(np.empty(0), True)] * len(asked)
    with torch.inference_mode(), progress("scoring", len(asked), "windows") as advance:
        for batch in _batches(asked):
            for number, answer in zip(batch, _scored(decoder, [asked[n] for n in batch]), strict=True):
                answers[number] = answer
            advance(len(batch))
    return answers


def _batches(asked: Sequence[Window]) -> Iterator[list[int]]:
    """Windows of about one length together, the longest first, so that little is padding."""
    batch: list[int] = []
    for number in sorted(range(len(asked)), key=lambda n: (-len(asked[n].tokens), n)):
        if asked[number].first >= len(asked[number].tokens):
            continue
        if batch and (len(batch) + 1) * len(asked[batch[0]].tokens) > TOKENS_AT_A_TIME:
            yield batch
            batch = []
        batch.append(number)
    if batch:
        yield batch


def _scored(decoder: "Decoder", batch: list[Window]) -> Iterator[tuple[np.ndarray, bool]]:
    import torch

    device = decoder.embedding.weight.device
    width = max(len(window.tokens) for window in batch) - 1
    tokens_bt = torch.zeros(
        len(batch), width, dtype=torch.long
    )  # padding follows a text: causal attention never sees it
    for row, window in enumerate(batch):
        tokens_bt[row, : len(window.tokens) - 1] = torch.tensor(list(window.tokens[:-1]))
    x_btd = decoder(tokens_bt.to(device))
    counts = [len(window.tokens) - window.first for window in batch]
    rows = torch.tensor([row for row, count in enumerate(counts) for _ in range(count)])
    at = torch.tensor([t - 1 for window in batch for t in range(window.first, len(window.tokens))])
    targets_n = torch.tensor([t for window in batch for t in window.tokens[window.first :]]).to(device)
    x_nd = x_btd[rows.to(device), at.to(device)]
    parts = []
    for some in torch.arange(len(targets_n), device=device).split(LOGITS_AT_A_TIME):
        logits_nv = decoder.logits(x_nd[some]).float()
        own_n = logits_nv.gather(1, targets_n[some, None])[:, 0]
        is_likeliest_n = logits_nv.argmax(1) == targets_n[some]
        parts.append(torch.stack([own_n - logits_nv.logsumexp(1), is_likeliest_n.float()]))
    both_2n = torch.cat(parts, dim=1).double().cpu().numpy()
    for logarithms, likeliest in np.split(both_2n, np.cumsum(counts)[:-1], axis=1):
        yield logarithms, bool(likeliest.all())
