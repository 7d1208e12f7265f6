"""The model card: what the model is, how well it does beside its baselines, and what it is not for."""

from collections.abc import Mapping
from typing import Any

USE = {
    "base": ("continues a text", 'pd.DataFrame({"prompt": ["…"]}), params={"max_tokens": 64}'),
    "instruct": ("answers a request", 'pd.DataFrame({"prompt": ["…"]}), params={"max_tokens": 64}'),
    "prefer": ("answers a request, tuned on preferences", 'pd.DataFrame({"prompt": ["…"]}), params={"max_tokens": 64}'),
    "classify": ("names the class of a text", 'pd.DataFrame({"text": ["…"]})'),
}


def card(about: Mapping[str, Any], config: Mapping[str, Any], figures: Mapping[str, Mapping[str, Any]]) -> str:
    """Markdown, from evidence.json's values, the weights' config.json and the evaluation's summary."""
    does, call = USE[about["role"]]
    classes = f" Classes: {', '.join(about['labels'])}." if about["labels"] else ""
    return f"""# {about["name"]}

A language model trained from scratch by triptych with the recipe `{about["recipe"]}`. It {does}.{classes}
Family {config.get("model_type", "unknown")}, vocabulary of {config.get("vocab_size", 0):,} tokens, \
{about["bytes"] / 1e6:,.1f} MB of files. Licence: {about["licence"]}.

## How well

{_figures(figures)}

## Use

    mlflow.pyfunc.load_model("models:/{about["name"]}@champion").predict({call})

## Limits

It knows what its corpus says and nothing else, repeats the corpus's errors and prejudices, and states falsehoods with
confidence. It was not trained to refuse. Its figures hold for held-out documents of the same corpus only.
"""


def _figures(figures: Mapping[str, Mapping[str, Any]]) -> str:
    if not figures:
        return "Not evaluated."
    rows = [
        f"| {task} | {row['value']:.4g} | {_span(row)} | {row.get('items', '')} | {row['better']} |"
        for task, row in figures.items()
    ]
    return "\n".join(["| task | value | 95 % interval | items | better |", "|---|---|---|---|---|", *rows])


def _span(row: Mapping[str, Any]) -> str:
    low, high = row.get("low"), row.get("high")
    return "" if low is None or high is None else f"{low:.4g} – {high:.4g}"
