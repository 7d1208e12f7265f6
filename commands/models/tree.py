"""`triptych tree`: which model began from which, with the score that each is judged by."""

from collections.abc import Sequence

from rich.markup import escape
from rich.tree import Tree

from commands.show import standard_output
from tasks.errors import UserError
from tasks.home import Home
from tasks.register.ancestry import Ancestor, family_trees

COLOURS = {"better": "green", "not worse": "green", "worse": "red"}


def read_trees(home: Home, name: str) -> list[Ancestor]:
    """The forest; UserError where there is no model, or none of that name."""
    trees = family_trees(home, name)
    if not trees:
        what = f"no registered model is called {name}" if name else "no model is registered here"
        raise UserError(what, "triptych tree" if name else "triptych run, or triptych import MODEL --name NAME")
    return trees


def show_trees(trees: Sequence[Ancestor]) -> None:
    out = standard_output()
    for root in trees:
        out.print(_drawn(root, Tree(_label(root))), soft_wrap=True)


def _drawn(node: Ancestor, branch: Tree) -> Tree:
    for child in node.children:
        _drawn(child, branch.add(_label(child)))
    return branch


def _label(node: Ancestor) -> str:
    name = f"[bold]{escape(node.name)}[/]" if node.is_version else escape(node.name)
    verdict = f"[{COLOURS.get(node.verdict, 'yellow')}]{node.verdict}[/]" if node.verdict else ""
    champion = "[green]✓ champion[/]" if node.is_champion else ", ".join(node.aliases)
    facts = (champion, escape(node.judged_by), verdict, f"[dim]{escape(node.made_by)}[/]")
    return "   ".join([name, *filter(None, facts)])
