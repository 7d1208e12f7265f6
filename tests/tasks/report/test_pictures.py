"""Pictures beside an artifact's numbers: whole SVG files that say their numbers in words too, the same for the same."""

import json
from pathlib import Path
from xml.etree import ElementTree as Xml

import pytest

from tasks.report.pictures import draw_confusion, draw_scores, draw_training, moving_mean, points
from tasks.report.svg import bars, curves

SVG = "{http://www.w3.org/2000/svg}"


def plots_of(picture: Path) -> dict[str, Xml.Element]:
    """The plots of a picture by their titles."""
    root = Xml.fromstring(picture.read_text(encoding="utf-8"))
    titles = [text.text or "" for text in root.findall(f"{SVG}text")]
    return dict(zip(titles, root.findall(f"{SVG}svg"), strict=True))


def write_metrics(path: Path, steps: int) -> Path:
    rows = [{"step": step, "loss": 5 - step / 100, "val_loss": 4.0} for step in range(1, steps + 1)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_a_training_is_drawn_from_its_metrics_alone(tmp_path):
    metrics = write_metrics(tmp_path / "metrics.jsonl", 100)
    draw_training(metrics, tmp_path / "curve.svg")
    plots = plots_of(tmp_path / "curve.svg")
    assert list(plots) == ["training loss", "loss, validation"]
    assert "from 4.99 to 4" in plots["training loss"].attrib["aria-label"]
    draw_training(metrics, tmp_path / "again.svg")
    assert (tmp_path / "again.svg").read_bytes() == (tmp_path / "curve.svg").read_bytes()


def test_scores_are_drawn_beside_their_baselines_with_an_interval(tmp_path):
    entry = {"value": 0.5, "low": 0.4, "high": 0.6, "better": "higher", "items": 1200, "baselines": {"majority": 0.3}}
    draw_scores({"accuracy/test <b>": entry}, "classify", tmp_path / "scores.svg")
    ((title, plot),) = plots_of(tmp_path / "scores.svg").items()
    assert title == "accuracy/test <b>: higher is better, 1,200 items"
    assert "classify 0.5, majority 0.3" in plot.attrib["aria-label"]
    assert len(plot.findall(f"{SVG}circle")) == 2


def test_a_confusion_is_coloured_by_each_labels_share(tmp_path):
    draw_confusion([[3.0, 1.0], [0.0, 0.0]], ["old", "new"], tmp_path / "confusion.svg")
    ((_, plot),) = plots_of(tmp_path / "confusion.svg").items()
    shares = [cell.attrib["opacity"] for cell in plot.findall(f"{SVG}rect") if "opacity" in cell.attrib]
    assert shares == ["0.750", "0.250", "0.000", "0.000"]


def test_a_smoothed_value_is_the_mean_around_its_step_and_lags_behind_none():
    series = points(
        [{"step": step, "loss": float(step)} for step in range(40)] + [{"step": 40, "val_loss": 1.0}], "loss"
    )
    smoothed = moving_mean(series)
    assert len(series) == len(smoothed) == 40
    assert smoothed[20] == (20, pytest.approx((18 + 19 + 20 + 21 + 22) / 5))
    assert smoothed[0] == (0, pytest.approx((0 + 1 + 2) / 3)) and smoothed[39] == (
        39,
        pytest.approx((37 + 38 + 39) / 3),
    )


def test_what_was_measured_once_is_a_value_and_no_curve(tmp_path):
    rows = [{"step": n, "loss": 1.0} for n in range(1, 5)] + [{"step": 5, "loss": 1.0, "val_accuracy": 0.5}]
    (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    draw_training(tmp_path / "metrics.jsonl", tmp_path / "curve.svg")
    plot = plots_of(tmp_path / "curve.svg")["accuracy, validation, once"]
    assert "after step 5 0.5" in plot.attrib["aria-label"] and not plot.findall(f"{SVG}polyline")


def test_a_difference_of_noise_does_not_fill_the_axis():
    svg = Xml.fromstring(curves("loss", "step", "nats", {"loss": [(1, 4.693), (2, 4.699)]}).svg)
    heights = [float(dot.attrib["cy"]) for dot in svg.findall("circle")]
    assert abs(heights[0] - heights[1]) < 10


def test_every_mark_says_its_number_under_the_pointer():
    bar = Xml.fromstring(bars("kept", "step", "documents", {"ingest": 7000.0}).svg)
    assert [tip.text for tip in bar.iter("title")] == ["ingest: 7,000 documents"]
    line = Xml.fromstring(curves("loss", "step", "nats", {"loss": [(n, 4.5) for n in range(500)]}).svg)
    assert 20 <= len(list(line.iter("title"))) <= 40


def test_many_classes_make_a_picture_of_those_that_are_confused_most(tmp_path):
    labels = [f"class {n}" for n in range(300)]
    counts = [[50.0 if n == m else 0.0 for m in range(300)] for n in range(300)]
    counts[7][250], counts[250][7], counts[90][91] = 20.0, 10.0, 5.0
    draw_confusion(counts, labels, tmp_path / "confusion.svg")
    text = (tmp_path / "confusion.svg").read_text()
    assert len(text) < 500_000 and 'width="-' not in text
    for shown in ("the 39 of 300 with most mistakes", "class 7<", "class 250<", "class 90<", "261 others"):
        assert shown in text
