"""Which class of transformers reads a tokenizer's folder: one that reads tokenizer.json whole.

transformers 5 builds its LlamaTokenizer from the tokens and merges alone. A normalizer that prepends the space, as the
tokenizer.json of Llama 2, TinyLlama and Mistral 7B v0.1 has, is not read: turns, and texts that begin with a space, get
other ids than they had in training.
"""

import json
from pathlib import Path

from tasks.models.vocabulary import read_object

GENERIC = "PreTrainedTokenizerFast"  # the one name that transformers 4 and 5 both know


def name_class_that_reads_all(folder: Path) -> None:
    """Names it in tokenizer_config.json where the class that is named there would leave the normalizer out."""
    config = folder / "tokenizer_config.json"
    described, normalizer = read_object(config), read_object(folder / "tokenizer.json").get("normalizer")
    if described.get("tokenizer_class") != GENERIC and '"Prepend"' in json.dumps(normalizer):
        config.write_text(json.dumps(described | {"tokenizer_class": GENERIC}, indent=2) + "\n", encoding="utf-8")
