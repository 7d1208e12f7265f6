"""The command line: each room of commands/ brings its commands. stdout carries data; messages go to stderr."""

from importlib.metadata import PackageNotFoundError, version
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

import commands.ask.cli
import commands.feedback.cli
import commands.home.cli
import commands.init.cli
import commands.models.cli
import commands.models.cli_compare
import commands.models.cli_eval
import commands.models.cli_registry
import commands.run.cli
from commands.complete import join_words
from commands.process import exit_with_code, run_briefly

PANELS = {  # the commands in the order of --help
    "Start": ("init", "run", "status", "chat"),
    "Ask": ("report", "sql", "look", "trace", "what-if"),
    "Models": (
        "import",
        "show",
        "tree",
        "serve",
        "keys",
        "eval",
        "compare",
        "arena",
        "feedback",
        "score",
        "attention",
        "mask",
        "export",
        "promote",
        "rollback",
    ),
    "Home": ("up", "schedule", "doctor", "gc", "backup", "restore", "forget"),
}


class InPanels(TyperGroup):
    """The commands under the headings of PANELS, whichever room they come from; flags are shown without a type."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        panel_of = {name: panel for panel, names in PANELS.items() for name in names}
        for name, panel in panel_of.items():
            self.commands[name].rich_help_panel = panel  # type: ignore[attr-defined]
        self.commands = {name: self.commands[name] for name in panel_of} | self.commands

    def get_params(self, ctx: Any) -> list[Any]:
        return _without_type(super().get_params(ctx))

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """`help` and `help COMMAND` as `--help` and `COMMAND --help`."""
        return super().parse_args(ctx, [*args[1:], "--help"] if args[:1] == ["help"] else args)

    def invoke(self, ctx: Any) -> Any:
        """Ctrl-C as an error: Typer would make it an exit code, and nothing would be told."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as signal:
            raise typer.Abort from signal

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[Any, Any, list[str]]:
        name, command, rest = super().resolve_command(ctx, args)
        for one in (command, *getattr(command, "commands", {}).values()):
            if one is not None:
                _without_type(one.get_params(ctx))
        return name, command, rest


def _without_type(params: list[Any]) -> list[Any]:
    """The same, where --help shows no type beside a flag, which takes no value."""
    for param in params:
        if getattr(param, "is_flag", False):
            param.metavar = ""
    return params


app = typer.Typer(
    name="triptych",
    cls=InPanels,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    help="A folder of text becomes a language model that you can evaluate, promote, serve and explain.",
    epilog="Start here:  `triptych run demo`  then  `triptych chat`  and  `triptych sql --list`",
)


def print_version(is_wanted: bool) -> None:
    """`triptych 0.1.0` on stdout, and the end."""
    if is_wanted:
        try:
            print(f"triptych {version('triptych')}")
        except PackageNotFoundError:  # a checkout that is not installed
            print("triptych, not installed")
        raise typer.Exit


MODELS = commands.models.cli, commands.models.cli_eval, commands.models.cli_compare, commands.models.cli_registry
OTHERS = commands.feedback.cli, commands.init.cli, commands.home.cli
for room in (commands.run.cli, commands.ask.cli, *MODELS, *OTHERS):
    app.add_typer(room.app)


@app.callback()
def options(
    _version: Annotated[
        bool, typer.Option("--version", "-V", is_eager=True, callback=print_version, help="Show the version and exit.")
    ] = False,
) -> None:
    """What can be given without a command."""


def main() -> None:
    """The command that sys.argv names; ends in SystemExit."""
    join_words()
    exit_with_code(lambda: app(prog_name="triptych", standalone_mode=False))  # a typer.Exit comes back as its code


def console_script() -> None:
    """`main` as a process of its own."""
    run_briefly(main)


if __name__ == "__main__":
    console_script()
