"""What a person reads of a run: its steps, scores, models, a passage, and what to type next."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from commands.show import print_table, standard_output
from flows.headline import (
    baselines_in_words,
    beside_strongest,
    drop_reasons,
    headline,
    judged_scores,
    last_sample,
    reference_samples,
    scores_of,
)
from flows.record import RunRecord, StepRecord
from tasks.readable_numbers import seconds_in_words

MARKS = {True: "[green]✓[/]", False: "[red]✗[/]", None: ""}  # whether a score beats its strongest baseline
STATES = {"complete": "green", "cached": "cyan", "skipped": "yellow", "failed": "red", "running": "yellow"}


def show_run(record: RunRecord, report: Path | None = None, elapsed: float | None = None) -> None:
    """The steps of a run, its scores, a passage, the verdict on each model, the page on it, and what to type next.

    elapsed: seconds since the command was given, the start of the servers among them.
    """
    out = standard_output()
    if not (out.is_terminal and sys.stderr.isatty()):  # else each step's line is there already
        show_steps(out, record.as_json())
    for step in record.steps:
        for note in step.notes:
            out.print(f"  [dim]{step.step}:[/dim] {escape(note)}")
    _show_scores(out, record.steps)
    _show_passages(out, record)
    show_models(out, record.models)
    out.print(_times(record, record.seconds if elapsed is None else elapsed))
    page = escape(str(report)) if report else _without_page(record)
    out.print(f"report: {page}", soft_wrap=True)
    if record.state == "complete":
        out.print(f"next:  {'   ·   '.join(_next_commands(record))}", soft_wrap=True)
    else:
        talk = Console(stderr=True, soft_wrap=True, highlight=False)
        talk.print(f"[red]{record.state}:[/red] {escape(record.error)}")


def _next_commands(record: RunRecord) -> list[str]:
    """What to type next; first what a base asks for that was trained from scratch, and that a baseline beats."""
    is_new = not record.settings.get("pretrain", {}).get("init_sha256")
    is_beaten = any(score.model == "base" and score.beats_baseline is False for score in judged_scores(record))
    adapt = ["triptych init FOLDER --adapt"] if is_new and is_beaten else []
    look = [f"triptych look {reason}" for reason in drop_reasons(record)[:1]]
    return [*adapt, "triptych chat", *look, "triptych sql --list", "triptych up", "triptych status"]


def _times(record: RunRecord, elapsed: float) -> str:
    """Where the time of a command went."""
    made = sum(step.seconds for step in record.steps)
    parts = {"in steps": made, "between them": record.seconds - made, "to start and end": elapsed - record.seconds}
    shown = ", ".join(f"{seconds_in_words(seconds)} {what}" for what, seconds in parts.items() if seconds >= 0.05)
    return f"{seconds_in_words(elapsed)}: {shown}"


def _without_page(record: RunRecord) -> str:
    if record.state == "complete":  # nothing new was made
        return "an earlier run's page shows all of this; triptych report draws it anew"
    return "none was drawn; triptych report draws it"


def show_explanations(explanations: Sequence[Mapping[str, Any]]) -> None:
    """One line a step: hit or miss, the seconds that it takes, and why; then the sum."""
    out = standard_output()
    for row in explanations:
        colour = {"hit": "cyan", "miss": "yellow", "recompute": "yellow", "skipped": "dim"}[row["verdict"]]
        reasons = escape("; ".join(row["reasons"]))
        seconds = "" if row["seconds"] is None else seconds_in_words(row["seconds"])
        out.print(
            f"[{colour}]{row['verdict']:9}[/{colour}] {row['step']:20} {seconds:>11}  {row['key'][:12]}  {reasons}",
            soft_wrap=True,
        )
    out.print(_cost(explanations), soft_wrap=True)


def _cost(explanations: Sequence[Mapping[str, Any]]) -> str:
    """What a run would take, as far as such steps were run here before."""
    again = [row for row in explanations if row["verdict"] in ("miss", "recompute")]
    if not again:
        return "nothing would be computed: every step is complete"
    known = [row["seconds"] for row in again if row["seconds"] is not None]
    steps = f"{len(again)} of {len(explanations)} steps would be computed"
    if not known:
        return f"{steps}; such ones never ran here, so their time is not known"
    cost = f"in about {seconds_in_words(sum(known))}, as the nearest earlier ones"
    if not (new := len(again) - len(known)):
        return f"{steps} {cost}"
    return f"{steps}: {len(known)} {cost}; {new} never ran here like this, so their time is not known"


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
        title="scores beside baselines (↓ lower is better, ↑ higher is better; ✓ better than every baseline)",
        title_justify="left",
        box=None,
        pad_edge=False,
    )
    for name in ("model", "task", "value", "95 % interval", "items", "", "baselines"):
        table.add_column(name, no_wrap=name != "baselines")
    for step in steps:
        for task, entry in scores_of(step):
            baselines = baselines_in_words(entry)
            interval = f"{entry['low']:.3f} – {entry['high']:.3f}"
            arrow = "↓" if entry["better"] == "lower" else "↑"
            row = (step.step.split("/")[1], task, f"{entry['value']:.3f} {arrow}", interval)
            table.add_row(*row, str(entry["items"]), MARKS[beside_strongest("", task, entry).beats_baseline], baselines)
    if table.row_count:
        print_table(out, table)


def show_models(out: Console, models: Sequence[Mapping[str, Any]]) -> None:
    """One line a version that has an alias: ✓ for a champion, its aliases, and why the gate judged it so."""
    for model in (model for model in models if model["aliases"]):
        is_champion = "champion" in model["aliases"]
        mark = "[green]✓[/]" if is_champion else "[red]✗[/]"
        state = "champion" if is_champion else f"{', '.join(model['aliases'])}, not promoted"
        why = f"; {escape(model['reasons'])}" if model.get("reasons") else ""
        out.print(f"{mark} model {model['name']}/{model['version']}: {state}{why}", soft_wrap=not out.is_terminal)
    if earlier := sum(not model["aliases"] for model in models):
        out.print(
            f"{earlier} earlier version{'s' if earlier > 1 else ''} without an alias: triptych sql -e 'FROM models'"
        )
    if models and not any("champion" in model["aliases"] for model in models):
        out.print("no champion: the gate promoted none, for the reasons above; by hand:  triptych promote NAME/VERSION")


def _show_passages(out: Console, record: RunRecord) -> None:
    """What the base wrote last, and what public models write after the same prompt."""
    samples = [(f"this base, after {row['step']:,} steps", row) for row in last_sample(record)]
    samples += [(row["model"], row) for row in reference_samples(record)]
    for who, row in samples:
        written = "".join(c if c.isprintable() else " " for c in row["text"])  # nothing that steers a terminal
        out.print(f"a passage by {escape(who)}: [dim]{escape(row['prompt'])}[/dim] {escape(written)}")
