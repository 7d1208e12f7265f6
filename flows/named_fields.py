"""Whether the fields that fine-tuning's templates and SQL name will be there: known before anything is computed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches

from flows.recipe import FinetuneConfig, Recipe
from flows.recipe_mistakes import NEAR
from flows.resolve import Mistake
from tasks.finetune.columns import OWN, columns_named_in
from tasks.finetune.instructions import InstructionRows
from tasks.finetune.own_rows import OwnRows
from tasks.finetune.templates import PIECES, Template
from tasks.ingest.document_fields import DocumentFields, document_fields
from tasks.ingest.ledger import Corpus
from tasks.ingest.sources import File


@dataclass(frozen=True)
class NamedFields:
    """The fields that one key of a recipe names."""

    method: str
    key: str
    value: str
    names: frozenset[str]  # in lower case, none that every document has


@dataclass
class CheckedFields:
    """Fine-tuning as it will run: a template that names the text's own field has it; what is absent is reported."""

    finetune: FinetuneConfig
    mistakes: list[Mistake] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def check_fields(recipe: Recipe, corpus: Corpus) -> CheckedFields:
    """A name that no document has and that is nearly another is a mistake; any other such name a note."""
    derived = {name: rows for name, rows in recipe.finetune.methods.items() if isinstance(rows, OwnRows)}
    derived = {name: rows for name, rows in derived.items() if rows.path is None}
    checked = CheckedFields(recipe.finetune)
    wanted = {field for name, rows in derived.items() for named in _named(name, rows) for field in named.names}
    if not wanted:
        return checked
    fields = document_fields(recipe.ingest.read(), _files(corpus), wanted)
    if text := _text_field(fields):
        derived = {name: _with_text(rows, text) for name, rows in derived.items()}
        checked.finetune = recipe.finetune.model_copy(update=derived)
    for name, rows in derived.items():
        for named in _named(name, rows):
            for absent in sorted(named.names - fields.names):
                _report(checked, named, absent, fields)
    return checked


def _named(method: str, rows: OwnRows) -> Iterator[NamedFields]:
    """For each key with a template or SQL, the fields that it names."""
    everywhere = {*OWN, *PIECES}
    if isinstance(rows, InstructionRows):
        for number, template in enumerate(rows.templates):
            for part in ("prompt", "response"):
                names = frozenset(name.lower() for name in template.placeholders((part,)))
                key = f"finetune.{method}.templates.{number}.{part}"
                yield NamedFields(method, key, getattr(template, part), names - everywhere)
    for key, expression in rows.expressions():
        names = frozenset(columns_named_in(expression)) - {*OWN}
        yield NamedFields(method, f"finetune.{method}.{key}", expression, names)


def _files(corpus: Corpus) -> dict[str, Sequence[File]]:
    files: dict[str, list[File]] = {}
    for part in corpus.parts.values():
        for source, listed in part.files.items():
            files.setdefault(source, []).extend(listed)
    return {**files}


def _text_field(fields: DocumentFields) -> str | None:
    """The one field that all texts are read from, where it is not called text and is no metadata besides."""
    names = {name for several in fields.text for name in several}
    return next(iter(names)) if len(names) == 1 and not names & ({"text"} | fields.names) else None


def _with_text(rows: OwnRows, text: str) -> OwnRows:
    if not isinstance(rows, InstructionRows):
        return rows
    templates = tuple(_renamed(template, text) for template in rows.templates)
    return rows.model_copy(update={"templates": templates}) if templates != rows.templates else rows


def _renamed(template: Template, text: str) -> Template:
    return template.renamed({name: "text" for name in template.placeholders() if name.lower() == text})


def _report(checked: CheckedFields, named: NamedFields, absent: str, fields: DocumentFields) -> None:
    is_text = any(absent in several for several in fields.text)
    known = sorted(fields.names | {*PIECES})
    near = ["text"] if is_text else get_close_matches(absent, known, n=1, cutoff=NEAR)
    if near and fields.is_all:
        why = (
            "is where the text is read from: write 'text'" if is_text else f"no document has; did you mean {near[0]!r}?"
        )
        checked.mistakes.append(Mistake(named.key, named.value, f"{absent!r} {why}"))
        return
    seen = "no document has" if fields.is_all else "no document that was looked at has"
    hint = f"; did you mean {near[0]!r}?" if near else f"; there are {', '.join(known)}"
    note = f"{named.key} needs {absent!r}, which {seen}: finetune/{named.method} goes on without it, or is skipped"
    checked.notes.append(note + hint)
