"""The commands that look after a home: its state, disk, copies, and what is forgotten."""

from pathlib import Path
from typing import Annotated

import typer

from commands.options import JsonOption, current_home, print_facts, print_json

app = typer.Typer()


@app.command(epilog="Example:  triptych status --json")
def status(as_json: JsonOption = False) -> None:
    """Show the latest run, its scores and models, and the schedule.

    Scheduled runs that failed or were missed are listed too.
    """
    from commands.home.show import show_status
    from commands.home.status import read_status

    value = read_status(current_home())
    print_json(value) if as_json else show_status(value)


@app.command(epilog="Example:  triptych doctor --json")
def doctor(as_json: JsonOption = False) -> None:
    """Check this machine and home; each finding has a fix.

    Versions, disk, CPU, ports and leftover processes are checked.
    """
    from commands.home.doctor import examine
    from commands.home.show import show_findings

    findings = examine(current_home())
    print_json(findings) if as_json else show_findings(findings)
    if any(finding["level"] == "error" for finding in findings):
        raise typer.Exit(1)


@app.command(epilog="Example:  triptych gc    triptych gc --keep 2 --yes")
def gc(
    keep: Annotated[int, typer.Option(min=0, metavar="RUNS", help="How many latest runs of each recipe keep all.")] = 1,
    partials: Annotated[bool, typer.Option("--partials", help="Also remove the work of interrupted steps.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Remove it; without this, only show it.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show, or with --yes remove, what nothing needs.

    Needed is what a registered version or a latest run was made of. Copies of a hub's models and converted models go
    too, and come back when they are used. What the home holds is shown by step.
    """
    from commands.home.show import show_garbage
    from flows.retention import collect, usage

    garbage = collect(current_home(), keep, partials, yes)
    print_json(garbage) if as_json else show_garbage(garbage, usage(current_home()))


@app.command(epilog="Example:  triptych backup backups/monday")
def backup(
    to: Annotated[Path, typer.Argument(metavar="DIR", help="A folder that does not exist yet, or is empty.")],
    everything: Annotated[bool, typer.Option("--all", help="Include artifacts that gc would remove.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Copy the home into a folder, each file with its hash.

    The store, records, both databases, the registry, the audit log and the keys of the API.
    """
    from commands.home.backup import backup

    print_facts(backup(current_home(), to, everything), as_json)


@app.command(epilog="Example:  TRIPTYCH_HOME=restored triptych restore backups/monday")
def restore(
    source: Annotated[Path, typer.Argument(metavar="DIR", help="A folder that `triptych backup` made.")],
    as_json: JsonOption = False,
) -> None:
    """Restore a backup into an empty home.

    Every file's hash is verified first; if one differs, nothing is written.
    """
    from commands.home.backup import restore

    print_facts(restore(current_home(), source), as_json)


@app.command(epilog="Example:  triptych forget addresses/1790-Washington-1 --why 'its author asked'")
def forget(
    document: Annotated[list[str], typer.Argument(help="A doc_id, SOURCE/FILE or source text.")],
    why: Annotated[str, typer.Option(help="The reason, for the audit log.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Remove a document's text from the home for good.

    The models that saw it are listed. No later run reads it.
    """
    from commands.home.forget import forget
    from commands.home.show import show_forgotten

    removal = forget(current_home(), document, why)
    print_json(removal) if as_json else show_forgotten(removal)
