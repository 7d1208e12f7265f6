"""Documents of two eras, a tokenizer of them, and how a tiny model is tuned on them."""

import json
import random
from pathlib import Path

from tasks.finetune.methods.classify import ClassifyConfig
from tasks.finetune.methods.instruct import InstructConfig
from tasks.finetune.templates import Template
from tasks.models.vocabulary import SPECIALS, pre_tokenizer

CONTEXT = 48
ERAS = {"old": "whale sail harbour oar mast", "new": "engine wire signal rail lamp"}
QUICK = {"batch": 16, "steps": 40, "learning_rate": 5e-3, "eval_every": 20, "threads": 1, "dtype": "float32"}
LABELS = ClassifyConfig.model_validate({**QUICK, "label": "era"})
WHEN = Template(kind="when", prompt="When was this?\n{text}", response="{era}")
ANSWERS = InstructConfig.model_validate({**QUICK, "steps": 150, "templates": [WHEN]})


def document(number: int) -> dict[str, str | int]:
    choice = random.Random(number)
    era = ("old", "new")[number % 2]
    text = f"The {' and the '.join(choice.choices(ERAS[era].split(), k=4))}."
    split = "validation" if number % 10 in (4, 5) else "test" if number % 10 in (6, 7) else "train"
    whence = {"source": "s", "origin": f"o{number}", "metadata": json.dumps({"era": era})}
    return {"doc_id": f"s/{number}", "text": text, "split": split, "bytes": len(text), **whence}


def save_tokenizer(texts: list[str], folder: Path) -> None:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizer("gpt2")
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=400, special_tokens=list(SPECIALS), initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.save(str(folder / "tokenizer.json"))
