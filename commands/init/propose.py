"""`triptych init DIR`: a look at a folder, a recipe for it with a reason for each choice, and what a run will take."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from commands.init.finetuning_rows import Lessons, Useless, lessons, notes, readable
from commands.init.forecast import Plan, Trial, adaptation, plan, trial
from commands.init.passage_size import cut_at
from commands.init.recipe_text import SHOWN, adapting, recipe_text
from commands.init.survey import Survey, survey
from commands.init.toml_lines import line
from flows.load import load
from tasks.curate.config import CurateConfig
from tasks.errors import UsageError, UserError
from tasks.home import Home
from tasks.ingest.kinds import NONE
from tasks.ingest.listing import unsupported_note
from tasks.ingest.sources import Ending
from tasks.models.pretrained import locate
from tasks.progress import bytes_in_words
from tasks.store.artifacts import write_durably

TAKEN = ("pyproject",)  # a .toml that is no recipe


@dataclass(frozen=True)
class Proposal:
    """A recipe written, and what was found and measured for it."""

    path: Path
    name: str
    found: Survey
    measured: Trial
    plan: Plan
    tried: Mapping[str, Lessons | Useless]  # files of rows, by the way of fine-tuning
    free_bytes: int
    adapts: bool  # a public model, in place of a new one

    @property
    def lessons(self) -> dict[str, Lessons]:
        """The files that fine-tuning is to read."""
        return readable(self.tried)

    def as_json(self) -> dict[str, Any]:
        found, plan = self.found, self.plan
        return {
            "path": str(self.path),
            "recipe": self.name,
            "folder": str(found.path),
            "formats": {end: kind._asdict() for end, kind in found.kinds.items()},
            "unread": {end: dict(count) for end, count in found.unsupported.items()},
            "languages": dict(found.languages),
            "encodings": dict(found.encodings),
            "licences": dict(found.licences),
            "duplicates": round(found.duplicates, 4),
            "bad": dict(found.bad),
            "documents": found.documents,
            "text_bytes": found.text_bytes,
            "kept": round(self.measured.kept, 4),
            "tokens": plan.tokens,
            "parameters": plan.parameters,
            "steps": plan.steps,
            "minutes": round(plan.minutes, 1),
            "disk_bytes": plan.disk_bytes,
            "free_bytes": self.free_bytes,
            "can_give": plan.can_give,
        }


def propose(
    folder: Path, home: Home, force: bool = False, adapt: bool = False, as_text: Sequence[str] = ()
) -> Proposal:
    """Looks, measures for some seconds, and writes ./NAME.toml; UserError where there is nothing to read.

    as_text: endings of further files that hold plain text.
    """
    endings = _endings(as_text)
    if not folder.expanduser().exists():
        raise UserError(f"no folder {folder}", "give the path of a folder of text: triptych init FOLDER")
    folder = folder.expanduser()
    folder = folder.parent.resolve() / folder.name if folder.is_file() else folder.resolve()  # a link keeps its ending
    path = _free(folder, force)
    if adapt:
        _there(adapting()["pretrain"]["init_from"])
    found = survey(folder, home, endings)
    if missing := [end for end in endings if end not in found.kinds]:
        raise UsageError(f"no file in {folder} ends in {', '.join(missing)}", f"there are: {', '.join(found.kinds)}")
    cut_at(found)  # too little text is told before anything is measured
    measured = trial(found, CurateConfig())
    planned = adaptation(found, measured) if adapt else plan(found, measured)
    proposal = Proposal(path, path.stem, found, measured, planned, lessons(found), home.free_bytes(), adapt)
    _write(path, recipe_text(proposal))
    load(str(path))  # what is proposed can be run: a mistake would be ours, and is told now
    return proposal


def _free(folder: Path, force: bool) -> Path:
    """Where the folder's recipe is to be written, if it can be."""
    try:
        str(folder).encode()
    except UnicodeEncodeError as error:
        what = f"{folder}: this path is not UTF-8, and a recipe is"
        raise UserError(what, "rename the folder, or the one above it that is not") from error
    path = Path(f"{recipe_name(folder)}.toml")
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
        raise UserError(what, "go to a folder where you may write: the recipe is written where you are") from error


def _endings(as_text: Sequence[str]) -> tuple[str, ...]:
    try:
        return TypeAdapter(tuple[Ending, ...]).validate_python(tuple(dict.fromkeys(as_text)))
    except ValidationError as error:
        wrong = ", ".join(repr(one["input"]) for one in error.errors())
        raise UsageError(
            f"--as-text {wrong}: no ending of names", f"--as-text .srt, or '{NONE}' for names without"
        ) from error


def _there(model: str) -> None:
    """UserError before any work where the public model is not installed."""
    try:
        locate(model)
    except ValueError as error:
        what, _, cure = str(error).partition(": ")
        raise UserError(what, cure or "see recipes/adapt.toml for what else can be named") from error


def recipe_name(folder: Path) -> str:
    """The folder's name as a recipe may be called: it names models and folders too."""
    stem = folder.stem if folder.is_file() else folder.name
    return re.sub(r"[^A-Za-z0-9._-]+", "-", stem).strip(".-_") or "folder"


def told(p: Proposal) -> list[str]:
    """What a person reads on the screen."""
    found, one = p.found, p.plan
    kinds = ", ".join(f"{kind.files:,} {end} ({bytes_in_words(kind.bytes)})" for end, kind in found.kinds.items())
    languages = ", ".join(f"{code} {share:.0%}" for code, share in list(found.languages.items())[:SHOWN])
    licences = ", ".join(f"{line(name)} {count:,}" for name, count in list(found.licences.items())[:SHOWN])
    lines = [f"takes:      {kinds}"]
    lines += [f"leaves:     {line(unsupported_note('folder', found.unsupported))}"] if found.unsupported else []
    lines += [f"noted:      {line(note)}" for note in found.notes]
    lines += [f"bad:        {count:,} × {line(reason)}" for reason, count in list(found.bad.items())[:SHOWN]]
    lines += [f"text:       {line(field)}: {line(text)} …" for field, text in list(found.examples.items())[:SHOWN]]
    encodings = ", ".join(f"{name} {count:,}" for name, count in found.encodings.items())
    lines += [f"encodings:  {encodings}; the others UTF-8"] if encodings else []
    cut = f" (cut into passages of {most:,} characters)" if (most := cut_at(found)) else ""
    lines += [
        f"languages:  {languages}",
        f"licences:   {licences or 'none found: may you train on this text?'}",
        *(f"rows:       {line(note)}" for note in notes(p.tried)),
        f"copies:     {found.duplicates:.1%} of the sample",
        f"rules:      keep {p.measured.kept:.0%} of the sample"
        + (f"; switched off: {', '.join(p.measured.loosened)}" if p.measured.loosened else ""),
        f"documents:  about {found.documents:,}{cut}, {bytes_in_words(found.text_bytes)}, "
        f"{one.tokens:,} tokens to train on",
        f"model:      {one.parameters:,} parameters, {one.steps:,} steps, {one.trained:,} tokens seen",
        f"takes you:  about {_minutes(one.minutes)} and {bytes_in_words(one.disk_bytes)} of disk "
        f"({bytes_in_words(p.free_bytes)} free)",
        f"honestly:   {one.can_give}",
        f"written:    {p.path}",
        f"next:       triptych run {p.name}",
    ]
    return lines


def _minutes(count: float) -> str:
    whole = max(1, round(count))
    return f"{whole} minute{'s' if whole > 1 else ''}"
