"""How well a model answers: its loss on the assistant's tokens of held-out rows, and exact matches of short answers.

Rows are read as fine-tuning wrote them, with its own code: evaluation is the one step that may import another's.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.models.likelihood import log_probabilities, windows
from tasks.models.rendering import rendered_rows
from tasks.models.vocabulary import Vocabulary

if TYPE_CHECKING:
    from model.decoder import Decoder

Rows = Sequence[Mapping[str, Any]]
SHORT = 12  # tokens: an answer this short is compared as a whole


def target_losses(decoder: "Decoder", vocabulary: Vocabulary, rows: Rows) -> list[tuple[float, int]]:
    """Per row: the mean loss in nats over its target tokens, and their number, 0 where none fits the context."""
    context = decoder.shape.context
    rendered = list(rendered_rows(rows, vocabulary, context))
    requests, flags, owner = [], [], []
    for number, row in enumerate(rendered):
        if row is not None:
            first = max(1, row.is_target.index(True))
            requests += list(windows(row.ids, first, context, context))
            flags.append(np.array(row.is_target[first:]))
            owner.append(number)
    losses = [(0.0, 0)] * len(rendered)
    for number, is_target, (logarithms, _) in zip(owner, flags, log_probabilities(decoder, requests), strict=True):
        losses[number] = (-float(logarithms[is_target].mean()), int(is_target.sum()))
    return losses


def short_rows(vocabulary: Vocabulary, rows: Rows, most: int) -> list[int]:
    """Indices of the first rows with a prompt and a short answer."""
    ids = vocabulary.encode_ordinary([row["response"] for row in rows])
    return [n for n, answer in enumerate(ids) if 0 < len(answer) <= SHORT and rows[n]["prompt"]][:most]


def exact_match(decoder: "Decoder", vocabulary: Vocabulary, row: Mapping[str, Any]) -> bool:
    """Whether greedy decoding answers the prompt with exactly the response, white space around it aside."""
    from model.chat import Turn
    from model.generate import generate

    markup = vocabulary.markup()
    turns = [Turn(message["role"], message["content"]) for message in row["messages"][:-1]]
    prompt = markup.prompt_ids(turns)
    never = vocabulary.ids_without_token(decoder.shape.vocabulary)
    answer = list(generate(decoder, prompt, SHORT + 1, temperature=0.0, stop=markup.ends, never=never))
    text = vocabulary.decode_bytes(answer).decode(errors="replace")
    return answer[-1:] == list(markup.ends) and text.strip() == row["response"].strip()
