"""Text from a decoder, a token at a time.

b batch (1) · t position · g key/value heads · k head width · v vocabulary · n ids never drawn
"""

from collections.abc import Callable, Collection, Generator, Sequence

import torch
from torch import Tensor

from model.attention import KVCache
from model.chat import TOP_P
from model.decoder import Decoder

MIN_TEMPERATURE = 1e-4  # a temperature below it overflows the logits; at it the likeliest token is all but certain


def generate(  # noqa: PLR0917 - the knobs of sampling, named as everywhere
    decoder: Decoder,
    tokens: Sequence[int],
    max_tokens: int,
    temperature: float = 1.0,
    top_k: int = 0,
    top_p: float = TOP_P,
    seed: int = 0,
    stop: Collection[int] = (),
    never: Collection[int] = (),
    look: Callable[[Tensor, int], None] | None = None,
) -> Generator[int]:
    """The ids that follow `tokens`, as they are made: at most `max_tokens`, an id of `stop` the last one.

    Temperature 0 (or below 1e-4) takes the likeliest; `top_k` = 0 and `top_p` = 1 leave nothing out. The same seed
    gives the same ids. An id of `never` is not drawn: an embedding may have more rows than its tokenizer has tokens.
    `look` is called with the logits (v,) and the id drawn from them, before that is yielded.

    A prompt is cut to its last context - max_tokens tokens, never to fewer than half a context. Where the context fills
    up all the same, its later half is read again as if the text began there.
    """
    if not tokens:
        raise ValueError("generate needs at least one token to go on from, say the id of <|endoftext|>")
    generator, never_n = torch.Generator().manual_seed(seed), torch.tensor(sorted(never), dtype=torch.long)
    context = decoder.shape.context
    half = (context + 1) // 2
    unread = list(tokens[-max(context - max_tokens, half) :])
    read: list[int] = []
    caches: list[KVCache] = []
    for _ in range(max_tokens):
        if len(read) + len(unread) > context:
            unread, read = (read + unread)[-half:], []
        if not read:
            caches = [KVCache(context) for _ in decoder.blocks]
        logits_v = next_logits(decoder, unread, len(read), caches)
        if never:
            logits_v = logits_v.index_fill(0, never_n, -torch.inf)
        token = draw(logits_v, temperature, top_k, top_p, generator)
        if look:
            look(logits_v, token)
        read, unread = read + unread, [token]
        yield token
        if token in stop:
            return


@torch.inference_mode()
def next_logits(decoder: Decoder, unread: Sequence[int], start: int, caches: list[KVCache]) -> Tensor:
    """Logits (v,) of what follows; `unread` goes on from position `start`, and `caches` hold it from then on."""
    device = decoder.embedding.weight.device
    tokens_bt = torch.tensor([list(unread)], device=device)
    positions_bt = torch.arange(start, start + len(unread), device=device).unsqueeze(0)
    x_btd = decoder(tokens_bt, positions_bt, caches=caches)
    return decoder.logits(x_btd[:, -1])[0].float().cpu()


@torch.inference_mode()
def draw(logits_v: Tensor, temperature: float, top_k: int, top_p: float, generator: torch.Generator) -> int:
    """An id by its probability, among the `top_k` likeliest and the fewest that reach `top_p` together.

    top-p is nucleus sampling (Holtzman et al. 2020, arXiv 1904.09751); the likeliest id is always left.
    """
    if temperature < MIN_TEMPERATURE:
        return int(logits_v.argmax())
    kept = min(top_k or len(logits_v), len(logits_v))
    scaled_v, ids_v = (logits_v / temperature).topk(kept)  # largest first
    probabilities_v = scaled_v.softmax(-1)
    if top_p < 1:
        before_v = probabilities_v.cumsum(-1) - probabilities_v
        probabilities_v = probabilities_v.masked_fill((before_v >= top_p) & (before_v > 0), 0.0)
    return int(ids_v[torch.multinomial(probabilities_v, 1, generator=generator)])
