"""lm-eval on a model of ours, where it is installed: `lm_eval.simple_evaluate(model=DecoderLM(weights), tasks=…)`.

Scores equal those of its HFLM on the same weights, except for text that spells a special token: here it stays text.
"""

from pathlib import Path
from typing import Any

from lm_eval.api.model import TemplateLM

from model import hub
from model.generate import generate
from tasks.evaluate.choices import decoder_log_likelihoods, encode_pairs
from tasks.models.likelihood import log_probabilities, windows
from tasks.models.vocabulary import END_OF_TEXT, Vocabulary

Tokens = tuple[tuple[str, str], list[int], list[int]]  # (context, continuation) and the ids of each
MAX_GENERATED = 256


class DecoderLM(TemplateLM):
    """The model of a weights folder, as lm-eval asks for it."""

    def __init__(self, weights: Path) -> None:
        super().__init__()
        self.decoder, self.vocabulary = hub.load(weights), Vocabulary(weights)

    @property
    def eot_token_id(self) -> int:
        return self.vocabulary.specials[END_OF_TEXT]

    def tok_encode(self, string: str, *_: Any, **__: Any) -> list[int]:
        return self.vocabulary.encode_ordinary([string])[0]

    def _encode_pair(self, context: str, continuation: str) -> tuple[list[int], list[int]]:
        return encode_pairs(self.vocabulary, [(context, continuation)])[0]

    def _loglikelihood_tokens(self, requests: list[Tokens], **_: Any) -> list[tuple[float, bool]]:
        return decoder_log_likelihoods(self.decoder, [(before, after) for _, before, after in requests])

    def loglikelihood_rolling(self, requests: list[Any], **_: Any) -> list[float]:
        context = self.decoder.shape.context
        sums = []
        for request in requests:
            tokens = [self.eot_token_id, *self.tok_encode(request.args[0])]
            found = log_probabilities(self.decoder, list(windows(tokens, 1, context, context)))
            sums.append(sum(float(logarithms.sum()) for logarithms, _ in found))
        return sums

    def generate_until(self, requests: list[Any], **_: Any) -> list[str]:
        return [self._generated(*request.args) for request in requests]

    def _generated(self, prompt: str, asked: dict[str, Any]) -> str:
        until = asked.get("until") or []
        stops = [until] if isinstance(until, str) else list(until)
        tokens = self.tok_encode(prompt) or [self.eot_token_id]
        temperature = asked.get("temperature", 0.0) if asked.get("do_sample") else 0.0
        answer: list[int] = []
        most = asked.get("max_gen_toks", MAX_GENERATED)
        for token in generate(self.decoder, tokens, most, temperature=temperature, stop=(self.eot_token_id,)):
            answer.append(token)
            text = self.vocabulary.decode_bytes(answer).decode(errors="replace")
            if found := [text.index(stop) for stop in stops if stop and stop in text]:
                return text[: min(found)]
        return self.vocabulary.decode_bytes(answer).decode(errors="replace")
