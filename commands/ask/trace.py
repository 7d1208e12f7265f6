"""`triptych trace`: from a document to the steps and models that saw it, from a step or a model to its documents."""

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

from flows.run_tables import record_of, tables_of
from tasks.errors import UsageError, UserError
from tasks.home import Home
from tasks.tables.lineage import Model, Training, all_models, find_training, model_of
from tasks.tracking.registry import find

if TYPE_CHECKING:
    from flows.record import RunRecord
    from tasks.tables.views import RunTables

SHOWN = 6  # documents of one name


def trace_document(home: Home, name: str, model: str, run: str = "") -> dict[str, Any]:
    """What happened to a document: decision, shard row, and for each model (or that one) the steps that saw it."""
    record = record_of(home, run)
    tables = tables_of(home, record)
    doc_id = _doc_id(name, tables)
    (document,) = _ask("document", tables, name=doc_id)
    wanted = [model_of(find(model, home), home)] if model else all_models(home, record.as_json())
    steps = dict[str, list[int]]()  # by training: children share their base's
    for training in (training for one in wanted for training in one.trainings):
        if training.key not in steps:
            steps[training.key] = training.replay().steps_with(doc_id)
    return {
        "run": record.run,
        "recipe": record.recipe,
        "document": document,
        "models": [
            {
                "model": one.name,
                "aliases": list(one.aliases),
                "run": one.run,
                "trainings": [{"training": t.name, "key": t.key, "steps": steps[t.key]} for t in one.trainings],
                "saw": any(steps[t.key] for t in one.trainings),
            }
            for one in wanted
        ],
    }


def trace_step(home: Home, step: int, model: str, run: str = "") -> dict[str, Any]:
    """The documents of one training step of a model (the run's base), with what the step reported."""
    record = record_of(home, run)
    one = _model(home, model, record)
    training = one.trainings[0]
    if not 1 <= step <= training.data["steps"]:
        steps = training.data["steps"]
        raise UsageError(f"--step {step}: {one.name} was trained for {steps} steps", f"give one of 1 … {steps}")
    documents = training.replay().documents(step)
    about = {
        row["doc_id"]: row for row in _ask("sources", tables_of(home, record), names=[d.doc_id for d in documents])
    }
    unknown = {"source": None, "uri": None, "partition": None}
    return {
        "model": one.name,
        "training": training.name,
        "step": step,
        "reported": _reported(training, step),
        "documents": [
            {"shard": d.shard, "row": d.row, **unknown, **about.get(d.doc_id, {}), "doc_id": d.doc_id}
            for d in documents
        ],
    }


def trace_model(home: Home, model: str, run: str = "") -> dict[str, Any]:
    """Which documents and steps a model saw, in its own training and in that of its base."""
    record = record_of(home, run)
    one = _model(home, model, record)
    trainings, documents = [], []
    for training in one.trainings:
        seen = training.replay().seen().to_pylist()
        data = {name: training.data[name] for name in ("steps", "batch", "seed")}
        trainings.append({"training": training.name, "key": training.key, **data, "documents": len(seen)})
        documents += [{"training": training.name, **row} for row in seen]
    sources = Counter(doc_id.partition("/")[0] for doc_id in {row["doc_id"] for row in documents})
    return {
        "model": one.name,
        "aliases": list(one.aliases),
        "run": one.run,
        "trainings": trainings,
        "sources": dict(sources.most_common()),
        "documents": documents,
    }


def _doc_id(name: str, tables: "RunTables") -> str:
    """The one document of that id, file or source text; UsageError with the nearest ids otherwise."""
    matches = [row["doc_id"] for row in _ask("matches", tables, name=name)]
    if name in matches or len(matches) == 1:
        return name if name in matches else matches[0]
    if matches:
        more = ", …" if len(matches) > SHOWN else ""
        raise UsageError(f"{name!r} has several documents", f"give one of: {', '.join(matches[:SHOWN])}{more}")
    if unread := _ask("quarantined", tables, name=name):
        raise UserError(f"{name} could not be read: {unread[0]['reason']}", "triptych sql quarantine shows all such")
    near = [row["doc_id"] for row in _ask("similar", tables, name=name)]
    raise UsageError(
        f"no document {name!r} in this run",
        f"did you mean {' or '.join(near)}?" if near else "triptych sql -e 'SELECT doc_id FROM documents' lists all",
    )


def _model(home: Home, name: str, record: "RunRecord") -> Model:
    """The model of that name, by default the run's base; UserError where its training is gone."""
    if name:
        model = model_of(find(name, home), home)
    else:
        base = next((step for step in record.steps if step.step == "pretrain" and step.key), None)
        if base is None:
            raise UserError(f"run {record.run} trained nothing", f"triptych run {record.recipe}, or give --model")
        training = find_training(home.store, base.key)
        model = Model(f"the base of run {record.run}", (), record.run, tuple(training.lineage()) if training else ())
    if not model.trainings:
        raise UserError(f"{model.name}: its training is no more in the store", "run its recipe again")
    return model


def _reported(training: Training, step: int) -> dict[str, Any]:
    rows = map(json.loads, (training.folder / "metrics.jsonl").read_text().splitlines())
    return next((row for row in rows if row["step"] == step), {})


def _ask(question: str, tables: "RunTables", **params: Any) -> list[dict[str, Any]]:
    from tasks.tables.query import ask, statement

    return ask(statement(f"internal/trace_{question}.sql"), params, tables.raw(), tables.views()).to_pylist()
