"""Whether a model made elsewhere can be used: its weights, its tokenizer, and the two together."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.errors import UserError
from tasks.models.pretrained import decoder_of
from tasks.models.vocabulary import Vocabulary

if TYPE_CHECKING:
    from model.decoder import Decoder
    from model.family import Shape

NASTY = "naïve 日本語 🙂\u200b\ufeff\r\n\t  \x00 <|endoftext|> <s> [INST] don't 12345 \u0301\u202e" + "a" * 40
TOKENS = 256  # of it, at most


@dataclass(frozen=True)
class CheckedModel:
    """What was read of a model that works."""

    shape: "Shape"
    separator: int  # the id that ends a text


def check_model(model: Path, folder: Path) -> CheckedModel:
    """Reads all weights and runs them once; UserError where they or the tokenizer in `folder` cannot be used."""
    import torch

    decoder, vocabulary = decoder_of(model), Vocabulary(folder)
    rows = decoder.shape.vocabulary
    if vocabulary.size > rows:
        what = f"{model}: {rows:,} embeddings, and the tokenizer has {vocabulary.size:,} tokens"
        raise UserError(what, "give the tokenizer that these weights were trained with")
    _refuse_not_finite(model, decoder)
    ids = [vocabulary.begin, *vocabulary.encode(NASTY)][: min(TOKENS, decoder.shape.context)]
    with torch.inference_mode():
        logits_btv = decoder.logits(decoder(torch.tensor([ids])))
    if not torch.isfinite(logits_btv).all():
        what = f"{model}: its predictions after a text of {len(ids)} tokens are not finite numbers"
        raise UserError(what, "the weights are damaged, or of another network than its config describes; copy it again")
    return CheckedModel(decoder.shape, vocabulary.separator)


def _refuse_not_finite(model: Path, decoder: "Decoder") -> None:
    import torch

    for name, parameter in decoder.named_parameters():
        if not torch.isfinite(parameter).all():
            raise UserError(f"{model}: {name} holds weights that are not finite", "take weights from before that")
