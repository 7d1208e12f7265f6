"""How a model ranks two answers to one prompt: by itself, and by the implicit reward of DPO against its parent.

prefer/ranking   share of pairs whose chosen answer has the higher ln p per token: comparable between any two models
prefer/reward    share of pairs where ln p(answer) rose more for the chosen answer than for the rejected one
"""

from typing import TYPE_CHECKING, Any

import numpy as np

from model import hub
from tasks.evaluate.finetuned import FineTuned
from tasks.evaluate.instruction import target_losses
from tasks.evaluate.score_table import ScoreTable
from tasks.models.rendering import with_answer
from tasks.models.vocabulary import Vocabulary

if TYPE_CHECKING:
    from model.decoder import Decoder

Rows = list[dict[str, Any]]


def score_preferences(table: ScoreTable, child: FineTuned, decoder: "Decoder") -> list[str]:
    """Enters rankings beside the parent's and those by length; returns a note on the margin and its length bias."""
    vocabulary, rows = Vocabulary(child.weights), child.held_out()
    own_2n, tokens_2n = _log_probabilities(decoder, vocabulary, rows)
    compared = (tokens_2n > 0).all(axis=0)
    rows = [rows[n] for n in np.flatnonzero(compared)]
    own_2n, tokens_2n = own_2n[:, compared], tokens_2n[:, compared]
    items = child.items(rows, [row["response"] for row in rows], [1.0] * len(rows))
    table.add("prefer/ranking", items, _rank(own_2n / tokens_2n), "higher")
    table.add_baseline("longer", "prefer/ranking", items, _rank(tokens_2n.astype(float)))
    if child.base is None:
        return []
    parent_2n, _ = _log_probabilities(hub.load(child.base), Vocabulary(child.base), rows)
    table.add_baseline("base", "prefer/ranking", items, _rank(parent_2n / tokens_2n))
    gain_2n = own_2n - parent_2n
    margin_n, longer_n = gain_2n[0] - gain_2n[1], tokens_2n[0] - tokens_2n[1]
    table.add("prefer/reward", items, _rank(gain_2n), "higher")
    return [f"margin {margin_n.mean():+.3f} nats; {_length_bias(margin_n, longer_n)}"]


def _log_probabilities(decoder: "Decoder", vocabulary: Vocabulary, rows: Rows) -> tuple[np.ndarray, np.ndarray]:
    """ln p (2,n) of the chosen and the rejected answers, and their numbers of tokens (2,n); 0 where none fits."""
    sides = (rows, [with_answer(row, row["rejected"]) for row in rows])
    losses = [target_losses(decoder, vocabulary, answers) for answers in sides]
    tokens = np.array([[count for _, count in answers] for answers in losses])
    return -np.array([[loss for loss, _ in answers] for answers in losses]) * tokens, tokens


def _rank(values_2n: np.ndarray) -> list[float]:
    """Per pair: 1 where the chosen answer's value is higher, 0.5 where they are equal."""
    return ((values_2n[0] > values_2n[1]) + 0.5 * (values_2n[0] == values_2n[1])).astype(float).tolist()


def _length_bias(margin_n: np.ndarray, longer_n: np.ndarray) -> str:
    """How far the margin follows the answers' lengths: a known fault of DPO (Park et al. 2024, arXiv 2403.19159)."""
    if len(margin_n) < 3 or np.ptp(longer_n) == 0 or np.ptp(margin_n) == 0:
        return "too few pairs to measure a length bias"
    return (
        f"correlation of the margin with the chosen answer's extra length {np.corrcoef(margin_n, longer_n)[0, 1]:+.2f}"
    )
