"""A decoder with a classifier's head: what the decoder made of a text, averaged over its tokens, then one linear map.

b batch · t position · d width · c class
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from model import hub
from model.classes import Classes, read_classes
from model.decoder import Decoder

HEAD_FILE = "head.safetensors"
Trainable = Literal["head", "last_block", "full"]


class Classifier(nn.Module):
    """Token ids in, one logit a class out."""

    def __init__(self, decoder: Decoder, labels: Sequence[str]) -> None:
        super().__init__()
        self.decoder = decoder
        self.labels = tuple(labels)
        self.head = nn.Linear(decoder.shape.width, len(labels))
        nn.init.zeros_(self.head.weight)  # the first loss is log(classes), whatever the seed
        nn.init.zeros_(self.head.bias)

    def forward(self, tokens_bt: Tensor, lengths_b: Tensor) -> Tensor:
        """Logits (b,c). Row b has `lengths_b[b]` tokens; what follows is padding, which causal attention never sees."""
        mean_bd = mean_states(self.decoder, tokens_bt, lengths_b)
        return self.head(mean_bd.to(self.head.weight.dtype))


def mean_states(decoder: Decoder, tokens_bt: Tensor, lengths_b: Tensor) -> Tensor:
    """The mean (b,d) of the decoder's last states over each row's own tokens."""
    x_btd = decoder(tokens_bt)
    is_token_bt1 = (torch.arange(tokens_bt.shape[1], device=x_btd.device) < lengths_b[:, None]).unsqueeze(-1)
    return (x_btd * is_token_bt1).sum(1) / lengths_b[:, None].clamp(min=1)


def predict(classifier: Classifier, texts: Sequence[Sequence[int]], batch: int = 32) -> Tensor:
    """Probabilities (text,c) of token ids, as the logits have them: not calibrated."""
    return logits(classifier, texts, batch).softmax(-1)


@torch.inference_mode()
def logits(classifier: Classifier, texts: Sequence[Sequence[int]], batch: int = 32) -> Tensor:
    """Logits (text,c) of token ids, float32."""
    states_nd = text_states(classifier.decoder, texts, batch)
    return classifier.head(states_nd.to(classifier.head.weight.dtype)).float()


@torch.inference_mode()
def text_states(decoder: Decoder, texts: Sequence[Sequence[int]], batch: int = 32) -> Tensor:
    """The mean last state (text,d) of token ids, of each text the first `context`: what the head was trained on."""
    rows = [torch.tensor(ids[: decoder.shape.context], dtype=torch.long) for ids in texts]
    states = [torch.empty(0, decoder.shape.width)]
    for first in range(0, len(rows), batch):
        some = rows[first : first + batch]
        width = max(1, *(len(row) for row in some))  # a decoder needs a token to look at
        tokens_bt = torch.stack([nn.functional.pad(row, (0, width - len(row))) for row in some])
        states.append(mean_states(decoder, tokens_bt, torch.tensor([len(row) for row in some])).float())
    return torch.cat(states)


@torch.inference_mode()
def shares(classifier: Classifier, ids: Sequence[int]) -> Tensor:
    """What the state at each token adds to each logit (t,c): with the bias they sum to the logits."""
    if not ids:
        return torch.empty(0, len(classifier.labels))
    x_td = classifier.decoder(torch.tensor([ids]))[0].to(classifier.head.weight.dtype)
    return (x_td @ classifier.head.weight.T / len(ids)).float()


def freeze(model: Classifier | Decoder, trainable: Trainable) -> None:
    """Leaves gradients to the named part only; the last block goes with the norm after it, a head is always trained."""
    decoder = model.decoder if isinstance(model, Classifier) else model
    decoder.requires_grad_(trainable == "full")
    if trainable == "last_block":
        decoder.blocks[-1].requires_grad_(True)
        decoder.norm.requires_grad_(True)


def save(classifier: Classifier, folder: Path) -> None:
    """Writes the decoder in the Hugging Face layout, and the head and its labels beside it."""
    hub.save(classifier.decoder, folder)
    save_head(classifier, folder)


def save_head(classifier: Classifier, folder: Path) -> None:
    """Writes the head and its labels beside the decoder that is there."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in classifier.head.state_dict().items()}
    save_file(tensors, folder / HEAD_FILE)
    Classes(classifier.labels).write(folder)


def load(folder: Path) -> Classifier:
    """The classifier that `save` wrote."""
    classifier = Classifier(hub.load(folder), read_classes(folder).labels)
    classifier.head.load_state_dict(load_file(folder / HEAD_FILE))
    return classifier
