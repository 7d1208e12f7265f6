import json
from pathlib import Path

import pytest
import torch

from model import hub
from model.hub_config import WeightsError
from model.lora import add_lora, load_adapter, merge, refuse_nameless, save_adapter
from model.objectives.documents import NextToken
from model.spec import Lora
from tests.model.shapes import SHAPES, decoder_of, tokens_of

ROTARY = [name for name in SHAPES if "gpt2" not in name]


def logits(decoder, tokens_bt):
    with torch.no_grad():
        return decoder.logits(decoder(tokens_bt))


@pytest.fixture
def peft(shared: Path):
    return json.loads((shared / "fixtures" / "lora_peft_reference.json").read_text())


def test_logits_with_an_adapter_and_merged_equal_pefts(shared: Path, peft):
    decoder = hub.load(shared / "fixtures" / "tiny_llama_hf")
    for change in (lambda d: d, lambda d: load_adapter(d, shared / "fixtures" / "tiny_llama_lora"), merge):
        decoder = change(decoder)
        wanted = {0: "base", 1: "lora"}[int(any("a_ri" in n for n, _ in decoder.named_parameters()))]
        wanted = "merged" if change is merge else wanted
        for ids, reference in zip(peft["inputs"], peft[wanted], strict=True):
            ours = logits(decoder, torch.tensor([ids]))[0]
            torch.testing.assert_close(ours[0, :10], torch.tensor(reference["first10"]), atol=1e-4, rtol=1e-4)
            last = torch.tensor(reference["last_position_first10"])
            torch.testing.assert_close(ours[-1, :10], last, atol=1e-4, rtol=1e-4)
            assert ours.norm().item() == pytest.approx(reference["l2_norm"], rel=1e-5)


def test_gradients_of_an_adapter_equal_pefts(shared: Path, peft):
    decoder = load_adapter(hub.load(shared / "fixtures" / "tiny_llama_hf"), shared / "fixtures" / "tiny_llama_lora")
    from model.batches import TokenBatch

    ids = torch.tensor([peft["inputs"][1]])
    sums = NextToken(decoder)(TokenBatch(ids[:, :-1].contiguous(), ids[:, 1:].contiguous()))
    wanted = peft["adapter_grads_mean_nll_input_1"]
    (sums.loss / sums.count).backward()
    assert (sums.loss / sums.count).item() == pytest.approx(wanted["loss"], rel=1e-5)
    checked = 0
    for name, parameter in decoder.named_parameters():
        if parameter.requires_grad:
            _, block, _, matrix, side = name.split(".")
            theirs = f"model.layers.{block}.self_attn.{matrix[3]}_proj.lora_{side[0].upper()}.weight"
            assert parameter.grad is not None
            assert parameter.grad.norm().item() == pytest.approx(wanted["grads"][theirs]["l2"], rel=1e-4)
            checked += 1
    assert checked == len(wanted["grads"])


@pytest.mark.parametrize("name", SHAPES)
def test_a_fresh_change_changes_nothing_and_only_it_is_trained(name: str):
    decoder, tokens_bt = decoder_of(name), tokens_of(2, 12)
    before = logits(decoder, tokens_bt)
    add_lora(decoder, Lora(rank=2, alpha=4))
    assert torch.equal(logits(decoder, tokens_bt), before)
    trained = {n.rsplit(".", 1)[1] for n, p in decoder.named_parameters() if p.requires_grad}
    assert trained == {"a_ri", "b_or"}


@pytest.mark.parametrize("name", SHAPES)
def test_merged_weights_answer_as_the_change_beside_them_did(name: str):
    decoder, tokens_bt = changed(name), tokens_of(2, 12)
    before = logits(decoder, tokens_bt)
    merge(decoder)
    assert {n for n, _ in decoder.named_parameters()} == {n for n, _ in decoder_of(name).named_parameters()}
    torch.testing.assert_close(logits(decoder, tokens_bt), before, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", ROTARY)
def test_an_adapter_goes_out_and_comes_in(name: str, tmp_path: Path):
    decoder, tokens_bt = changed(name), tokens_of(2, 12)
    save_adapter(decoder, Lora(rank=2, alpha=4), tmp_path)
    again = load_adapter(decoder_of(name), tmp_path)
    assert torch.equal(logits(again, tokens_bt), logits(decoder, tokens_bt))


def test_a_family_whose_file_has_no_room_for_an_adapter_is_refused_before_training():
    with pytest.raises(WeightsError, match="one matrix") as told:
        refuse_nameless(add_lora(decoder_of("gpt2"), Lora(rank=2, alpha=4)))
    assert "llama" in told.value.cure


def changed(name: str):
    decoder = add_lora(decoder_of(name), Lora(rank=2, alpha=4), seed=5)
    generator = torch.Generator().manual_seed(6)
    with torch.no_grad():
        for parameter in decoder.parameters():
            if parameter.requires_grad:
                parameter.copy_(0.3 * torch.randn(parameter.shape, generator=generator))
    return decoder
