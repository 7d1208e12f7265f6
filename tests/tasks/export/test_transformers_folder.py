from pathlib import Path

import numpy as np

from model import hub
from model.generate import generate
from tasks.export.transformers_folder import OpenedByTransformers
from tasks.models.likelihood import document_log_probabilities
from tasks.models.vocabulary import Vocabulary
from tests.tasks.export.test_litgpt import NASTY
from tests.tasks.export.tiny_models import CHATML, tiny_model


def test_transformers_opens_the_folder_and_answers_as_the_model_does(tmp_path: Path):
    weights = tiny_model(tmp_path / "model", "gemma2", marks=CHATML)
    opened, decoder, vocabulary = OpenedByTransformers(weights), hub.load(weights).eval(), Vocabulary(weights)
    assert opened.program.startswith("transformers 5.")
    for text in NASTY:
        assert opened.encode(text) == vocabulary.encode(text)
    prompt = vocabulary.encode("A prompt that is longer than the window.")
    expected = list(generate(decoder, prompt, 20, 0.0, top_p=1.0, seed=0, stop={256}, never=()))
    assert opened.greedy(prompt, 20, frozenset({256})) == expected
    assert opened.greedy(prompt, 20, frozenset({expected[3]})) == expected[: expected.index(expected[3]) + 1]
    (wanted,) = document_log_probabilities(decoder, [prompt[1:]], prompt[0])
    np.testing.assert_allclose(opened.log_probabilities(prompt), wanted, atol=1e-4)
