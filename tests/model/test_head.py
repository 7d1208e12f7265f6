"""The classifier's head."""

import math
from pathlib import Path

import pytest
import torch

from model import head
from model.decoder import Decoder, initialise
from model.depth import from_depth
from model.head import Classifier

LABELS = ("alt", "mittel", "neu – jetzt")


@pytest.fixture
def classifier() -> Classifier:
    shape = from_depth(2, vocabulary=64, context=16, family="llama", width=32)
    made = Classifier(initialise(Decoder(shape), seed=0), LABELS)
    torch.manual_seed(0)
    torch.nn.init.normal_(made.head.weight)
    return made


def test_a_new_head_prefers_no_class(classifier: Classifier) -> None:
    fresh = Classifier(classifier.decoder, LABELS)
    logits_bc = fresh(torch.randint(64, (4, 9)), torch.full((4,), 9))
    loss = torch.nn.functional.cross_entropy(logits_bc, torch.tensor([0, 1, 2, 0]))
    assert loss.item() == pytest.approx(math.log(3))


def test_padding_changes_no_answer(classifier: Classifier) -> None:
    tokens = torch.randint(64, (1, 7))
    padded = torch.cat([tokens, torch.randint(64, (1, 5))], dim=1)
    alone = classifier(tokens, torch.tensor([7]))
    assert torch.allclose(alone, classifier(padded, torch.tensor([7])), atol=1e-6)
    assert not torch.allclose(alone, classifier(padded, torch.tensor([12])), atol=1e-3)


def test_an_empty_text_is_classified(classifier: Classifier) -> None:
    assert torch.isfinite(classifier(torch.zeros(1, 4, dtype=torch.long), torch.tensor([0]))).all()


@pytest.mark.parametrize(("trainable", "moved"), [("head", {"head"}), ("last_block", {"head", "blocks.1", "norm"})])
def test_only_the_part_named_trainable_gets_gradients(
    classifier: Classifier, trainable: head.Trainable, moved: set[str]
) -> None:
    head.freeze(classifier, trainable)
    classifier(torch.randint(64, (2, 9)), torch.tensor([9, 5])).square().sum().backward()
    touched = {name.removeprefix("decoder.") for name, value in classifier.named_parameters() if value.grad is not None}
    assert {name for name in touched if not any(name.startswith(part) for part in moved)} == set()
    assert all(any(name.startswith(part) for name in touched) for part in moved)


def test_full_training_reaches_every_block(classifier: Classifier) -> None:
    head.freeze(classifier, "full")
    classifier(torch.randint(64, (2, 9)), torch.tensor([9, 5])).square().sum().backward()
    assert all(value.grad is not None for value in classifier.decoder.blocks.parameters())


def test_a_saved_classifier_loads_with_equal_probabilities(classifier: Classifier, tmp_path: Path) -> None:
    head.save(classifier, tmp_path)
    again = head.load(tmp_path)
    tokens_bt, lengths_b = torch.randint(64, (3, 9)), torch.tensor([9, 5, 1])
    assert again.labels == LABELS
    assert torch.equal(again(tokens_bt, lengths_b), classifier(tokens_bt, lengths_b))


def test_a_text_is_classified_by_its_first_context_tokens_whatever_else_is_in_the_batch(classifier: Classifier) -> None:
    texts = [torch.randint(64, (length,)).tolist() for length in (3, 40, 9, 0)]
    together = head.predict(classifier, texts, batch=3)
    assert together.shape == (4, 3) and torch.allclose(together.sum(1), torch.ones(4))
    assert torch.allclose(together[1], head.predict(classifier, [texts[1][:16]])[0], atol=1e-6)
    assert torch.allclose(together[2], head.predict(classifier, [texts[2]])[0], atol=1e-6)
    assert head.predict(classifier, [[]]).shape == (1, 3) and head.predict(classifier, []).shape == (0, 3)
