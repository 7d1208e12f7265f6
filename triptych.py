"""The command line: each room of commands/ brings its commands. stdout carries data; messages go to stderr."""

import typer

import commands.ask.cli
import commands.home.cli
import commands.init.cli
import commands.models.cli
import commands.run.cli
from commands.process import exit_with_code, run_briefly

app = typer.Typer(
    name="triptych",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    help="A folder of text becomes a language model that you can evaluate, promote, serve and explain.",
    epilog="Start here:  `triptych run demo`  then  `triptych chat`  and  `triptych sql --list`",
)
for room in (commands.run.cli, commands.ask.cli, commands.models.cli, commands.init.cli, commands.home.cli):
    app.add_typer(room.app)


def main() -> None:
    """The command that sys.argv names; ends in SystemExit."""
    exit_with_code(lambda: app(standalone_mode=False))  # a command's typer.Exit comes back as its code


def console_script() -> None:
    """`main` as a process of its own."""
    run_briefly(main)


if __name__ == "__main__":
    console_script()
