"""A decoder with a classifier's head: what the decoder made of a text, averaged over its tokens, then one linear map.

b batch · t position · d width · c class
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from model import hub
from model.decoder import Decoder

CLASSES_FILE = "classes.json"  # {"labels": […], …}: the head's rows in order, and whatever the trainer adds
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
        x_btd = self.decoder(tokens_bt)
        is_token_bt1 = (torch.arange(tokens_bt.shape[1], device=x_btd.device) < lengths_b[:, None]).unsqueeze(-1)
        mean_bd = (x_btd * is_token_bt1).sum(1) / lengths_b[:, None].clamp(min=1)
        return self.head(mean_bd.to(self.head.weight.dtype))


@torch.inference_mode()
def predict(classifier: Classifier, texts: Sequence[Sequence[int]], batch: int = 32) -> Tensor:
    """Probabilities (text,c) of token ids, of each text the first `context`: what the head was trained on."""
    context = classifier.decoder.shape.context
    rows = [torch.tensor(ids[:context], dtype=torch.long) for ids in texts]
    answers = [torch.empty(0, len(classifier.labels))]
    for first in range(0, len(rows), batch):
        some = rows[first : first + batch]
        width = max(1, *(len(row) for row in some))  # a decoder needs a token to look at
        tokens_bt = torch.stack([nn.functional.pad(row, (0, width - len(row))) for row in some])
        logits_bc = classifier(tokens_bt, torch.tensor([len(row) for row in some]))
        answers.append(logits_bc.float().softmax(-1))
    return torch.cat(answers)


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
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in classifier.head.state_dict().items()}
    save_file(tensors, folder / HEAD_FILE)
    text = json.dumps({"labels": list(classifier.labels)}, ensure_ascii=False, indent=1)
    (folder / CLASSES_FILE).write_text(f"{text}\n", encoding="utf-8")


def load(folder: Path) -> Classifier:
    """The classifier that `save` wrote."""
    labels = json.loads((folder / CLASSES_FILE).read_text(encoding="utf-8"))["labels"]
    classifier = Classifier(hub.load(folder), labels)
    classifier.head.load_state_dict(load_file(folder / HEAD_FILE))
    return classifier
