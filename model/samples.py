"""What the network writes while it learns: the same prompts, continued at each evaluation."""

from collections.abc import Iterator
from typing import Any

import torch

from model.decoder import Decoder
from model.generate import generate
from model.session import TrainingSession

TEMPERATURE = 0.8


@torch.no_grad()
def samples(session: TrainingSession, step: int) -> Iterator[dict[str, Any]]:
    """Rows step, prompt, text; the prompt stands at the beginning of a document. A classifier writes nothing."""
    spec, decoder = session.spec, session.model
    if not spec.prompts or not isinstance(decoder, Decoder):
        return
    from model.codec import Codec

    codec, separator = Codec(spec.tokenizer), session.data.separator
    never = set(range(decoder.shape.vocabulary)) - set(codec.ids.values())
    for prompt in spec.prompts:
        ids = [*(codec.bos or (separator,)), *codec.encode([prompt])[0]]
        room = max(0, min(spec.sample_tokens, decoder.shape.context - len(ids)))
        drawn = generate(decoder, ids, room, TEMPERATURE, seed=step, stop={separator}, never=never)
        text = codec.decode(drawn, continues=True).decode(errors="replace")
        yield {"step": step, "prompt": prompt, "text": text}
