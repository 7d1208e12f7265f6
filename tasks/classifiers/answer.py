"""What a classifier says of texts, as the command line and the API give it."""

from collections.abc import Sequence
from typing import Any

from model.text_classifier import TextClassifier


def classify(
    classifier: TextClassifier, texts: Sequence[str], top: int | None = None, explain: bool = False
) -> list[dict[str, Any]]:
    """Per text: label, its `probability`, the `top` likeliest labels (all: None) and, if wanted, the reasons.

    A reason is a piece of the text and its weight: above 0 it speaks for the label, below against it.
    """
    answers = list[dict[str, Any]]()
    for text, chances in zip(texts, classifier.probabilities(texts), strict=True):
        ranked = sorted(zip(classifier.labels, chances.tolist(), strict=True), key=lambda pair: -pair[1])
        label, probability = ranked[0]
        answer: dict[str, Any] = {"label": label, "probability": probability, "probabilities": dict(ranked[:top])}
        if explain:
            reasons = classifier.reasons(text, label)
            answer["reasons"] = [{"piece": reason.piece, "weight": reason.weight} for reason in reasons]
        answers.append(answer)
    return answers
