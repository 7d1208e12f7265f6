"""What several commands take and print: their home, recipe, model and --json."""

import json
import math
from pathlib import Path
from typing import Annotated, Any

import typer

from commands import complete
from tasks.home import Home

complete_recipe, complete_model = complete.completer(complete.recipes), complete.completer(complete.models)
RecipeArgument = Annotated[
    str, typer.Argument(help="A recipe's name, or the path of a .toml file.", autocompletion=complete_recipe)
]
SetOption = Annotated[list[str], typer.Option("--set", metavar="KEY=VALUE", help="Replace one value of the recipe.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON value, on the last line of stdout.")]
ModelArgument = Annotated[
    str,
    typer.Argument(
        help="NAME@ALIAS, NAME/VERSION, a path or hub:OWNER/NAME; default: the champion of the latest run.",
        autocompletion=complete_model,
    ),
]
OpponentsArgument = Annotated[
    list[str],
    typer.Argument(
        metavar="A B [C]…",
        help="Two or more models: NAME@ALIAS, NAME/VERSION, a path, hub:OWNER/NAME or an address.",
        autocompletion=complete_model,
    ),
]
AdapterOption = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="An adapter that peft trained on MODEL, or hub:OWNER/NAME: its change is added to the weights.",
    ),
]
RunOption = Annotated[
    str,
    typer.Option(
        "--run",
        help="The id of an earlier run; default: the latest.",
        autocompletion=complete.completer(complete.runs),
    ),
]


def current_home() -> Home:
    """The home that a command works in."""
    return Home.current()


def print_facts(facts: Any, as_json: bool) -> None:
    """A few named values: as JSON, or one a line."""
    from commands.show import show_facts

    print_json(facts) if as_json else show_facts(facts)


def print_json(value: Any) -> None:
    """One line of JSON on stdout."""
    print(json.dumps(_finite(value), ensure_ascii=False, default=str, allow_nan=False))


def _finite(value: Any) -> Any:
    """NaN and infinities as null: JSON cannot spell them."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    return [_finite(inner) for inner in value] if isinstance(value, list | tuple) else value
