"""A run ends in the same state whether or not Prefect takes its pages."""

from collections.abc import Callable
from subprocess import CompletedProcess

from tasks.home import Home

TWO_LABELS = """
from prefect import flow
from flows import prefect_pages
from flows.graph import StepOutput
from flows.pipeline import Tasks
from tasks.home import Home

def refuse(*_, **__):
    raise RuntimeError("503: the database is locked")

prefect_pages.create_markdown_artifact = refuse

@flow
def two_labels():
    as_task = Tasks(Home.at({home!r}))
    made = [as_task("ingest", lambda: StepOutput("ingest", "cached"), set())]
    made.append(as_task("signals", lambda: StepOutput("signals", "complete"), {{"ingest"}}))
    return [m.label for m in made]

print(two_labels())
"""


def test_a_page_that_prefect_refuses_fails_neither_its_step_nor_the_next(
    home: Home, with_prefect: Callable[[Home, str], CompletedProcess[str]]
) -> None:
    done = with_prefect(home, TWO_LABELS.format(home=str(home)))
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "['ingest', 'signals']"
    assert done.stderr.count("did not take a page of this run: 503") == 2
