"""Many prompts at once give what each gives alone."""

import pytest

from model.generate import generate
from model.generate_batch import generate_batch
from tests.model.shapes import SHAPES, SIZES, decoder_of, tokens_of

PROMPTS = [[5, 9, 2], tokens_of(1, 11)[0].tolist(), [7], tokens_of(1, 100)[0].tolist()]
MOST = 12


@pytest.mark.parametrize("name", SHAPES)
def test_answers_are_those_of_each_prompt_alone_whatever_ends_first(name: str):
    decoder = decoder_of(name)
    alone = [list(generate(decoder, prompt, MOST, temperature=0)) for prompt in PROMPTS]
    ends = [alone[0][3], alone[1][6], -1, -1]
    batch = dict(generate_batch(decoder, PROMPTS, MOST, lambda number, ids: ids[-1] == ends[number]))
    for number, own in enumerate(alone):
        last = own.index(ends[number]) + 1 if ends[number] in own else MOST
        assert batch[number] == own[:last]


def test_an_answer_ends_where_the_context_is_full_and_never_has_what_must_not_be_drawn():
    decoder, never = decoder_of("llama"), range(0, SIZES["vocabulary"], 2)
    (batch,) = generate_batch(decoder, [PROMPTS[3]], 1000, lambda *_: False, never)
    assert batch[0] == 0 and len(batch[1]) == SIZES["context"] // 2
    assert not set(never) & set(batch[1])
