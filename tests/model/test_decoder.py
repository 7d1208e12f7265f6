import pytest
import torch
import torch.nn.functional as F
from pydantic import ValidationError

from model.attention import PLAIN_UP_TO, attend, causal, document_mask, frequencies
from model.decoder import Decoder, initialise
from model.family import Shape
from tests.model.shapes import SHAPES, SIZES, decoder_of, tokens_of


@pytest.mark.parametrize("name", ["gpt2", "gpt2 untied"])
def test_a_token_can_begin_as_a_copy_of_another_in_input_and_output(name):
    decoder, before = decoder_of(name), decoder_of(name)
    decoder.copy_rows({3: 0, 5: 0})
    for ours, theirs in (
        (decoder.embedding.weight, before.embedding.weight),
        (decoder.head_weight_vd, before.head_weight_vd),
    ):
        assert torch.equal(ours[3], theirs[0]) and torch.equal(ours[5], theirs[0])
        others = [id for id in range(len(ours)) if id not in (3, 5)]
        assert torch.equal(ours[others], theirs[others])


@pytest.mark.parametrize("name", SHAPES)
def test_a_later_token_changes_nothing_before_it(name: str):
    decoder, tokens_bt = decoder_of(name), tokens_of(2, 20)
    changed_bt = tokens_bt.clone()
    changed_bt[:, 12] = (changed_bt[:, 12] + 1) % SIZES["vocabulary"]
    with torch.no_grad():
        before, after = decoder.logits(decoder(tokens_bt)), decoder.logits(decoder(changed_bt))
    torch.testing.assert_close(before[:, :12], after[:, :12], atol=1e-5, rtol=1e-5)
    assert (before[:, 12:] - after[:, 12:]).abs().amax(-1).min() > 1e-3


@pytest.mark.parametrize("name", SHAPES)
def test_documents_packed_behind_a_mask_give_the_logits_of_each_alone(name: str):
    decoder, tokens_bt = decoder_of(name), tokens_of(1, 20)
    documents_bt = torch.tensor([[0] * 7 + [1] * 13])
    positions_bt = torch.tensor([[*range(7), *range(13)]])
    with torch.no_grad():
        packed_btd = decoder(tokens_bt, positions_bt, document_mask(documents_bt))
        alone_btd = torch.cat([decoder(tokens_bt[:, :7]), decoder(tokens_bt[:, 7:])], dim=1)
    torch.testing.assert_close(packed_btd, alone_btd, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", SHAPES)
def test_attention_maps_are_causal_shares_that_sum_to_one(name: str):
    maps = decoder_of(name).attention_maps(tokens_of(2, 9))
    assert [tuple(map_bhts.shape) for map_bhts in maps] == [(2, SIZES["heads"], 9, 9)] * SIZES["depth"]
    for map_bhts in maps:
        torch.testing.assert_close(map_bhts.sum(-1), torch.ones(2, SIZES["heads"], 9))
        assert map_bhts.triu(1).eq(0).all()


@pytest.mark.parametrize(("t", "s", "masked"), [(9, 9, False), (9, 9, True), (4, 9, False), (1, 9, False)])
@pytest.mark.parametrize("kv_heads", [1, 2, 6])
def test_both_implementations_of_attention_equal_the_textbook(t: int, s: int, masked: bool, kv_heads: int):
    generator = torch.Generator().manual_seed(0)
    q_bhtk = torch.randn(2, 6, t, 8, generator=generator)
    k_bgsk, v_bgsk = torch.randn(2, 2, kv_heads, s, 8, generator=generator)
    mask = document_mask(torch.tensor([[0] * 4 + [1] * 5] * 2)) if masked else None
    k_bhsk, v_bhsk = (x.repeat_interleave(6 // kv_heads, dim=1) for x in (k_bgsk, v_bgsk))
    allowed = causal(t, s, q_bhtk.device) if mask is None else mask
    scores = (q_bhtk @ k_bhsk.transpose(2, 3) / 8**0.5).masked_fill(~allowed, float("-inf"))
    expected = scores.softmax(-1) @ v_bhsk

    torch.testing.assert_close(attend(q_bhtk, k_bgsk, v_bgsk, mask), expected, atol=1e-6, rtol=1e-5)
    assert s <= PLAIN_UP_TO
    rough = attend(q_bhtk.bfloat16(), k_bgsk.bfloat16(), v_bgsk.bfloat16(), mask)
    torch.testing.assert_close(rough.float(), expected, atol=3e-2, rtol=3e-2)


def test_scaled_frequencies_keep_fast_pairs_and_slow_down_slow_ones():
    shape = SHAPES["llama tied and stretched"]
    plain = frequencies(shape.model_copy(update={"rope_scaling": None}), torch.device("cpu"))
    ratio = frequencies(shape, torch.device("cpu")) / plain
    assert ratio[-1] == pytest.approx(1 / 8)
    assert ratio[0] < 1  # one turn in six positions: between the bands
    assert ratio.diff().le(0).all()


@pytest.mark.parametrize("name", SHAPES)
def test_the_shape_counts_its_parameters_and_builds_on_meta(name: str):
    with torch.device("meta"):
        decoder = Decoder(SHAPES[name])
    assert all(parameter.is_meta for parameter in decoder.parameters())
    assert not list(decoder.buffers())
    assert sum(parameter.numel() for parameter in decoder.parameters()) == SHAPES[name].parameters


def test_initial_weights_follow_from_the_seed_and_start_at_the_loss_of_a_uniform_guess():
    shape = SHAPES["llama"].model_copy(update={"width": 256, "head_width": 64, "ffn_width": 704, "vocabulary": 1000})
    one, same, other = (initialise(Decoder(shape), seed) for seed in (1, 1, 2))
    weights = [dict(decoder.named_parameters()) for decoder in (one, same, other)]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    assert not torch.equal(weights[0]["embedding.weight"], weights[2]["embedding.weight"])
    assert weights[0]["blocks.0.mlp.to_up.weight"].std().item() == pytest.approx(0.02, rel=0.02)
    assert weights[0]["blocks.1.mlp.to_out.weight"].std().item() == pytest.approx(0.02 / 2, rel=0.02)
    tokens_bt = tokens_of(4, 32)
    loss = F.cross_entropy(one.logits(one(tokens_bt)).flatten(0, 1), tokens_bt.roll(-1, 1).flatten())
    assert loss.item() == pytest.approx(torch.tensor(1000.0).log().item(), abs=0.1)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kv_heads": 3}, "heads = 4 is not a multiple of kv_heads = 3"),
        ({"head_width": 7}, "head_width = 7 must be even"),
        ({"family": "gpt2"}, "gpt2 needs kv_heads = heads"),
        ({"width": 0}, "greater than or equal to 1"),
    ],
)
def test_a_shape_that_does_not_fit_together_is_refused(changes: dict, message: str):
    with pytest.raises(ValidationError, match=message):
        Shape.model_validate(SHAPES["llama"].model_dump() | changes)
