"""classes.json of a classifier's folder: its labels, what kind of model gives their logits, and how sure it may be."""

import json
from dataclasses import asdict, dataclass
from math import inf
from pathlib import Path
from typing import Literal, get_args

from model.hub_config import WeightsError

CLASSES_FILE = "classes.json"
Kind = Literal["tfidf", "features", "network"]  # from the simplest on


@dataclass(frozen=True)
class Classes:
    """Probabilities are softmax(logits / temperature) in the order of the labels."""

    labels: tuple[str, ...]
    kind: Kind = "network"
    temperature: float = 1.0  # above 1: less sure than the logits say (Guo et al. 2017, section 4.2)

    def write(self, folder: Path) -> None:
        """Writes the file, or writes it anew."""
        text = json.dumps(asdict(self), ensure_ascii=False, indent=1)
        (folder / CLASSES_FILE).write_text(f"{text}\n", encoding="utf-8")


def is_classifier(folder: Path) -> bool:
    """Whether the folder holds a classifier."""
    return (folder / CLASSES_FILE).is_file()


def is_tfidf(folder: Path) -> bool:
    """Whether it holds one without a network."""
    return is_classifier(folder) and read_classes(folder).kind == "tfidf"


def read_classes(folder: Path) -> Classes:
    """What the folder's file says; older ones say the labels alone. WeightsError where it says something else."""
    file = folder / CLASSES_FILE
    try:
        stated = json.loads(file.read_text(encoding="utf-8"))
        labels, kind = tuple(stated["labels"]), stated.get("kind", "network")
        temperature = float(stated.get("temperature", 1.0))
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise WeightsError(f"{file}: not the labels of a classifier ({error!r})", "copy it again") from error
    if kind not in get_args(Kind) or not all(isinstance(label, str) for label in labels) or not 0 < temperature < inf:
        raise WeightsError(f"{file}: its labels, kind or temperature are none that a classifier has", "copy it again")
    return Classes(labels, kind, temperature)
