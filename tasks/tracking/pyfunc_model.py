"""The model that MLflow serves, as a script that is stored with it (models from code): no pickle, nothing of this repo
on the path but the package `model`, which is stored beside it.

A DataFrame with the column `prompt` gives one with `text`; for a classifier `text` gives `label` and a probability for
each class. Params: max_tokens, temperature, seed.
"""

from pathlib import Path

import pandas as pd
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel


class Triptych(PythonModel):
    """Loads what lies in `weights`: a classifier where there are classes, else a writer."""

    def load_context(self, context):
        from tokenizers import Tokenizer

        folder = Path(context.artifacts["weights"])
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        tokenizer.encode_special_tokens = True  # "<|end|>" in a prompt is text: nobody can open or close a turn
        role = context.model_config["role"]
        if role == "classify":
            self.answer = LabelModel(folder, tokenizer)
        else:
            self.answer = Writer(folder, tokenizer, role, context.model_config["separator"])

    def predict(self, context, model_input: pd.DataFrame, params: dict | None = None):
        return self.answer(model_input, **(params or {}))


class Writer:
    """Continues a prompt; one that was taught to follow instructions answers it as an assistant."""

    def __init__(self, folder, tokenizer, role, separator):
        from model.hub import load

        self.decoder, self.tokenizer, self.role, self.separator = load(folder), tokenizer, role, separator
        self.ends = {separator, *self.decoder.special_ids.end}
        tokens = tokenizer.get_vocab(with_added_tokens=True).values()
        self.never = set(range(self.decoder.shape.vocabulary)) - set(tokens)

    def __call__(self, rows, max_tokens=64, temperature=0.8, seed=0):
        texts = [self.write(prompt, max_tokens, temperature, seed + n) for n, prompt in enumerate(rows["prompt"])]
        return pd.DataFrame({"text": texts})

    def write(self, prompt, max_tokens, temperature, seed):
        from model.generate import generate

        ids, stop = self.ask(prompt)
        made = generate(self.decoder, ids, max_tokens, temperature, seed=seed, stop=stop, never=self.never)
        return self.tokenizer.decode([token for token in made if token not in stop])

    def ask(self, prompt):
        from model.chat import Turn, markup, prompt_ids

        def encode(text):
            return self.tokenizer.encode(text).ids

        if self.role == "base":
            return [self.separator, *encode(prompt)], self.ends
        names = {token.content: id for id, token in self.tokenizer.get_added_tokens_decoder().items()}
        marks = markup(names, encode)
        return prompt_ids([Turn("user", prompt)], marks, encode), {*marks.ends, *self.ends}


class LabelModel:
    """The most likely class of a text, and the probability of each."""

    def __init__(self, folder, tokenizer):
        from model.head import load

        self.model, self.tokenizer = load(folder).eval(), tokenizer

    def __call__(self, rows):
        chances = [self.chances(text) for text in rows["text"]]
        table = pd.DataFrame(chances, columns=list(self.model.labels), index=rows.index)
        return table.add_prefix("probability_").assign(label=table.idxmax(axis=1))

    def chances(self, text):
        import torch

        context = self.model.decoder.shape.context
        ids = self.tokenizer.encode(text).ids[:context] or [self.tokenizer.token_to_id("<|endoftext|>")]
        with torch.inference_mode():
            logits_bc = self.model(torch.tensor([ids]), torch.tensor([len(ids)]))
        return logits_bc.float().softmax(-1)[0].tolist()


set_model(Triptych())
