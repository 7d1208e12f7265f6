"""The decoder itself as an engine: model/generate.py with its cache of keys and values, a token at a time."""

from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import closing
from typing import TYPE_CHECKING

from anyio import CapacityLimiter, to_thread

from serve.engine import DECODER, Generated, ModelFiles, Sampling, TokenScore
from tasks.models.pretrained import decoder_of

if TYPE_CHECKING:
    from torch import Tensor

SLOTS = 2  # more do not add up: each token reads all weights
ROWS_AT_A_TIME = 256  # of logits


class DecoderEngine:
    """Every text has a thread while one of its tokens is made."""

    name, precision, slots, can = DECODER, "float32", SLOTS, frozenset({"logprobs"})
    is_ready = True

    def __init__(self, files: ModelFiles) -> None:
        self._decoder = decoder_of(files.weights)
        self._bytes_of = files.vocabulary.decode_bytes
        self._never = files.vocabulary.ids_without_token(self._decoder.shape.vocabulary)
        self._threads = CapacityLimiter(SLOTS)

    @property
    def context(self) -> int:
        return self._decoder.shape.context

    async def generate(self, prompt: Sequence[int], sampling: Sampling) -> AsyncGenerator[Generated]:
        continues = sampling.continues
        with closing(self._tokens(prompt, sampling)) as tokens:
            while (token := await to_thread.run_sync(next, tokens, None, limiter=self._threads)) is not None:
                id, scores = token
                is_end = id in sampling.stop
                data = b"" if is_end else self._bytes_of([id], continues)
                continues = True
                yield Generated(data, 1, is_end, () if is_end else scores)

    async def score(self, ids: Sequence[int], likeliest: int) -> list[TokenScore]:
        """Each id given those before it, the first without a probability."""
        return await to_thread.run_sync(lambda: self._scores(ids, likeliest), limiter=self._threads)

    def _tokens(self, prompt: Sequence[int], sampling: Sampling) -> Generator[tuple[int, tuple[TokenScore, ...]]]:
        from model.generate import generate

        seen = list[TokenScore]()

        def look(logits_v: "Tensor", id: int) -> None:
            if sampling.logprobs is not None:
                seen[:] = [_score(logits_v.log_softmax(-1), id, sampling.logprobs)]

        for id in generate(
            self._decoder,
            prompt,
            sampling.max_tokens,
            sampling.temperature,
            top_p=sampling.top_p,
            seed=sampling.seed,
            stop=sampling.stop,
            never=self._never,
            look=look,
        ):
            yield id, tuple(seen)

    def _scores(self, ids: Sequence[int], likeliest: int) -> list[TokenScore]:
        import torch

        scores = [TokenScore(ids[0], None)]
        with torch.inference_mode():
            x_td = self._decoder(torch.tensor([list(ids[:-1])]))[0] if len(ids) > 1 else torch.empty(0, 1)
            for begin in range(0, len(ids) - 1, ROWS_AT_A_TIME):
                logarithms_tv = self._decoder.logits(x_td[begin : begin + ROWS_AT_A_TIME]).float().log_softmax(-1)
                for row, logarithms_v in enumerate(logarithms_tv, start=begin + 1):
                    scores.append(_score(logarithms_v, ids[row], likeliest))
        return scores


def _score(logarithms_v: "Tensor", id: int, likeliest: int) -> TokenScore:
    values, ids = logarithms_v.topk(likeliest)
    return TokenScore(id, logarithms_v[id].item(), tuple(zip(ids.tolist(), values.tolist(), strict=True)))
