"""What a person reads of a run: its steps, scores, models, a passage, and what to type next."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from commands.show import print_table, standard_output
from flows.headline import baselines_in_words, drop_reasons, headline, scores_of
from flows.record import RunRecord, StepRecord

STATES = {"complete": "green", "cached": "cyan", "skipped": "yellow", "failed": "red", "running": "yellow"}


def show_run(record: RunRecord, report: Path | None = None) -> None:
    """The steps of a run, its scores, models, a passage, the page on it, and what to type next."""
    out = standard_output()
    show_steps(out, record.as_json())
    for step in record.steps:
        for note in step.notes:
            out.print(f"  [dim]{step.step}:[/dim] {escape(note)}")
    _show_scores(out, record.steps)
    show_models(out, record.models)
    made = sum(step.seconds for step in record.steps)
    overhead = record.seconds - made
    share = f" ({overhead / record.seconds:.0%} of the run)" if record.seconds else ""
    out.print(f"{record.seconds:.1f} s: {made:.1f} s in steps, {overhead:.1f} s orchestration{share}")
    _show_passage(out, record.steps)
    page = escape(str(report)) if report else _without_page(record)
    out.print(f"report: {page}", soft_wrap=True)
    if record.state == "complete":
        look = [f"triptych look {reason}" for reason in drop_reasons(record)[:1]]
        following = ["triptych chat", *look, "triptych sql --list", "triptych up", "triptych status"]
        out.print(f"next:  {'   ·   '.join(following)}", soft_wrap=True)
    else:
        talk = Console(stderr=True, soft_wrap=True, highlight=False)
        talk.print(f"[red]{record.state}:[/red] {escape(record.error)}")


def _without_page(record: RunRecord) -> str:
    if record.state == "complete":  # nothing new was made
        return "an earlier run's page shows all of this; triptych report draws it anew"
    return "none was drawn; triptych report draws it"


def show_explanations(explanations: Sequence[Mapping[str, Any]]) -> None:
    """One line a step: hit or miss, and why."""
    out = standard_output()
    for row in explanations:
        colour = {"hit": "cyan", "miss": "yellow", "recompute": "yellow", "skipped": "dim"}[row["verdict"]]
        reasons = escape("; ".join(row["reasons"]))
        out.print(
            f"[{colour}]{row['verdict']:7}[/{colour}] {row['step']:20} {row['key'][:12]}  {reasons}", soft_wrap=True
        )


def show_steps(out: Console, record: Mapping[str, Any]) -> None:
    """One line a step: its state, seconds, key and headline."""
    table = Table(box=None, pad_edge=False)
    for name in ("step", "state", "seconds", "key", ""):
        table.add_column(name, justify="right" if name == "seconds" else "left")
    for step in record["steps"]:
        state = f"[{STATES.get(step['state'], 'white')}]{step['state'].capitalize()}[/]"
        result = step["reason"].splitlines()[0] if step["reason"] else headline(step["metrics"])
        table.add_row(step["step"], state, f"{step['seconds']:.1f}", (step["key"] or "")[:12], escape(result))
    print_table(out, table)


def _show_scores(out: Console, steps: Sequence[StepRecord]) -> None:
    table = Table(
        title="scores beside baselines (↓ lower is better, ↑ higher is better)",
        title_justify="left",
        box=None,
        pad_edge=False,
    )
    for name in ("model", "task", "value", "95 % interval", "items", "baselines"):
        table.add_column(name, no_wrap=name != "baselines")
    for step in steps:
        for task, entry in scores_of(step):
            baselines = baselines_in_words(entry)
            interval = f"{entry['low']:.3f} – {entry['high']:.3f}"
            arrow = "↓" if entry["better"] == "lower" else "↑"
            row = (step.step.split("/")[1], task, f"{entry['value']:.3f} {arrow}", interval)
            table.add_row(*row, str(entry["items"]), baselines)
    if table.row_count:
        print_table(out, table)


def show_models(out: Console, models: Sequence[Mapping[str, Any]]) -> None:
    """One line a version, with its aliases."""
    for model in models:
        aliases = ", ".join(model["aliases"]) or "no alias"
        out.print(f"model {model['name']}/{model['version']}: {aliases}")
    if models and not any("champion" in model["aliases"] for model in models):
        out.print(
            "no champion: the gate promoted none, and the report says why; by hand:  triptych promote NAME/VERSION"
        )


def _show_passage(out: Console, steps: Sequence[StepRecord]) -> None:
    """What the base wrote last."""
    base = next((Path(step.path) for step in steps if step.step == "pretrain" and step.path), None)
    samples = base / "samples.jsonl" if base else None
    if samples and samples.is_file() and (lines := samples.read_text(encoding="utf-8").splitlines()):
        row = json.loads(lines[-1])
        written = "".join(c if c.isprintable() else " " for c in row["text"])  # nothing that steers a terminal
        out.print(f"a passage, written at step {row['step']}: [dim]{escape(row['prompt'])}[/dim] {escape(written)}")
