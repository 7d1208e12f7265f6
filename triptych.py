"""The command line: one short function a command. stdout carries data, stderr talk; `--json` is one line, the last."""

import json
import math
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from commands.process import ends_as_told, lives_briefly
from tasks.errors import INTERRUPTED, UsageError
from tasks.home import Home

app = typer.Typer(
    name="triptych",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    help="A folder of text becomes a language model that you can evaluate, promote, serve and explain.",
    epilog="Start here:  `triptych run demo`  then  `triptych chat`  and  `triptych sql --list`",
)

keys = typer.Typer(
    no_args_is_help=True,
    help="Make, revoke and list the keys of the API.",
    epilog="Example:  triptych keys add laptop    triptych keys list",
)
app.add_typer(keys, name="keys")

RecipeArgument = Annotated[str, typer.Argument(help="A recipe's name, or the path of a .toml file.")]
SetOption = Annotated[list[str], typer.Option("--set", metavar="KEY=VALUE", help="Replace one value of the recipe.")]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON value on the last line of stdout.")]
ModelArgument = Annotated[str, typer.Argument(help="NAME@ALIAS, NAME/VERSION or a path; default: the latest champion.")]


def home() -> Home:
    """The root of everything written, absolute: TRIPTYCH_HOME, by default ./runs."""
    return Home.at(os.environ.get("TRIPTYCH_HOME") or "runs")


@app.command(epilog="Example:  triptych run demo --set pretrain.steps=200 --until evaluate/base")
def run(
    recipe: RecipeArgument = "demo",
    start: Annotated[str, typer.Option("--from", metavar="STEP", help="Compute STEP and what follows again.")] = "",
    until: Annotated[str, typer.Option(metavar="STEP", help="STEP and what it needs.")] = "",
    only: Annotated[str, typer.Option(metavar="STEP", help="STEP alone; its inputs must be complete.")] = "",
    change: SetOption = [],  # noqa: B006
    explain: Annotated[bool, typer.Option("--explain", help="Say what would be found and made, and why.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Changed code or libraries are a miss.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Run a recipe: text in, evaluated and promoted models out. What is complete is found, never made twice."""
    from commands.show import show_explanations, show_run
    from flows.report import found as report_on
    from flows.session import Request
    from flows.start import explained, started

    request = Request(home(), recipe, tuple(change), start, until, only, strict)
    if explain:
        found = explained(request)
        _print_json(found) if as_json else show_explanations(found)
        return
    try:
        record = started(request)
    except KeyboardInterrupt:
        print(INTERRUPTED, file=sys.stderr)
        raise typer.Exit(130) from None
    _print_json(record.as_json()) if as_json else show_run(record, report_on(home(), record.run))
    if record.state != "complete":
        raise typer.Exit(130 if record.state == "interrupted" else 1)


@app.command(epilog="Example:  triptych status --json")
def status(as_json: JsonOption = False) -> None:
    """Show the latest run step by step, the registered models, and scheduled runs that failed or were missed."""
    from commands.show import show_status
    from commands.status import status_of

    found = status_of(home())
    _print_json(found) if as_json else show_status(found)


@app.command(epilog="Example:  triptych sql drop_reasons    triptych sql -e 'select count(*) from documents'")
def sql(
    name: Annotated[str, typer.Argument(help="A question by name; see --list.")] = "",
    expression: Annotated[str, typer.Option("-e", metavar="SQL", help="A question of your own, read-only.")] = "",
    param: Annotated[list[str], typer.Option("-p", metavar="NAME=VALUE", help="A $parameter of it.")] = [],  # noqa: B006
    run_id: Annotated[str, typer.Option("--run", help="Ask another run than the latest.")] = "",
    show_list: Annotated[bool, typer.Option("--list", help="All questions that come with triptych.")] = False,
    as_json: JsonOption = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Comma-separated values on stdout.")] = False,
) -> None:
    """Ask the latest run's data a question in SQL (DuckDB). Opens only the run's own tables and writes nothing."""
    from commands.ask.sql import answer, questions
    from commands.show import show_table

    if show_list:
        rows = [{"name": name, "question": text} for name, text in questions().items()]
    else:
        rows = answer(home(), name, expression, param, run_id)
    if as_csv:
        from commands.ask.sql import as_csv_text

        sys.stdout.write(as_csv_text(rows))
    else:
        _print_json(rows) if as_json else show_table(rows)


@app.command("what-if", epilog="Example:  triptych what-if 'passes and plain_words >= 80'")
def what_if(
    expression: Annotated[str, typer.Argument(help="SQL: what stays. `passes` is what the filters say.")] = "",
    recipe: Annotated[str, typer.Option(help="Decide by this recipe as it is now; default: by the run's own.")] = "",
    change: SetOption = [],  # noqa: B006
    seed: Annotated[int, typer.Option(help="Other changed documents to read.")] = 0,
    as_json: JsonOption = False,
) -> None:
    """What would be kept at other thresholds? Answers from stored scores; opens ten texts and writes nothing."""
    from commands.ask.show import show_what_if
    from commands.ask.what_if import what_if as asked

    found = asked(home(), expression, recipe, change, seed)
    _print_json(found) if as_json else show_what_if(found)


@app.command(epilog="Example:  triptych look near_duplicate --count 3    triptych look kept --seed 2")
def look(
    reason: Annotated[str, typer.Argument(help="A reason, as in `triptych sql drop_reasons`; or: kept.")],
    count: Annotated[int, typer.Option(min=1)] = 5,
    seed: Annotated[int, typer.Option(help="Others at random.")] = 0,
    run_id: Annotated[str, typer.Option("--run", help="Ask another run than the latest.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Read documents that were dropped for a reason: the deciding value, its threshold, and where it shows."""
    from commands.ask.look import look as looked
    from commands.ask.show import show_look

    found = looked(home(), reason, count, seed, run_id)
    _print_json(found) if as_json else show_look(found)


@app.command(epilog="Example:  triptych trace addresses/1790-Washington-1#0    triptych trace --step 37")
def trace(
    document: Annotated[str, typer.Argument(help="A doc_id, a file, or a source text.")] = "",
    step: Annotated[int | None, typer.Option(help="A training step, from 1, of the base or of --model.")] = None,
    model: Annotated[str, typer.Option(help="NAME@ALIAS or NAME/VERSION.")] = "",
    run_id: Annotated[str, typer.Option("--run", help="Ask another run than the latest.")] = "",
    as_json: JsonOption = False,
) -> None:
    """What happened to a document and which models saw it; which documents a training step or a model saw."""
    from commands.ask import trace as traces
    from commands.ask.show import show_trace

    if document and step is None:
        found = traces.trace_document(home(), document, model, run_id)
    elif step is not None and not document:
        found = traces.trace_step(home(), step, model, run_id)
    elif model and not document:
        found = traces.trace_model(home(), model, run_id)
    else:
        raise UsageError("one question is expected", "triptych trace DOCUMENT, or --step N, or --model M")
    _print_json(found) if as_json else show_trace(found)


@app.command(epilog="Example:  triptych report --json")
def report(
    run_id: Annotated[str, typer.Option("--run", help="Report on another run than the latest.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Write one self-contained HTML page on a run: funnel, thresholds, curves, samples, scores, verdicts, lineage."""
    from flows.report import report as written

    path = written(home(), run_id)
    _print_json({"path": str(path)}) if as_json else print(path)


@app.command(epilog="Example:  triptych chat --prompt 'When was this said: …' --max-tokens 40")
def chat(
    model: ModelArgument = "",
    prompt: Annotated[str, typer.Option(help="Answer this one prompt and end.")] = "",
    max_tokens: Annotated[int, typer.Option(min=1)] = 200,
    temperature: Annotated[float, typer.Option(min=0.0, help="0: always the likeliest token.")] = 0.8,
    seed: Annotated[int, typer.Option()] = 0,
) -> None:
    """Talk to a model: the champion of the latest run, unless another is named."""
    from commands.models import answer_prompt, converse

    if prompt:
        print(answer_prompt(home(), model, prompt, max_tokens, temperature, seed))
    else:
        converse(home(), model, max_tokens, temperature, seed)


@app.command(epilog="Example:  triptych serve demo-instruct@champion --port 8000 --set requests_per_minute=60")
def serve(
    model: ModelArgument = "",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any that is free.")] = 8000,
    host: Annotated[str, typer.Option(help="Any address but loopback asks for keys.")] = "127.0.0.1",
    change: Annotated[
        list[str], typer.Option("--set", metavar="LIMIT=VALUE", help="Another limit; a wrong name lists them.")
    ] = [],  # noqa: B006
    as_json: JsonOption = False,
) -> None:
    """Serve a model behind an OpenAI-compatible API and a chat page; it follows its alias, Ctrl-C ends it."""
    from commands.models import champion
    from serve.limits import limits

    limited = limits(change)
    named = model or champion(home())
    from serve.listen import serve as answer

    def told(up: dict[str, str]) -> None:
        _print_json(up) if as_json else print(up["url"])
        sys.stdout.flush()

    try:
        answer(home(), named, (host, port), limited, told)
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        raise typer.Exit(130) from None


@keys.command("add", epilog="Example:  triptych keys add laptop --json")
def keys_add(name: Annotated[str, typer.Argument(help="Whose it is.")], as_json: JsonOption = False) -> None:
    """Make a key of the API. It is shown this once; the home keeps a salted hash."""
    from serve.keys import add

    _report(add(home(), name), as_json)


@keys.command("revoke", epilog="Example:  triptych keys revoke laptop")
def keys_revoke(name: Annotated[str, typer.Argument(help="As listed.")], as_json: JsonOption = False) -> None:
    """Refuse a key from now on, in running servers too."""
    from serve.keys import revoke

    _report(revoke(home(), name), as_json)


@keys.command("list", epilog="Example:  triptych keys list")
def keys_list(as_json: JsonOption = False) -> None:
    """Show the names and dates of the keys."""
    from commands.show import show_table
    from serve.keys import list_keys

    _print_json(list_keys(home())) if as_json else show_table(list_keys(home()))


@app.command(epilog="Example:  triptych score demo-base@champion --prompt 'Fellow citizens of the Senate' --json")
def score(model: ModelArgument, prompt: Annotated[str, typer.Option()], as_json: JsonOption = False) -> None:
    """Log-probability (nats) of each token of a text, given the tokens before it."""
    from commands.models import scored
    from commands.show import show_table

    found = scored(home(), model, prompt)
    rows = zip(*found.values(), strict=True)
    _print_json(found) if as_json else show_table([dict(zip(found, row, strict=True)) for row in rows])


@app.command("eval", epilog="Example:  triptych eval demo-base@champion --task my_task.yaml")
def evaluate(
    model: ModelArgument = "",
    task: Annotated[
        list[str], typer.Option(metavar="NAME|FILE", help="A multiple-choice task as .yaml, or a task of lm-eval's.")
    ] = [],  # noqa: B006
    tasks_in: Annotated[Path, typer.Option(metavar="DIR", help="Where the .yaml files of tasks by name lie.")] = Path(),
    as_json: JsonOption = False,
) -> None:
    """Score a model: the stored scores of its run, or tasks in lm-eval's format by path or by name."""
    from commands.models import evaluate_model
    from commands.show import show_table

    scores = evaluate_model(home(), model, task, tasks_in)
    _print_json(scores) if as_json else show_table(scores)


@app.command(epilog="Example:  triptych export demo-instruct@champion --format hf --to exported/")
def export(
    model: ModelArgument,
    to: Annotated[Path, typer.Option(metavar="DIR", help="A folder that does not exist yet, or is empty.")],
    form: Annotated[str, typer.Option("--format", help="hf: what transformers' from_pretrained loads.")] = "hf",
    as_json: JsonOption = False,
) -> None:
    """Write a model in a format that other tools load."""
    from commands.models import exported

    folder = exported(home(), model, form, to)
    _print_json({"path": str(folder), "format": form}) if as_json else print(folder)


@app.command(epilog="Example:  triptych mask demo --rows 2")
def mask(
    recipe: RecipeArgument = "demo", rows: Annotated[int, typer.Option(min=1)] = 3, as_json: JsonOption = False
) -> None:
    """Show which tokens of the instruction rows the loss counts: the assistant's, in colour."""
    from commands.models import show_mask

    found = show_mask(home(), recipe, rows, as_json)
    if as_json:
        _print_json(found)


@app.command(epilog="Example:  triptych promote demo-base/2 --why 'better on our own questions'")
def promote(
    model: Annotated[str, typer.Argument(help="NAME/VERSION or NAME@ALIAS of the model that becomes champion.")],
    why: Annotated[str, typer.Option(help="Written to the audit.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Make a version the champion by hand; the one before it becomes `previous`. Audited."""
    from commands.models import promoted

    _report(promoted(home(), model, why), as_json)


@app.command(epilog="Example:  triptych rollback demo-base")
def rollback(
    model: Annotated[str, typer.Argument(help="The registered model's NAME.")],
    why: Annotated[str, typer.Option(help="Written to the audit.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Make the `previous` version the champion again. Audited."""
    from commands.models import rolled_back

    _report(rolled_back(home(), model, why), as_json)


@app.command(epilog="Example:  triptych schedule --on --recipe demo --cron '0 3 * * *'")
def schedule(
    on: Annotated[bool, typer.Option("--on/--off", help="Resume or pause the nightly run.")],
    recipe: Annotated[str, typer.Option(help="What it runs from now on: a recipe's name or path.")] = "",
    cron: Annotated[str, typer.Option(metavar="CRON", help="When, in UTC: minute hour day month weekday.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Resume or pause the nightly run; `triptych up` must have been run once."""
    from flows.servers.schedule import schedule as switch

    if recipe:
        from flows.load import load

        load(recipe)  # a mistake in it is told now and not at night
    _report(switch(home(), on, recipe or None, cron or None), as_json)


@app.command(epilog="Example:  triptych up    triptych up --stop")
def up(
    stop: Annotated[bool, typer.Option("--stop", help="End what `up` and `run` have started for this home.")] = False,
    notify: Annotated[str, typer.Option(metavar="URL", help="Called when a run fails, crashes or is late.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Start the Prefect server, a worker for scheduled runs, and MLflow's pages; print their addresses."""
    from flows.servers import up

    _report(up.stop(home()) if stop else up.up(home(), notify), as_json)


@app.command(epilog="Example:  triptych init my_folder    triptych init films --as-text .srt --as-text .vtt")
def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder of text, or one file.")],
    adapt: Annotated[bool, typer.Option("--adapt", help="Teach a public model this text: what most want.")] = False,
    as_text: Annotated[
        list[str], typer.Option(metavar="ENDING", help="Read such files as plain text too: .srt, or '(none)'.")
    ] = [],  # noqa: B006
    force: Annotated[bool, typer.Option("--force", help="Replace a recipe of that name.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Look at a folder and write a recipe for it: what is in it, what a run will take, and what it can give."""
    from commands.init.propose import propose
    from commands.init.show import summary

    proposal = propose(folder, home(), force, adapt, as_text)
    _print_json(proposal.as_json()) if as_json else print("\n".join(summary(proposal)))


@app.command(epilog="Example:  triptych doctor --json")
def doctor(as_json: JsonOption = False) -> None:
    """Look at this machine and home: versions, disk, CPU, ports, leftover processes; each finding with a cure."""
    from commands.home.doctor import examine
    from commands.show import show_table

    found = examine(home())
    _print_json(found) if as_json else show_table(found)
    if any(finding["level"] == "error" for finding in found):
        raise typer.Exit(1)


@app.command(epilog="Example:  triptych gc    triptych gc --keep 2 --yes")
def gc(
    keep: Annotated[int, typer.Option(min=0, metavar="RUNS", help="Latest runs of each recipe that keep all.")] = 1,
    partials: Annotated[bool, typer.Option("--partials", help="Also work that was cut short.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Remove it; without this nothing is.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show, or with --yes remove, what neither a registered version nor a latest run needs."""
    from commands.show import show_garbage
    from flows.retention import collect

    found = collect(home(), keep, partials, yes)
    _print_json(found) if as_json else show_garbage(found)


@app.command(epilog="Example:  triptych backup backups/monday")
def backup(
    to: Annotated[Path, typer.Argument(metavar="DIR", help="A folder that does not exist yet, or is empty.")],
    everything: Annotated[bool, typer.Option("--all", help="Also artifacts that gc would remove.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Copy the home into a folder, each file with its hash: store, records, both databases, registry, audit, keys."""
    from commands.home.backup import backup as copy_home

    _report(copy_home(home(), to, everything), as_json)


@app.command(epilog="Example:  TRIPTYCH_HOME=restored triptych restore backups/monday")
def restore(
    source: Annotated[Path, typer.Argument(metavar="DIR", help="A folder that `triptych backup` made.")],
    as_json: JsonOption = False,
) -> None:
    """Make an empty home what it was at a backup, once every file's hash is found right; else nothing is written."""
    from commands.home.backup import restore as restored

    _report(restored(home(), source), as_json)


@app.command(epilog="Example:  triptych forget addresses/1790-Washington-1 --why 'its author asked'")
def forget(
    document: Annotated[list[str], typer.Argument(help="A doc_id, SOURCE/FILE or source text.")],
    why: Annotated[str, typer.Option(help="Written to the audit.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Remove a document's text from the home for good, and name the models that saw it. The next run does without."""
    from commands.home.forget import forget as forgotten
    from commands.show import show_forgotten

    found = forgotten(home(), document, why)
    _print_json(found) if as_json else show_forgotten(found)


def _report(found: Any, as_json: bool) -> None:
    from commands.show import show_facts

    _print_json(found) if as_json else show_facts(found)


def _print_json(value: Any) -> None:
    print(json.dumps(_finite(value), ensure_ascii=False, default=str, allow_nan=False))


def _finite(value: Any) -> Any:
    """NaN and infinities as null: JSON has no word for them."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    return [_finite(inner) for inner in value] if isinstance(value, list | tuple) else value


def main() -> None:
    """The command that sys.argv asks for."""
    ends_as_told(lambda: app(standalone_mode=False))  # a command's typer.Exit comes back as its code


def console_script() -> None:
    """`main` as a process of its own."""
    lives_briefly(main)


if __name__ == "__main__":
    console_script()
