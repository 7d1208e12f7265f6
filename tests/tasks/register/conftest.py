"""Packages of made-up models."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.home import Home
from tasks.register.package import REGISTER, STANDARDS, RegisterConfig
from tasks.store.artifacts import Store
from tasks.store.step import Frozen, Stats, Step
from tests.tasks.models.byte_level import write_tokenizer

CONFIG = RegisterConfig(name="demo", base=STANDARDS["base"](task="text", baseline="ngram", margin=0.05))
NOISE = np.random.default_rng(0).normal(0, 0.01, 40)


LLAMA = {"model_type": "llama", "vocab_size": 512, "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1}
LLAMA |= {"num_attention_heads": 2, "max_position_embeddings": 16}


class Given(Frozen):
    """What a made-up training and its evaluation give."""

    loss: float
    items: str = "a"
    seed: int = 0  # each lowers the loss by a tenth


def made_up_weights(config: Given, inputs, out: Path) -> Stats:
    (out / "weights").mkdir()
    (out / "weights" / "config.json").write_text(json.dumps(LLAMA))
    (out / "weights" / "model.safetensors").write_bytes(repr(config).encode())
    write_tokenizer(out / "weights")
    return Stats()


def made_up_scores(config: Given, inputs, out: Path) -> Stats:
    write_scores(out, config.loss - 0.1 * config.seed, config.items)
    return Stats()


def write_scores(out: Path, loss: float, items: str) -> None:
    own, ngram = loss + NOISE, np.full(40, 2.0)
    columns = {
        "model": ["base"] * 40 + ["ngram"] * 40,
        "task": ["text"] * 80,
        "item_id": [f"{items}/{i}" for i in range(40)] * 2,
        "score": np.concatenate([own, ngram]),
        "contaminated": pa.array([None] * 80, pa.bool_()),
        "weight": np.ones(80),
    }
    pq.write_table(pa.table(columns), out / "scores.parquet")
    summary = {"text": {"value": float(own.mean()), "low": 0.9, "high": 1.1, "items": 40, "better": "lower"}}
    (out / "summary.json").write_text(json.dumps(summary))


TRAIN = Step("train", 1, Given, made_up_weights)
SCORE = Step("score", 1, Given, made_up_scores)


@pytest.fixture
def make_package(home: Home) -> Callable[..., Path]:
    """`make_package(loss)`: the package of a base model with that loss on its items."""
    store = Store(home.store)

    def package(loss: float, items: str = "a", name: str = "demo", seed: int = 0) -> Path:
        given = Given(loss=loss, items=items, seed=seed)
        inputs = {"base": store.complete(TRAIN, given, {}), "scores_base": store.complete(SCORE, given, {})}
        return store.complete(REGISTER, CONFIG.model_copy(update={"name": name}), inputs).path

    return package
