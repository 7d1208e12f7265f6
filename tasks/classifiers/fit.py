"""Candidates that need no training of a network: each writes a folder that model/text_classifier.py reads.

n text · c class · d width
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from model.classes import Classes
from model.tfidf import TfIdf
from tasks.store.links import link

WORDS: dict[str, Any] = {"analyzer": "word", "ngram_range": [1, 2], "sublinear_tf": True}
CHARACTERS: dict[str, Any] = {"analyzer": "char", "ngram_range": [1, 3], "sublinear_tf": True}
MAX_TERMS = 100_000
MAX_WORD = 12  # characters in the mean: longer ones are sentences of a language that writes no spaces
TFIDF_C, HEAD_C = 10.0, 0.1  # inverse strength of the penalty
ITERATIONS = 1000


def fit_tfidf(texts: Sequence[str], labels: Sequence[int], names: Sequence[str], out: Path) -> None:
    """tf-idf of words and pairs of words, of runs of characters where there are no words; logistic regression."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    settings = WORDS if _has_words(texts) else CHARACTERS
    least = 2 if len(texts) >= 10 else 1  # texts that a term is in
    try:
        vectorizer = TfidfVectorizer(**_with_tuple(settings), min_df=least, max_features=MAX_TERMS)
        x_nf = vectorizer.fit_transform(texts)
    except ValueError:  # no term is in two texts
        vectorizer = TfidfVectorizer(**_with_tuple(CHARACTERS), max_features=MAX_TERMS)
        x_nf = vectorizer.fit_transform(texts)
        settings = CHARACTERS
    weight_cf, bias_c = _logistic_regression(x_nf, labels, len(names), TFIDF_C)
    terms = tuple(str(term) for term in vectorizer.get_feature_names_out())
    idf_f = np.asarray(vectorizer.idf_, np.float64)
    out.mkdir(parents=True)
    TfIdf(terms, settings, idf_f, weight_cf, bias_c).save(out)
    Classes(tuple(names), "tfidf").write(out)


def fit_head(base: Path, rows: Sequence[Sequence[int]], labels: Sequence[int], names: Sequence[str], out: Path) -> None:
    """A linear head on what the base makes of the token ids, the base's files linked beside it."""
    import torch

    from model import head, hub

    decoder = hub.load(base).eval()
    x_nd = head.text_states(decoder, rows).double().numpy()
    mean_d, deviation_d = x_nd.mean(0), np.maximum(x_nd.std(0), 1e-6)
    weight_cd, bias_c = _logistic_regression((x_nd - mean_d) / deviation_d, labels, len(names), HEAD_C)
    weight_cd = weight_cd / deviation_d  # so that the head takes the states as they are
    out.mkdir(parents=True)
    for file in sorted(path for path in base.iterdir() if path.is_file()):
        link(file, out / file.name)
    classifier = head.Classifier(decoder, names)
    classifier.head.weight.data = torch.from_numpy(weight_cd).float()
    classifier.head.bias.data = torch.from_numpy(bias_c - weight_cd @ mean_d).float()
    head.save_head(classifier, out)
    Classes(tuple(names), "features").write(out)


def _has_words(texts: Sequence[str]) -> bool:
    words = [word for text in texts for word in text.split()]
    return bool(words) and sum(map(len, words)) / len(words) <= MAX_WORD


def _with_tuple(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {**settings, "ngram_range": tuple(settings["ngram_range"])}


def _logistic_regression(x: Any, labels: Sequence[int], classes: int, c: float) -> tuple[np.ndarray, np.ndarray]:
    """Weights (c, …) and biases (c,) whose softmax is scikit-learn's probability; every class has a row in `labels`."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=c, max_iter=ITERATIONS).fit(x, list(labels))
    weight, bias = model.coef_, model.intercept_
    if classes == 2:  # one row, of the second class against the first
        weight, bias = np.concatenate([-weight, weight]) / 2, np.concatenate([-bias, bias]) / 2
    return weight, bias
