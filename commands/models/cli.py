"""The commands that use a model: talk to it, serve it, score with it, export it, and choose the champion."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from commands.complete import completer, scopes
from commands.options import (
    AdapterOption,
    JsonOption,
    ModelArgument,
    RecipeArgument,
    current_home,
    print_facts,
    print_json,
)
from model.chat import TOP_P
from tasks.errors import UsageError
from tasks.progress import say

app = typer.Typer()
keys = typer.Typer(
    no_args_is_help=True,
    help="Make, revoke and list the keys of the API.",
    epilog="Example:  triptych keys add laptop    triptych keys list",
)
app.add_typer(keys, name="keys")


@app.command(epilog="Example:  triptych chat --prompt 'When was this said: …' --max-tokens 40")
def chat(
    model: ModelArgument = "",
    prompt: Annotated[str, typer.Option(help="Answer this one prompt and exit.")] = "",
    max_tokens: Annotated[int, typer.Option(min=1, help="Longest answer, in tokens.")] = 200,
    temperature: Annotated[float, typer.Option(min=0.0, help="0: always the most likely token.")] = 0.8,
    top_p: Annotated[float, typer.Option(min=0.0, max=1.0, help="Share of probability drawn from; 1: all.")] = TOP_P,
    seed: Annotated[int, typer.Option(help="Of the sampling.")] = 0,
    look_up: Annotated[
        bool, typer.Option("--look-up", help="Give it the best passages of the training text with each message.")
    ] = False,
    adapter: AdapterOption = None,
    as_json: JsonOption = False,
) -> None:
    """Talk to a model.

    The champion of the latest run, unless another is named. /help in the conversation shows its commands.
    """
    from commands.models.adapted import with_adapter
    from commands.models.answering import answer_prompt
    from commands.models.use import Knobs

    model = with_adapter(current_home(), model, adapter)
    knobs = Knobs(max_tokens, temperature, top_p, seed)
    if prompt:
        answer = answer_prompt(current_home(), model, prompt, knobs, look_up)
        print_json(answer) if as_json else print(answer["text"])
        if look_up and not as_json:
            say(f"passages of {', '.join(dict.fromkeys(one['doc_id'] for one in answer['passages'])) or 'no document'}")
    elif as_json:
        raise UsageError("--json goes with --prompt", "triptych chat --prompt TEXT --json")
    else:
        from commands.models.chat import converse

        converse(current_home(), model, knobs, look_up)


@app.command(epilog="Example:  triptych serve demo-instruct@champion --port 8000 --set requests_per_minute=60")
def serve(
    model: ModelArgument = "",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any free port.")] = 8000,
    host: Annotated[str, typer.Option(help="Any address but loopback requires keys.")] = "127.0.0.1",
    engine: Annotated[
        str,
        typer.Option(help="llama.cpp, decoder, or the URL of an OpenAI-compatible server; by default the first there."),
    ] = "",
    quant: Annotated[str, typer.Option(help="Of the weights with llama.cpp: f16, q8_0, q4_0.")] = "q8_0",
    name: Annotated[
        list[str],
        typer.Option("--name", metavar="HOST", help="A further name of this server, behind a proxy or in a container."),
    ] = [],  # noqa: B006
    change: Annotated[
        list[str], typer.Option("--set", metavar="LIMIT=VALUE", help="Change a limit; a wrong name lists them.")
    ] = [],  # noqa: B006
    adapter: AdapterOption = None,
    as_json: JsonOption = False,
) -> None:
    """Serve a model: an OpenAI-compatible API and a chat page.

    The server follows the model's alias; Ctrl-C ends it.
    """
    from commands.models.adapted import with_adapter
    from commands.models.use import champion
    from serve.limits import limits

    allowed = limits(change)
    from serve.engine_choice import load_engine, prepare_engine
    from serve.listen import Address, Wanted, serve

    def name_model() -> str:
        return with_adapter(current_home(), model, adapter) or champion(current_home())

    def announce(address: dict[str, str]) -> None:
        print_json(address) if as_json else print(address["url"])
        sys.stdout.flush()

    try:
        load = load_engine(current_home(), engine, quant, allowed.slots, int(allowed.cache_gb * 2**30))
        prepare = prepare_engine(current_home(), engine, quant)
        serve(Wanted(current_home(), name_model, load, prepare), Address(host, port, tuple(name)), allowed, announce)
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        raise typer.Exit(130) from None


@keys.command("add", epilog="Example:  triptych keys add laptop --scope chat")
def keys_add(
    name: Annotated[str, typer.Argument(help="Who uses it.")],
    scope: Annotated[
        str,
        typer.Option(
            help="chat: models and answers. admin: the server's state and the runs' reports too.",
            autocompletion=completer(scopes),
        ),
    ] = "chat",
    as_json: JsonOption = False,
) -> None:
    """Make a key of the API. It is shown only once; the home keeps a salted hash."""
    from serve.keys import add

    made = add(current_home(), name, scope)
    print_facts(made if as_json else made | {"scope": scope}, as_json)


@keys.command("revoke", epilog="Example:  triptych keys revoke laptop")
def keys_revoke(
    name: Annotated[str, typer.Argument(help="A name that is listed.")], as_json: JsonOption = False
) -> None:
    """Refuse a key from now on, in running servers too."""
    from serve.keys import revoke

    print_facts(revoke(current_home(), name), as_json)


@keys.command("list", epilog="Example:  triptych keys list")
def keys_list(as_json: JsonOption = False) -> None:
    """Show the names, scopes and dates of the keys."""
    from commands.show import show_table
    from serve.keys import list_keys

    rows = list_keys(current_home())
    print_json(rows) if as_json else show_table(rows)


@app.command(epilog="Example:  triptych score demo-base@champion --prompt 'Fellow citizens of the Senate' --json")
def score(
    prompt: Annotated[str, typer.Option(help="The text.")],
    model: ModelArgument = "",
    adapter: AdapterOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print the log-probability of each token of a text.

    In nats, given the tokens before it. A classifier gives the labels' probabilities, and what speaks for the first.
    """
    from commands.models.adapted import with_adapter
    from commands.models.classify import classifier_folder, classify_prompt, print_classified
    from commands.models.use import score_prompt, total_in_words
    from commands.show import show_table

    model = with_adapter(current_home(), model, adapter)
    if folder := classifier_folder(current_home(), model):
        answer = classify_prompt(folder, prompt)
        print_json(answer) if as_json else print_classified(answer)
        return
    columns = score_prompt(current_home(), model, prompt)
    if as_json:
        print_json(columns)
        return
    show_table([dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)])
    print(total_in_words(columns["logprobs"], prompt))


@app.command(epilog="Example:  triptych attention demo-base --prompt 'Fellow citizens of the Senate' --block 2")
def attention(
    model: ModelArgument = "",
    prompt: Annotated[str, typer.Option(help="A short text.")] = "",
    block: Annotated[
        int | None, typer.Option(help="Each head of this block, from 1; default: blocks, heads averaged.")
    ] = None,
    to: Annotated[Path, typer.Option(metavar="FILE", help="The picture, an SVG file.")] = Path("attention.svg"),
    as_json: JsonOption = False,
) -> None:
    """Draw how much each token attends to those before it.

    By block, or by head of one block.
    """
    from commands.models.attention import attention, draw_attention

    shares = attention(current_home(), model, prompt, block)
    if as_json:
        print_json(shares)
    else:
        draw_attention(shares, to)
        print(to)


@app.command(
    epilog="Example:  triptych show hub:Qwen/Qwen3-0.6B-Base --prompt 'The capital of France is' --to page.html"
)
def show(
    model: ModelArgument = "",
    prompt: Annotated[str, typer.Option(help="A text: what the model expects at each place of it.")] = "",
    to: Annotated[
        Path | None, typer.Option(metavar="FILE.html", help="A page with the picture, the tables and the text's maps.")
    ] = None,
    block: Annotated[
        int | None, typer.Option(help="On the page each head of this block, from 1; default: the last.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show a model's architecture, and its cost to train and to serve.

    With a prompt also the probabilities of its next tokens; with --to attention maps too.
    """
    from commands.models.classify import describe_tfidf, tfidf_folder
    from commands.models.describe import describe_model, print_described, write_page

    if folder := tfidf_folder(current_home(), model):
        print_facts(describe_tfidf(folder, model, prompt or to), as_json)
        return
    described = describe_model(current_home(), model, prompt)
    if to is not None:
        write_page(described, to, block)
    if as_json:
        print_json(described.as_json())
    elif to is not None:
        print(to)
    else:
        print_described(described)


@app.command(epilog="Example:  triptych mask demo --rows 2")
def mask(
    recipe: RecipeArgument = "",
    rows: Annotated[int, typer.Option(min=1, help="How many rows to show.")] = 3,
    as_json: JsonOption = False,
) -> None:
    """Show which tokens of the instruction rows the loss counts.

    Those are the assistant's, in colour. Without a recipe: of the latest run.
    """
    from commands.models.use import show_mask

    tokens = show_mask(current_home(), recipe, rows, as_json)
    if as_json:
        print_json(tokens)
