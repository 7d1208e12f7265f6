"""tf-idf with a linear map: a text's words and pairs of words, weighed by how few texts have them, to a logit a class.

terms.json         {"terms": […], "settings": {…}}: the terms in order; how scikit-learn's TfidfVectorizer finds them
tfidf.safetensors  idf_f, weight_cf, bias_c

c class · f term · n text
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

TERMS_FILE, WEIGHTS_FILE = "terms.json", "tfidf.safetensors"
Array = NDArray[np.float64]


@dataclass(frozen=True)
class TfIdf:
    """Texts in, logits out; `settings` are TfidfVectorizer's."""

    terms: tuple[str, ...]
    settings: Mapping[str, Any]
    idf_f: Array
    weight_cf: Array
    bias_c: Array

    @property
    def parameters(self) -> int:
        """Numbers that were fitted."""
        return self.idf_f.size + self.weight_cf.size + self.bias_c.size

    @cached_property
    def _vectorizer(self) -> Any:
        from sklearn.feature_extraction.text import TfidfVectorizer

        places = {term: n for n, term in enumerate(self.terms)}
        settings: dict[str, Any] = {**self.settings, "ngram_range": tuple(self.settings["ngram_range"])}
        vectorizer: Any = TfidfVectorizer(vocabulary=places, **settings)
        vectorizer.idf_ = self.idf_f
        return vectorizer

    def logits(self, texts: Sequence[str]) -> Array:
        """(n,c); a text without a known term has the biases."""
        x_nf = self._vectorizer.transform(list(texts))
        return np.asarray(x_nf @ self.weight_cf.T) + self.bias_c

    def contributions(self, text: str) -> tuple[list[str], Array]:
        """The text's terms, and what each adds to each class's logit (f,c)."""
        x_f = self._vectorizer.transform([text])
        return [self.terms[n] for n in x_f.indices], x_f.data[:, None] * self.weight_cf.T[x_f.indices]

    def save(self, folder: Path) -> None:
        """Writes both files; float32, as much as the fit is sure of."""
        from safetensors.numpy import save_file

        text = json.dumps({"terms": self.terms, "settings": dict(self.settings)}, ensure_ascii=False)
        (folder / TERMS_FILE).write_text(f"{text}\n", encoding="utf-8")
        arrays = {"idf_f": self.idf_f, "weight_cf": self.weight_cf, "bias_c": self.bias_c}
        save_file(
            {name: np.ascontiguousarray(array, np.float32) for name, array in arrays.items()}, folder / WEIGHTS_FILE
        )


def load(folder: Path) -> TfIdf:
    """What `save` wrote."""
    from safetensors.numpy import load_file

    stated = json.loads((folder / TERMS_FILE).read_text(encoding="utf-8"))
    arrays = {name: array.astype(np.float64) for name, array in load_file(folder / WEIGHTS_FILE).items()}
    return TfIdf(tuple(stated["terms"]), stated["settings"], **arrays)
