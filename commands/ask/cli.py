"""The commands that answer questions about a run: its tables, decisions, lineage and report."""

import sys
from typing import Annotated

import typer

from commands.complete import completer, questions, reasons
from commands.options import JsonOption, RunOption, SetOption, complete_model, complete_recipe, current_home, print_json
from tasks.errors import UsageError

app = typer.Typer()


@app.command(epilog="Example:  triptych sql drop_reasons    triptych sql -e 'select count(*) from documents'")
def sql(
    name: Annotated[
        str, typer.Argument(help="The name of a query; --list shows them.", autocompletion=completer(questions))
    ] = "",
    expression: Annotated[str, typer.Option("-e", metavar="SQL", help="A query of your own, read-only.")] = "",
    param: Annotated[list[str], typer.Option("-p", metavar="NAME=VALUE", help="The value of a $parameter.")] = [],  # noqa: B006
    run_id: RunOption = "",
    show_list: Annotated[bool, typer.Option("--list", help="List the queries that come with triptych.")] = False,
    as_json: JsonOption = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print comma-separated values.")] = False,
) -> None:
    """Query the data of the latest run in SQL (DuckDB).

    Reads the run's own tables and writes nothing.
    """
    from commands.ask.sql import answer, csv_text, questions
    from commands.show import show_table

    if show_list:
        rows = [{"name": name, "question": text} for name, text in questions().items()]
    else:
        rows = answer(current_home(), name, expression, param, run_id)
    if as_csv:
        sys.stdout.write(csv_text(rows))
    else:
        print_json(rows) if as_json else show_table(rows)


@app.command("what-if", epilog="Example:  triptych what-if 'passes and plain_words >= 80'")
def what_if(
    expression: Annotated[
        str, typer.Argument(help="An SQL condition on documents to keep; `passes`: the filters keep it.")
    ] = "",
    recipe: Annotated[
        str,
        typer.Option(
            help="Decide by this recipe as it is now; default: by the run's own.", autocompletion=complete_recipe
        ),
    ] = "",
    change: SetOption = [],  # noqa: B006
    seed: Annotated[int, typer.Option(help="Show another sample of changed documents.")] = 0,
    as_json: JsonOption = False,
) -> None:
    """Show what other thresholds would keep.

    Uses stored scores, reads some texts, and writes nothing. The sums come last.
    """
    from commands.ask.show import show_what_if
    from commands.ask.what_if import what_if

    answer = what_if(current_home(), expression, recipe, change, seed)
    print_json(answer) if as_json else show_what_if(answer)


@app.command(epilog="Example:  triptych look near_duplicate --count 3    triptych look kept --seed 2")
def look(
    reason: Annotated[
        str,
        typer.Argument(
            help="A reason, as in `triptych sql drop_reasons`; or: kept.", autocompletion=completer(reasons)
        ),
    ],
    count: Annotated[int, typer.Option(min=1, help="How many documents to show.")] = 5,
    seed: Annotated[int, typer.Option(help="Show another random sample.")] = 0,
    run_id: RunOption = "",
    as_json: JsonOption = False,
) -> None:
    """Read documents that were dropped for a reason.

    Each with the deciding value, its threshold, and where in the text that is.
    """
    from commands.ask.look import look
    from commands.ask.show import show_look

    sample = look(current_home(), reason, count, seed, run_id)
    print_json(sample) if as_json else show_look(sample)


@app.command(epilog="Example:  triptych trace addresses/1790-Washington-1#0    triptych trace --step 37")
def trace(
    document: Annotated[str, typer.Argument(help="A doc_id; or a file or source text of one document.")] = "",
    step: Annotated[int | None, typer.Option(help="A training step, from 1, of the base or of --model.")] = None,
    model: Annotated[str, typer.Option(help="NAME@ALIAS or NAME/VERSION.", autocompletion=complete_model)] = "",
    run_id: RunOption = "",
    as_json: JsonOption = False,
) -> None:
    """Show which models saw a document, or what a model saw.

    Of a document: what happened to it too. Of a training step or a model: the documents that it read.
    """
    from commands.ask.show import show_trace
    from commands.ask.trace import trace_document, trace_model, trace_step

    home = current_home()
    if document and step is None:
        history = trace_document(home, document, model, run_id)
    elif step is not None and not document:
        history = trace_step(home, step, model, run_id)
    elif model and not document:
        history = trace_model(home, model, run_id)
    else:
        raise UsageError("one question is expected", "triptych trace DOCUMENT, or --step N, or --model M")
    print_json(history) if as_json else show_trace(history)


@app.command(epilog="Example:  triptych report --json")
def report(run_id: RunOption = "", as_json: JsonOption = False) -> None:
    """Write one self-contained HTML page on a run.

    It shows the funnel, thresholds, curves, samples, scores, verdicts and lineage.
    """
    from flows.report import write_report

    path = write_report(current_home(), run_id)
    print_json({"path": str(path)}) if as_json else print(path)
