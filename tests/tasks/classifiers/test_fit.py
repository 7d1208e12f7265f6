"""tf-idf with logistic regression: scikit-learn's probabilities, from files without a pickle."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from model.text_classifier import load_classifier
from tasks.classifiers.fit import fit_tfidf

WORDS = ["wheat", "corn", "prices", "ships", "harbours", "built", "taxes", "war", "peace", "the", "of", "and"]
random = np.random.default_rng(0)
TEXTS = [" ".join(random.choice(WORDS, size=8)) for _ in range(60)]
UNSEEN = [*(" ".join(random.choice(WORDS, size=5)) for _ in range(5)), "", "words never seen"]


@pytest.mark.parametrize("classes", [2, 3])
def test_the_saved_tfidf_has_the_probabilities_of_scikit_learns_pipeline(classes: int, tmp_path: Path) -> None:
    labels = [WORDS.index(text.split()[0]) % classes for text in TEXTS]
    fit_tfidf(TEXTS, labels, [f"class {n}" for n in range(classes)], tmp_path / "out")
    pipeline = make_pipeline(
        TfidfVectorizer(sublinear_tf=True, ngram_range=(1, 2), min_df=2), LogisticRegression(C=10.0, max_iter=1000)
    ).fit(TEXTS, labels)
    ours = load_classifier(tmp_path / "out")
    assert ours.probabilities(UNSEEN) == pytest.approx(pipeline.predict_proba(UNSEEN), abs=1e-6)
    assert {path.suffix for path in (tmp_path / "out").iterdir()} == {".json", ".safetensors"}


def test_the_reasons_and_the_bias_sum_to_the_distance_of_the_logits(tmp_path: Path) -> None:
    labels = [WORDS.index(text.split()[0]) % 3 for text in TEXTS]
    fit_tfidf(TEXTS, labels, ["a", "b", "c"], tmp_path / "out")
    model = load_classifier(tmp_path / "out")
    text = "wheat and taxes, taxes of war"
    logits = model.scorer.logits([text, ""])
    weights = {reason.piece: reason.weight for reason in model.reasons(text, "b", most=100)}
    assert {"wheat", "taxes", "and taxes"} <= weights.keys()
    distance, of_bias = (row[1] - (row[0] + row[2]) / 2 for row in logits)
    assert sum(weights.values()) == pytest.approx(distance - of_bias)
    assert [abs(reason.weight) for reason in model.reasons(text, "b", 3)] == sorted(map(abs, weights.values()))[:-4:-1]


def test_texts_that_are_written_without_spaces_and_single_words_have_terms_too(tmp_path: Path) -> None:
    chinese = ["今天天气很好我们去公园散步吧", "股票市场今天大幅下跌投资者很担心"] * 6
    fit_tfidf(chinese, [0, 1] * 6, ["weather", "market"], tmp_path / "chinese")
    model = load_classifier(tmp_path / "chinese")
    assert model.probabilities(["明天天气好吗", "股票下跌"]).argmax(1).tolist() == [0, 1]
    fit_tfidf([f"{n}x" for n in range(20)], [n % 2 for n in range(20)], ["even", "odd"], tmp_path / "words")
    assert load_classifier(tmp_path / "words").probabilities(["3x"]).sum() == pytest.approx(1.0)
