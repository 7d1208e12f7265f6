"""The command that compares models on the same items."""

from pathlib import Path
from typing import Annotated

import typer

from commands.options import JsonOption, complete_model, current_home, print_json

app = typer.Typer()


@app.command(epilog="Example:  triptych compare demo-base/1 demo-base/2    triptych compare A B --task my_task.yaml")
def compare(
    model: Annotated[
        list[str],
        typer.Argument(
            metavar="A B [C]…",
            help="Two or more models: NAME@ALIAS, NAME/VERSION, a path or hub:OWNER/NAME.",
            autocompletion=complete_model,
        ),
    ],
    task: Annotated[
        list[Path], typer.Option(metavar="FILE", help="A multiple-choice task in lm-eval's format, as .yaml.")
    ] = [],  # noqa: B006
    texts: Annotated[int, typer.Option(min=1, help="At most so many held-out texts, where no score is stored.")] = 200,
    flipped: Annotated[int, typer.Option(min=0, help="How many items that flipped to show.")] = 3,
    page: Annotated[
        Path | None, typer.Option(metavar="FILE.html", help="A page with the verdicts and the items side by side.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Say which of several models is better, if any is.

    On the scores that were stored with them on the same items, else on the texts that the run held out, or on tasks.
    """
    from commands.models.compare import Items, compare_models, rows_as_json
    from commands.models.comparison import print_comparison, write_comparison_page

    rows = compare_models(current_home(), model, Items(task, texts))
    if page is not None:
        write_comparison_page(rows, page)
    if as_json:
        print_json(rows_as_json(rows))
    else:
        print_comparison(rows, flipped)
