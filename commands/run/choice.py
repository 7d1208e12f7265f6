"""What `triptych run` answers where no recipe is named: those that there are, and the next command."""

import shutil
from textwrap import shorten

from flows.recipe_files import available
from tasks.errors import UsageError


def no_recipe() -> UsageError:
    """The error that lists the recipes of the folder, then those shipped, a line each."""
    recipes = available()
    names = max(len(recipe.name) for recipe in recipes)
    columns = shutil.get_terminal_size().columns  # 80 where it is unknown
    room = max(20, columns - names - len("    "))
    lines = [
        f"  {recipe.name:{names}}  {shorten(recipe.summary, room, placeholder=' …')}".rstrip() for recipe in recipes
    ]
    own = next((recipe.name for recipe in recipes if not recipe.is_shipped), None)
    cure = f"triptych run {own or 'demo'}; for a folder of your own: triptych init FOLDER"
    return UsageError("\n".join(["which recipe? There are:", *lines]), cure)
