"""The simplest candidate that none beats, on the validation rows: a network is worth its cost where it is better.

Accuracies are compared row by row: McNemar's exact test (1947) on the rows that only one of two has right, which is
the gate's sign-flip test on scores of 0 and 1.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from model.classes import Kind, read_classes
from model.text_classifier import load_classifier, softmax
from tasks.classifiers.calibrate import log_losses, temperature
from tasks.classifiers.candidates import IN_WORDS, SIMPLEST_FIRST, CandidateScores, Choice, candidate_folder, present

ALPHA = 0.05
MAX_ROWS = 1000  # of the validation rows, the first: they are in the order of a hash


def choose(trained: Path, texts: Sequence[str], labels: Sequence[int]) -> Choice:
    """The choice among the candidates in the folder of a fine-tuning, each of them calibrated on the same rows."""
    texts, truth = texts[:MAX_ROWS], np.array(labels[:MAX_ROWS])
    scores, right = dict[str, CandidateScores](), dict[Kind, np.ndarray]()
    for kind in present(trained):
        folder = candidate_folder(trained, kind)
        logits_nc = load_classifier(folder).scorer.logits(texts)
        heat, right[kind] = temperature(logits_nc, truth), logits_nc.argmax(1) == truth
        replace(read_classes(folder), kind=kind, temperature=heat).write(folder)
        loss = float(np.mean(log_losses(softmax(logits_nc / heat), truth)))
        scores[kind] = CandidateScores(float(right[kind].mean()), loss, heat)
    chosen, reasons = simplest_unbeaten(right)
    return Choice(chosen, _sentence(chosen, reasons, scores), len(truth), scores)


def simplest_unbeaten(right: Mapping[Kind, np.ndarray]) -> tuple[Kind, dict[Kind, float]]:
    """The chosen kind, and p of each that is less simple against the one that it had to beat."""
    chosen, p_values = SIMPLEST_FIRST[0], dict[Kind, float]()
    for kind in list(right)[1:]:
        p_values[kind] = mcnemar(right[kind], right[chosen])
        if p_values[kind] <= ALPHA and right[kind].sum() > right[chosen].sum():
            chosen = kind
    return chosen, p_values


def mcnemar(one: np.ndarray, other: np.ndarray) -> float:
    """p, two-sided, that as many rows are right in one of the two alone by chance."""
    from scipy.stats import binomtest

    won, lost = int((one & ~other).sum()), int((other & ~one).sum())
    return float(binomtest(won, won + lost).pvalue) if won + lost else 1.0


def _sentence(chosen: Kind, p_values: Mapping[Kind, float], scores: Mapping[str, CandidateScores]) -> str:
    others = ", ".join(
        f"{IN_WORDS[kind]} {scores[kind].accuracy:.3f}" + (f" (p {_p(p_values[kind])})" if kind in p_values else "")
        for kind in SIMPLEST_FIRST
        if kind in scores and kind != chosen
    )
    own = f"accuracy {scores[chosen].accuracy:.3f} on the validation rows"
    relation = "not beaten by" if chosen == SIMPLEST_FIRST[0] else "against"
    return f"the classifier is {IN_WORDS[chosen]}: {own}, {relation} {others}"


def _p(p: float) -> str:
    return "< 0.001" if p < 0.001 else f"= {p:.3f}"
