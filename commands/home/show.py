"""What a person reads of a home: the latest run, the disk, what was checked and what was removed."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from commands.run.show import show_models, show_steps
from commands.show import print_table, standard_output
from tasks.readable_numbers import bytes_in_words

WORDS_SHOWN = 5  # that are left as tokens
LEVELS = {"ok": "green", "warning": "yellow", "error": "red"}


def show_status(status: Mapping[str, Any]) -> None:
    """The latest run with its scores, the models, the schedule, and scheduled runs that need a look."""
    out = standard_output()
    if status["run"] is None:
        out.print("no run here yet; next:  triptych run demo")
        show_models(out, status["models"])
    else:
        how = f"{status['state']}, {status['seconds']:.1f} s, started {_local_time(status['started'])}"
        out.print(f"run {status['run']} of recipe {status['recipe']}: {how}")
        show_steps(out, status)
        _show_judged(out, status["scores"])
        show_models(out, status["models"])
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
        print_table(out, table)


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
        line = f"{folder['step']:20} {folder['folder']:34} {bytes_in_words(folder['bytes']):>10}"
        out.print(f"{line}  [dim]{escape(folder['what'])}: {folder['comes_back']}[/dim]", soft_wrap=True)
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
    if report["feedback_removed"]:
        out.print(f"texts of feedback removed that quoted it: {len(report['feedback_removed'])}")
    for name in report["same_text"]:
        out.print(f"{escape(name)} has the same text and was forgotten with it")
    for name in report["known_by_name_only"]:
        out.print(f"[yellow]{escape(name)} is too short to be recognised under another name[/yellow]")
    for row in report["versions"]:
        out.print(f"[yellow]model {row['version']}: {row['why']}[/yellow]")
    if report["versions"]:
        out.print("  weights cannot unlearn: these versions are tagged; delete them in MLflow's page where that is due")
    for name in report["near_copies"]:
        out.print(f"[yellow]{escape(name)} is a near copy: forget it by name too if it is to go[/yellow]")
    for path in report["still_quoted_in"]:
        out.print(f"[yellow]still quoted in {escape(path)}[/yellow]")
    for row in report["labels_left"]:
        what = f"{row['in']} names a class that only the forgotten had: {', '.join(row['labels'])}"
        out.print(f"[yellow]{escape(what)}[/yellow]\n  fix: {escape(row['fix'])}", soft_wrap=True)
    for row in report["tokens_left"]:
        words = ", ".join(row["words"][:WORDS_SHOWN]) + (", …" if len(row["words"]) > WORDS_SHOWN else "")
        what = f"{row['in']} has {len(row['words'])} words as tokens that only the forgotten had: {words}"
        out.print(f"[yellow]{escape(what)}[/yellow]\n  fix: {escape(row['fix'])}", soft_wrap=True)
    out.print(f"not touched: backups, exports, and your own files: {escape(', '.join(report['sources']))}")
    for recipe in report["run_again"]:
        out.print(f"next:  triptych run {recipe}")


def show_findings(findings: Sequence[Mapping[str, Any]]) -> None:
    """A line each, its fix below it where something is wrong; how many problems there are comes last."""
    out = standard_output()
    for row in findings:
        colour = LEVELS[row["level"]]
        out.print(f"[{colour}]{row['level']:7}[/{colour}]  {escape(row['what'])}", soft_wrap=True)
        if row["cure"]:
            out.print(
                f"         [dim]{'fix: ' if row['level'] != 'ok' else ''}{escape(row['cure'])}[/dim]", soft_wrap=True
            )
    errors, warnings = (sum(row["level"] == level for row in findings) for level in ("error", "warning"))
    if errors or warnings:
        out.print(f"errors: {errors}, warnings: {warnings}")
    else:
        out.print("[green]all is well[/green]")


def _show_disk(out: Console, disk: Mapping[str, Any]) -> None:
    table = Table(box=None, pad_edge=False)
    for name in ("disk", "folders", "used", "can go"):
        table.add_column(name, justify="left" if name == "disk" else "right")
    for step, used in disk["steps"].items():
        can_go = bytes_in_words(used["can_go"]) if used["can_go"] else ""
        table.add_row(f"store/{step}", str(used["folders"]), bytes_in_words(used["bytes"]), can_go)
    for room, used in disk["rooms"].items():
        if room != "store":
            can_go = bytes_in_words(used["can_go"]) if used["can_go"] else ""
            table.add_row(room, "", bytes_in_words(used["bytes"]), can_go)
    print_table(out, table)
    out.print(f"the home holds {bytes_in_words(disk['bytes'])}, {bytes_in_words(disk['free'])} are free")
