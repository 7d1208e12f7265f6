"""The tokenizer inside a GGUF file, written as the folder that `tokenizers` and transformers read.

gpt2     byte-level BPE: tokens, merges, and the name of a pre-split
llama    SentencePiece's BPE: tokens and scores. The pair whose token has the highest score is merged first, so a merge
         for every way to cut a token in two, in the order of the scores, gives the same ids.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.errors import UserError
from tasks.models.damage import reading
from tasks.models.gguf_pre_splits import LLAMA_CPP_PRE_SPLITS, build_pre_tokenizer

if TYPE_CHECKING:
    from tokenizers import Tokenizer

NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED = 1, 2, 3, 4, 5  # token types of llama.cpp
ADDED = (UNKNOWN, CONTROL, USER_DEFINED)
KINDS = {"bos_token": "bos", "eos_token": "eos", "pad_token": "padding", "unk_token": "unknown"}
SENTENCEPIECE_IDS = {"unknown_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}  # where a file of `llama` names none
READ = "gpt2 (byte-level BPE) and llama (SentencePiece's BPE)"


def save_tokenizer(file: Path, out: Path) -> None:
    """tokenizer.json, tokenizer_config.json and special_tokens_map.json."""
    with reading(file, "not a GGUF file with a tokenizer that can be read"):
        _save_tokenizer(file, out)


def _save_tokenizer(file: Path, out: Path) -> None:
    from tokenizers import AddedToken

    from model.gguf_header import open_gguf

    fields = {name: value for name, value in open_gguf(file).fields.items() if name.startswith("tokenizer.")}
    stated: dict[str, Any] = {name.removeprefix("tokenizer.ggml."): value for name, value in fields.items()}
    kind, tokens = stated["model"], stated["tokens"]
    if kind not in ("gpt2", "llama"):
        raise UserError(f"{file}: its tokenizer is of the kind {kind!r}; read are {READ}", "take another model")
    if kind == "llama":
        stated = SENTENCEPIECE_IDS | stated
    tokenizer, begins = _sentencepiece(stated) if kind == "llama" else _byte_level(stated, file)
    types = stated["token_type"]
    added = [(token, type_) for token, type_ in zip(tokens, types, strict=True) if type_ in ADDED and token]
    tokenizer.add_tokens([AddedToken(token, special=type_ != USER_DEFINED, normalized=False) for token, type_ in added])
    tokenizer.save(str(out / "tokenizer.json"), pretty=True)
    named = {name: tokens[stated[f"{kind}_token_id"]] for name, kind in KINDS.items() if f"{kind}_token_id" in stated}
    described: dict[str, Any] = named | {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_input_names": ["input_ids", "attention_mask"],
        "clean_up_tokenization_spaces": False,
        "add_bos_token": bool(stated.get("add_bos_token", begins)) and "bos_token" in named,
    }
    if "tokenizer.chat_template" in stated:
        described["chat_template"] = stated["tokenizer.chat_template"]
    for name, value in {"tokenizer_config.json": described, "special_tokens_map.json": named}.items():
        (out / name).write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")


def _byte_level(stated: Mapping[str, Any], file: Path) -> tuple["Tokenizer", bool]:
    """The tokenizer, and whether it puts bos before a text unless the file says otherwise."""
    from tokenizers import Tokenizer, decoders, models

    name = stated.get("pre", "default")
    if name not in LLAMA_CPP_PRE_SPLITS:
        known = ", ".join(LLAMA_CPP_PRE_SPLITS)
        raise UserError(f"{file}: its pre-split is {name!r}; known are {known}", "take another model of these")
    pre_split = LLAMA_CPP_PRE_SPLITS[name]
    merges = [tuple(merge.split(" ")) for merge in stated["merges"]]
    tokenizer = Tokenizer(models.BPE(_ids(stated), merges, ignore_merges=pre_split.ignores_merges))
    tokenizer.pre_tokenizer = build_pre_tokenizer(pre_split)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer, pre_split.begins


def _sentencepiece(stated: Mapping[str, Any]) -> tuple["Tokenizer", bool]:
    from tokenizers import Tokenizer, decoders, models, normalizers

    tokens = stated["tokens"]
    vocab, unknown = _ids(stated), tokens[stated["unknown_token_id"]]
    scores = {
        token: score
        for token, score, type_ in zip(tokens, stated["scores"], stated["token_type"], strict=True)
        if type_ == NORMAL
    }
    tokenizer = Tokenizer(models.BPE(vocab, _merges(scores), unk_token=unknown, fuse_unk=True, byte_fallback=True))
    puts_space = bool(stated.get("add_space_prefix", True))
    space = [normalizers.Prepend("▁")] if puts_space else []
    tokenizer.normalizer = normalizers.Sequence([*space, normalizers.Replace(" ", "▁")])
    strip = [decoders.Strip(" ", 1, 0)] if puts_space else []
    spaces = decoders.Replace("▁", " ")
    tokenizer.decoder = decoders.Sequence([spaces, decoders.ByteFallback(), decoders.Fuse(), *strip])
    return tokenizer, True


def _ids(stated: Mapping[str, Any]) -> dict[str, int]:
    """Token → id, without those that stand for nothing: padding of the embedding, and what was kept for later use."""
    tokens = enumerate(zip(stated["tokens"], stated["token_type"], strict=True))
    return {token: id for id, (token, type_) in tokens if type_ != UNUSED}


def _merges(scores: Mapping[str, float]) -> list[tuple[str, str]]:
    """Every way to make a token of two others, those of the highest score first, and of the shortest left one."""
    ways = [
        (-score, cut, token[:cut], token[cut:])
        for token, score in scores.items()
        for cut in range(1, len(token))
        if token[:cut] in scores and token[cut:] in scores
    ]
    return [(left, right) for _, _, left, right in sorted(ways, key=lambda way: way[:2])]
