"""A model's chat template, rendered as transformers renders it: Jinja in a sandbox, which reads nothing but the turns.

What a template may call: `raise_exception(message)`, `strftime_now(format)`, the filter `tojson`, and the block
`generation`, which marks what an assistant wrote and changes nothing here.
"""

import datetime
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
from jinja2 import nodes
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser

from model.chat import ROLES, ChatTemplateError, Turn
from model.hub_files import read_json
from model.template_budget import LimitError, limited
from model.template_limits import LimitedEnvironment

TEMPLATE_FILE, TOKENIZER_CONFIG = "chat_template.jinja", "tokenizer_config.json"
END = "<|end|>"
IM_START, IM_END = "<|im_start|>", "<|im_end|>"
ROLES_SHOWN = 8  # in an error
TURN_CHARACTERS = 100  # that a turn counts for besides its text
TRAINING_DAY = datetime.date(2025, 1, 1)  # where a template writes the date: rows must not differ from day to day
_MISTAKES = (
    LookupError,
    TypeError,
    ValueError,
    ArithmeticError,
    AttributeError,
    RecursionError,
    MemoryError,
    SyntaxError,
)
FAILURES = (jinja2.TemplateError, *_MISTAKES)

_CHECK_ROLE = (
    "{%- if message['role'] not in ['system', 'user', 'assistant'] -%}"
    "{{ raise_exception('a role is system, user or assistant, not ' + message['role']) }}"
    "{%- endif -%}"
)
TURNS = (  # triptych's own
    "{%- for message in messages -%}"
    + _CHECK_ROLE
    + f"{{{{ '<|' + message['role'] + '|>' + message['content'] + '{END}' }}}}"
    + "{%- endfor -%}"
    + "{%- if add_generation_prompt -%}{{ '<|assistant|>' }}{%- endif -%}"
)
CHATML = (
    "{%- for message in messages -%}"
    + _CHECK_ROLE
    + f"{{{{ '{IM_START}' + message['role'] + '\\n' + message['content'] + '{IM_END}\\n' }}}}"
    + "{%- endfor -%}"
    + f"{{%- if add_generation_prompt -%}}{{{{ '{IM_START}assistant\\n' }}}}{{%- endif -%}}"
)
HEADERS = (  # of a base whose chat models are Llama 3's
    "{{- bos_token -}}{%- for message in messages -%}"
    + _CHECK_ROLE
    + "{{ '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n' + message['content'] + '<|eot_id|>' }}"
    + "{%- endfor -%}"
    + "{%- if add_generation_prompt -%}{{ '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{%- endif -%}"
)
STARTS = (  # of a base whose chat models are Gemma's: what the system says stands before what the user says first
    "{{- bos_token -}}{%- set system = namespace(text='') -%}{%- for message in messages -%}"
    + _CHECK_ROLE
    + "{%- if message['role'] == 'system' -%}{%- set system.text = system.text + message['content'] + '\\n\\n' -%}"
    + "{%- else -%}{{ '<start_of_turn>' + ('model' if message['role'] == 'assistant' else 'user') + '\\n' }}"
    + "{{- system.text + message['content'] + '<end_of_turn>\\n' }}{%- set system.text = '' -%}{%- endif -%}"
    + "{%- endfor -%}"
    + "{%- if add_generation_prompt -%}{{ '<start_of_turn>model\\n' }}{%- endif -%}"
)
TEMPLATES = (  # by the tokens that they need, the first whose tokens are all there
    ((IM_START, IM_END), CHATML),
    (("<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"), HEADERS),
    (("<start_of_turn>", "<end_of_turn>"), STARTS),
    ((*(f"<|{role}|>" for role in ROLES), END), TURNS),
)


class ChatTemplate:
    """A compiled template. `names` are the special tokens by role (`bos_token`, …) that it can write."""

    def __init__(self, source: str, names: Mapping[str, str], today: Callable[[], datetime.date] | None = None) -> None:
        """`today`: the date where the template writes one, by default always the same."""
        self.names, self.writes_date = dict(names), False
        self._today = today or (lambda: TRAINING_DAY)
        environment = LimitedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[_Generation, loopcontrols])
        environment.limit("tojson", _tojson)
        environment.globals |= {"raise_exception": _raise_exception, "strftime_now": self._strftime_now}
        try:
            with limited(len(source)):
                self._template = environment.from_string(source)
        except FAILURES as error:
            raise ChatTemplateError(f"its chat template is no Jinja that can be read ({error})") from error

    def text(self, turns: Sequence[Turn], add_generation_prompt: bool) -> str:
        """The conversation with its marks; ChatTemplateError with the template's reason where it refuses it."""
        messages = [{"role": turn.role, "content": turn.text} for turn in turns]
        given: dict[str, Any] = {"messages": messages, "add_generation_prompt": add_generation_prompt}
        try:
            with limited(sum(len(turn.text) + TURN_CHARACTERS for turn in turns)):
                return self._template.render(**given, tools=None, documents=None, **self.names)
        except LimitError as error:
            what = f"the model's chat template is stopped: {error}"
            raise ChatTemplateError(what, "trust no such model; or put a template of your own beside it") from error
        except FAILURES as error:
            roles = ", ".join([turn.role for turn in turns[:ROLES_SHOWN]] + ["…"] * (len(turns) > ROLES_SHOWN))
            what = f"the model's chat template refuses these turns ({roles}): {error}"
            raise ChatTemplateError(what, "give turns that this model was trained on") from error

    def _strftime_now(self, form: str) -> str:
        self.writes_date = True
        return self._today().strftime(form)


def template_of(folder: Path, tokens: Collection[str]) -> str:
    """The template in a model's folder, else the one for its added tokens; KeyError names one that it lacks."""
    stated = read_template(folder)
    if stated is not None:
        return stated
    missing = [next((name for name in needed if name not in tokens), None) for needed, _ in TEMPLATES]
    if None not in missing:
        raise KeyError(missing[-1])
    return TEMPLATES[missing.index(None)][1]


def read_template(folder: Path) -> str | None:
    """The template in a model's folder, where transformers reads it too; None where there is none."""
    file, config = folder / TEMPLATE_FILE, folder / TOKENIZER_CONFIG
    if file.is_file():
        return file.read_text(encoding="utf-8")
    stated = read_json(config).get("chat_template") if config.is_file() else None
    if isinstance(stated, list):  # several by name, of which the default one is for conversations
        named: dict[str, str] = {each["name"]: each["template"] for each in stated}
        stated = named.get("default")
    return stated if isinstance(stated, str) and stated else None


class _Generation(Extension):
    """`{% generation %}…{% endgeneration %}`: what is between them."""

    tags = {"generation"}  # noqa: RUF012 - as jinja2 declares it

    def parse(self, parser: Parser) -> list[nodes.Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


def _raise_exception(message: str) -> str:
    raise jinja2.TemplateError(message)


def _tojson(
    value: Any,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)
