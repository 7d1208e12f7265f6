"""`triptych arena`: models compared blind on a page, and their standing by all votes."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from commands.show import show_table
from tasks.home import Home
from tasks.progress import say


class Opponents(NamedTuple):
    """Who answers, and what with."""

    models: Sequence[str]
    engine: str
    quant: str
    max_tokens: int


def open_arena(
    home: Home,
    opponents: Opponents,
    settings: tuple[Path | None, float, int],
    on_start: Callable[[dict[str, str]], None],
) -> None:
    """Serves the page until it is ended. `settings`: a file of prompts, temperature, port."""
    from serve.arena_server import SLOTS, ArenaSettings, serve_arena
    from serve.engine_choice import load_engine
    from serve.limits import Limits

    tokens = opponents.max_tokens
    limits = Limits.model_validate({"default_tokens": tokens, "answer_tokens": tokens})
    load = load_engine(home, opponents.engine, opponents.quant, SLOTS, int(limits.cache_gb * 2**30))
    serve_arena(home, opponents.models, load, limits, ArenaSettings(*settings)).run(on_start)


def read_standing(home: Home, models: Sequence[str]) -> list[dict[str, Any]]:
    """A row a model, the strongest first in its group; what the votes cannot tell goes to stderr."""
    from tasks.arena.votes import ranking_of, standing_rows, warnings_of

    ranking = ranking_of(home, models)
    for warning in warnings_of(ranking):
        say(warning)
    return standing_rows(ranking)


def print_standing(rows: Sequence[dict[str, Any]]) -> None:
    if not rows:
        print("no votes yet: triptych arena A B opens a page of blind pairs")
        return
    rounded = ("strength", "low", "high")
    shown = [row | {name: round(row[name], 2) for name in rounded} | {"elo": round(row["elo"])} for row in rows]
    show_table([{name: value for name, value in row.items() if name != "bounded"} for row in shown])
