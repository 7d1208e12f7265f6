"""Markdown: what stands between dashes at its head is YAML about the text (front matter), and becomes metadata."""

import json
import re
import tomllib
from collections.abc import Mapping
from typing import Any

import yaml

from tasks.ingest.read.encodings import Decoded
from tasks.ingest.read.plain import TextFiles

FRONT_MATTER = re.compile(
    r"---[ \t]*\r?\n(?P<yaml>.{0,65536}?)\r?\n(?:---|\.\.\.)[ \t]*(?:\r?\n|$)"
    r"|\+\+\+[ \t]*\r?\n(?P<toml>.{0,65536}?)\r?\n\+\+\+[ \t]*(?:\r?\n|$)",
    re.DOTALL,
)
PLAIN_VALUES = {  # that are no text (YAML 1.2, core schema), where a number's only spelling is the one that it has
    "bool": r"(?:true|True|TRUE|false|False|FALSE)$",
    "null": r"(?:~|null|Null|NULL|)$",
    "int": r"(?:0|-?[1-9]\d{0,17})$",
    "float": r"-?(?:0|[1-9]\d{0,9})\.(?:0|\d{0,4}[1-9])$",
}
UNREAD = "front matter that is no table of YAML or TOML is left in the text"


class MarkdownFiles(TextFiles):
    """As text; the keys of its front matter are the document's metadata."""

    name = "📄 Markdown"

    def split(self, decoded: Decoded) -> tuple[dict[str, Any], str, Mapping[str, int]]:
        fields, body = split_front_matter(decoded.text)
        reserved = (*self.rules.text_fields, self.rules.id_field, "metadata")
        fields = {f"front_matter_{name}" if name in reserved else name: value for name, value in fields.items()}
        is_unread = not fields and FRONT_MATTER.match(decoded.text)
        return fields, body, dict(decoded.repairs) | ({UNREAD: 1} if is_unread else {})


def split_front_matter(text: str) -> tuple[dict[str, Any], str]:
    """Its keys with values as JSON has them, and the text after it; no keys and the whole text where there is none."""
    match = FRONT_MATTER.match(text)
    if match is None:
        return {}, text
    try:
        content = tomllib.loads(match["toml"]) if match["toml"] else yaml.load(match["yaml"] or "", _FrontMatterLoader)
    except (yaml.YAMLError, ValueError, RecursionError):
        return {}, text
    if not isinstance(content, dict):
        return {}, text
    return json.loads(json.dumps({str(name): value for name, value in content.items()}, default=str)), text[
        match.end() :
    ]


class _FrontMatterLoader(yaml.SafeLoader):
    """Values as they are spelled: YAML 1.1 makes 668 of 01234, 45045 of 12:30:45, and True of the key `on`.

    An alias repeats what it names: a few lines would become gigabytes.
    """

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012  # those below alone

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("aliases are not read")
        return super().compose_node(parent, index)


for _tag, _pattern in PLAIN_VALUES.items():
    _FrontMatterLoader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(_pattern), None)
