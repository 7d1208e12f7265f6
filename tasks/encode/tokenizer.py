"""A byte-level BPE tokenizer, trained on the train split of named partitions and saved as transformers reads it.

No seed: the merges are a function of the text's word counts, ties go to the lower ids, threads change nothing.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from tasks.errors import UserError
from tasks.models.pretrained import PretrainedModel, copy_tokenizer
from tasks.models.vocabulary import ASSISTANT, END, END_OF_TEXT, PAD, SPECIALS, SYSTEM, USER, pre_tokenizer
from tasks.progress import progress
from tasks.store.step import NOT_IN_KEY, Frozen, Inputs, Stats, Step

_LONGEST_PIECE = 1000  # characters: one word of a megabyte would make every merge walk through all of it
_LONG_RUN = re.compile(rf"\S{{{_LONGEST_PIECE}}}|\s{{{_LONGEST_PIECE}}}")


class TokenizerConfig(Frozen):
    """How many tokens, split how; or a given model's tokenizer, whose weights are then gone on from."""

    vocabulary: Annotated[int, Field(ge=512, le=1 << 20)] = 8192  # tokens, specials included
    pattern: Literal["gpt2", "llama3", "qwen2"] = "gpt2"  # the pre-split, by the name llama.cpp knows it by
    batch: Annotated[int, NOT_IN_KEY] = 1000  # documents read at a time
    init_from: PretrainedModel = None  # a model whose tokenizer is taken as it is
    init_sha256: str | None = None  # its content, filled in when the recipe is resolved


def tokenizer(config: TokenizerConfig, inputs: Inputs, out: Path) -> Stats:
    """Trains on the train split; leaves tokenizer.json, tokenizer_config.json and special_tokens_map.json."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    if config.init_from:
        copy_tokenizer(config.init_from, out)
        given = Tokenizer.from_file(str(out / "tokenizer.json"))
        return Stats(metrics={"vocabulary": float(given.get_vocab_size())})
    partitions = inputs.partitions("texts")
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizer(config.pattern)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=config.vocabulary,
        min_frequency=2,  # what occurs once is not worth an id
        special_tokens=list(SPECIALS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),  # all 256 bytes: no text is unknown
        show_progress=False,
    )
    counts = {"documents": 0, "bytes": 0}
    paths = [folder / "texts.parquet" for folder in partitions.values()]
    bpe.train_from_iterator(_train_texts(paths, config, counts), trainer)
    if not counts["bytes"]:
        raise UserError(
            "no text in the train split to train a tokenizer on", "keep more documents (triptych sql drop_reasons)"
        )
    _save(bpe, out)
    return _stats(config, bpe.get_vocab_size(), counts)


def _train_texts(paths: list[Path], config: TokenizerConfig, counts: dict[str, int]) -> Iterator[str]:
    from pyarrow.parquet import ParquetFile

    total = sum(ParquetFile(path).metadata.num_rows for path in paths)
    with progress("tokenizer", total, "documents") as advance:
        for path in paths:
            for batch in ParquetFile(path).iter_batches(config.batch, columns=["split", "text"]):
                advance(batch.num_rows)
                splits, texts = batch["split"].to_pylist(), batch["text"].to_pylist()
                for text in (text for split, text in zip(splits, texts, strict=True) if split == "train"):
                    counts["documents"] += 1
                    counts["bytes"] += len(text.encode())
                    yield from _pieces(text)


def _pieces(text: str) -> Iterator[str]:
    if _LONG_RUN.search(text) is None:
        yield text
    else:
        yield from (text[at : at + _LONGEST_PIECE] for at in range(0, len(text), _LONGEST_PIECE))


def _save(bpe: Any, out: Path) -> None:
    """The three files, with bytes that depend on the merges only."""
    named = {"bos_token": END_OF_TEXT, "eos_token": END_OF_TEXT, "pad_token": PAD}
    described = named | {
        "tokenizer_class": "PreTrainedTokenizerFast",  # the one name that transformers 4 and 5 both know
        "model_input_names": ["input_ids", "attention_mask"],
        "additional_special_tokens": [USER, ASSISTANT, SYSTEM, END],
        "add_prefix_space": False,
        "clean_up_tokenization_spaces": False,
    }
    bpe.save(str(out / "tokenizer.json"), pretty=True)
    for name, value in {"tokenizer_config.json": described, "special_tokens_map.json": named}.items():
        (out / name).write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")


def _stats(config: TokenizerConfig, reached: int, counts: dict[str, int]) -> Stats:
    metrics = {
        "vocabulary": float(reached),
        "train_documents": float(counts["documents"]),
        "train_bytes": float(counts["bytes"]),
    }
    if reached == config.vocabulary:
        return Stats(metrics=metrics)
    note = f"{reached:,} tokens in place of {config.vocabulary:,}: no other pair of tokens occurs twice in the corpus"
    return Stats(metrics=metrics, notes=(note,))


TOKENIZER = Step(
    "tokenizer",
    1,
    TokenizerConfig,
    tokenizer,
    libraries=("tokenizers",),
)
