"""Multiple choice, scored as lm-eval scores it: the likeliest choice after the question is the answer.

acc takes the likelihood as it is, acc_norm divides its logarithm by the characters of the choice without delimiter.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tasks.evaluate.task_files import Question
from tasks.models.likelihood import Window, log_probabilities, windows
from tasks.models.vocabulary import Vocabulary

if TYPE_CHECKING:
    from model.decoder import Decoder

Pair = tuple[list[int], list[int]]  # the ids of a context and of its continuation
LogLikelihoods = Callable[[Sequence[Pair]], Sequence[float]]


@dataclass(frozen=True)
class Answer:
    log_likelihoods: tuple[float, ...]  # of the choices, in nats
    acc: float
    acc_norm: float


def answers(questions: Sequence[Question], vocabulary: Vocabulary, log_likelihoods: LogLikelihoods) -> list[Answer]:
    """One answer per question, by a model that gives the log-likelihoods of continuations."""
    pairs = [(q.context, q.delimiter + choice) for q in questions for choice in q.choices]
    scores = iter(log_likelihoods(encode_pairs(vocabulary, pairs)))
    return [_answer(question, np.array([next(scores) for _ in question.choices])) for question in questions]


def decoder_log_likelihoods(decoder: "Decoder", pairs: Sequence[Pair]) -> list[tuple[float, bool]]:
    """ln p of each continuation given its context, and whether greedy decoding would generate it."""
    context = decoder.shape.context
    requests: list[Window] = []
    owner: list[int] = []
    for number, (before, continuation) in enumerate(pairs):
        own = list(windows([*before, *continuation], len(before), context, context))
        requests += own
        owner += [number] * len(own)
    sums, is_greedy = [0.0] * len(pairs), [True] * len(pairs)
    for number, (logarithms, likeliest) in zip(owner, log_probabilities(decoder, requests), strict=True):
        sums[number] += float(logarithms.sum())
        is_greedy[number] &= likeliest
    return list(zip(sums, is_greedy, strict=True))


def encode_pairs(vocabulary: Vocabulary, pairs: Sequence[tuple[str, str]]) -> list[Pair]:
    """Contexts and continuations as ids, cut as lm-eval cuts them.

    Spaces at a context's end go with the continuation; both are encoded as one text, and what is beyond the length of
    the context's own ids is the continuation. A context begins as a text does; an empty one is the document separator
    where the model was trained with nothing before a text.
    """
    moved = []
    for context, continuation in pairs:
        kept = context.rstrip()
        moved.append((kept, context[len(kept) :] + continuation))
    whole = vocabulary.encode_ordinary([context + continuation for context, continuation in moved])
    contexts = vocabulary.encode_ordinary([context for context, _ in moved])
    begin, bos = [vocabulary.begin], [*vocabulary.bos]
    return [
        (bos + both[: len(before)], both[len(before) :]) if before else (begin, both)
        for both, before in zip(whole, contexts, strict=True)
    ]


def _answer(question: Question, log_likelihoods: np.ndarray) -> Answer:
    characters = np.array([len(choice) for choice in question.choices])
    acc = float(int(log_likelihoods.argmax()) in question.gold)
    acc_norm = float(int((log_likelihoods / characters).argmax()) in question.gold)
    return Answer(tuple(log_likelihoods.tolist()), acc, acc_norm)
