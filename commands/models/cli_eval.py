"""The command that scores models: what is stored of them, tasks in lm-eval's format, or a user's own questions."""

from pathlib import Path
from typing import Annotated

import typer

from commands.models.elsewhere import MaxCostOption, PriceOption, RequestsOption, budget_of
from commands.options import AdapterOption, JsonOption, RunOption, complete_model, current_home, print_json
from tasks.errors import UsageError

app = typer.Typer()


@app.command(
    "eval",
    epilog="Example:  triptych eval demo-base@champion --task my_task.yaml    "
    "triptych eval --questions ours.jsonl --look-up",
)
def evaluate(
    model: Annotated[
        list[str],
        typer.Argument(
            metavar="[MODEL]…",
            help="NAME@ALIAS, NAME/VERSION, a path or hub:OWNER/NAME; default: the champion of the latest run.",
            autocompletion=complete_model,
        ),
    ] = [],  # noqa: B006
    task: Annotated[
        list[str], typer.Option(metavar="NAME|FILE", help="A multiple-choice task as .yaml, or a task of lm-eval's.")
    ] = [],  # noqa: B006
    tasks_in: Annotated[Path, typer.Option(metavar="DIR", help="The folder of .yaml files of tasks by name.")] = Path(),
    questions: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Questions with accepted answers, as .jsonl or .csv.")
    ] = None,
    look_up: Annotated[
        bool, typer.Option("--look-up", help="Ask each model again with the best passages of the training text.")
    ] = False,
    run: RunOption = "",
    max_tokens: Annotated[int, typer.Option(min=1, help="Longest answer to a question, in tokens.")] = 128,
    answers: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write every answer with its score, as JSON lines.")
    ] = None,
    adapter: AdapterOption = None,
    price: PriceOption = "",
    max_cost: MaxCostOption = None,
    requests_per_minute: RequestsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Score models on questions or tasks, or show their stored scores.

    Tasks are in lm-eval's format, given by path or by name. With an adapter: the first model has its change.
    A model elsewhere is named by its address, http(s)://HOST/v1#MODEL; its key is read from TRIPTYCH_KEY_HOST.
    """
    from commands.models.adapted import with_adapter
    from commands.models.use import evaluate_model
    from commands.show import show_table

    home = current_home()
    if questions is None:
        if look_up or answers or run:
            given = "--look-up" if look_up else "--answers" if answers else "--run"
            raise UsageError(f"{given} goes with --questions", "triptych eval --questions FILE --look-up")
        first, *others = model or [""]
        scored = [with_adapter(home, first, adapter), *others]
        scores = [row for one in scored for row in evaluate_model(home, one, task, tasks_in)]
        print_json(scores) if as_json else show_table(scores)
        return
    if task:
        raise UsageError("--questions and --task are two evaluations", "give them in two commands")
    from commands.models.exam import ExamRequest, examine
    from commands.models.exam_show import print_exam, say_notes

    budget = budget_of(price, max_cost, requests_per_minute)
    result = examine(home, ExamRequest(questions, tuple(model), adapter, look_up, run, max_tokens, budget))
    say_notes(result)
    if answers is not None:
        result.write_answers(answers)
    print_json(result.rows) if as_json else print_exam(result)
