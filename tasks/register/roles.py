"""The roles that models are registered in: the base, and one for each method of fine-tuning."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tasks.finetune.method import STRONGEST, JudgedBy, weights_of
from tasks.finetune.methods.table import METHODS


@dataclass(frozen=True)
class Role:
    """What registration knows of a kind of model."""

    registered_as: str  # the ending of the registered model's name
    judged_by: JudgedBy
    does: str  # for the model card
    takes: str  # the column that a caller gives
    model_folder: Callable[[Path], Path] = weights_of  # in the folder of the step that trained it
    starts_from: str = ""  # the role whose weights it begins from, where the recipe has that one; else the base


BASE = Role("base", JudgedBy("bits_per_byte/test", baseline=STRONGEST), "continues a text", "prompt")
ROLES = {"base": BASE} | {
    name: Role(
        method.registered_as, method.judged_by, method.does, method.takes, method.model_folder, method.starts_from
    )
    for name, method in METHODS.items()
}


def registered_name(name: str, role: str) -> str:
    """The registered model's name: the recipe's and the role's; two roles may be versions of one model."""
    return f"{name}-{ROLES[role].registered_as}"
