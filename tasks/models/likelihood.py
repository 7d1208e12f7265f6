"""Log-probabilities of given tokens under a decoder: what perplexity, multiple choice, losses and `score` share.

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


def document_log_probabilities(decoder: "Decoder", documents: Sequence[Sequence[int]], begin: int) -> list[np.ndarray]:
    """Natural logarithms (t,) of each document's tokens, the first given `begin`.

    In a document longer than the context every later token is given at least half a context.
    """
    context = decoder.shape.context
    own = [list(windows([begin, *tokens], 1, context, max(1, context // 2))) for tokens in documents]
    scores = (logarithms for logarithms, _ in log_probabilities(decoder, [window for each in own for window in each]))
    return [np.concatenate([np.empty(0), *(next(scores) for _ in each)]) for each in own]


def log_probabilities(decoder: "Decoder", requests: Sequence[Window]) -> list[tuple[np.ndarray, bool]]:
    """Per window, in order: ln p (n,) of its scored tokens, and whether each of them was the likeliest."""
    import torch

    scores: list[tuple[np.ndarray, bool]] = [(np.empty(0), True)] * len(requests)
    with torch.inference_mode(), progress("scoring", len(requests), "windows") as advance:
        for batch in _batches(requests):
            for number, score in zip(batch, _score_batch(decoder, [requests[n] for n in batch]), strict=True):
                scores[number] = score
            advance(len(batch))
    return scores


def _batches(requests: Sequence[Window]) -> Iterator[list[int]]:
    """Indices of windows of similar length, the longest first, so that little is padding."""
    batch: list[int] = []
    for number in sorted(range(len(requests)), key=lambda n: (-len(requests[n].tokens), n)):
        if requests[number].first >= len(requests[number].tokens):
            continue
        if batch and (len(batch) + 1) * len(requests[batch[0]].tokens) > TOKENS_AT_A_TIME:
            yield batch
            batch = []
        batch.append(number)
    if batch:
        yield batch


def _score_batch(decoder: "Decoder", batch: list[Window]) -> Iterator[tuple[np.ndarray, bool]]:
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
