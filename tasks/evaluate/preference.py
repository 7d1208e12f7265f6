"""How a model ranks two answers to one prompt: by itself, and as the reward that DPO gave it over its parent.

prefer/ranking   share of pairs whose chosen answer has more nats a token than the rejected one: any two models compare
prefer/reward    share of pairs where log p(answer) rose more for the chosen answer than for the rejected one
"""

from typing import TYPE_CHECKING, Any

import numpy as np

from model import hub
from tasks.evaluate.finetuned import FineTuned
from tasks.evaluate.instruction import target_losses
from tasks.evaluate.score_table import ScoreTable
from tasks.finetune.preferences import side
from tasks.models.vocabulary import Vocabulary

if TYPE_CHECKING:
    from model.decoder import Decoder

Rows = list[dict[str, Any]]


def score_preferences(board: ScoreTable, child: FineTuned, decoder: "Decoder") -> list[str]:
    """Rankings beside the parent's and beside "the longer one is better"; a note on reward, margin and length bias."""
    vocabulary, rows = Vocabulary(child.weights), child.held_out()
    own_2n, tokens_2n = _log_probabilities(decoder, vocabulary, rows)
    compared = (tokens_2n > 0).all(axis=0)
    rows = [rows[n] for n in np.flatnonzero(compared)]
    own_2n, tokens_2n = own_2n[:, compared], tokens_2n[:, compared]
    items = child.items(rows, [row["response"] for row in rows], [1.0] * len(rows))
    board.add("prefer/ranking", items, _ranked(own_2n / tokens_2n), "higher")
    board.add_baseline("longer", "prefer/ranking", items, _ranked(tokens_2n.astype(float)))
    if child.base is None:
        return []
    parent_2n, _ = _log_probabilities(hub.load(child.base), Vocabulary(child.base), rows)
    board.add_baseline("base", "prefer/ranking", items, _ranked(parent_2n / tokens_2n))
    gain_2n = own_2n - parent_2n
    margin_n, longer_n = gain_2n[0] - gain_2n[1], tokens_2n[0] - tokens_2n[1]
    board.add("prefer/reward", items, _ranked(gain_2n), "higher")
    return [f"margin {margin_n.mean():+.3f} nats; {_length_bias(margin_n, longer_n)}"]


def _log_probabilities(decoder: "Decoder", vocabulary: Vocabulary, rows: Rows) -> tuple[np.ndarray, np.ndarray]:
    """Nats (2,n) of the chosen and the rejected answers, summed over their tokens (2,n); 0 where none fits."""
    sides = (rows, [side(row, row["rejected"]) for row in rows])
    found = [target_losses(decoder, vocabulary, said) for said in sides]
    tokens = np.array([[count for _, count in answers] for answers in found])
    return -np.array([[loss for loss, _ in answers] for answers in found]) * tokens, tokens


def _ranked(values_2n: np.ndarray) -> list[float]:
    """1 where the chosen answer's value is higher, a half where they are equal."""
    return ((values_2n[0] > values_2n[1]) + 0.5 * (values_2n[0] == values_2n[1])).astype(float).tolist()


def _length_bias(margin_n: np.ndarray, longer_n: np.ndarray) -> str:
    """Whether longer answers gained more, whatever they said: DPO's known fault (arXiv 2403.19159)."""
    if len(margin_n) < 3 or np.ptp(longer_n) == 0 or np.ptp(margin_n) == 0:
        return "too few pairs to tell a bias to length"
    return (
        f"correlation of the margin with the chosen answer's extra length {np.corrcoef(margin_n, longer_n)[0, 1]:+.2f}"
    )
