"""The sections on models: training curves, samples and whether they are copied, scores."""

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.report.blocks import Block, Heading, Paragraph, Passage, Section, table
from tasks.report.pictures import moving_mean, points, training_plots
from tasks.report.svg import curves, intervals
from tasks.tables.views import RunTables

if TYPE_CHECKING:
    import numpy as np

    from model.stream import TokenStream
    from tasks.models.vocabulary import Vocabulary
    from tasks.report.copying import Match

PASSAGES = 6  # of the last samples beside their nearest training passages
YARDSTICKS = 30  # held-out passages that say what runs real text shares with the training text
AROUND = 24  # tokens of the training passage shown before and after the run
BLANK_LINES = re.compile(r"\n\s*\n\s*")
Row = dict[str, Any]


def training(tables: RunTables) -> Section | None:
    """Loss and what was measured on validation data, of each training of the run."""
    blocks: list[Block] = []
    for label, folder in _trainings(tables):
        rows = _lines(folder / "metrics.jsonl")
        if not points(rows, "loss"):
            continue
        blocks += [Heading(label), *training_plots(rows)]
        speed = points(_lines(folder / "timing" / "speed.jsonl"), "tokens_per_second")
        if speed:
            blocks.append(curves("throughput", "step", "tokens per second", {"tokens per second": moving_mean(speed)}))
    return Section("training", "Training", blocks) if blocks else None


def scores(tables: RunTables) -> Section | None:
    """Each task's scores beside its baselines, with the model's 95 % interval."""
    tasks: dict[str, list[tuple[str, float, float | None, float | None]]] = {}
    better = {}
    for label in tables.labels("evaluate"):
        for folder in tables.partitions(label).values():
            for task, entry in json.loads((folder / "summary.json").read_text()).items():
                row = (label.partition("/")[2], entry["value"], entry["low"], entry["high"])
                tasks.setdefault(task, []).append(row)
                better[task] = f"{entry['better']} is better, {entry['items']:,} items"
                known = {name for name, *_ in tasks[task]}
                baselines = entry.get("baselines", {}).items()
                tasks[task] += [(name, value, None, None) for name, value in baselines if name not in known]
    if not tasks:
        return None
    legend = Paragraph("A ring is a baseline; a line through a dot is the 95 % interval over the items.")
    plots = [intervals(f"{task}: {better[task]}", rows) for task, rows in tasks.items()]
    return Section("scores", "Scores beside baselines", [legend, *plots])


def samples(tables: RunTables) -> Section | None:
    """Continuations of the same prompts in the course of pre-training."""
    rows = [row for _, folder in _trainings(tables) for row in _lines(folder / "samples.jsonl")]
    if not rows:
        return None
    prompts = dict.fromkeys(row["prompt"] for row in rows)
    blocks = [
        table(prompt, [{"step": row["step"], "continuation": row["text"]} for row in rows if row["prompt"] == prompt])
        for prompt in prompts
    ]
    return Section("samples", "Samples over time", blocks)


def copying(tables: RunTables, most_tokens: int) -> Section | None:
    """The last samples, each beside the training passage with which it shares its longest run of tokens."""
    from tasks.report.copying import LONG, nearest

    pretrained = next((folder for label, folder in _trainings(tables) if label == "pretrain"), None)
    rows = _lines(pretrained / "samples.jsonl")[-PASSAGES:] if pretrained else []
    if not rows or pretrained is None:
        return None
    from tasks.models.vocabulary import Vocabulary

    vocabulary, stream = Vocabulary(pretrained / "weights"), _stream(tables, pretrained)
    written = [_ids(ids) for ids in vocabulary.encode_ordinary([row["text"] for row in rows])]
    held_out = list(_held_out(tables, max(map(len, written))))
    matches = nearest([*written, *held_out], stream, most_tokens)
    yardstick = sorted(match.tokens for match in matches[len(written) :])
    blocks: list[Block] = [
        Paragraph(
            "Each of the last samples is shown with the training passage that shares its longest run of tokens; "
            f"“copied” is the share of its tokens in shared runs of {LONG} tokens or more."
        )
    ]
    if yardstick:
        typical, most = yardstick[len(yardstick) // 2], yardstick[-1]
        blocks.append(
            Paragraph(
                f"For comparison, {len(yardstick)} held-out passages of the same length share runs of {typical} tokens "
                f"(median) and at most {most} tokens with the training text."
            )
        )
    if len(stream) > most_tokens:
        blocks.append(Paragraph(f"Compared with the first {most_tokens:,} of {len(stream):,} training tokens only."))
    for row, ids, match in zip(rows, written, matches, strict=False):
        blocks += _beside(row, ids, match, vocabulary, stream)
    return Section("copying", "Is it copied?", blocks)


def _beside(
    row: Row, ids: "np.ndarray", match: "Match", vocabulary: "Vocabulary", stream: "TokenStream"
) -> list[Block]:
    from tasks.report.copying import document_at

    end = match.begin + match.tokens
    overlap = f"longest run {match.tokens} of {len(ids)} tokens, copied {match.copied:.0%}"
    title = f"step {row['step']}, after “{row['prompt']}”: {overlap}"
    blocks: list[Block] = [Passage(title, *_texts(vocabulary, ids[: match.begin], ids[match.begin : end], ids[end:]))]
    if match.tokens:
        document = document_at(stream, match.position)
        inside = stream.read(match.position, match.tokens)
        begin = max(0, match.position - AROUND)
        before = _after_separator(stream.read(begin, match.position - begin), stream.separator)
        after = _before_separator(stream.read(match.position + match.tokens, AROUND), stream.separator)
        where = f"nearest training passage: {document.doc_id}"
        blocks.append(Passage(where, *_texts(vocabulary, before, inside, after)))
    return blocks


def _texts(vocabulary: "Vocabulary", *pieces: "np.ndarray") -> Iterator[str]:
    texts = (vocabulary.decode_bytes(ids.tolist(), continues=True).decode(errors="replace") for ids in pieces)
    return (BLANK_LINES.sub("\n\n", text) for text in texts)


def _stream(tables: RunTables, pretrained: Path) -> "TokenStream":
    """The training text in the order of the model's record."""
    from model.stream import TokenStream, open_shards

    data = json.loads((pretrained / "data.json").read_text())
    folders = tables.partitions("encode")
    names = [shard["name"] for shard in data["shards"]]
    files = {name: folders[name.partition("/")[0]] / name.partition("/")[2] for name in names}
    return TokenStream(open_shards(files), data["separator"])


def _held_out(tables: RunTables, length: int) -> "Iterator[np.ndarray]":
    """The first tokens of test documents, evenly taken."""
    from model.stream import open_shards

    files = {
        f"{p}/{path.name}": path for p, folder in tables.partitions("encode").items() for path in folder.glob("test-*")
    }
    for shard in open_shards(dict(sorted(files.items()))):
        tokens = shard.table["tokens"]
        for row in range(0, len(tokens), max(1, len(tokens) // YARDSTICKS)):
            ids = _ids(tokens[row].as_py()[:length])
            if len(ids) == length:
                yield ids


def _ids(ids: Sequence[int]) -> "np.ndarray":
    import numpy as np

    return np.array(ids, dtype=np.uint32)


def _after_separator(ids: "np.ndarray", separator: int) -> "np.ndarray":
    at = [place for place, id in enumerate(ids.tolist()) if id == separator]
    return ids[at[-1] + 1 :] if at else ids


def _before_separator(ids: "np.ndarray", separator: int) -> "np.ndarray":
    at = [place for place, id in enumerate(ids.tolist()) if id == separator]
    return ids[: at[0]] if at else ids


def _trainings(tables: RunTables) -> Iterator[tuple[str, Path]]:
    for label in [*tables.labels("pretrain"), *tables.labels("finetune")]:
        yield from ((label, folder) for folder in tables.partitions(label).values())


def _lines(path: Path) -> list[Row]:
    return [json.loads(line) for line in path.read_text().split("\n") if line] if path.is_file() else []
