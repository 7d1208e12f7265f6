"""A tokenizer's folder as the metadata of a GGUF file: tokens, their types, merges or scores, and the special ids."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from model.chat import ChatTemplateError, Turn
from model.chat_template import read_template
from tasks.errors import UserError
from tasks.models.chat_template import answers_in_turns
from tasks.models.gguf_pre_splits import LLAMA_CPP_PRE_SPLITS, name_of
from tasks.models.gguf_tokenizer import CONTROL, KINDS, NORMAL, UNKNOWN, UNUSED, USER_DEFINED
from tasks.models.vocabulary import Vocabulary, read_object

BYTE = 6  # the type of a token that stands for a byte, of llama.cpp's types


def vocabulary_metadata(folder: Path, rows: int, ends: tuple[int, ...]) -> dict[str, Any]:
    """`rows` are the embedding's: those without a token become unused ones. `ends` end a text or an answer."""
    described, vocabulary = read_object(folder / "tokenizer.json"), Vocabulary(folder)
    model = described["model"]
    tokens = [f"[PAD{id}]" for id in range(rows)]
    types = [UNUSED] * rows
    for token, id in model["vocab"].items():
        tokens[id], types[id] = token, _type(token, model)
    for added in described["added_tokens"]:
        tokens[added["id"]] = added["content"]
        types[added["id"]] = CONTROL if added["content"] in vocabulary.specials else USER_DEFINED
    prompt = _chat_prompt(folder, vocabulary)
    named = (
        _sentencepiece(described, tokens, bool(prompt))
        if model.get("byte_fallback")
        else _byte_level(described, folder)
    )
    named |= {"tokens": tokens, "token_type": types} | _special_ids(folder, tokens, ends)
    begin = {"bos_token_id": vocabulary.bos[0]} if vocabulary.bos else {}
    begins = bool(vocabulary.bos) and (not prompt or prompt[0] == vocabulary.bos[0])  # llama.cpp adds it to turns too
    named |= {"add_bos_token": begins, "add_eos_token": False, **begin}
    metadata = {f"tokenizer.ggml.{name}": value for name, value in named.items()}
    if template := read_template(folder):
        metadata["tokenizer.chat_template"] = template
    return metadata


def _chat_prompt(folder: Path, vocabulary: Vocabulary) -> list[int]:
    """The ids of a question by the model's template; none where it continues texts, or its turns cannot be marked."""
    if not answers_in_turns(folder):
        return []
    try:
        return vocabulary.markup().prompt_ids([Turn("user", "a")])
    except ChatTemplateError:
        return []


def _type(token: str, model: Mapping[str, Any]) -> int:
    if token == model.get("unk_token"):
        return UNKNOWN
    return BYTE if model.get("byte_fallback") and len(token) == 6 and token.startswith("<0x") else NORMAL


def _byte_level(described: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    if not described["model"]["merges"]:
        what = f"{folder}: its tokenizer merges nothing, and llama.cpp opens no vocabulary without merges"
        raise UserError(what, "export it as hf")
    from tokenizers import Tokenizer

    model, splits = described["model"], Tokenizer.from_file(str(folder / "tokenizer.json")).pre_tokenizer
    name = name_of(splits, bool(model.get("ignore_merges")))
    if name is None:
        what = f"{folder}: llama.cpp has no name for the way in which its tokenizer splits texts before merging"
        raise UserError(what, f"export it as hf; known are {', '.join(LLAMA_CPP_PRE_SPLITS)}")
    merges = [merge if isinstance(merge, str) else " ".join(merge) for merge in model["merges"]]
    return {"model": "gpt2", "pre": name, "merges": merges}


def _sentencepiece(described: Mapping[str, Any], tokens: list[str], is_chat: bool) -> dict[str, Any]:
    """llama.cpp merges the pair whose token has the highest score: less the place of the merge that makes it.

    It puts a space after special tokens wherever it puts one before a text. Of a tokenizer that does the second alone,
    a chat model's file has neither, so that turns are right.
    """
    place = dict[str, int]()
    for number, merge in enumerate(described["model"]["merges"]):
        made = "".join(merge.split(" ") if isinstance(merge, str) else merge)
        place.setdefault(made, number)
    scores = [-float(place.get(token, len(place))) for token in tokens]
    is_prefixed = any(part.get("type") == "Prepend" for part in _parts(described.get("normalizer"))) or any(
        part.get("type") == "Metaspace" and part.get("prepend_scheme") not in ("never", *["first"] * is_chat)
        for part in _parts(described.get("pre_tokenizer"))
    )
    return {"model": "llama", "pre": "default", "scores": scores, "add_space_prefix": is_prefixed}


def _parts(described: Mapping[str, Any] | None) -> Iterator[Mapping[str, Any]]:
    if described is None:
        return
    inner = described.get("normalizers") or described.get("pretokenizers")
    yield from inner or [described]


def _special_ids(folder: Path, tokens: list[str], ends: tuple[int, ...]) -> dict[str, Any]:
    """The first of `ends` is llama.cpp's eos, another one its eot: each ends what it writes."""
    configs = [read_object(folder / name) for name in ("tokenizer_config.json", "special_tokens_map.json")]
    ids = dict[str, Any]()
    for role, name in KINDS.items():
        stated = [token.get("content") if isinstance(token := c.get(role), dict) else c.get(role) for c in configs]
        if (token := next((t for t in stated if t in tokens), None)) is not None:
            ids[f"{name}_token_id"] = tokens.index(token)
    if ends:
        ids["eos_token_id"] = ends[0]
    if len(ends) > 1:
        ids["eot_token_id"] = ends[1]
    return ids
