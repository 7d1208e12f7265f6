import warnings
from typing import Any

import numpy as np
import pytest
import torch
from lm_eval.api.instance import Instance
from lm_eval.utils import get_rolling_token_windows

from model import hub
from model.decoder import Decoder
from tasks.evaluate.choices import decoder_log_likelihoods
from tasks.evaluate.perplexity import document_bits
from tasks.models.likelihood import Window, log_probabilities, windows
from tasks.models.prompting import ChatModel
from tests.peers import ascii_tokenizer, network_of
from tests.tasks.evaluate.conftest import EarlierSteps, passage


@pytest.fixture(scope="module")
def tiny_llama(tmp_path_factory: pytest.TempPathFactory) -> Decoder:
    folder = tmp_path_factory.mktemp("llama")
    network_of("llama").save_pretrained(folder)
    return hub.load(folder)


def lm_eval_of_tiny_llama(context: int) -> Any:
    """lm-eval's own scores of the same model."""
    with warnings.catch_warnings(action="ignore"):
        from lm_eval.models.huggingface import HFLM

        return HFLM(pretrained=network_of("llama"), tokenizer=ascii_tokenizer(), max_length=context, device="cpu")


@pytest.mark.parametrize("length", [1, 5, 8, 9, 30])
@pytest.mark.parametrize("stride", [1, 4, 8])
def test_windows_are_lm_evals_rolling_windows(length: int, stride: int) -> None:
    tokens = list(range(100, 100 + length))
    ours = [(list(w.tokens[:-1]), list(w.tokens[w.first :])) for w in windows([0, *tokens], 1, 8, stride)]
    theirs = list(get_rolling_token_windows(tokens, prefix_token=0, max_seq_len=8, context_len=8 - stride + 1))
    assert ours == theirs


def test_log_probabilities_are_the_softmax_of_the_logits_whatever_the_batch(earlier: EarlierSteps) -> None:
    decoder = hub.load(earlier.model / "weights")
    random = np.random.default_rng(0)
    wanted = [
        Window(random.integers(6, 300, size=n).tolist(), first) for n, first in ((90, 1), (12, 5), (2, 1), (40, 39))
    ]
    for window, (logarithms, is_likeliest) in zip(wanted, log_probabilities(decoder, wanted), strict=True):
        with torch.inference_mode():
            logits = decoder.logits(decoder(torch.tensor([window.tokens[:-1]])))[0].log_softmax(-1)
        at = range(window.first, len(window.tokens))
        assert logarithms == pytest.approx([float(logits[t - 1, window.tokens[t]]) for t in at], abs=1e-4)
        assert is_likeliest == all(int(logits[t - 1].argmax()) == window.tokens[t] for t in at)


def test_a_document_longer_than_the_context_is_scored_whole(earlier: EarlierSteps) -> None:
    decoder = hub.load(earlier.model / "weights")
    tokens = np.random.default_rng(1).integers(6, 300, size=400).tolist()
    (bits,) = document_bits(decoder, [tokens], begin=0)
    nats = -sum(float(log_probabilities(decoder, [window])[0][0].sum()) for window in windows([0, *tokens], 1, 96, 48))
    assert bits == pytest.approx(nats / np.log(2), rel=1e-5)
    assert document_bits(decoder, [[]], begin=0) == [0.0]


def test_score_reads_a_text_longer_than_the_context_as_the_evaluation_does(earlier: EarlierSteps) -> None:
    model = ChatModel("tiny", earlier.model / "weights")
    text = " ".join(passage(number) for number in range(12))
    scores = model.score(text)
    assert len(scores["ids"]) == len(scores["logprobs"]) > 2 * model.decoder.shape.context
    (bits,) = document_bits(model.decoder, [scores["ids"]], begin=0)
    assert -sum(scores["logprobs"]) / np.log(2) == pytest.approx(bits, rel=1e-9)


def test_continuations_score_as_with_lm_eval(tiny_llama: Decoder) -> None:
    texts = [("Two and two", " is four"), ("Two and two", "?"), ("a", "b" * 40)]
    pairs = [([ord(c) for c in context], [ord(c) for c in rest]) for context, rest in texts]
    best = [*pairs[0][0]]
    with torch.inference_mode():  # a continuation that is the likeliest at every place
        for _ in range(5):
            best.append(int(tiny_llama.logits(tiny_llama(torch.tensor([best])))[0, -1].argmax()))
    pairs.append((best[:-5], best[-5:]))
    theirs = lm_eval_of_tiny_llama(256)._loglikelihood_tokens([(("", ""), *pair) for pair in pairs], disable_tqdm=True)
    ours = decoder_log_likelihoods(tiny_llama, pairs)
    assert [own for own, _ in ours] == pytest.approx([own for own, _ in theirs], abs=1e-3)
    assert [greedy for _, greedy in ours] == [bool(greedy) for _, greedy in theirs] == [False, False, False, True]


@pytest.mark.parametrize("context", [256, 48])
def test_rolling_scores_are_lm_evals(context: int, tiny_llama: Decoder) -> None:
    texts = ["x", "A short text.", "A text that goes on for longer than one window of 48 characters is wide." * 2]
    requests = [Instance("loglikelihood_rolling", {}, (text,), 0) for text in texts]
    model = lm_eval_of_tiny_llama(context)
    theirs = model.loglikelihood_rolling(requests, disable_tqdm=True)
    for text, wanted in zip(texts, theirs, strict=True):
        ids = [model.prefix_token_id, *map(ord, text)]
        ours = log_probabilities(tiny_llama, list(windows(ids, 1, context, context)))
        assert sum(part.sum() for part, _ in ours) == pytest.approx(wanted, abs=1e-3)
