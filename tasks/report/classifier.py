"""The section on a run's classifier: whether its probabilities hold, each class, and its worst mistakes."""

import json
from typing import Any

from tasks.report.blocks import Block, Folded, Paragraph, Passage, Section, table
from tasks.report.svg import curves
from tasks.tables.views import RunTables

STEP, DIAGNOSIS = "evaluate/classify", "diagnosis.json"
Row = dict[str, Any]


def classifier(tables: RunTables) -> Section | None:
    """None where the run evaluated no classifier."""
    if STEP not in tables.labels("evaluate"):
        return None
    files = [folder / DIAGNOSIS for folder in tables.partitions(STEP).values()]
    found = next((json.loads(file.read_text(encoding="utf-8")) for file in files if file.is_file()), None)
    if found is None:
        return None
    before, after = found["before"], found["after"]
    sentence = (
        f"Its probabilities are off by {before['error']:.3f} as they were learned and by {after['error']:.3f} scaled "
        f"by the temperature {found['temperature']:g}: the mean distance, over the held-out rows, of how sure it was "
        "of its answer and how often that is right."
    )
    blocks: list[Block] = [Paragraph(sentence), _reliability(before, after), table("Each class", found["classes"])]
    if worst := found["worst"]:
        blocks.append(Folded(f"The {len(worst)} mistakes of which it was surest", [_mistake(row) for row in worst]))
    return Section("classifier", "The classifier", blocks)


def _reliability(before: Row, after: Row) -> Block:
    """Bins of answers: how often they are right by how sure it was; on the diagonal where probabilities hold."""
    series = {name: _points(bins["bins"]) for name, bins in (("before", before), ("after", after))}
    diagonal = {"perfect": [(0.0, 0.0), (1.0, 1.0)]}
    return curves("how often an answer is right by its probability", "probability", "right", series | diagonal)


def _points(bins: list[Row]) -> list[tuple[float, float]]:
    return [(row["confidence"], row["accuracy"]) for row in bins]


def _mistake(row: Row) -> Passage:
    what = f"{row['doc_id']}: {row['predicted']} ({row['probability']:.0%}), in truth {row['label']}"
    return Passage(what, row["text"], "", "")
