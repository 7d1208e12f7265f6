"""The commands that change or copy a registered model: import, export, promote, roll back."""

from pathlib import Path
from typing import Annotated

import typer

from commands.complete import completer, export_formats, model_names
from commands.options import (
    AdapterOption,
    JsonOption,
    ModelArgument,
    complete_model,
    current_home,
    print_facts,
    print_json,
)

app = typer.Typer()

WhyOption = Annotated[str, typer.Option(help="The reason, for the audit log.")]


@app.command(epilog="Example:  triptych export demo-instruct@champion --format hf --to exported/")
def export(
    to: Annotated[Path, typer.Option(metavar="DIR", help="A folder that does not exist yet, or is empty.")],
    model: ModelArgument = "",
    form: Annotated[
        str,
        typer.Option("--format", help="hf, gguf, ollama, litgpt or peft.", autocompletion=completer(export_formats)),
    ] = "hf",
    quant: Annotated[
        str, typer.Option(help="Of gguf and ollama: f16 (as it is), f32, q8_0, q4_0 or q4_k_m: smaller and faster.")
    ] = "",
    adapter: AdapterOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write a model for another program, proved by it.

    hf: transformers and vLLM. gguf: llama.cpp and LM Studio. ollama: the same with a Modelfile. litgpt: LitGPT.
    peft: the low-rank change alone. The program opens the export, reads the same ids, and writes the same text on
    held-out rows: proof.json has the figures.
    """
    from commands.models.adapted import with_adapter
    from commands.models.export import export_model, proof_in_words

    model = with_adapter(current_home(), model, adapter)
    exported = export_model(current_home(), model, form, quant, to)
    if as_json:
        print_json({"path": str(exported.path), "files": exported.files, "proof": exported.proof.model_dump()})
    else:
        print("\n".join([str(exported.path), *proof_in_words(exported.proof)]))


@app.command("import", epilog="Example:  triptych import hub:Qwen/Qwen3-0.6B-Base --name qwen3")
def import_(
    model: Annotated[str, typer.Argument(help="A folder of weights, FILE.gguf, package:NAME/FILE or hub:OWNER/NAME.")],
    name: Annotated[str, typer.Option(metavar="NAME", help="The registered model's name.")],
    adapter: AdapterOption = None,
    as_json: JsonOption = False,
) -> None:
    """Register a model made elsewhere as a version of NAME.

    Its weights and its tokenizer are verified first. It becomes the candidate.
    """
    from commands.models.adapted import with_adapter
    from commands.models.import_model import import_model

    model = with_adapter(current_home(), model, adapter)
    print_facts(import_model(current_home(), model, name), as_json)


@app.command(epilog="Example:  triptych promote demo-base/2 --why 'better on our own questions'")
def promote(
    model: Annotated[
        str,
        typer.Argument(
            help="NAME/VERSION or NAME@ALIAS of the model that becomes champion.", autocompletion=complete_model
        ),
    ],
    why: WhyOption = "",
    as_json: JsonOption = False,
) -> None:
    """Make a version the champion by hand.

    The one before it becomes `previous`. Recorded in the audit log.
    """
    from commands.models.use import promote_by_hand

    print_facts(promote_by_hand(current_home(), model, why), as_json)


@app.command(epilog="Example:  triptych rollback demo-base")
def rollback(
    model: Annotated[str, typer.Argument(help="The registered model's NAME.", autocompletion=completer(model_names))],
    why: WhyOption = "",
    as_json: JsonOption = False,
) -> None:
    """Make the previous version the champion again.

    Recorded in the audit log.
    """
    from commands.models.use import roll_back

    print_facts(roll_back(current_home(), model, why), as_json)


@app.command(epilog="Example:  triptych tree demo")
def tree(
    name: Annotated[str, typer.Argument(help="A registered model, a recipe, or weights that models began from.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Show which model began from which.

    Beside each: the score that it is judged by, and the strongest baseline of its run.
    """
    from commands.models.tree import read_trees, show_trees

    trees = read_trees(current_home(), name)
    if as_json:
        print_json([root.as_json() for root in trees])
    else:
        show_trees(trees)
