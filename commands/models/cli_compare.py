"""The command that compares models on the same items."""

from pathlib import Path
from typing import Annotated

import typer

from commands.models.elsewhere import MaxCostOption, PriceOption, RequestsOption, budget_of
from commands.options import JsonOption, OpponentsArgument, current_home, print_json

app = typer.Typer()


@app.command(epilog="Example:  triptych compare demo-base/1 demo-base/2    triptych compare A B --questions ours.jsonl")
def compare(
    model: OpponentsArgument,
    questions: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Your own questions, as JSON lines or CSV, answered freely.")
    ] = None,
    task: Annotated[
        list[str], typer.Option(metavar="NAME|FILE", help="A multiple-choice task as .yaml, or a task of lm-eval's.")
    ] = [],  # noqa: B006
    tasks_in: Annotated[Path, typer.Option(metavar="DIR", help="The folder of .yaml files of tasks by name.")] = Path(),
    texts: Annotated[int, typer.Option(min=1, help="At most so many held-out texts, where no score is stored.")] = 200,
    flipped: Annotated[int, typer.Option(min=0, help="How many items that flipped to show.")] = 3,
    page: Annotated[
        Path | None, typer.Option(metavar="FILE.html", help="A page with the verdicts and the items side by side.")
    ] = None,
    price: PriceOption = "",
    max_cost: MaxCostOption = None,
    requests_per_minute: RequestsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say which of several models is better, if any is.

    On questions or tasks; without these on the scores stored with them, else on the texts that the run held out.
    A model elsewhere, http(s)://HOST/v1#MODEL, can be compared on questions.
    """
    from commands.models.compare import Items, compare_models, rows_as_json
    from commands.models.comparison import print_comparison, write_comparison_page

    budget = budget_of(price, max_cost, requests_per_minute)
    rows = compare_models(current_home(), model, Items(task, tasks_in, questions, texts), budget)
    if page is not None:
        write_comparison_page(rows, page)
    if as_json:
        print_json(rows_as_json(rows))
    else:
        print_comparison(rows, flipped)
