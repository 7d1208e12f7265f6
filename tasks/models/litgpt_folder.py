"""A folder as LitGPT keeps a model: lit_model.pth, model_config.yaml, the tokenizer, and how it is asked."""

from pathlib import Path

from model.litgpt_settings import LIT_MODEL
from tasks.models.chat_template import answers_in_turns
from tasks.progress import say

LIT_LORA = f"{LIT_MODEL}.lora"  # before `litgpt merge_lora`
PROMPT_STYLE, PLAIN = "prompt_style.yaml", "Default"  # the style that adds nothing to a prompt


def is_litgpt(model: Path) -> bool:
    """Whether LitGPT's files are what is read there: beside safetensors they are not."""
    return (model / LIT_MODEL).is_file() and not any(model.glob("*.safetensors"))


def report_prompt_style(folder: Path) -> None:
    """Says so where LitGPT asks the model in a way that nothing else in the folder states: it is then continued."""
    style = _prompt_style(folder)
    if style not in ("", PLAIN) and not answers_in_turns(folder):
        say(
            f"{folder}: LitGPT asks this model in the style {style}, and its tokenizer has no chat template: here it "
            "continues texts; a chat_template.jinja beside it says how it is asked"
        )


def _prompt_style(folder: Path) -> str:
    """The name of LitGPT's class of prompts; "" where none is stated."""
    import yaml

    try:
        content = yaml.safe_load((folder / PROMPT_STYLE).read_text(encoding="utf-8"))
    except (yaml.YAMLError, ValueError, RecursionError, OSError):
        return ""
    stated = content.get("class_path") if isinstance(content, dict) else None
    return str(stated or "").rpartition(".")[2]
