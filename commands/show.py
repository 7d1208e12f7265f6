"""What a person reads at the end of a command: tables on stdout, and what to type next."""

import json
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from flows.headline import drop_reasons, headline, scores_of
from flows.record import RunRecord, StepRecord
from tasks.readable_numbers import bytes_in_words, plain_number

WIDTH = 160  # characters, where stdout is no terminal
STATES = {"complete": "green", "cached": "cyan", "skipped": "yellow", "failed": "red", "running": "yellow"}


def show_run(record: RunRecord, report: Path | None = None) -> None:
    """The steps of a run, its scores, models, a passage, the page on it, and what to type next."""
    out = standard_output()
    _show_steps(out, record.as_json())
    for step in record.steps:
        for note in step.notes:
            out.print(f"  [dim]{step.step}:[/dim] {escape(note)}")
    _show_scores(out, record.steps)
    _show_models(out, record.models)
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


def show_status(status: Mapping[str, Any]) -> None:
    """The latest run with its scores, the models, the schedule, and scheduled runs that need a look."""
    out = standard_output()
    if status["run"] is None:
        out.print("no run here yet; next:  triptych run demo")
    else:
        how = f"{status['state']}, {status['seconds']:.1f} s, started {_local_time(status['started'])}"
        out.print(f"run {status['run']} of recipe {status['recipe']}: {how}")
        _show_steps(out, status)
        _show_judged(out, status["scores"])
        _show_models(out, status["models"])
        out.print(f"report: {escape(status['report'] or 'none was drawn; triptych report draws it')}", soft_wrap=True)
    out.print(f"schedule: {escape(_schedule(status['nightly']))}")
    for trouble in status["schedule"]:
        out.print(f"[red]scheduled run {trouble['name']}: {trouble['state']}[/red] {trouble.get('message', '')}")
    for line in status["noticed"]:
        out.print(f"[yellow]{escape(line)}[/yellow]")


def _show_judged(out: Console, scores: Sequence[Mapping[str, Any]]) -> None:
    table = Table(box=None, pad_edge=False)
    for name in ("model", "judged by", "value", "strongest baseline", ""):
        table.add_column(name)
    for score in scores:
        arrow = "↓" if score["better"] == "lower" else "↑"
        baseline = f"{score['baseline']} {score['baseline_value']:.3f}" if score["baseline"] else "none"
        result = {True: "[green]✓ better[/]", False: "[red]✗ not better[/]", None: ""}[score["beats_baseline"]]
        table.add_row(score["model"], score["task"], f"{score['value']:.3f} {arrow}", escape(baseline), result)
    if scores:
        out.print(table)


def _schedule(nightly: Mapping[str, Any] | None) -> str:
    if nightly is None:
        return "off, as no Prefect server of this home runs (triptych up)"
    if not nightly["on"]:
        return f"off (triptych schedule --on), for recipe {nightly['recipe']}"
    following = _local_time(nightly["next"]) if nightly["next"] else f"by {nightly['cron']} ({nightly['timezone']})"
    return f"on, recipe {nightly['recipe']}, next {following}"


def _local_time(iso: str) -> str:
    return datetime.fromisoformat(iso).astimezone().strftime("%Y-%m-%d %H:%M %Z")


def show_garbage(report: Mapping[str, Any], disk: Mapping[str, Any]) -> None:
    """What the home holds; then what goes, folder by folder, and how many bytes that frees."""
    out = standard_output()
    _show_disk(out, disk)
    for folder in report["folders"]:
        out.print(f"{folder['step']:20} {folder['folder']:34} {bytes_in_words(folder['bytes']):>10}")
    outcome = "removed" if report["removed"] else "would go"
    out.print(
        f"{len(report['folders'])} folders {outcome}, {bytes_in_words(report['bytes'])}; {report['kept']} are needed"
    )
    for note in report["notes"]:
        out.print(f"[yellow]{escape(note)}[/yellow]")
    if report["partial_bytes"]:
        out.print(f"work that was cut short: {bytes_in_words(report['partial_bytes'])} (--partials)")
    if not report["removed"] and report["folders"]:
        out.print("nothing was removed; to do so:  triptych gc --yes")


def show_forgotten(report: Mapping[str, Any]) -> None:
    """What went, which models saw it, and what a person must do that no command can."""
    out = standard_output()
    out.print(f"forgotten: {escape(', '.join(report['documents']))}")
    removed = ", ".join(f"{step} {count}" for step, count in sorted(report["artifacts_removed"].items()))
    out.print(f"artifacts removed: {removed or 'none'}; files of MLflow's runs: {report['mlflow_files_removed']}")
    for row in report["versions"]:
        out.print(f"[yellow]model {row['version']}: {row['why']}[/yellow]")
    if report["versions"]:
        out.print("  weights cannot unlearn: these versions are tagged; delete them in MLflow's page where that is due")
    for name in report["near_copies"]:
        out.print(f"[yellow]{escape(name)} is a near copy: forget it by name too if it is to go[/yellow]")
    for path in report["still_quoted_in"]:
        out.print(f"[yellow]still quoted in {escape(path)}[/yellow]")
    out.print(f"not touched: backups, exports, and your own files: {escape(', '.join(report['sources']))}")
    for recipe in report["run_again"]:
        out.print(f"next:  triptych run {recipe}")


def show_explanations(explanations: Sequence[Mapping[str, Any]]) -> None:
    """One line a step: hit or miss, and why."""
    out = standard_output()
    for row in explanations:
        colour = {"hit": "cyan", "miss": "yellow", "recompute": "yellow", "skipped": "dim"}[row["verdict"]]
        reasons = escape("; ".join(row["reasons"]))
        out.print(
            f"[{colour}]{row['verdict']:7}[/{colour}] {row['step']:20} {row['key'][:12]}  {reasons}", soft_wrap=True
        )


def show_findings(findings: Sequence[Mapping[str, Any]]) -> None:
    """One row a finding: its level, what it is, and its fix."""
    show_table([{"level": row["level"], "finding": row["what"], "fix": row["cure"]} for row in findings])


def show_table(rows: Sequence[Mapping[str, Any]]) -> None:
    """Rows as a table; a word where there are none."""
    if not rows:
        print("no rows")
        return
    table = Table()
    for name in rows[0]:
        table.add_column(str(name), overflow="fold")
    for row in rows:
        table.add_row(*(_cell(value) for value in row.values()))
    standard_output().print(table)


def show_facts(facts: Mapping[str, Any]) -> None:
    """name: value, one a line."""
    for name, value in facts.items():
        print(f"{name}: {value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)}")


def _show_steps(out: Console, record: Mapping[str, Any]) -> None:
    table = Table(box=None, pad_edge=False)
    for name in ("step", "state", "seconds", "key", ""):
        table.add_column(name, justify="right" if name == "seconds" else "left")
    for step in record["steps"]:
        state = f"[{STATES.get(step['state'], 'white')}]{step['state'].capitalize()}[/]"
        result = step["reason"].splitlines()[0] if step["reason"] else headline(step["metrics"])
        table.add_row(step["step"], state, f"{step['seconds']:.1f}", (step["key"] or "")[:12], escape(result))
    out.print(table)


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
            baselines = " · ".join(f"{name} {value:.3f}" for name, value in entry.get("baselines", {}).items())
            interval = f"{entry['low']:.3f} – {entry['high']:.3f}"
            arrow = "↓" if entry["better"] == "lower" else "↑"
            row = (step.step.split("/")[1], task, f"{entry['value']:.3f} {arrow}", interval)
            table.add_row(*row, str(entry["items"]), baselines)
    if table.row_count:
        out.print(table)


def _show_models(out: Console, models: Sequence[Mapping[str, Any]]) -> None:
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


def _show_disk(out: Console, disk: Mapping[str, Any]) -> None:
    table = Table(box=None, pad_edge=False)
    for name in ("disk", "folders", "used", "can go"):
        table.add_column(name, justify="left" if name == "disk" else "right")
    for step, used in disk["steps"].items():
        can_go = bytes_in_words(used["can_go"]) if used["can_go"] else ""
        table.add_row(f"store/{step}", str(used["folders"]), bytes_in_words(used["bytes"]), can_go)
    for room, size in disk["rooms"].items():
        if room != "store":
            table.add_row(room, "", bytes_in_words(size), "")
    out.print(table)
    out.print(f"the home holds {bytes_in_words(disk['bytes'])}, {bytes_in_words(disk['free'])} are free")


def standard_output() -> Console:
    """Standard output: as wide as the terminal, and wide enough where it is none."""
    return Console(width=None if sys.stdout.isatty() else WIDTH, highlight=False)


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return plain_number(value)
    return escape(str(value))
