"""The sections on text: documents read and kept, the filters measured on planted dirt, where thresholds cut."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tasks.curate.config import CurateConfig
from tasks.curate.rules import RULES, Rule
from tasks.readable_numbers import plain_number
from tasks.report.blocks import Block, Folded, Heading, Paragraph, Section, table
from tasks.report.svg import Plot, bars, histogram
from tasks.tables.views import RunTables

BINS = 40
SHOWN_FIGURES = 6  # of the signals that dropped most; the others are folded
SHOWN_TO = 0.995  # quantile at which a signal's axis ends, but for thresholds up to REACH times its length away
REACH = 5
KINDS = {
    "exact_duplicates": "exact duplicates",
    "near_duplicates": "near duplicates",
    "filters": "filters",
    "personal_data": "the mask of personal data",
    "broken_records": "ingest, which refused it",
}


def funnel(tables: RunTables) -> Section | None:
    """Documents step by step, and the reasons for dropping them."""
    from tasks.tables.query import ask, statement

    steps = ask(statement("conservation.sql"), {}, tables.raw(), {}).to_pylist()
    if not steps:
        return None
    blocks: list[Block] = [
        bars("Documents kept", "step", "kept", _by_step(steps, "kept"), _by_step(steps, "read")),
        table("Read = kept + dropped + quarantined, in documents", steps),
    ]
    reasons = Counter(reason for row in _decisions(tables) if (reason := row["reason"]))  # the first of each
    if reasons:
        blocks.insert(1, bars("Dropped, by first reason", "reason", "documents", dict(reasons.most_common())))
    return Section("funnel", "From what was read to what is trained on", blocks)


def corpus(tables: RunTables) -> Section | None:
    """Sources, languages and licences, in documents and bytes."""
    from tasks.tables.query import ask, statement

    if not tables.partitions("signals"):
        return None
    blocks: list[Block] = []
    for title, column in (("Sources", "source"), ("Languages", "language"), ("Licences", "licence")):
        rows = ask(statement("internal/report_corpus.sql"), {"column": column}, tables.raw(), {}).to_pylist()
        blocks.append(table(title, [{column: row.pop("name"), **row} for row in rows]))
    return Section("corpus", "The text", blocks)


def planted(tables: RunTables) -> Section | None:
    """The share of the planted dirt that the filters detected, by kind."""
    files = [folder / "planted.json" for folder in tables.partitions("curate").values()]
    audits = [audit for file in files if file.is_file() for audit in json.loads(file.read_text())]
    if not audits:
        return None
    blocks: list[Block] = [
        Paragraph(
            "Damaged copies of documents were planted in this corpus, so it is known what each filter should detect. "
            "A false positive is a document that was not planted; it may still be dirt of the corpus itself."
        )
    ]
    for detector, title in KINDS.items():
        ours = [audit for audit in audits if audit["detector"] == detector]
        planted, detected = Counter[str](), Counter[str]()
        for kind, (count, hits) in (item for audit in ours for item in audit["kinds"].items()):
            planted[kind] += count
            detected[kind] += hits
        if planted:
            alarms = sum(audit["false_alarms"] for audit in ours)
            name = f"Detected by {title} ({alarms:,} false positives)"
            blocks.append(bars(name, "kind", "detected", {kind: detected[kind] for kind in planted}, planted))
    return Section("planted", "Planted dirt, detected", blocks)


def signals(tables: RunTables, config: CurateConfig) -> Section | None:
    """The distribution of each signal that a filter of this recipe looks at, with its thresholds."""
    import pyarrow.compute as pc

    if not tables.partitions("signals"):
        return None
    scored = tables.raw()["signals_signals"]()
    blocks: list[Block] = [
        Paragraph(
            "Each figure counts documents (logarithmic scale); the broken line is the threshold, and what lies beyond "
            "it goes, where the rule holds for its language. To ask what another threshold would keep: "
            "triptych what-if --set curate.…"
        )
    ]
    counts = Counter(reason for row in _decisions(tables) for reason in row["reasons"] or ())
    figures = list[tuple[int, str, Plot]]()  # (documents dropped for it, filter, figure)
    for name in dict.fromkeys(rule.filter for rule in RULES.values() if rule.signal and rule.is_on(config)):
        for signal, rules in _by_signal(name).items():
            values = pc.call_function("drop_null", [scored[signal]]).to_numpy().astype(float)
            limits = {rule.threshold(config): rule.comparison for rule in rules.values() if rule.is_on(config)}
            if len(values):
                dropped = sum(counts[reason] for reason in rules)
                figures.append((dropped, name, _distribution(f"{signal}: {dropped:,} dropped for it", values, limits)))
    first = sorted((figure for figure in figures if figure[0]), key=lambda figure: -figure[0])[:SHOWN_FIGURES]
    blocks += _by_filter(first)
    if others := [figure for figure in figures if figure not in first]:
        none = sum(not dropped for dropped, _, _ in others)
        title = f"{len(others)} more signals, of which {none} dropped nothing"
        blocks.append(Folded(title, list(_by_filter(others))))
    return Section("signals", "Signals and thresholds", blocks)


def _by_filter(figures: Sequence[tuple[int, str, Plot]]) -> Iterator[Block]:
    """The figures under the names of their filters."""
    for name in dict.fromkeys(name for _, name, _ in figures):
        yield Heading(name)
        yield from (figure for _, of, figure in figures if of == name)


def _distribution(title: str, values: np.ndarray, limits: dict[float, str]) -> Plot:
    low, high = float(values.min()), float(np.quantile(values, SHOWN_TO))
    high = high if high > low else float(values.max())
    reach = max(high - low, 1e-9)
    near = [limit for limit in limits if low - REACH * reach <= limit <= high + REACH * reach]
    low, high = min([low, *near]), max([high, *(limit * 1.1 for limit in near)])
    edges = np.linspace(low, high if high > low else low + 1, BINS + 1)
    counts, _ = np.histogram(np.clip(values, edges[0], edges[-1]), edges)
    far = "".join(
        f"; its threshold {plain_number(limit)} lies beyond this axis"
        for limit in limits
        if not edges[0] <= limit <= edges[-1]
    )
    return histogram(title + far, edges.tolist(), counts.tolist(), limits)


def _by_signal(table: str) -> dict[str, dict[str, Rule]]:
    """signal → reason → rule, of the rules of one filter that compare a signal."""
    rules_by_signal: dict[str, dict[str, Rule]] = {}
    for reason, rule in RULES.items():
        if rule.filter == table and rule.signal:
            rules_by_signal.setdefault(rule.signal, {})[reason] = rule
    return rules_by_signal


def _by_step(rows: list[dict[str, Any]], name: str) -> dict[str, float]:
    return {row["step"]: row[name] for row in rows}


def _decisions(tables: RunTables) -> Iterator[dict[str, Any]]:
    import pyarrow.parquet as pq

    for folder in tables.partitions("curate").values():
        yield from pq.read_table(Path(folder) / "decisions.parquet", columns=["reason", "reasons"]).to_pylist()
