"""What a person sees in Prefect's page: of a task the funnel as Markdown and scores as a table, of a run its links."""

import json
from collections.abc import Callable

from prefect.artifacts import create_markdown_artifact, create_table_artifact

from flows.graph import StepOutput
from flows.record import RunRecord
from flows.servers.prefect_server import running
from flows.servers.up import mlflow_address
from tasks.home import Home
from tasks.progress import say
from tasks.readable_numbers import plain_number


def publish_page(home: Home, page: Callable[[], None]) -> None:
    """Publishes the page where a server runs. A page that cannot be published is reported and fails no step."""
    if not running(home):  # each page costs a second and a half of retries where the server is gone
        return
    try:
        page()
    except Exception as error:
        say(f"  Prefect did not take a page of this run: {error}")


def publish_results(made: StepOutput) -> None:
    """Artifacts of the running Prefect task, as far as the label has something to show."""
    name = made.label.replace("/", "-")
    if text := _metrics(made):
        create_markdown_artifact(text, key=f"{name}-metrics", description=f"{made.label}: {made.state}")
    for artifact in made.parts.values():
        if (artifact.path / "summary.json").is_file():
            rows = score_rows(json.loads((artifact.path / "summary.json").read_text()))
            create_table_artifact(rows, key=f"{name}-scores", description=f"{made.label}: scores beside baselines")


def publish_links(home: Home, record: RunRecord) -> None:
    """An artifact of the running Prefect flow: each step's run in MLflow's pages."""
    runs = f"{mlflow_address(home)}/#/runs"
    steps = [f"| [{s.step}]({runs}/{s.mlflow_run_id}) | {s.state} |" for s in record.steps if s.mlflow_run_id]
    lines = [
        "Params, curves and artifacts in MLflow's pages, which `triptych up` opens.",
        "",
        "| step | |",
        "|---|---|",
    ]
    create_markdown_artifact("\n".join([*lines, *steps]), key="mlflow", description=f"run {record.run} in MLflow")


def score_rows(summary: dict[str, dict]) -> list[dict[str, object]]:
    """One row per task: its value and interval beside those of the baselines."""
    return [
        {
            "task": task,
            "value": round(entry["value"], 4),
            "low": round(entry["low"], 4),
            "high": round(entry["high"], 4),
            "items": entry["items"],
            "better": entry["better"],
            **{name: round(value, 4) for name, value in entry.get("baselines", {}).items()},
        }
        for task, entry in summary.items()
        if entry.get("value") is not None
    ]


def _metrics(made: StepOutput) -> str:
    """The funnel and the metrics of a label as Markdown tables."""
    lines = [f"# {made.label}", f"state: **{made.state}** {made.reason}", ""]
    for partition, artifact in made.parts.items():
        lines += [f"## partition {partition}"] if partition else []
        if funnel := artifact.stats.funnel:
            lines += ["| documents | |", "|---|---:|", f"| read | {funnel.read:,} |"]
            dropped = sorted(funnel.dropped.items(), key=lambda item: -item[1])
            lines += [f"| dropped: {reason} | {count:,} |" for reason, count in dropped]
            lines += [f"| quarantined | {funnel.quarantined:,} |", f"| **kept** | **{funnel.kept:,}** |", ""]
        if artifact.stats.metrics:
            lines += ["| metric | |", "|---|---:|"]
            lines += [f"| {name} | {plain_number(value)} |" for name, value in sorted(artifact.stats.metrics.items())]
        lines += ["", *(f"- {note}" for note in (*artifact.stats.notes, *artifact.notes))]
    return "\n".join(lines)
