"""The folders an evaluation reads: a small curated corpus, its shards and tokenizer, and a model of seeded noise."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from tasks.encode.shards import EncodePart, encode
from tasks.encode.tokenizer import TokenizerConfig, tokenizer
from tasks.store.step import Inputs
from tests.tasks.encode.conftest import write_curated

WORDS = (
    *("the", "river", "committee", "horse", "winter", "letter", "answer", "garden"),
    *("seven", "yellow", "quiet", "market", "bridge", "early", "never", "always"),
)
SPLITS = ("train", "train", "train", "validation", "test")


def passage(number: int) -> str:
    words = [WORDS[(number * 7 + n * n + n * number) % len(WORDS)] for n in range(70)]
    return " ".join(words[:35]).capitalize() + ". " + " ".join(words[35:]).capitalize() + f" number {number}."


@dataclass(frozen=True)
class EarlierSteps:
    """The folders of the steps before evaluation."""

    texts: Path
    shards: Path
    tokenizer: Path
    model: Path

    def inputs(self, **others: Path) -> Inputs:
        parts = {"shards": {"0001": self.shards}, "texts": {"0001": self.texts}}
        return Inputs({"model": self.model, **parts, "tokenizer": self.tokenizer, **others})


@pytest.fixture(scope="session")
def earlier(tmp_path_factory: pytest.TempPathFactory) -> EarlierSteps:
    root = tmp_path_factory.mktemp("earlier")
    folders = EarlierSteps(*(root / name for name in ("texts", "shards", "tokenizer", "model")))
    for folder in (folders.shards, folders.tokenizer):
        folder.mkdir()
    pairs = [n // 2 for n in range(100)]  # two texts of each origin
    columns = {"doc_id": [f"notes/{n}.txt#0" for n in range(100)], "origin": [f"{n}.txt" for n in pairs]}
    write_curated(folders.texts, [passage(n) for n in range(100)], split=[SPLITS[n % 5] for n in pairs], **columns)
    tokenizer(TokenizerConfig(vocabulary=512), Inputs({"texts": {"0001": folders.texts}}), folders.tokenizer)
    encode(EncodePart(), Inputs({"texts": folders.texts, "tokenizer": folders.tokenizer}), folders.shards)
    write_model(folders.model / "weights", folders.tokenizer)
    return folders


def write_model(weights: Path, tokenizer_folder: Path, seed: int = 0) -> None:
    """Weights of seeded noise, large enough that logits differ."""
    import torch

    from model import hub
    from model.decoder import Decoder, initialise
    from model.family import Shape
    from tasks.models.vocabulary import Vocabulary

    shape = Shape(
        family="llama",
        vocabulary=Vocabulary(tokenizer_folder).size,
        context=96,
        depth=2,
        width=32,
        heads=2,
        kv_heads=1,
        head_width=16,
        ffn_width=64,
        tied=False,
    )
    decoder = initialise(Decoder(shape), seed)
    with torch.no_grad():
        for parameter in decoder.parameters():
            if parameter.dim() > 1:
                parameter.mul_(8.0)
    hub.save(decoder, weights)
    for file in tokenizer_folder.iterdir():
        shutil.copy(file, weights / file.name)
