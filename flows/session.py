"""A session: everything a run needs, opened once; then the graph is run and its record written."""

import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from flows.graph import graph
from flows.load import load
from flows.mlflow_runs import end_of
from flows.named_fields import check_fields
from flows.named_models import hub_models
from flows.publish import publisher
from flows.recipe import Recipe
from flows.recipe_mistakes import all_mistakes
from flows.record import RunRecord
from flows.retention import make_room
from flows.runner import AsTask, Runner, bare
from flows.scope import Scope, edges, scope
from flows.takedown import takedown_as_made
from tasks.encode.takedown import read_takedown_list
from tasks.errors import INTERRUPTED, UserError, as_user_error, is_interrupt
from tasks.home import Home
from tasks.ingest.hub import commits, fetch_datasets, require_datasets
from tasks.ingest.ledger import Corpus, read_corpus, record_arrivals
from tasks.ingest.sources import Partition
from tasks.ingest.steps import INGEST
from tasks.limits import require_limits
from tasks.progress import say
from tasks.store.artifacts import Artifact, Store
from tasks.store.garbage import in_use
from tasks.store.step import keyed
from tasks.tracking.outbox import Outbox
from tasks.tracking.runs import PipelineRun
from tasks.tracking.server import mlflow_server
from tasks.tracking.tracker import Tracker

SECONDS_FOR_MLFLOW = 8.0  # at the end of a run, to show it what it has not seen yet; the rest is sent later
REPOSITORY = Path(__file__).parents[1]


@dataclass(frozen=True)
class Request:
    """What the command line or a deployment orders."""

    home: Home
    recipe: str
    changes: Sequence[str] = ()
    start: str = ""
    until: str = ""
    only: str = ""
    strict: bool = False


@dataclass(frozen=True)
class Session:
    """A request, checked: its mistakes are reported by now, and nothing has been run yet."""

    request: Request
    recipe: Recipe
    corpus: Corpus
    scope: Scope
    store: Store
    takedown: tuple[str, ...]  # the entries of the recipe's list
    of_hub: Mapping[str, str]  # {"dataset SOURCE": "OWNER/NAME@COMMIT", "model KEY": …}


def open_session(request: Request, write: bool = True) -> Session:
    """The session of a request; with write=False nothing at all is written (`--explain`)."""
    loaded = load(request.recipe, request.changes, request.home, downloads=write)
    recipe = loaded.recipe
    mlflow_server()  # a wrong address is reported before anything runs
    if write:
        require_limits()
        check_writable(request.home)
        make_room(request.home, recipe.store)
    fetch = fetch_datasets if write else require_datasets
    written = recipe.ingest
    recipe = recipe.model_copy(update={"ingest": fetch(written, request.home)})
    store = Store(request.home.store, request.strict, git_commit(), writes=write)
    arrange = record_arrivals if write else read_corpus
    corpus = arrange(recipe.name, recipe.ingest, request.home, lambda parts: _is_ingested(store, recipe, parts))
    checked = check_fields(recipe, corpus)
    if checked.mistakes:
        raise all_mistakes(loaded.path, loaded.origins, (), checked.mistakes)
    recipe = recipe.model_copy(update={"finetune": checked.finetune})
    corpus = replace(corpus, notes=(*corpus.notes, *checked.notes))
    steps = scope(edges(recipe, corpus), request.start, request.until, request.only)
    listed = read_takedown_list(recipe.curate.takedown)
    of_hub = commits(written, request.home) | hub_models(recipe)
    return Session(request, recipe, corpus, steps, store, listed, of_hub)


def ingests(session: Session) -> dict[str, Artifact]:
    """The ingests of the session that are complete, by partition."""
    return _ingests(session.store, session.recipe, session.corpus.parts)


def _is_ingested(store: Store, recipe: Recipe, parts: Mapping[str, Partition]) -> bool:
    return len(_ingests(store, recipe, parts)) == len(parts)


def _ingests(store: Store, recipe: Recipe, parts: Mapping[str, Partition]) -> dict[str, Artifact]:
    """Up to the first partition that is not complete: the key of each holds the earlier ones."""
    complete = dict[str, Artifact]()
    for partition, part in parts.items():
        artifact = store.look_up(INGEST, store.key(INGEST, recipe.ingest.part(part), {"earlier": complete}))
        if artifact is None:
            break
        complete[partition] = artifact
    return complete


def new_run() -> str:
    """A name for a run; names sort by time, to 15 µs."""
    now = datetime.now(UTC)
    return f"{now:%Y%m%d-%H%M%S}-{now.microsecond * 16**4 // 10**6:04x}"


def perform(session: Session, as_task: AsTask = bare, links: dict[str, str] | None = None, run: str = "") -> RunRecord:
    """Runs the graph; the record is written after every step and says in the end how far the run came."""
    with in_use(session.store.root):
        return _perform(session, as_task, links, run)


def _perform(session: Session, as_task: AsTask, links: dict[str, str] | None, run: str) -> RunRecord:
    request, recipe = session.request, session.recipe
    now = datetime.now(UTC)
    record = RunRecord(
        run=run or new_run(),
        recipe=recipe.name,
        state="running",
        started=now.isoformat(timespec="seconds"),
        settings=keyed(recipe),
        partitions=tuple(session.corpus.parts),
        links={**session.of_hub, **(links or {})},
    )
    record.write(request.home)
    tags = {"recipe": recipe.name, "git_commit": session.store.git_commit or "", **record.links}
    pipeline = PipelineRun(
        run=record.run, recipe=recipe.name, started=now.timestamp(), params=record.settings, tags=tags
    )
    with Tracker(request.home, pipeline) as tracker:
        runner = Runner(session.store, request.home, session.scope, record, as_task, tracker)
        runner.finish = {"register": publisher(runner)}
        state, error = "failed", ""
        try:
            graph(recipe, session.corpus, runner, takedown_as_made(session.takedown))
            state = "complete"
        except BaseException as mistake:
            error = f"{type(mistake).__name__}: {mistake}"
            if (known := _end_by(mistake, request.home)) is None:
                raise
            state, error = known
        finally:
            runner.record = replace(runner.record, state=state, error=error)
            runner.record = replace(runner.record, seconds=round(time.monotonic() - runner.started, 3))
            tracker.end(end_of(runner.record))
            tracker.close(SECONDS_FOR_MLFLOW)
            runner.record = with_mlflow_ids(runner.record, request.home)
            _write_last(runner.record, request.home)
    return runner.record


def _end_by(mistake: BaseException, home: Home) -> tuple[str, str] | None:
    """State and words of a run that ended by it; None where the mistake is ours."""
    if is_interrupt(mistake):
        return "interrupted", INTERRUPTED
    known = as_user_error(mistake, home) if isinstance(mistake, OSError) else mistake
    return ("failed", str(known)) if isinstance(known, UserError) else None


def _write_last(record: RunRecord, home: Home) -> None:
    """The end of a run goes into its record, or where that cannot be written at least onto the screen."""
    try:
        record.write(home)
    except UserError as error:
        say(f"  the end of this run could not be recorded: {error.what}")


def with_mlflow_ids(record: RunRecord, home: Home) -> RunRecord:
    """The record with MLflow's id of each step's run, as far as MLflow has them by now."""
    ids = Outbox(home).ids()
    steps = (replace(step, mlflow_run_id=ids.get(f"{record.run}/{step.step}")) for step in record.steps)
    return replace(record, steps=tuple(steps))


def check_writable(home: Home) -> None:
    """The home exists and can be written; else a UserError with a fix."""
    try:
        home.path.mkdir(parents=True, exist_ok=True)
        probe = home / f".writable-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise UserError(f"{home}: {error.strerror}", "point TRIPTYCH_HOME at a folder that can be written") from error


def git_commit() -> str | None:
    """The commit of this checkout, with + where files differ from it; None where triptych is not in a checkout."""
    if not (REPOSITORY / ".git").exists():
        return None

    def git(*arguments: str) -> str:
        return subprocess.run(["git", "-C", REPOSITORY, *arguments], capture_output=True, text=True, check=True).stdout

    try:
        return git("rev-parse", "--short=12", "HEAD").strip() + ("+" if git("status", "--porcelain", "-uno") else "")
    except (OSError, subprocess.CalledProcessError) as error:
        say(f"  git does not show the commit: {error}")
        return None
