"""What a classifier is to be read by beyond its mean scores: calibration, each class, and its worst mistakes.

diagnosis.json  {"temperature", "before": {"error", "bins"}, "after": {…}, "classes": […], "worst": […]}, on the
                held-out rows; before and after the temperature, which was fitted on the validation rows
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from model.text_classifier import Array, softmax
from tasks.classifiers.calibrate import expected_calibration_error, reliability

DIAGNOSIS = "diagnosis.json"
WORST, EXCERPT = 12, 240  # mistakes that are shown, and characters of each


def write_diagnosis(
    logits_nc: Array, temperature: float, rows: Sequence[Mapping[str, Any]], names: Sequence[str], out: Path
) -> str:
    """Writes the file; a sentence on the calibration."""
    labels = np.array([row["label"] for row in rows])
    probabilities = softmax(logits_nc / temperature)
    before, after = (_calibration(p, labels) for p in (softmax(logits_nc), probabilities))
    classes, worst = _classes(probabilities, labels, names), _worst(probabilities, rows, names)
    parts = {"temperature": temperature, "before": before, "after": after, "classes": classes, "worst": worst}
    text = json.dumps(parts, indent=1, ensure_ascii=False)
    (out / DIAGNOSIS).write_text(f"{text}\n", encoding="utf-8")
    scaled = f"{before['error']:.3f} before, {after['error']:.3f} after they are scaled by the temperature"
    return f"its probabilities are off by {scaled} {temperature:g} (expected calibration error, {len(rows)} rows)"


def _calibration(probabilities: Array, labels: np.ndarray) -> dict[str, Any]:
    bins = reliability(probabilities, labels)
    return {"error": expected_calibration_error(bins), "bins": [asdict(one) for one in bins]}


def _classes(probabilities: Array, labels: np.ndarray, names: Sequence[str]) -> list[dict[str, Any]]:
    """One row a class; 0 where a share is of nothing, as in scikit-learn."""
    from sklearn.metrics import precision_recall_fscore_support

    numbers = list(range(len(names)))
    options: Any = {"labels": numbers, "zero_division": 0.0}
    columns = precision_recall_fscore_support(labels, probabilities.argmax(1), **options)
    named = zip(names, *(np.asarray(column).tolist() for column in columns), strict=True)
    return [{"label": label, "precision": p, "recall": r, "f1": f, "rows": int(n)} for label, p, r, f, n in named]


def _worst(probabilities: Array, rows: Sequence[Mapping[str, Any]], names: Sequence[str]) -> list[dict[str, Any]]:
    """The mistakes of which it was surest."""
    predicted, surest = probabilities.argmax(1), np.argsort(-probabilities.max(1), kind="stable")
    wrong = [int(n) for n in surest if predicted[n] != rows[n]["label"]][:WORST]
    return [
        {
            "doc_id": rows[n]["doc_id"],
            "label": names[rows[n]["label"]],
            "predicted": names[int(predicted[n])],
            "probability": float(probabilities[n].max()),
            "text": rows[n]["text"][:EXCERPT],
        }
        for n in wrong
    ]
