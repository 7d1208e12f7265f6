"""The page itself: sections that a run has something to say in, in one self-contained HTML file."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

from tasks.curate.config import CurateConfig
from tasks.errors import UserError
from tasks.readable_numbers import seconds_in_words
from tasks.report import account, classifier, data, learning
from tasks.report.blocks import Paragraph, Section
from tasks.report.questions import questions
from tasks.report.svg import COLOURS, STYLE
from tasks.store.artifacts import write_durably
from tasks.store.verification import DamagedArtifact
from tasks.tables.views import RunTables
from tasks.tracking.model_version import Version
from tasks.tracking.registry import versions

MOST_TOKENS = 50_000_000  # of training text that samples are compared with: some ten seconds


def write_page(tables: RunTables, config: CurateConfig, path: Path, opening: Section) -> Path:
    """The report of a run, whole or not, at `path`; it begins with `opening`."""
    record = tables.record
    published = [v for v in versions(tables.home) if _is_of(v, record)] if record["models"] else []
    builders: dict[str, Callable[[], Section | None]] = {
        "funnel": lambda: data.funnel(tables),
        "corpus": lambda: data.corpus(tables),
        "planted": lambda: data.planted(tables),
        "signals": lambda: data.signals(tables, config),
        "training": lambda: learning.training(tables),
        "samples": lambda: learning.samples(tables),
        "copying": lambda: learning.copying(tables, MOST_TOKENS),
        "scores": lambda: learning.scores(tables),
        "classifier": lambda: classifier.classifier(tables),
        "questions": lambda: questions(tables, [step["step"] for step in record["steps"]]),
        "gate": lambda: account.verdicts(published),
        "family": lambda: account.family(tables.home, published),
        "steps": lambda: account.steps(tables, record),
        "lineage": lambda: account.lineage(tables, record, published),
    }
    sections = [opening, *(section for name, build in builders.items() if (section := _built(name, build)))]
    path.parent.mkdir(parents=True, exist_ok=True)
    write_durably(path, render(record, sections).encode())
    return path


def render(record: Mapping[str, Any], sections: list[Section]) -> str:
    """The page as HTML; every text in it is escaped."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string((files("tasks.report") / "page.html").read_text(encoding="utf-8"))
    started = f"{datetime.fromisoformat(record['started']).astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    took = seconds_in_words(record["seconds"])
    return template.render(record=record, started=started, took=took, sections=sections, style=COLOURS + STYLE)


def _built(name: str, build: Callable[[], Section | None]) -> Section | None:
    """The section; where its artifacts are gone, a section that says so. What is damaged is not reported on."""
    try:
        return build()
    except DamagedArtifact:
        raise
    except UserError as error:
        return Section(name, name.capitalize(), [Paragraph(f"Cannot be shown: {error.what}. {error.cure}")])


def _is_of(version: Version, record: Mapping[str, Any]) -> bool:
    """Whether this version is among the run's models."""
    return any((model["name"], model["version"]) == (version.name, version.version) for model in record["models"])
