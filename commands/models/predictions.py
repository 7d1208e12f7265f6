"""What a model expects at each place of a text: the probability of the token that is there, and the likeliest ones."""

from dataclasses import dataclass
from typing import Any

from commands.models.attention import prompt_ids, token_texts
from tasks.errors import UserError
from tasks.models.prompting import ChatModel

LIKELIEST = 10


@dataclass(frozen=True)
class Predictions:
    """Of n tokens, the first of which begins the document. `likeliest[i]` is what follows token i."""

    ids: list[int]
    tokens: list[str]
    logprobs: list[float]  # of tokens 1 to n - 1, in nats, given those before
    ranks: list[int]  # of the same; 1: the likeliest
    likeliest: list[list[tuple[str, float]]]  # (token, probability), of all n

    def as_json(self) -> dict[str, Any]:
        """The text's own tokens, and after each the likeliest; the first list is for the beginning of a document."""
        return {
            "ids": self.ids[1:],
            "tokens": self.tokens[1:],
            "logprobs": self.logprobs,
            "ranks": self.ranks,
            "likeliest": [[{"token": t, "probability": p} for t, p in place] for place in self.likeliest],
        }


def predictions(reader: ChatModel, prompt: str) -> Predictions:
    """Of a text, read as the beginning of a document."""
    import torch

    ids = prompt_ids(reader, prompt)
    decoder, vocabulary = reader.decoder, reader.prompt_builder.vocabulary
    with torch.inference_mode():
        logprobs_tv = decoder.logits(decoder(torch.tensor([ids])))[0].float().log_softmax(-1)
    if logprobs_tv.isnan().any():
        raise UserError(
            "the model's predictions are not finite numbers", "take weights that are whole: copy them again"
        )
    own_t = logprobs_tv[:-1].gather(1, torch.tensor(ids[1:]).unsqueeze(1)).squeeze(1)
    ranks = (logprobs_tv[:-1] > own_t.unsqueeze(1)).sum(1) + 1
    best = logprobs_tv.topk(min(LIKELIEST, logprobs_tv.shape[1]))
    likeliest = [
        [(_spelt(vocabulary, token), value) for token, value in zip(tokens, values, strict=True)]
        for tokens, values in zip(best.indices.tolist(), best.values.exp().tolist(), strict=True)
    ]
    return Predictions(ids, token_texts(reader, ids), own_t.tolist(), ranks.tolist(), likeliest)


def _spelt(vocabulary: Any, token: int) -> str:
    """A special token by its name, any other by its bytes; an id without a token as a number."""
    if token >= vocabulary.size:
        return f"[{token}]"
    return vocabulary.decode_bytes([token], continues=True).decode(errors="backslashreplace") or vocabulary.token(token)
