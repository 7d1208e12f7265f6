"""`triptych what-if`: what other thresholds, or a rule of one's own, would keep and drop, from stored scores alone.

An expression decides in place of the filters and in place of nothing else: duplicates go as before. In it every signal
and every column of `documents` but the text can be named, and `passes`, which is what the filters say.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flows.load import curation_of, load
from flows.recipe_files import find
from flows.record import RunRecord, latest
from flows.run_tables import record_of, tables_of
from tasks.curate.config import SCORING_KEYS, CurateConfig
from tasks.errors import UsageError, UserError
from tasks.home import Home
from tasks.store.step import keyed

if TYPE_CHECKING:
    import pyarrow as pa

    from tasks.tables.views import RunTables

CHANGED_SHOWN = 10


@dataclass(frozen=True)
class Alternative:
    """A run, and the settings and the expression that decide anew."""

    record: RunRecord
    tables: "RunTables"
    config: CurateConfig
    expression: str


def what_if(home: Home, expression: str, recipe: str, changes: Sequence[str], seed: int = 0) -> dict[str, Any]:
    """Documents, tokens and bytes kept and dropped, against today's decision; and changed documents to read."""
    from tasks.curate.texts import texts_to_show
    from tasks.tables.query import query, statement

    alternative = _resolve(home, expression, recipe, changes)
    facts = _facts(alternative.tables)
    redecided = _redecide(alternative, facts)
    decided = query(statement("internal/what_if_decided.sql"), {}, {"facts": facts, "redecided": redecided})
    density = _bytes_per_token(facts)
    totals = statement("internal/what_if_totals.sql")
    rows = query(totals, {"bytes_per_token": density}, {"decided": decided}).to_pylist()
    drawn = {"seed": str(seed), "most": CHANGED_SHOWN}
    examples = query(statement("internal/what_if_examples.sql"), drawn, {"decided": decided}).to_pylist()
    ids = [row["doc_id"] for row in examples]
    read = texts_to_show(
        alternative.tables.partitions("ingest"), alternative.tables.partitions("curate"), ids, alternative.config
    )
    return {
        "run": alternative.record.run,
        "recipe": alternative.record.recipe,
        "expression": expression or None,
        "changes": list(changes),
        "bytes_per_token": density,
        "total": _without(next(row for row in rows if row["kind"] == "all"), "kind", "name"),
        "sources": [_without(row, "kind") for row in rows if row["kind"] == "source"],
        "languages": [_without(row, "kind") for row in rows if row["kind"] == "language"],
        "reasons": query(statement("internal/what_if_reasons.sql"), {}, {"decided": decided}).to_pylist(),
        "changed": [{**row, "text": read.get(row["doc_id"], "")} for row in examples],
    }


def _resolve(home: Home, expression: str, recipe: str, changes: Sequence[str]) -> Alternative:
    if not (expression.strip() or recipe or changes):
        raise UsageError("what if what?", "give an EXPRESSION such as 'plain_words >= 80', --set curate.…, or --recipe")
    record = latest(home, find(recipe).stem) if recipe else None
    record = record or record_of(home)
    config = load(recipe, changes).recipe.curate if recipe else curation_of(record, changes)
    rescored = _differing(keyed(config.scoring), keyed(curation_of(record).scoring))
    if rescored:
        cure = "triptych run --until curate --set …, which scores anew"
        raise UsageError(
            f"{', '.join(rescored)}: changes the scores themselves, and what-if knows the stored ones", cure
        )
    tables = tables_of(home, record)
    if not tables.partitions("curate"):
        raise UserError(f"run {record.run} did not come to a decision", f"triptych run {record.recipe} --until curate")
    return Alternative(record, tables, config, expression.strip())


def _facts(tables: "RunTables") -> "pa.Table":
    """One row a document: its signals, what is known of it, and today's decision."""
    from tasks.tables.query import ask, statement

    return ask(statement("internal/what_if_documents.sql"), {}, tables.raw(), tables.views())


def _redecide(alternative: Alternative, facts: "pa.Table") -> "pa.Table":
    import json

    import pyarrow as pa

    from tasks.curate.conditions import unmet
    from tasks.curate.decide import verdicts
    from tasks.curate.recompute import ScoredPartition, recompute_decisions
    from tasks.tables.query import query, statement

    judged = verdicts(facts, alternative.config.decide())
    if alternative.expression:
        passes = dict(zip(judged["doc_id"].to_pylist(), judged["passes"].to_pylist(), strict=True))
        column = pa.array([passes[doc_id] for doc_id in facts["doc_id"].to_pylist()], pa.bool_())
        judged = unmet({"the expression": alternative.expression}, facts.append_column("passes", column))
        judged = query(statement("internal/what_if_verdicts.sql"), {}, {"judged": judged})
    signals, decided = alternative.tables.partitions("signals"), alternative.tables.partitions("curate")
    configs = {p: json.loads((folder / "manifest.json").read_text())["config"] for p, folder in decided.items()}
    return recompute_decisions(
        alternative.config, judged, {p: ScoredPartition(signals[p], configs[p]["withdrawn"]) for p in decided}
    )


def _bytes_per_token(facts: "pa.Table") -> float | None:
    """Mean over the documents that were encoded; None where none was."""
    import pyarrow.compute as pc

    encoded = facts.filter(pc.field("tokens").is_valid())
    tokens = pc.call_function("sum", [encoded["tokens"]]).as_py()
    return pc.call_function("sum", [encoded["bytes"]]).as_py() / tokens if tokens else None


def _differing(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    """The curate.… settings that are not the same in two configs of scoring."""
    return [f"curate.{SCORING_KEYS.get(name, name)}" for name in one if one[name] != other[name]]


def _without(row: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in names}
