"""The kinds of training data by the names that a spec has for them."""

from collections.abc import Mapping
from typing import Any

from model.objectives.conversations import ConversationTokens
from model.objectives.documents import DocumentShards
from model.objectives.kto import LabelledAnswerTokens
from model.objectives.labelled import LabelledTokens
from model.objectives.objective import TrainingData
from model.objectives.preferences import PreferenceTokens

KINDS: dict[str, type[TrainingData]] = {
    kind.model_fields["kind"].default: kind
    for kind in (
        DocumentShards,
        ConversationTokens,
        LabelledTokens,
        PreferenceTokens,
        LabelledAnswerTokens,
    )
}


def training_data(values: Mapping[str, Any]) -> TrainingData:
    """A spec's `data`, checked by its kind."""
    return KINDS[values["kind"]].model_validate(values)
