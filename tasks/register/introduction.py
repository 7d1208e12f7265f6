"""What a model says of itself before a conversation: what it is, in a sentence or two, and prompts that it knows.

The prompts are held-out ones of the rows that the version was fine-tuned on, read in the home's store: a registered
version itself holds no text of a document, so `triptych forget` takes the prompts with it. A base model's are those
that its recipe has it continue while it learns. What cannot be read is left out: a conversation needs none of it, and
whoever reads an artifact for what is in it reports the damage.
"""

import json
import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tasks.finetune.methods.table import METHODS
from tasks.home import Home
from tasks.readable_numbers import count_in_words
from tasks.register.card import SAME_RECIPE
from tasks.register.roles import ROLES
from tasks.store.artifacts import MANIFEST
from tasks.tracking.model_version import Version

PROMPTS = 4
CHARACTERS = 120  # of a prompt, where there is one as short
ROWS_READ = 1000
KEY = re.compile(r"[0-9a-z]+")  # what is no key must not become a path
LIMIT = "It writes the sound of its text, and states falsehoods with confidence."


@dataclass(frozen=True)
class Introduction:
    """What is known of a model; empty where nothing is."""

    about: str = ""
    prompts: tuple[str, ...] = ()
    run: str = ""  # which made it


def introduce(version: Version, home: Home) -> Introduction:
    """Of a registered version, from its evidence and from what the home's store still holds of its training."""
    role, key, run = (version.tags.get(tag, "") for tag in ("role", "weights_key", "run"))
    if role not in ROLES:
        return Introduction(run=run)
    base = _training(home, "pretrain", key if role == "base" else _base_key(version))
    pretraining = _json(base / MANIFEST) if base else {}
    if role == "base":
        prompts = pretraining.get("config", {}).get("prompts", [])
    else:
        training = _training(home, METHODS[role].label, key)
        prompts = _asked(training / "rows" / "test") if training else []
    about = _about(_json(version.evidence / "evidence.json"), pretraining)
    return Introduction(about, tuple(prompts[:PROMPTS]), run)


def _training(home: Home, step: str, key: str) -> Path | None:
    """The folder of a training in the store."""
    return home.store / step / key if KEY.fullmatch(key) else None


def _about(evidence: dict[str, Any], base: dict[str, Any]) -> str:
    if not {"parameters", "began_from", "role", "recipe"} <= evidence.keys():
        return ""  # it is not here, or of an earlier version of triptych
    if "source" in evidence:
        what = f"{count_in_words(evidence['parameters'])} parameters, imported from {evidence['source']}"
        return f"{what}; it {ROLES[evidence['role']].does}. It states falsehoods with confidence."
    began_from = next((m["name"] for m in evidence["began_from"] if m["holder"] != SAME_RECIPE), "")
    tokens = base.get("stats", {}).get("metrics", {}).get("tokens")
    acts = ["trained " + ("further" if began_from else "from scratch")] if base or not began_from else []
    if acts and tokens:
        acts[0] += f" on {count_in_words(tokens)} tokens"
    if evidence["role"] != "base":
        acts.append("fine-tuned")
    source = f"begun from {began_from}, " if began_from else ""
    what = f"{count_in_words(evidence['parameters'])} parameters, {source}{' and '.join(acts)}"
    return f"{what} by the recipe {evidence['recipe']}; it {ROLES[evidence['role']].does}. " + (
        "It states falsehoods with confidence." if began_from else LIMIT
    )


def _base_key(version: Version) -> str:
    parents = json.loads(version.tags.get("parents", "{}"))
    return parents.get("base", "")


def _asked(rows: Path) -> list[str]:
    """A prompt of each kind in turn, of the first that are short; the shortest where none is."""
    by_kind: dict[str, list[str]] = {}
    for prompt, kind in _prompts(rows):
        by_kind.setdefault(kind, []).append(prompt)
    chosen = [_short(prompts) for prompts in by_kind.values()]
    turns = [prompts[n] for n in range(PROMPTS) for prompts in chosen if n < len(prompts)]
    return list(dict.fromkeys(turns))


def _short(prompts: list[str]) -> list[str]:
    distinct = list(dict.fromkeys(prompts))
    return [prompt for prompt in distinct if len(prompt) <= CHARACTERS] or [min(distinct, key=len)]


def _prompts(rows: Path) -> Iterable[tuple[str, str]]:
    """(prompt, kind) of the rows that the `datasets` library wrote; none where they are gone."""
    for file in sorted(rows.glob("*.arrow")):
        import pyarrow as pa

        with (
            suppress(OSError, pa.ArrowInvalid),
            pa.memory_map(str(file)) as source,
            pa.ipc.open_stream(source) as stream,
        ):
            if {"prompt", "kind"} <= {*stream.schema.names}:
                table = stream.read_all().select(["prompt", "kind"]).slice(0, ROWS_READ)
                yield from ((row["prompt"], row["kind"]) for row in table.to_pylist())


def _json(file: Path) -> dict[str, Any]:
    """The object in a file; empty where there is none."""
    try:
        return json.loads(file.read_text())
    except (OSError, ValueError):
        return {}
