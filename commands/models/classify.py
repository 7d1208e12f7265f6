"""What the command line does with a classifier: a text's label with the reasons, and what tf-idf is."""

from pathlib import Path
from typing import Any

from commands.models.use import CLASSIFIER_CURE, is_public, model_path
from commands.show import show_table
from model.classes import is_classifier, is_tfidf, read_classes
from tasks.errors import UsageError
from tasks.home import Home


def classifier_folder(home: Home, model: str) -> Path | None:
    """Where MODEL lies if it is a classifier; None for what generates, as the model at hand does."""
    if not model or is_public(model):
        return None
    folder = model_path(home, model)
    return folder if is_classifier(folder) else None


def tfidf_folder(home: Home, model: str) -> Path | None:
    """Where MODEL lies if it is a classifier without a network."""
    folder = classifier_folder(home, model)
    return folder if folder and is_tfidf(folder) else None


def classify_prompt(folder: Path, text: str) -> dict[str, Any]:
    """The label of a text, the probability of every label and the reasons for the likeliest."""
    from model.text_classifier import load_classifier
    from tasks.classifiers.answer import classify

    return classify(load_classifier(folder), [text], explain=True)[0]


def print_classified(answer: dict[str, Any]) -> None:
    """On a terminal: the labels with their probabilities, and what speaks for and against the first."""
    show_table([{"label": label, "probability": f"{p:.1%}"} for label, p in answer["probabilities"].items()])
    if reasons := answer["reasons"]:
        print(f"\nwhat speaks for {answer['label']} (+) and against it (-):")
        show_table([{"weight": f"{reason['weight']:+.3f}", "piece": reason["piece"]} for reason in reasons])


def describe_tfidf(folder: Path, model: str, network_option: object) -> dict[str, Any]:
    """Its labels and size; UsageError where an option asks for what only a network has."""
    from model import tfidf

    if network_option:
        raise UsageError(f"{model} is a classifier without a network", CLASSIFIER_CURE.format(model=model))
    classes, fitted = read_classes(folder), tfidf.load(folder)
    return {
        "family": "tfidf",
        "model": model,
        "labels": list(classes.labels),
        "vocabulary": len(fitted.terms),
        "parameters": fitted.parameters,
        "temperature": classes.temperature,
        "memory_bytes": sum(file.stat().st_size for file in folder.iterdir()),
    }
