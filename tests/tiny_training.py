"""A corpus of seeded noise in the encode step's files, and the spec of a training run that takes seconds."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from model.family import Shape, SpecialIds
from model.schedule import OptimizerConfig, Schedule
from model.spec import Spec

VOCABULARY = 64
SHAPE = Shape(
    family="llama",
    vocabulary=VOCABULARY,
    context=32,
    depth=2,
    width=32,
    heads=2,
    kv_heads=1,
    head_width=16,
    ffn_width=64,
    tied=False,
)


def write_rows(file: Path, **columns: list) -> Path:
    """The file, as an Arrow stream of these columns: fine-tuning rows as the step before training writes them."""
    table = pa.table(columns)
    with pa.OSFile(str(file), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    return file


def write_shard(file: Path, documents: list[list[int]], rows_a_batch: int = 3) -> None:
    """One shard as encode writes it; documents are named FILE#ROW."""
    schema = pa.schema([("doc_id", pa.string()), ("tokens", pa.list_(pa.uint16()))])
    with pa.OSFile(str(file), "wb") as sink, pa.ipc.new_stream(sink, schema) as stream:
        for at in range(0, len(documents), rows_a_batch):
            part = documents[at : at + rows_a_batch]
            names = [f"{file.stem}#{at + n}" for n in range(len(part))]
            tokens = pa.array(part, pa.list_(pa.uint16()))
            stream.write_batch(pa.record_batch([pa.array(names, pa.string()), tokens], schema=schema))


def noise(documents: int, seed: int) -> list[list[int]]:
    """Documents of 0 to 60 ids: a walk that often repeats itself, so that there is something to learn."""
    random = np.random.default_rng(seed)
    return [[6 + int(i) % 7 * (n % 3 + 1) for i in range(random.integers(0, 60))] for n in range(documents)]


def write_partition(folder: Path, documents: int = 60, seed: int = 0) -> Path:
    """The folder, written as the encode step writes a partition."""
    folder.mkdir(parents=True)
    splits, tokens = [], []
    for split, count in (("train", documents), ("validation", documents // 5)):
        made = noise(count, seed)
        write_shard(folder / f"{split}-00000.arrow", made)
        splits += [split] * count
        tokens += [len(ids) for ids in made]
    bytes_of = [4 * count for count in tokens]
    table = pa.table({"doc_id": [str(n) for n in range(len(tokens))], "split": splits, "tokens": tokens})
    pq.write_table(table.append_column("bytes", pa.array(bytes_of)), folder / "bytes.parquet")
    return folder


def spec(out: Path, shards: Path, **changes: Any) -> Spec:
    """150 steps of 8 × 32 tokens."""
    made = Spec(
        out=out,
        data={
            "kind": "documents",
            "train": {"0001/train-00000.arrow": shards / "train-00000.arrow"},
            "validation": {"0001/validation-00000.arrow": shards / "validation-00000.arrow"},
            "validation_bytes": 1000,
            "separator": 0,
        },
        shape=SHAPE,
        tokenizer=shards,
        special_ids=SpecialIds(begin=0, end=(0,), pad=1),
        context=SHAPE.context,
        batch=8,
        schedule=Schedule(steps=150, warmup_steps=10, decay_steps=50),
        optimizer=OptimizerConfig(learning_rate=0.001),
        dtype="float32",  # bfloat16 rounds the sums of each rank by itself
        compiled=False,
        threads=1,
        eval_every=25,
        eval_items=8,
        checkpoint_every=10,
    )
    return Spec.model_validate(made.model_dump() | changes)
