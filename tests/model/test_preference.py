import json
from pathlib import Path

import pytest
import torch

from model import hub
from model.batches import IGNORE
from model.lora import add_lora
from model.objectives.answers import answer_logprobs
from model.objectives.preferences import PairBatch, Prefer
from model.spec import Lora
from tests.model.shapes import SHAPES, decoder_of

ROTARY = [name for name in SHAPES if "gpt2" not in name]


@pytest.fixture
def trl(shared: Path):
    return json.loads((shared / "fixtures" / "dpo_trl_reference.json").read_text())


@pytest.fixture
def batch(trl) -> PairBatch:
    tokens_bt = torch.tensor(trl["batching"]["input_ids"])
    is_target = torch.tensor(trl["batching"]["completion_mask"]).bool()
    targets_bt = torch.full_like(tokens_bt, IGNORE)
    targets_bt[:, :-1] = torch.where(is_target[:, 1:], tokens_bt[:, 1:], IGNORE)
    return PairBatch(tokens_bt, targets_bt)


@pytest.fixture
def pair(shared: Path):
    """The policy and the reference that the oracle was made with."""
    folder = shared / "fixtures" / "tiny_llama_hf"
    decoder, reference = hub.load(folder), hub.load(folder)
    with torch.no_grad():
        reference.head.weight *= 0.8
        reference.blocks[1].mlp.to_out.weight *= 0.5
    return decoder, reference


def test_log_probabilities_of_answers_equal_trls(trl, batch, pair):
    for decoder, who in zip(pair, ("policy", "ref"), strict=True):
        wanted = [p[f"{who}_{side}_logp"] for side in ("chosen", "rejected") for p in trl["pairs"]]
        torch.testing.assert_close(answer_logprobs(decoder, batch), torch.tensor(wanted), atol=1e-4, rtol=0)


@pytest.mark.parametrize("beta", [0.1, 0.5])
def test_loss_rewards_and_gradient_equal_trls(beta: float, trl, batch, pair):
    decoder, reference = pair
    sums = Prefer(decoder, reference, beta)(batch)
    wanted, pairs = trl["trl"][f"sigmoid_b{beta}_ls0"], len(trl["pairs"])
    (sums.loss / sums.count).backward()
    assert sums.count.item() == pairs
    assert sums.loss.item() / pairs == pytest.approx(wanted["loss"], abs=2e-5)
    assert sums.metric_sums["margin"].item() / pairs == pytest.approx(wanted["rewards/margins"], abs=2e-5)
    assert sums.metric_sums["chosen_reward"].item() / pairs == pytest.approx(wanted["rewards/chosen"], abs=2e-5)
    assert sums.metric_sums["accuracy"].item() / pairs == wanted["rewards/accuracies"]
    norm = torch.nn.utils.get_total_norm([p.grad for p in decoder.parameters() if p.grad is not None])
    assert norm.item() == pytest.approx(wanted["grad_norm_l2_all_params"], rel=1e-4)
    assert all(p.grad is None for p in reference.parameters()), "the reference never changes"


def test_a_low_rank_change_is_judged_against_the_network_without_it():
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
