"""Whether a model answers in turns: its folder holds a chat template, in the place where transformers reads it too."""

from pathlib import Path

from model.chat import IM_END, IM_START
from tasks.models.vocabulary import ASSISTANT, END, Vocabulary, read_object

FILE = "chat_template.jinja"
_CHECK_ROLE = (
    "{%- if message['role'] not in ['system', 'user', 'assistant'] -%}"
    "{{ raise_exception('a role is system, user or assistant, not ' + message['role']) }}"
    "{%- endif -%}"
)
TURNS = (
    "{%- for message in messages -%}"
    + _CHECK_ROLE
    + f"{{{{ '<|' + message['role'] + '|>' + message['content'] + '{END}' }}}}"
    + "{%- endfor -%}"
    + f"{{%- if add_generation_prompt -%}}{{{{ '{ASSISTANT}' }}}}{{%- endif -%}}"
)
CHATML = (
    "{%- for message in messages -%}"
    + _CHECK_ROLE
    + f"{{{{ '{IM_START}' + message['role'] + '\\n' + message['content'] + '{IM_END}\\n' }}}}"
    + "{%- endfor -%}"
    + f"{{%- if add_generation_prompt -%}}{{{{ '{IM_START}assistant\\n' }}}}{{%- endif -%}}"
)


def answers_in_turns(weights: Path) -> bool:
    """Whether the model in that folder was trained to answer; any other continues a text."""
    config = weights / "tokenizer_config.json"
    return (weights / FILE).is_file() or bool(read_object(config).get("chat_template"))


def write_chat_template(weights: Path) -> None:
    """Marks the model in that folder as one that answers: its template, where it has none, gives the trained turns."""
    if not answers_in_turns(weights):
        is_chatml = {IM_START, IM_END} <= Vocabulary(weights).specials.keys()
        (weights / FILE).write_text((CHATML if is_chatml else TURNS) + "\n", encoding="utf-8")
