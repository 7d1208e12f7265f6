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
        folder = Path(context.artifacts["weights"])
        role, separator = context.model_config["role"], context.model_config["separator"]
        self.answer = LabelModel(folder) if role == "classify" else Writer(folder, role, separator)

    def predict(self, context, model_input: pd.DataFrame, params: dict | None = None):
        return self.answer(model_input, **(params or {}))


class Writer:
    """Continues a prompt; one that was taught to follow instructions answers it as an assistant."""

    def __init__(self, folder, role, separator):
        from model.codec import Codec
        from model.hub import load

        self.folder, self.decoder, self.codec, self.role = folder, load(folder), Codec(folder), role
        self.begins, self.ends = self.codec.bos or (separator,), {separator, *self.decoder.special_ids.end}
        self.never = set(range(self.decoder.shape.vocabulary)) - set(self.codec.ids.values())

    def __call__(self, rows, max_tokens=64, temperature=0.8, seed=0):
        texts = [self.write(prompt, max_tokens, temperature, seed + n) for n, prompt in enumerate(rows["prompt"])]
        return pd.DataFrame({"text": texts})

    def write(self, prompt, max_tokens, temperature, seed):
        from model.generate import generate

        ids, stop = self.ask(prompt)
        made = generate(self.decoder, ids, max_tokens, temperature, seed=seed, stop=stop, never=self.never)
        answer = [token for token in made if token not in stop]
        return self.codec.decode(answer, continues=self.role == "base").decode(errors="replace")

    def ask(self, prompt):
        from datetime import date

        from model.chat import Markup, Turn
        from model.chat_template import ChatTemplate, template_of

        if self.role == "base":
            return [*self.begins, *self.codec.encode([prompt])[0]], self.ends
        codec = self.codec
        template = ChatTemplate(template_of(self.folder, codec.specials), codec.roles, date.today)
        markup = Markup(template, codec.specials, codec.encode_section, codec.strips)
        return markup.prompt_ids([Turn("user", prompt)]), {*markup.ends, *self.ends}


class LabelModel:
    """The most likely class of a text, and the probability of each."""

    def __init__(self, folder):
        from model.text_classifier import load_classifier

        self.classifier = load_classifier(folder)

    def __call__(self, rows):
        chances = self.classifier.probabilities(rows["text"].tolist())
        table = pd.DataFrame(chances, columns=list(self.classifier.labels), index=rows.index)
        return table.add_prefix("probability_").assign(label=table.idxmax(axis=1))


set_model(Triptych())
