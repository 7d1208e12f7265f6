"""The command that writes a recipe for a folder."""

import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer

from commands.options import JsonOption, current_home, print_json

app = typer.Typer()


@app.command(epilog="Example:  triptych init my_folder    triptych init films --as-text .srt --as-text .vtt")
def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder of text, or one file.")],
    adapt: Annotated[bool, typer.Option("--adapt", help="Adapt a public model to this text: what most want.")] = False,
    as_text: Annotated[
        list[str], typer.Option(metavar="ENDING", help="Read such files as plain text too: .srt, or '(none)'.")
    ] = [],  # noqa: B006
    force: Annotated[bool, typer.Option("--force", help="Replace a recipe of that name.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Survey a folder and write a recipe for it.

    It is printed what the folder contains, what a run will cost, and what it can give.
    """
    from commands.init.propose import propose
    from commands.init.show import summary, wrapped

    proposal = propose(folder, current_home(), force, adapt, as_text)
    columns = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    print_json(proposal.as_json()) if as_json else print("\n".join(wrapped(summary(proposal), columns)))
