"""`triptych init FOLDER`: surveys the folder, measures for some seconds, and writes a recipe for it."""

import re
from collections.abc import Sequence
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from commands.init.finetuning_rows import further_tokens, try_rows
from commands.init.forecast import forecast_adaptation, forecast_training
from commands.init.passage_size import passage_size
from commands.init.proposal import Proposal
from commands.init.recipe_text import recipe_text
from commands.init.survey import survey
from commands.init.training_text import shipped_adapt_recipe
from commands.init.trial import measure
from flows.load import load
from tasks.curate.config import CurateConfig
from tasks.errors import UsageError, UserError
from tasks.home import Home
from tasks.ingest.kinds import NONE
from tasks.ingest.sources import Ending
from tasks.models.pretrained import locate
from tasks.store.artifacts import write_durably

TAKEN = ("pyproject",)  # a .toml that is no recipe


def propose(
    folder: Path, home: Home, force: bool = False, adapt: bool = False, as_text: Sequence[str] = ()
) -> Proposal:
    """The proposal for a folder, whose recipe is written to ./NAME.toml; UserError where there is nothing to read.

    as_text: endings of further files that hold plain text. adapt: to ./NAME-adapt.toml, beside an earlier ./NAME.toml.
    """
    endings = _endings(as_text)
    if not folder.expanduser().exists():
        raise UsageError(f"no folder {folder}", "give the path of a folder of text: triptych init FOLDER")
    folder = folder.expanduser()
    folder = folder.parent.resolve() / folder.name if folder.is_file() else folder.resolve()  # a link keeps its ending
    path = _recipe_path(folder, force, adapt)
    if adapt:
        _require_model(shipped_adapt_recipe()["pretrain"]["init_from"])
    surveyed = survey(folder, home, endings)
    if missing := [end for end in endings if end not in surveyed.kinds]:
        there = ", ".join(surveyed.kinds)
        raise UsageError(f"no file in {folder} ends in {', '.join(missing)}", f"there are: {there}")
    passage_size(surveyed)  # too little text is an error before anything is measured
    trial = measure(surveyed, CurateConfig())
    rows = try_rows(surveyed)
    measured = surveyed, trial
    forecast = forecast_adaptation(*measured) if adapt else forecast_training(*measured, further_tokens(rows))
    proposal = Proposal(path, path.stem, surveyed, trial, forecast, rows, home.free_bytes(), adapt)
    _write(path, recipe_text(proposal))
    load(str(path))  # a recipe that cannot be run would be a mistake of ours: it shows now
    return proposal


def recipe_name(folder: Path) -> str:
    """The recipe's name, from the folder's: models and folders are named after it too."""
    stem = folder.stem if folder.is_file() else folder.name
    return re.sub(r"[^A-Za-z0-9._-]+", "-", stem).strip(".-_") or "folder"


def _recipe_path(folder: Path, force: bool, adapt: bool) -> Path:
    """The path for the folder's recipe, NAME-adapt.toml beside an earlier one; UserError where it cannot be written."""
    try:
        str(folder).encode()
    except UnicodeEncodeError as error:
        what = f"{folder}: this path is not UTF-8, and a recipe is"
        raise UserError(what, "rename the folder, or the one above it that is not") from error
    path = Path(f"{recipe_name(folder)}.toml")
    if adapt and path.exists():
        path = path.with_stem(f"{path.stem}-adapt")
    if path.exists() and not force:
        raise UsageError(f"{path} is there already", f"triptych run {path.stem}, or init with --force to replace it")
    if path.stem in TAKEN:
        raise UsageError(f"{path} would not be a recipe", "rename the folder")
    return path


def _write(path: Path, text: str) -> None:
    try:
        write_durably(path, text.encode())
    except OSError as error:
        what = f"{path.absolute()}: the recipe cannot be written: {error.strerror}"
        raise UserError(what, "go to a folder where you may write: the recipe goes to the working directory") from error


def _endings(as_text: Sequence[str]) -> tuple[str, ...]:
    try:
        return TypeAdapter(tuple[Ending, ...]).validate_python(tuple(dict.fromkeys(as_text)))
    except ValidationError as error:
        wrong = ", ".join(repr(mistake["input"]) for mistake in error.errors())
        raise UsageError(
            f"--as-text {wrong}: not the ending of a file name", f"--as-text .srt, or '{NONE}' for names without"
        ) from error


def _require_model(model: str) -> None:
    """Raises a UserError where the public model is not installed, before any work."""
    try:
        locate(model)
    except ValueError as error:
        what, _, cure = str(error).partition(": ")
        raise UserError(what, cure or "see recipes/adapt.toml for other models") from error
