"""The model card: what the model is and began from, how well it does beside its baselines, and what it is not for."""

from collections.abc import Mapping, Sequence
from typing import Any

from tasks.models.provenance import Provenance
from tasks.readable_numbers import bytes_in_words, count_in_words
from tasks.register.roles import ROLES

TFIDF = "tfidf"  # the family of what has no network
TFIDF_LIMITS = (
    "It weighs single words and pairs of words of its corpus, and knows no others and nothing of their order.\n"
    "It repeats the errors and prejudices of its labels. Its terms are words of the corpus. Its scores and its\n"
    "probabilities hold for held-out documents of the same corpus only."
)
SAME_RECIPE = "this recipe"  # the holder of a model that the recipe trained itself
CALLS = {
    "prompt": 'pd.DataFrame({"prompt": ["…"]}), params={"max_tokens": 64}',
    "text": 'pd.DataFrame({"text": ["…"]})',
}


def card(about: Mapping[str, Any], began_from: Sequence[Provenance], scores: Mapping[str, Mapping[str, Any]]) -> str:
    """Markdown, from evidence.json's values, the chain of models it began from and the evaluation's summary."""
    role = ROLES[about["role"]]
    classes = f" Classes: {', '.join(about['labels'])}." if about["labels"] else ""
    return f"""# {about["name"]}

{_training(about, began_from)} It {role.does}.{classes}{_choice(about)}
{_size(about)}, {bytes_in_words(about["bytes"])} of files. Licence: {about["licence"]}.\
{_text_licences(about["text_licences"])}
{_chain(began_from)}
## How well

{_table(scores)}

## Use

    mlflow.pyfunc.load_model("models:/{about["name"]}@champion").predict({CALLS[role.takes]})

## Limits

{_limits(began_from) if about["family"] != TFIDF else TFIDF_LIMITS}
"""


def imported_card(about: Mapping[str, Any], chain: Sequence[Provenance]) -> str:
    """Markdown of a model made elsewhere: `chain` begins with itself, where it lay."""
    return f"""# {about["name"]}

A language model made elsewhere: `{about["source"]}`, imported by triptych. It {ROLES[about["role"]].does}.
Family {about["family"]}, {count_in_words(about["parameters"])} parameters, vocabulary of \
{about["vocabulary"]:,} tokens, {bytes_in_words(about["bytes"])} of files. Licence: {about["licence"]}.
{_chain(chain, "Where it is from")}
## How well

Not evaluated here. Its weights were read and are finite, and so are its predictions after a text.

## Use

    mlflow.pyfunc.load_model("models:/{about["name"]}@candidate").predict({CALLS[ROLES[about["role"]].takes]})

## Limits

It was trained by others on text that was not examined here: its makers' card says what it is for and what it is not.
"""


def _choice(about: Mapping[str, Any]) -> str:
    """Why it is this candidate and no other."""
    return f"\nOf the candidates {about['why']}." if about.get("why") else ""


def _size(about: Mapping[str, Any]) -> str:
    parameters = f"{count_in_words(about['parameters'])} parameters"
    if about["family"] == TFIDF:
        return f"{about['vocabulary']:,} terms, {parameters}"
    return f"Family {about['family']}, {parameters}, vocabulary of {about['vocabulary']:,} tokens"


def _text_licences(stated: Sequence[str]) -> str:
    return f" Licence of the text that it is trained on: {', '.join(stated)}." if stated else ""


def _training(about: Mapping[str, Any], began_from: Sequence[Provenance]) -> str:
    recipe = f"by triptych with the recipe `{about['recipe']}`"
    if about["family"] == TFIDF:
        return f"A classifier without a network, fitted {recipe}: tf-idf with logistic regression."
    if about.get("kind") == "features":
        return f"A linear head, fitted {recipe}, on the states of `{began_from[0].name}`, whose weights are unchanged."
    if not began_from:
        return f"A language model trained from scratch {recipe}."
    act = "trained further" if about["role"] == "base" else "fine-tuned"
    change = f", as a low-rank change (LoRA) of rank {about['lora_rank']}" if about["lora_rank"] else ""
    return f"A language model that began from the weights of `{began_from[0].name}`, {act} {recipe}{change}."


def _chain(began_from: Sequence[Provenance], title: str = "What it began from") -> str:
    """What it began from, the nearest model first."""
    if not began_from:
        return ""
    head = ["", f"## {title}", "", "| model | where | SHA-256 | licence |", "|---|---|---|---|"]
    rows = [f"| {p.name} | {p.holder} | `{p.sha256}` | {_licence(p)} |" for p in began_from]
    return "\n".join([*head, *rows, ""])


def _licence(model: Provenance) -> str:
    if model.licence:
        return model.licence
    return f"not stated; see {f'{model.licence_file} in ' if model.licence_file else ''}{model.holder}"


def _limits(began_from: Sequence[Provenance]) -> str:
    end = "It was not trained to refuse. Its scores hold for held-out documents of the same corpus only."
    if not (others := [model.name for model in began_from if model.holder != SAME_RECIPE]):
        return (
            "It knows what its corpus says and nothing else, repeats the corpus's errors and prejudices, and states\n"
            f"falsehoods with confidence. {end}"
        )
    return (
        f"It knows what its corpus says and what `{others[0]}` had learnt before, from text that was not examined\n"
        "here: the items it is scored on may have been in it. It repeats the errors and prejudices of both, states\n"
        f"falsehoods with confidence, and may do what `{others[0]}` was trained to refuse. Its scores hold for\n"
        "held-out documents of the same corpus only."
    )


def _table(scores: Mapping[str, Mapping[str, Any]]) -> str:
    if not scores:
        return "Not evaluated."
    rows = [
        f"| {task} | {row['value']:.3f} | {_interval(row)} | {row['items']} | {row['better']} | {_baselines(row)} |"
        for task, row in scores.items()
    ]
    head = "| task | value | 95 % interval | items | better | baselines |"
    return "\n".join([head, "|---|---|---|---|---|---|", *rows])


def _interval(row: Mapping[str, Any]) -> str:
    low, high = row.get("low"), row.get("high")
    return "" if low is None or high is None else f"{low:.3f} – {high:.3f}"


def _baselines(row: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value:.3f}" for name, value in row.get("baselines", {}).items())
