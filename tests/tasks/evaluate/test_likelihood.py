import json
from pathlib import Path

import numpy as np
import pytest
import torch
from lm_eval.utils import get_rolling_token_windows

from model import hub
from tasks.evaluate.choices import decoder_log_likelihoods
from tasks.evaluate.likelihood import Window, log_probabilities, windows
from tasks.evaluate.perplexity import document_bits
from tests.tasks.evaluate.conftest import Line


@pytest.fixture(scope="module")
def oracle(shared: Path) -> dict:
    return json.loads((shared / "fixtures" / "core_metric_reference.json").read_text())["lm_eval"]


@pytest.fixture(scope="module")
def tiny_llama(shared: Path):
    return hub.load(shared / "fixtures" / "tiny_llama_hf")


@pytest.mark.parametrize("length", [1, 5, 8, 9, 30])
@pytest.mark.parametrize("stride", [1, 4, 8])
def test_windows_are_lm_evals_rolling_windows(length: int, stride: int) -> None:
    tokens = list(range(100, 100 + length))
    ours = [(list(w.tokens[:-1]), list(w.tokens[w.first :])) for w in windows([0, *tokens], 1, 8, stride)]
    theirs = list(get_rolling_token_windows(tokens, prefix_token=0, max_seq_len=8, context_len=8 - stride + 1))
    assert ours == theirs


def test_log_probabilities_are_the_softmax_of_the_logits_whatever_the_batch(line: Line) -> None:
    decoder = hub.load(line.model / "weights")
    random = np.random.default_rng(0)
    asked = [
        Window(random.integers(6, 300, size=n).tolist(), first) for n, first in ((90, 1), (12, 5), (2, 1), (40, 39))
    ]
    for window, (found, is_likeliest) in zip(asked, log_probabilities(decoder, asked), strict=True):
        with torch.inference_mode():
            logits = decoder.logits(decoder(torch.tensor([window.tokens[:-1]])))[0].log_softmax(-1)
        at = range(window.first, len(window.tokens))
        assert found == pytest.approx([float(logits[t - 1, window.tokens[t]]) for t in at], abs=1e-4)
        assert is_likeliest == all(int(logits[t - 1].argmax()) == window.tokens[t] for t in at)


def test_a_document_longer_than_the_context_is_told_whole(line: Line) -> None:
    decoder = hub.load(line.model / "weights")
    tokens = np.random.default_rng(1).integers(6, 300, size=400).tolist()
    (bits,) = document_bits(decoder, [tokens], separator=0)
    nats = -sum(float(log_probabilities(decoder, [window])[0][0].sum()) for window in windows([0, *tokens], 1, 96, 48))
    assert bits == pytest.approx(nats / np.log(2), rel=1e-5)
    assert document_bits(decoder, [[]], separator=0) == [0.0]


def test_continuations_score_as_lm_evals_reference(oracle: dict, tiny_llama) -> None:
    for item in oracle["multiple_choice"]["docs"]:
        found = decoder_log_likelihoods(tiny_llama, [(item["context_ids"], ids) for ids in item["continuation_ids"]])
        assert [own for own, _ in found] == pytest.approx(item["loglikelihoods"], abs=1e-3)
        assert [greedy for _, greedy in found] == item["is_greedy"]


def test_rolling_scores_are_lm_evals_reference(oracle: dict, tiny_llama) -> None:
    for name, context in (("rolling_full_context", 256), ("rolling_window_48", 48)):
        for item in oracle[name]["docs"]:
            ids = [oracle[name]["prefix_token_id"], *(ord(c) if ord(c) < 128 else 5 for c in item["text"])]
            found = log_probabilities(tiny_llama, list(windows(ids, 1, context, context)))
            assert sum(part.sum() for part, _ in found) == pytest.approx(item["loglikelihood"], abs=1e-3)
