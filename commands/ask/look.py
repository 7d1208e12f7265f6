"""`triptych look`: documents at random that went for a reason (or stayed), with what decided it and where it shows."""

import re
from difflib import get_close_matches
from typing import Any

from flows.load import curation_of
from flows.run_tables import record_of, tables_of
from tasks.curate.config import CurateConfig
from tasks.errors import UsageError, UserError
from tasks.home import Home

KEPT = "kept"
NAME = re.compile(r"[a-z_]\w*")


def look(home: Home, reason: str, count: int, seed: int, run: str = "") -> dict[str, Any]:
    """How many documents have that reason, and `count` of them: the deciding value, its threshold, text and spans."""
    from tasks.curate.texts import texts_to_show
    from tasks.tables.query import ask, statement

    record = record_of(home, run)
    tables = tables_of(home, record)
    documents, curated = tables.partitions("ingest"), tables.partitions("curate")
    if not curated:
        raise UserError(f"run {record.run} did not come to a decision", f"triptych run {record.recipe} --until curate")
    raw = tables.raw()
    _refuse_unknown(reason, ask(statement("internal/look_reasons.sql"), {}, raw, tables.views()).to_pylist())
    params = {"reason": reason, "seed": str(seed), "count": count}
    rows = ask(statement("internal/look_documents.sql"), params, raw, tables.views()).to_pylist()
    config = curation_of(record)
    ids = [row[name] for row in rows for name in ("doc_id", "kept_id") if row[name]]
    read = texts_to_show(documents, curated, ids, config)
    shown = [_shown(reason, row, read, config) for row in rows]
    total = rows[0]["documents"] if rows else 0
    return {"run": record.run, "recipe": record.recipe, "reason": reason, "documents": total, "shown": shown}


def _refuse_unknown(reason: str, reasons: list[dict[str, Any]]) -> None:
    """UsageError with the nearest names where there is no such reason."""
    from tasks.curate.rules import RULES

    here = {row["reason"]: row["documents"] for row in reasons}
    known = {KEPT, *RULES, *here}
    if reason not in known:
        near = get_close_matches(reason, known, n=2)
        hint = f"did you mean {' or '.join(near)}? " if near else ""
        present = ", ".join(f"{name} ({count:,})" for name, count in here.items()) or "nothing was dropped"
        raise UsageError(f"no reason {reason!r}", f"{hint}in this run: {present}; or kept")


def _shown(reason: str, row: dict[str, Any], read: dict[str, str], config: CurateConfig) -> dict[str, Any]:
    from tasks.curate.spans import differences, reason_spans

    text = read[row["doc_id"]]
    partner = row["kept_id"] if reason in ("exact_duplicate", "near_duplicate") else None
    kept_text = read.get(partner) if partner else None
    spans = differences(text, kept_text) if kept_text is not None else reason_spans(reason, text, config)
    return {
        **{name: row[name] for name in ("doc_id", "source", "uri", "language", "bytes", "reasons")},
        **_decided_by(reason, row, config),
        "text": text,
        "spans": [list(span) for span in spans],
        "kept_id": partner,
        "kept_text": kept_text,
    }


def _decided_by(reason: str, row: dict[str, Any], config: CurateConfig) -> dict[str, Any]:
    """The signal, its value, how it was compared with which threshold, and the setting of that."""
    from tasks.curate.rules import RULES

    decision: dict[str, Any] = {"signal": None, "value": None, "relation": None, "threshold": None, "setting": None}
    if condition := config.keep_if.get(reason):
        values = {name: row[name] for name in dict.fromkeys(NAME.findall(condition)) if name in row}
        return decision | {"signal": condition, "value": values, "setting": f"curate.keep_if.{reason}"}
    if rule := RULES.get(reason):
        decision["setting"] = f"curate.{rule.setting}"
        if rule.signal:
            compared = {"relation": rule.comparison, "threshold": rule.threshold(config)}
            return decision | {"signal": rule.signal, "value": row[rule.signal], **compared}
    if reason == "language":
        return decision | {"signal": "language", "value": row["language"], "threshold": list(config.languages)}
    if reason == "near_duplicate":
        least = {"relation": ">=", "threshold": config.minhash.jaccard, "setting": "curate.minhash.jaccard"}
        return decision | {"signal": "similarity", "value": row["similarity"], **least}
    return decision
