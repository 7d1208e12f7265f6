"""The commands on what people say of answers."""

from pathlib import Path
from typing import Annotated

import typer

from commands.options import JsonOption, current_home, print_facts, print_json
from tasks.errors import UsageError

app = typer.Typer()


@app.command(epilog="Example:  triptych feedback    triptych feedback --to rows")
def feedback(
    to: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write held-out questions, and rows for instruct, prefer and kto tuning."),
    ] = None,
    held_out: Annotated[
        float, typer.Option(min=0.0, max=0.9, help="With --to: the share of prompts that are never trained on.")
    ] = 0.2,
    last: Annotated[int, typer.Option(min=0, help="How many of the last entries to show.")] = 10,
    forget: Annotated[
        list[str], typer.Option("--forget", metavar="ID", help="Remove the texts of this entry; its vote still counts.")
    ] = [],  # noqa: B006
    as_json: JsonOption = False,
) -> None:
    """Show what people said of answers, or make rows of it.

    It comes from the chat page, the arena and POST /v1/feedback.
    """
    from commands.feedback.feedback import export_feedback, forget_entries, print_feedback, read_feedback

    if to is not None and forget:
        raise UsageError("--forget and --to are two commands", "forget first, then make rows without these entries")
    if forget:
        print_facts(forget_entries(current_home(), forget), as_json)
    elif to is not None:
        print_facts(export_feedback(current_home(), to, held_out, as_json), as_json)
    else:
        summary = read_feedback(current_home(), last)
        print_json(summary) if as_json else print_feedback(summary)
