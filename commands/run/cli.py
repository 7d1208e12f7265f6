"""The commands that run a recipe: now, every night, and the servers that this needs."""

import time
from typing import Annotated

import typer

from commands.complete import completer, steps
from commands.options import (
    JsonOption,
    RecipeArgument,
    SetOption,
    complete_recipe,
    current_home,
    print_facts,
    print_json,
)
from tasks.errors import UsageError, UserError

app = typer.Typer()
complete_step = completer(steps)


@app.command(epilog="Example:  triptych run demo --set pretrain.steps=200 --until evaluate/base")
def run(
    recipe: RecipeArgument = "",  # none: an error that lists them
    start: Annotated[
        str,
        typer.Option(
            "--from", metavar="STEP", help="Recompute STEP and what depends on it.", autocompletion=complete_step
        ),
    ] = "",
    until: Annotated[
        str, typer.Option(metavar="STEP", help="Run only STEP and what it needs.", autocompletion=complete_step)
    ] = "",
    only: Annotated[
        str,
        typer.Option(metavar="STEP", help="Run STEP alone; its inputs must be complete.", autocompletion=complete_step),
    ] = "",
    change: SetOption = [],  # noqa: B006
    explain: Annotated[bool, typer.Option("--explain", help="Show which steps would run, and why; run none.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Also rerun steps whose code or libraries changed.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Run a recipe: text in, evaluated and promoted models out.

    Steps that are complete are not run again.
    """
    from commands.run.choice import no_recipe
    from commands.run.show import show_explanations, show_run
    from flows.report import page_of
    from flows.session import Request
    from flows.start import explain_run, run_pipeline

    if not recipe:
        raise no_recipe()
    began = time.monotonic()
    request = Request(current_home(), recipe, tuple(change), start, until, only, strict)
    if explain:
        explanations = explain_run(request)
        print_json(explanations) if as_json else show_explanations(explanations)
        return
    record = run_pipeline(request)
    if as_json:
        print_json(record.as_json())
    else:
        show_run(record, page_of(current_home(), record.run), time.monotonic() - began)
    if record.state != "complete":
        raise typer.Exit(130 if record.state == "interrupted" else 1)


@app.command(epilog="Example:  triptych schedule --on --recipe demo --cron '0 3 * * *'")
def schedule(
    on: Annotated[bool | None, typer.Option("--on/--off", help="Resume or pause the nightly run.")] = None,
    recipe: Annotated[
        str, typer.Option(help="The recipe it runs from now on: a name or a path.", autocompletion=complete_recipe)
    ] = "",
    cron: Annotated[str, typer.Option(metavar="CRON", help="When, in UTC: minute hour day month weekday.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Show, resume or pause the nightly run.

    `triptych up` must have been run once.
    """
    from flows.servers.schedule import read_schedule, set_schedule

    if on is None:
        if recipe or cron:
            raise UsageError("--recipe and --cron go with --on or --off", "triptych schedule --on --recipe NAME")
        if (nightly := read_schedule(current_home())) is None:
            raise UserError("no Prefect server of this home runs, so nothing is scheduled", "triptych up")
        print_facts(nightly, as_json)
        return
    if recipe:
        from flows.load import load

        load(recipe)  # a mistake in it is reported now and not at night
    print_facts(set_schedule(current_home(), on, recipe or None, cron or None), as_json)


@app.command(epilog="Example:  triptych up    triptych up --stop")
def up(
    stop: Annotated[bool, typer.Option("--stop", help="End the servers that `up` and `run` started.")] = False,
    notify: Annotated[str, typer.Option(metavar="URL", help="Call it when a run fails, crashes or is late.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Start the servers of Prefect and MLflow; print their addresses.

    A worker for scheduled runs starts beside them.
    """
    from flows.servers.up import start_servers, stop_servers

    home = current_home()
    print_facts(stop_servers(home) if stop else start_servers(home, notify), as_json)
