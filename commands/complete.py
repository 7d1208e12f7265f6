"""What a shell completes: names that small files of the home and the installation hold; no heavy library is loaded."""

import json
import os
from collections.abc import Callable, Iterable, Iterator
from importlib.resources import files
from itertools import islice

from tasks.home import Home

STEPS = (
    *("ingest", "signals", "curate", "tokenizer", "encode", "pretrain", "evaluate/base"),
    *("finetune/classify", "evaluate/classify", "finetune/instruct", "evaluate/instruct"),
    *(
        "finetune/prefer",
        "evaluate/prefer",
        "finetune/kto",
        "evaluate/kto",
        "seeds/evaluate",
        "register",
    ),
)
RUNS_SHOWN = 20
WORDS, CURRENT = "COMP_WORDS", "COMP_CWORD"  # bash: the words of the line, and the number of the one at the cursor
BREAK, BEFORE = "@", "_TRIPTYCH_BEFORE"  # bash breaks a word there; what the word at the cursor has before it


def completer(names: Callable[[], Iterable[str]]) -> Callable[[str], list[str]]:
    """The `autocompletion` of an argument: those of the names that begin with what is typed so far."""

    def begin_with(incomplete: str) -> list[str]:
        before = os.environ.get(BEFORE, "")
        return [name.removeprefix(before) for name in names() if name.startswith(before + incomplete)]

    return begin_with


def join_words() -> None:
    """Mends what bash broke at @: NAME@ALIAS is one word again, but at the cursor @ALIAS, which bash replaces."""
    if WORDS not in os.environ:
        return
    words, at_cursor = os.environ[WORDS].split("\n"), int(os.environ[CURRENT])
    joined, before = list[str](), ""
    for number, word in enumerate(words[: at_cursor + 1]):
        if not (joined and word and (word == BREAK or joined[-1].endswith(BREAK))):
            joined.append(word)
        elif number < at_cursor:
            joined[-1] += word
        else:
            before, _, alias = (joined[-1] + word).rpartition(BREAK)
            joined[-1] = BREAK + alias
    current = len(joined) - (at_cursor < len(words))  # else a new word begins there
    os.environ |= {WORDS: "\n".join(joined), CURRENT: str(current), BEFORE: before}


def recipes() -> list[str]:
    """The recipes of the folder, then those shipped."""
    from flows.recipe_files import available

    return [recipe.name for recipe in available()]


def models() -> Iterator[str]:
    """NAME@ALIAS as triptych last set them."""
    for path in sorted(Home.current().path.glob("aliases*.json")):
        for name, versions in json.loads(path.read_text()).items():
            yield from (f"{name}@{alias}" for alias in versions)


def model_names() -> Iterator[str]:
    """NAME of each registered model."""
    yield from dict.fromkeys(model.partition("@")[0] for model in models())


def scopes() -> Iterable[str]:
    """What a key of the API may be for."""
    from serve.keys import SCOPES

    return SCOPES


def export_formats() -> Iterable[str]:
    """What `triptych export` writes."""
    from tasks.export.formats import FORMS

    return FORMS


def steps() -> Iterable[str]:
    """The labels of all steps."""
    return STEPS


def questions() -> list[str]:
    """The queries that come with triptych."""
    return sorted(f.name.removesuffix(".sql") for f in files("sql").iterdir() if f.name.endswith(".sql"))


def reasons() -> Iterator[str]:
    """`kept`, and the reasons of the latest run for which documents were dropped."""
    from flows.headline import drop_reasons
    from flows.record import latest

    yield "kept"
    if record := latest(Home.current()):
        yield from drop_reasons(record)


def runs() -> list[str]:
    """The latest runs."""
    from flows.record import records

    return [record.run for record in islice(records(Home.current()), RUNS_SHOWN)]
