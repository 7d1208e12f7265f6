"""The report of a run, whole, partial or failed, is one self-contained file, as a browser shows where there is one."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from flows.record import RunRecord, StepRecord
from flows.report_opening import opening
from flows.run_tables import record_of
from tasks.curate.config import CurateConfig
from tasks.report.blocks import Paragraph, Passage, Section
from tasks.report.page import render, write_page
from tasks.tables.views import RunTables
from tests.browser import Page, browser, chromium
from tests.end_to_end.conftest import CommandLine

SECTIONS = ["summary", "funnel", "corpus", "planted", "signals", "training", "samples", "copying", "scores"]
SECTIONS += ["classifier", "gate", "family", "steps", "lineage"]
BRIGHTNESS = "getComputedStyle(document.body).{}.match(/\\d+/g).slice(0, 3).reduce((sum, part) => sum + +part, 0)"


@pytest.fixture(scope="module")
def page(smoke: tuple[CommandLine, dict]) -> Path:
    return Path(smoke[0].json("report")["path"])


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    if chromium() is None:
        pytest.skip("no Chromium on this machine: the report is not checked (Debian: apt install chromium)")
    with browser(tmp_path_factory.mktemp("browser") / "profile") as page:
        yield page


def sections(html: str) -> list[str]:
    return re.findall(r'<h2 id="(\w+)"', html)


def partial(cli: CommandLine, path: Path, until: str, **changes: object) -> str:
    """The page of the run as if it had ended after the step `until`."""
    whole = record_of(cli.home)
    record = whole.as_json()
    labels = [step["step"] for step in record["steps"]]
    record |= {"steps": record["steps"][: labels.index(until) + 1], "models": [], **changes}
    tables = RunTables(cli.home, record, lambda: [], lambda: pa.table({}))
    steps = tuple(StepRecord(**step) for step in record["steps"])
    first = opening(RunRecord(**{**record, "steps": steps, "models": ()}))
    return write_page(tables, CurateConfig.model_validate(record["settings"]["curate"]), path, first).read_text()


def test_a_run_ends_with_a_report_that_has_a_section_for_every_part(smoke, page):
    cli, run = smoke
    assert (cli.home / "reports" / f"{run['run']}.html").is_file()
    html = page.read_text()
    assert sections(html) == SECTIONS
    assert (
        html.count("<figure>")
        == html.count("<details><summary aria-label=")
        == html.count('<svg role="img" aria-label=')
        > 30
    )
    assert "<script" not in html and "smoke-base/1" in html and "first version" in html
    tree = html.partition('id="family"')[2].partition("<h2")[0]
    assert tree.index("random weights") < tree.index("smoke-base/1") < tree.index("smoke-instruct/1")


def test_the_report_opens_with_the_run_in_short(page):
    """What was read, each model beside the strongest baseline with a mark, the settings, and the command."""
    short = page.read_text().partition('id="summary"')[2].partition("<h2")[0]
    for words in ("documents were read", "records went to the quarantine", "parameters read", "trained from scratch"):
        assert words in short, words
    assert "✗ not better" in short and "ngram" in short and "The classifier is tf-idf" in short
    assert "learning_rate" in short and "context 64" in short and "To make it again: triptych run smoke" in short


def test_a_run_that_ended_after_curation_has_a_report_of_that(smoke, tmp_path):
    assert sections(partial(smoke[0], tmp_path / "page.html", "curate")) == [
        "summary", "funnel", "corpus", "planted", "signals", "steps", "lineage",
    ]  # fmt: skip


def test_a_failed_run_has_a_report_that_shows_its_error(smoke, tmp_path):
    html = partial(smoke[0], tmp_path / "page.html", "pretrain", state="failed", error="training <crashed>\n  fix: x")
    assert "training &lt;crashed&gt;" in html and "copying" in sections(html)


def test_a_missing_artifact_is_reported_and_the_other_sections_stay(smoke, tmp_path):
    cli, _ = smoke
    steps = json.loads(json.dumps(record_of(cli.home).as_json()["steps"]))
    steps[-3]["path"] = "/nowhere/store/evaluate/instruct/0000"
    html = partial(cli, tmp_path / "page.html", "ingest", steps=steps[:-2])
    assert "this artifact of the run is gone" in html and "planted" in sections(html)


def test_text_in_a_report_is_never_markup(smoke):
    record = record_of(smoke[0].home).as_json() | {"error": "<b>"}
    nasty = "<script>alert(1)</script><img src=//x>"
    html = render(record, [Section("x", nasty, [Paragraph(nasty), Passage(nasty, nasty, nasty, nasty)])])
    assert "<script" not in html and "<img" not in html and html.count("&lt;script&gt;") >= 6


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_in_a_browser_the_page_is_self_contained_without_errors_and_fits_a_phone(tab, page, dark):
    tab.show(page.as_uri(), width=390, height=844, dark=dark)
    assert tab.requests() == [page.as_uri()]
    assert tab.complaints() == []
    tab.js("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert tab.js("document.documentElement.scrollWidth") == 390
    ink, paper = (tab.js(BRIGHTNESS.format(name)) for name in ("color", "backgroundColor"))
    assert min(ink, paper) < 150 and max(ink, paper) > 600
    assert (ink > paper) == dark


def test_in_a_browser_every_part_is_reached_by_keyboard_and_prints(tab, page):
    tab.show(page.as_uri())
    assert tab.js("[...document.querySelectorAll('nav a')].every(a => document.querySelector(a.hash))")
    assert tab.js("[...document.querySelectorAll('.scroll')].every(s => s.tabIndex === 0 && s.ariaLabel)")
    assert tab.js("[...document.querySelectorAll('h2, h3')].every(h => h.textContent.trim())")
    tab.show(page.as_uri(), width=800, media="print")
    assert tab.js("document.documentElement.scrollWidth") == 800
    assert tab.js("getComputedStyle(document.querySelector('nav')).display") != "none"
    assert tab.js("getComputedStyle(document.querySelector('.skip')).display") == "none"
