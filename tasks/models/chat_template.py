"""Whether a model answers in turns: its folder holds a chat template, in the place where transformers reads it too."""

from pathlib import Path

from tasks.models.damage import reading
from tasks.models.vocabulary import Vocabulary


def answers_in_turns(weights: Path) -> bool:
    """Whether the model in that folder was trained to answer; any other continues a text."""
    from model.chat_template import read_template

    with reading(weights / "tokenizer_config.json", "its chat template cannot be read"):
        return read_template(weights) is not None


def write_chat_template(weights: Path) -> None:
    """Marks the model in that folder as one that answers: its template, where it has none, gives the trained turns."""
    from model.chat_template import TEMPLATE_FILE, template_of

    if not answers_in_turns(weights):
        source = template_of(weights, Vocabulary(weights).specials)
        (weights / TEMPLATE_FILE).write_text(source + "\n", encoding="utf-8")
