from pathlib import Path
from typing import Any

import pytest
import torch

from model import hub
from model.batches import TokenBatch
from model.family import SpecialIds
from model.lora import add_lora, merge, save_adapter
from model.objectives.documents import NextToken
from model.peft_adapter import merged_tensors
from model.spec import MATRICES, Lora, Matrix
from tests.model.adapters import load_adapter
from tests.model.shapes import SHAPES, decoder_of, logits_of, tokens_of
from tests.peers import network_of, with_adapter, with_saved_adapter

LORA = Lora(rank=2, alpha=4)


@pytest.fixture
def theirs(tmp_path: Path) -> Any:
    """PEFT's adapter, with noise in it, of a Llama of transformers'; both are saved, in `base` and `adapter`."""
    base = network_of("llama")
    base.save_pretrained(tmp_path / "base")
    adapted = with_adapter(base)
    adapted.save_pretrained(tmp_path / "adapter")
    return adapted


def test_logits_with_an_adapter_and_merged_equal_pefts(theirs: Any, tmp_path: Path):
    decoder, tokens_bt = hub.load(tmp_path / "base"), tokens_of(2, 48)
    with torch.no_grad(), theirs.disable_adapter():
        without = theirs(tokens_bt).logits
    with torch.no_grad():
        beside = theirs(tokens_bt).logits
        merged = theirs.merge_and_unload()(tokens_bt).logits
    torch.testing.assert_close(logits_of(decoder, tokens_bt), without, atol=1e-4, rtol=1e-4)
    decoder = load_adapter(decoder, tmp_path / "adapter")
    torch.testing.assert_close(logits_of(decoder, tokens_bt), beside, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(logits_of(merge(decoder), tokens_bt), merged, atol=1e-4, rtol=1e-4)
    assert (beside - without).abs().max() > 0.1


def test_gradients_of_an_adapter_equal_pefts(theirs: Any, tmp_path: Path):
    decoder, ids = load_adapter(hub.load(tmp_path / "base"), tmp_path / "adapter"), tokens_of(1, 48)
    sums = NextToken(decoder)(TokenBatch(ids[:, :-1].contiguous(), ids[:, 1:].contiguous()))
    ours, wanted = sums.loss / sums.counted, theirs(ids, labels=ids).loss
    ours.backward()
    wanted.backward()
    assert ours.item() == pytest.approx(wanted.item(), rel=1e-5)
    gradients = {n: p.grad for n, p in theirs.named_parameters() if p.grad is not None}
    trained = [(name, parameter) for name, parameter in decoder.named_parameters() if parameter.requires_grad]
    assert len(trained) == len(gradients) == 8
    for name, parameter in trained:
        _, block, _, matrix, side = name.split(".")
        end = f"layers.{block}.self_attn.{matrix[3]}_proj.lora_{side[0].upper()}.default.weight"
        (gradient,) = [value for key, value in gradients.items() if key.endswith(end)]
        torch.testing.assert_close(parameter.grad, gradient, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("name", SHAPES)
def test_a_fresh_adapter_changes_no_logit_and_alone_is_trained(name: str):
    decoder, tokens_bt = decoder_of(name), tokens_of(2, 12)
    before = logits_of(decoder, tokens_bt)
    add_lora(decoder, Lora(rank=2, alpha=4))
    assert torch.equal(logits_of(decoder, tokens_bt), before)
    trained = {n.rsplit(".", 1)[1] for n, p in decoder.named_parameters() if p.requires_grad}
    assert trained == {"a_ri", "b_or"}


@pytest.mark.parametrize("name", SHAPES)
def test_merged_weights_give_the_logits_of_the_adapter_beside_the_weights(name: str):
    decoder, tokens_bt = decoder_with_lora(name), tokens_of(2, 12)
    before = logits_of(decoder, tokens_bt)
    merge(decoder)
    assert {n for n, _ in decoder.named_parameters()} == {n for n, _ in decoder_of(name).named_parameters()}
    torch.testing.assert_close(logits_of(decoder, tokens_bt), before, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("targets", [MATRICES, ("to_k", "to_up", "to_hidden")])
def test_peft_reads_a_saved_adapter_and_gives_the_logits_of_the_merged_weights(
    name: str, targets: tuple[Matrix, ...], tmp_path: Path
):
    lora, tokens_bt = Lora(rank=2, alpha=5, targets=targets), tokens_of(2, 12)
    hub.save(decoder_of(name), tmp_path / "base")
    decoder = decoder_with_lora(name, lora)
    save_adapter(decoder, lora, tmp_path / "adapter")
    beside = with_saved_adapter(tmp_path / "base", tmp_path / "adapter")
    with torch.no_grad():
        theirs = beside(tokens_bt).logits
    torch.testing.assert_close(theirs, logits_of(merge(decoder), tokens_bt), atol=1e-4, rtol=1e-4)
    tensors, shape = merged_tensors(decoder_of(name), tmp_path / "adapter")
    hub.write(tensors, shape, SpecialIds(), tmp_path / "merged")
    torch.testing.assert_close(logits_of(hub.load(tmp_path / "merged"), tokens_bt), theirs, atol=1e-4, rtol=1e-4)


def decoder_with_lora(name: str, lora: Lora = LORA):
    decoder = add_lora(decoder_of(name), lora, seed=5)
    generator = torch.Generator().manual_seed(6)
    with torch.no_grad():
        for parameter in decoder.parameters():
            if parameter.requires_grad:
                parameter.copy_(0.3 * torch.randn(parameter.shape, generator=generator))
    return decoder
