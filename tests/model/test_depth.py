import pytest
import torch

from model.decoder import Decoder
from model.depth import PlanOverrides, attention_flops, flops_per_token, from_depth, matrix_parameters, training_plan
from model.family import Shape
from model.head import Classifier, freeze
from model.lora import add_lora
from model.objectives.documents import NextToken
from model.objectives.labelled import Classify
from model.objectives.preferences import Prefer
from model.session import learning_flops
from model.spec import Lora

GPT2_124M = {"width": 768, "vocabulary": 50257, "context": 1024}
LLAMA_1B = {"width": 2048, "head_width": 64, "kv_heads": 8, "ffn_width": 8192, "rope_theta": 500_000.0, "tied": True}


@pytest.mark.parametrize("family", ["gpt2", "llama", "qwen3"])
@pytest.mark.parametrize("depth", [1, 4, 6, 12])
def test_a_depth_alone_gives_a_shape_that_builds(family: str, depth: int):
    shape = from_depth(depth, 4096, 256, family)
    assert (shape.width, shape.heads, shape.head_width) == (64 * depth, depth, 64)
    with torch.device("meta"):
        assert sum(p.numel() for p in Decoder(shape).parameters()) == shape.parameters


def test_published_shapes_have_their_published_parameter_counts():
    assert from_depth(12, family="gpt2", **GPT2_124M).parameters == 124_439_808
    llama = from_depth(16, 128_256, 2048, "llama", **LLAMA_1B)  # Llama 3.2 1B
    assert (llama.heads, llama.parameters) == (32, 1_235_814_400)


def test_a_gated_mlp_has_about_as_many_parameters_as_a_plain_one():
    gated, plain = (from_depth(12, 4096, 256, family) for family in ("llama", "gpt2"))
    assert 3 * gated.ffn_width == pytest.approx(2 * plain.ffn_width, rel=0.01)


def test_values_set_by_hand_are_kept_and_the_rest_follows():
    shape = from_depth(4, 4096, 256, "llama")
    derived = training_plan(shape)
    assert derived.tokens == pytest.approx(20 * (shape.parameters - 4096 * 256), rel=0.01)
    by_hand = training_plan(shape, PlanOverrides(batch=8, steps=520, learning_rate=1e-3))
    assert (by_hand.batch, by_hand.steps, by_hand.learning_rate, by_hand.tokens) == (8, 520, 1e-3, 8 * 520 * 256)
    shorter = training_plan(shape, PlanOverrides(steps=derived.steps // 8))
    assert shorter.steps == derived.steps // 8
    assert shorter.batch < derived.batch
    assert shorter.learning_rate > derived.learning_rate


def test_fixed_steps_give_the_batch_that_is_best_for_their_compute():
    shape = from_depth(12, 50_257, 1024, "gpt2")
    derived = training_plan(shape)
    assert training_plan(shape, PlanOverrides(steps=derived.steps)).batch == derived.batch


def test_flops_of_gpt2_are_those_of_palms_equation():
    shape = Shape(family="gpt2", depth=12, heads=12, kv_heads=12, head_width=64, ffn_width=3072, tied=True, **GPT2_124M)
    multiplied = 124_439_808 - 1024 * 768
    assert flops_per_token(shape) == 6 * multiplied + 12 * 12 * 12 * 64 * 1024


def test_flops_of_a_frozen_network_count_the_forward_pass_and_the_trained_part():
    shape = from_depth(4, 512, 64, "llama")
    whole = flops_per_token(shape)
    assert learning_flops(NextToken(Decoder(shape))) == whole
    frozen = Classifier(Decoder(shape), ["a", "b"])
    freeze(frozen, "head")
    assert learning_flops(Classify(frozen)) == pytest.approx(whole / 3)
    freeze(frozen, "last_block")
    last = sum(p.numel() for p in frozen.decoder.parameters() if p.requires_grad)
    assert learning_flops(Classify(frozen)) == pytest.approx(
        whole / 3 + (whole + attention_flops(shape)) / 3 / 4 + 2 * last
    )
    adapted = add_lora(Decoder(shape), Lora(rank=2))
    learned = sum(p.numel() for p in adapted.parameters() if p.requires_grad)
    through = whole - 2 * matrix_parameters(shape)
    assert learning_flops(NextToken(adapted)) == through + 2 * learned
    for reference in (Decoder(shape), None):  # a second network, or the same without its change
        assert learning_flops(Prefer(adapted, reference, 0.1)) == pytest.approx(through + 2 * learned + whole / 3)
