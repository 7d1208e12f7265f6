import pytest
import torch

from model.decoder import Decoder
from model.generate import draw, generate
from tests.model.shapes import SHAPES, SIZES, decoder_of, tokens_of

PROMPT = [5, 9, 2]


def greedy_without_cache(decoder: Decoder, tokens: list[int], count: int) -> list[int]:
    tokens = list(tokens)
    for _ in range(count):
        with torch.no_grad():
            tokens.append(int(decoder.logits(decoder(torch.tensor([tokens])))[0, -1].argmax()))
    return tokens[-count:]


@pytest.mark.parametrize("name", SHAPES)
def test_greedy_decoding_with_the_cache_equals_decoding_without_it(name: str):
    decoder = decoder_of(name)
    made = list(generate(decoder, PROMPT, 25, temperature=0))
    assert made == greedy_without_cache(decoder, PROMPT, 25)
    assert len(set(made)) > 2  # not a loop that would agree by chance


@pytest.mark.parametrize("name", ["gpt2", "qwen3"])
def test_generation_goes_on_past_the_context_from_its_later_half(name: str):
    decoder = decoder_of(name)
    context = SIZES["context"]
    made = list(generate(decoder, PROMPT, 2 * context, temperature=0))
    assert len(made) == 2 * context
    too_long = [*PROMPT, *made][: context + 1]
    following = made[context + 1 - len(PROMPT)]
    assert [following] == greedy_without_cache(decoder, too_long[-context // 2 :], 1)


def test_a_long_prompt_is_cut_to_leave_room_for_the_answer():
    decoder = decoder_of("llama")
    long = tokens_of(1, 100)[0].tolist()
    made = list(generate(decoder, long, 10, temperature=0))
    assert made == greedy_without_cache(decoder, long[-(SIZES["context"] - 10) :], 10)


def test_the_seed_determines_the_text_and_a_stop_id_ends_it():
    decoder = decoder_of("llama")
    first, again, other = (list(generate(decoder, PROMPT, 20, 1.0, seed=seed)) for seed in (1, 1, 2))
    assert first == again != other
    assert list(generate(decoder, PROMPT, 20, 1.0, seed=1, stop={first[4]})) == first[: first.index(first[4]) + 1]


def test_an_id_that_must_not_be_drawn_never_is():
    decoder = decoder_of("llama")
    never = set(range(0, SIZES["vocabulary"], 2))
    for temperature in (0.0, 1.0, 5.0):
        made = list(generate(decoder, PROMPT, 40, temperature, top_p=1.0, never=never))
        assert len(made) == 40 and not never & set(made)


def test_top_k_and_top_p_leave_only_the_likeliest():
    logits_v = torch.tensor([0.1, 0.5, 0.15, 0.25]).log()
    generator = torch.Generator().manual_seed(0)

    def draws(**knobs) -> set[int]:
        knobs = {"temperature": 1.0, "top_k": 0, "top_p": 1.0} | knobs
        return {draw(logits_v, generator=generator, **knobs) for _ in range(300)}

    assert draws() == {0, 1, 2, 3}
    assert draws(top_k=2) == {1, 3}
    assert draws(top_k=99) == {0, 1, 2, 3}
    assert draws(top_p=0.6) == {1, 3}
    assert draws(top_p=0.0) == {1}
    assert draws(top_k=3, top_p=0.99) == {1, 2, 3}
    assert draws(temperature=0) == {1}


def test_an_empty_prompt_is_refused():
    with pytest.raises(ValueError, match="at least one token"):
        next(generate(decoder_of("llama"), [], 5))
