"""Which tokens of a tokenizer are special, by its own flags, by the configs beside it, and by the chat template."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from model.hub_config import WeightsError
from model.hub_files import read_json

CONFIG, SPECIALS_MAP = "tokenizer_config.json", "special_tokens_map.json"
ROLES = ("bos_token", "eos_token", "pad_token", "unk_token", "sep_token", "cls_token", "mask_token")
THOUGHTS = ("<think>", "</think>")  # which an answer may hold, though templates write them
AddedTokens = list[dict[str, Any]]
FLAGS = ("single_word", "lstrip", "rstrip", "normalized", "special")


def token_roles(folder: Path) -> dict[str, str]:
    """Role → the token that the configs give it, such as bos_token → <s>."""
    roles = dict[str, str]()
    for name in (SPECIALS_MAP, CONFIG):
        read = read_config(folder / name)
        for role in ROLES:
            token = read.get(role)
            content = cast("dict[str, Any]", token).get("content") if isinstance(token, dict) else token
            if isinstance(content, str) and content:
                roles[role] = content
    return roles


def read_config(file: Path) -> dict[str, Any]:
    """What it holds; nothing where there is no such file."""
    return read_json(file) if file.is_file() else {}


def added_tokens(described: Mapping[str, Any], roles: Mapping[str, str], folder: Path) -> AddedTokens:
    """The added tokens of a tokenizer.json, those that its configs name too, each with whether it is special.

    A special token is one that is flagged so, or has a role, or marks turns in the chat template, or swallows the white
    space around it.
    """
    vocab: dict[str, int] = described["model"]["vocab"]
    by_name: dict[str, dict[str, Any]] = {token["content"]: token for token in described["added_tokens"]}
    stated: dict[str, Any] = read_config(folder / CONFIG).get("added_tokens_decoder") or {}
    for id, token in sorted(stated.items(), key=lambda each: int(each[0])):
        flags = {name: token.get(name, False) for name in FLAGS}
        by_name[token["content"]] = {"id": int(id), "content": token["content"], **flags}
    for name in roles.values():
        if name not in by_name and name in vocab and name[0] in "<[":
            by_name[name] = {"id": vocab[name], "content": name, **dict.fromkeys(FLAGS, False), "special": True}
    marks = _turn_marks([*by_name], roles, folder)
    special = {*roles.values(), *marks}
    return [
        {**token, "special": name in special or _is_flagged(token)}
        for name, token in sorted(by_name.items(), key=lambda each: each[1]["id"])
    ]


def check_ids(added: AddedTokens, ids: Mapping[str, int], own: AddedTokens, file: Path) -> None:
    """WeightsError where a token that is none of the tokenizer's own gets another id than its config states."""
    known = {token["content"] for token in own}
    for token in added:
        if token["content"] not in known and ids.get(token["content"]) != token["id"]:
            what = f"{file}: {token['content']!r} has the id {ids.get(token['content'])}, and {token['id']} is stated"
            raise WeightsError(what, "take the tokenizer.json that belongs to this tokenizer_config.json")


def _is_flagged(token: Mapping[str, Any]) -> bool:
    return bool(token["content"]) and any(token.get(flag) for flag in ("special", "lstrip", "rstrip"))


def _turn_marks(added: Sequence[str], roles: Mapping[str, str], folder: Path) -> set[str]:
    """Those of the added tokens that the template, the folder's or the one for them, writes around a user's turn."""
    from model.chat import ChatTemplateError, Turn
    from model.chat_template import ChatTemplate, template_of

    try:
        template = ChatTemplate(template_of(folder, added), roles)
        text = template.text([Turn("user", "")], add_generation_prompt=True)
    except (ChatTemplateError, KeyError):
        return set()
    return {token for token in added if token in text and token.strip() and token not in THOUGHTS}
