"""The commands on what people say of answers."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from commands.options import JsonOption, OpponentsArgument, current_home, print_facts, print_json
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


@app.command(epilog="Example:  triptych arena demo-instruct/1 demo-instruct/2    triptych arena --scores")
def arena(
    model: OpponentsArgument = [],  # noqa: B006
    prompts: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Prompts: JSON lines with prompt or messages, else one a line.")
    ] = None,
    max_tokens: Annotated[int, typer.Option(min=1, help="Longest answer, in tokens.")] = 200,
    temperature: Annotated[float, typer.Option(min=0.0, max=2.0, help="0: always the most likely token.")] = 0.8,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any free port.")] = 8001,
    engine: Annotated[str, typer.Option(help="llama.cpp or decoder; by default the first there.")] = "",
    quant: Annotated[str, typer.Option(help="Of the weights with llama.cpp: f16, q8_0, q4_0.")] = "q8_0",
    scores: Annotated[
        bool, typer.Option("--scores", help="Show the standing by all votes, or those on A B [C].")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Compare models blind on a page, and rank them by the votes.

    The page is on this machine only; Ctrl-C ends it. All models are in memory at once, but for those elsewhere:
    http(s)://HOST/v1#MODEL, with its key in TRIPTYCH_KEY_HOST.
    """
    from commands.feedback.arena import Opponents, open_arena, print_standing, read_standing

    if scores:
        rows = read_standing(current_home(), model)
        print_json(rows) if as_json else print_standing(rows)
        return

    def announce(address: dict[str, str]) -> None:
        print_json(address) if as_json else print(address["url"])
        sys.stdout.flush()

    opponents = Opponents(model, engine, quant, max_tokens)
    try:
        open_arena(current_home(), opponents, (prompts, temperature, port), announce)
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        raise typer.Exit(130) from None
