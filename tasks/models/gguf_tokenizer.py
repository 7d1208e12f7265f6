"""The tokenizer inside a GGUF file, written as the folder that `tokenizers` and transformers read."""

import json
from pathlib import Path
from typing import Any

from tasks.errors import UserError
from tasks.models.damage import reading
from tasks.models.vocabulary import pre_tokenizer

SPECIAL = (3, 4)  # token types of llama.cpp: control, user-defined
PRE_SPLIT_NAMES = {"smollm": "", "gpt-2": "gpt2", "llama-bpe": "llama3", "qwen2": "qwen2"}  # ours by llama.cpp's
KINDS = {"bos_token": "bos", "eos_token": "eos", "pad_token": "padding", "unk_token": "unknown"}


def save_tokenizer(file: Path, out: Path) -> None:
    """tokenizer.json, tokenizer_config.json and special_tokens_map.json of a byte-level BPE."""
    with reading(file, "not a GGUF file with a tokenizer that can be read"):
        _save_tokenizer(file, out)


def _save_tokenizer(file: Path, out: Path) -> None:
    from tokenizers import AddedToken, Tokenizer, decoders, models

    from model.gguf_header import open_gguf

    fields = {name: field for name, field in open_gguf(file).fields.items() if name.startswith("tokenizer.")}
    kind = fields["tokenizer.ggml.model"].contents()
    if kind != "gpt2":
        raise UserError(
            f"{file}: its tokenizer is of the kind {kind!r}; byte-level BPE (gpt2) is read", "another model"
        )
    tokens, merges = (fields[f"tokenizer.ggml.{name}"].contents() for name in ("tokens", "merges"))
    types = fields["tokenizer.ggml.token_type"].contents()
    pairs = [tuple(merge.split(" ")) for merge in merges]
    bpe = Tokenizer(models.BPE(vocab={token: id for id, token in enumerate(tokens)}, merges=pairs))
    bpe.pre_tokenizer = _pre_tokenizer(fields["tokenizer.ggml.pre"].contents(), file)
    bpe.decoder = decoders.ByteLevel()
    special = [token for token, type_ in zip(tokens, types, strict=True) if type_ in SPECIAL]
    bpe.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in special])
    bpe.save(str(out / "tokenizer.json"), pretty=True)
    ids = {name: fields.get(f"tokenizer.ggml.{kind}_token_id") for name, kind in KINDS.items()}
    named = {name: tokens[field.contents()] for name, field in ids.items() if field is not None}
    described: dict[str, Any] = named | {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_input_names": ["input_ids", "attention_mask"],
        "clean_up_tokenization_spaces": False,
    }
    if "tokenizer.chat_template" in fields:
        described["chat_template"] = fields["tokenizer.chat_template"].contents()
    for name, value in {"tokenizer_config.json": described, "special_tokens_map.json": named}.items():
        (out / name).write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")


def _pre_tokenizer(name: str, file: Path) -> Any:
    """The pre-split that llama.cpp knows by this name."""
    if name not in PRE_SPLIT_NAMES:
        known = ", ".join(PRE_SPLIT_NAMES)
        raise UserError(f"{file}: its pre-split is {name!r}; known are {known}", "take another model of these")
    return named_pre_tokenizer(name)


def named_pre_tokenizer(name: str) -> Any:
    """The pre-tokenizer of one of PRE_SPLIT_NAMES."""
    from tokenizers import pre_tokenizers

    if name == "smollm":
        letters = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
        return pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), letters])
    return pre_tokenizer(PRE_SPLIT_NAMES[name])
