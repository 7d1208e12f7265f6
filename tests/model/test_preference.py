from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from transformers import PreTrainedModel

from model import hub
from model.batches import IGNORE
from model.decoder import Decoder
from model.lora import add_lora
from model.objectives.answers import answer_logprobs
from model.objectives.preferences import PairBatch, Prefer
from model.spec import Lora
from tests.model.shapes import SHAPES, decoder_of
from tests.peers import dpo_trainer, loss_of, network_of

ROTARY = [name for name in SHAPES if "gpt2" not in name]


PAIRS = [
    (("Hi",), "Hello!", "No"),
    (("2+2?",), "4", "It is five, or six."),
    (("Where?", "Here.", "And when?"), "Now.", "Never, and nobody knows why"),
    (("Why?",), "Because it rains today.", "So"),
    (("Name a tree", "Oak", "Another"), "An elm or two", "An oak"),
    (("x",), "yz", "zyx"),
]


def message(role: str, text: str) -> dict[str, str]:
    return {"role": role, "content": text}


def policy_and_reference() -> tuple[PreTrainedModel, PreTrainedModel]:
    """A policy, and a reference that differs from it."""
    policy, reference = network_of("llama"), network_of("llama")
    with torch.no_grad():
        reference.lm_head.weight *= 0.8
        reference.model.layers[1].mlp.down_proj.weight *= 0.5
    return policy, reference


class Sides(NamedTuple):
    """TRL's trainer on the pairs, its loss and metrics; its batch and its networks as ours."""

    trainer: Any
    loss: torch.Tensor
    metrics: dict[str, float]
    batch: PairBatch
    policy: Decoder
    reference: Decoder


@pytest.fixture(params=[0.1, 0.5])
def sides(request: pytest.FixtureRequest, tmp_path: Path) -> Sides:
    rows = [
        {
            "prompt": [message("user" if turn % 2 == 0 else "assistant", text) for turn, text in enumerate(prompt)],
            "chosen": [message("assistant", chosen)],
            "rejected": [message("assistant", rejected)],
        }
        for prompt, chosen, rejected in PAIRS
    ]
    theirs = policy_and_reference()
    folders = tmp_path / "policy", tmp_path / "reference"
    for network, folder in zip(theirs, folders, strict=True):
        network.save_pretrained(folder)
    trainer = dpo_trainer(*theirs, rows, request.param, tmp_path / "trl")
    loss, batch, metrics = loss_of(trainer)
    tokens_bt, is_target = batch["input_ids"], batch["completion_mask"].bool()
    targets_bt = torch.full_like(tokens_bt, IGNORE)
    targets_bt[:, :-1] = torch.where(is_target[:, 1:], tokens_bt[:, 1:], IGNORE)
    return Sides(trainer, loss, metrics, PairBatch(tokens_bt, targets_bt), *map(hub.load, folders))


def test_loss_rewards_and_gradient_equal_trls(sides: Sides):
    sums = Prefer(sides.policy, sides.reference, sides.trainer.args.beta)(sides.batch)
    (sums.loss / sums.counted).backward()
    sides.loss.backward()
    pairs, metrics = len(PAIRS), sides.metrics
    assert sums.counted.item() == pairs
    assert sums.loss.item() / pairs == pytest.approx(sides.loss.item(), abs=2e-5)
    assert sums.metric_sums["margin"].item() / pairs == pytest.approx(metrics["rewards/margins"], abs=1e-4)
    assert sums.metric_sums["chosen_reward"].item() / pairs == pytest.approx(metrics["rewards/chosen"], abs=1e-4)
    assert sums.metric_sums["accuracy"].item() / pairs == pytest.approx(metrics["rewards/accuracies"])
    norm, wanted = (
        torch.nn.utils.get_total_norm([p.grad for p in network.parameters() if p.grad is not None])
        for network in (sides.policy, sides.trainer.model)
    )
    assert norm.item() == pytest.approx(wanted.item(), rel=1e-4)
    assert all(p.grad is None for p in sides.reference.parameters()), "the reference never changes"


def test_log_probabilities_of_answers_are_those_that_trl_logs(sides: Sides):
    chosen, rejected = answer_logprobs(sides.policy, sides.batch).detach().chunk(2)
    for side, ours in (("chosen", chosen), ("rejected", rejected)):
        assert ours.mean().item() == pytest.approx(sides.metrics[f"logps/{side}"], abs=1e-3)


def test_without_a_reference_a_low_rank_change_is_compared_with_the_network_without_it():
    generator = torch.Generator().manual_seed(1)
    shape = SHAPES[ROTARY[0]]
    base = decoder_of(ROTARY[0])
    adapted = add_lora(decoder_of(ROTARY[0]), Lora(rank=2))
    with torch.no_grad():
        for parameter in adapted.parameters():
            if parameter.requires_grad:
                parameter.copy_(0.3 * torch.randn(parameter.shape, generator=generator))
    tokens_bt = torch.randint(0, shape.vocabulary, (4, 9), generator=generator)
    batch = PairBatch(tokens_bt, torch.where(torch.arange(9) > 3, tokens_bt.roll(-1, 1), IGNORE))
    gradients = []
    for reference in (base, None):
        adapted.zero_grad()
        sums = Prefer(adapted, reference, 0.1)(batch)
        sums.loss.backward()
        gradients.append([sums.loss.detach(), *(p.grad.clone() for p in adapted.parameters() if p.grad is not None)])
    assert gradients[0][0] > 0 and len(gradients[0]) > 1
    assert all(torch.equal(x, y) for x, y in zip(*gradients, strict=True))
