"""Models that LitGPT opens: the same ids, the same greedy answers, the same probabilities, and asked as trained."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from model import hub, litgpt_weights
from model.chat import Turn
from model.generate import generate
from tasks.errors import UserError
from tasks.export.litgpt import OpenedByLitgpt, write_litgpt
from tasks.export.litgpt_prompts import write_prompt_style
from tasks.models.likelihood import document_log_probabilities
from tasks.models.prompting import PromptBuilder
from tasks.models.vocabulary import Vocabulary
from tests.model.shapes import decoder_of
from tests.tasks.export.tiny_models import CHATML, TURNS, tiny_model

NASTY = ("", "  two\n\n\tspaces ", "<|endoftext|>", "a<|im_end|>b", "Ünï 日本 \U0001f642", "\x00\x7f")


@pytest.mark.parametrize("name", ["llama", "mistral", "qwen2 windowed", "gemma3", "olmo2", "phi3 partly rotated"])
def test_litgpt_answers_as_the_model_does_beyond_its_window_too(name: str, tmp_path: Path):
    weights = tiny_model(tmp_path / "model", name)
    write_litgpt(weights, tmp_path / "lit")
    opened, decoder, vocabulary = OpenedByLitgpt(tmp_path / "lit"), hub.load(weights).eval(), Vocabulary(weights)
    for text in NASTY:
        assert opened.encode(text) == vocabulary.encode(text)
    for text in ("Why?", "A prompt that is longer than the window."):
        prompt = vocabulary.encode(text)
        expected = list(generate(decoder, prompt, 20, 0.0, top_p=1.0, seed=0, stop={256}, never=()))
        assert opened.greedy(prompt, 20, frozenset({256})) == expected
        (wanted,) = document_log_probabilities(decoder, [prompt[1:]], prompt[0])
        np.testing.assert_allclose(opened.log_probabilities(prompt), wanted, atol=1e-4)
    assert opened.program.startswith("litgpt 0")


def test_prompts_that_litgpt_chat_does_not_read_are_reported(tmp_path: Path, capsys):
    write_litgpt(tiny_model(tmp_path / "model", "mistral"), tmp_path / "lit")
    assert "more than 7 tokens, the window" in capsys.readouterr().err
    import litgpt
    from litgpt.generate.base import generate

    gpt = litgpt.GPT(litgpt.Config.from_file(tmp_path / "lit" / "model_config.yaml"))
    gpt.set_kv_cache(batch_size=1)
    with pytest.raises(ValueError, match="exceeds the sliding window size"):
        generate(gpt, torch.arange(8), 12)


def test_an_answer_ends_where_the_context_does_and_at_an_end(tmp_path: Path):
    write_litgpt(tiny_model(tmp_path / "model", context=16), tmp_path / "lit")
    opened = OpenedByLitgpt(tmp_path / "lit")
    answer = opened.greedy([1, 2, 3], 50, frozenset())
    assert len(answer) == 14  # the last one is predicted at the last position
    assert opened.greedy([1, 2, 3], 50, frozenset({answer[1]})) == answer[: answer.index(answer[1]) + 1]


@pytest.mark.parametrize(
    ("marks", "style", "end"), [(CHATML, "ChatML", "<|im_end|>"), (TURNS, "Phi4Mini", "<|end|>"), ((), "Default", None)]
)
def test_litgpt_chat_asks_with_the_ids_that_the_model_was_trained_on(marks, style, end, tmp_path: Path):
    weights = tiny_model(tmp_path / "model", marks=marks)
    write_litgpt(weights, tmp_path / "lit")
    from litgpt.prompts import load_prompt_style  # seconds: no other worker is to wait for it
    from litgpt.tokenizer import Tokenizer

    asked, tokenizer = load_prompt_style(tmp_path / "lit"), Tokenizer(tmp_path / "lit")
    assert type(asked).__name__ == style
    ids, _ = PromptBuilder(weights).of_turns([Turn("user", "Why is it so?")])
    assert tokenizer.encode(asked.apply("Why is it so?")).tolist() == ids
    stops = {tokenizer.processor.id_to_token(id) for ids in asked.stop_tokens(tokenizer) for id in ids}
    assert stops == {end or "<|endoftext|>"}


def test_turns_for_which_litgpt_has_no_style_are_reported(tmp_path: Path, capsys):
    weights = tiny_model(tmp_path / "model", marks=TURNS)
    prompts = PromptBuilder(weights)
    write_litgpt(weights, tmp_path / "lit")
    assert not capsys.readouterr().err
    prompts.of_turns = lambda turns: ([257, *prompts.encode(turns[0].text)], {260})
    write_prompt_style(prompts, tmp_path / "lit")
    assert "has no style for the turns of this model" in capsys.readouterr().err
    assert (tmp_path / "lit" / "prompt_style.yaml").read_text() == "class_path: litgpt.prompts.Default\n"


def test_what_litgpt_reads_wrongly_or_not_at_all_is_refused(tmp_path: Path):
    with pytest.raises(UserError, match="LitGPT reads prompts wrongly where attention scores are capped"):
        write_litgpt(tiny_model(tmp_path / "gemma", "gemma2"), tmp_path / "lit")
    with pytest.raises(UserError, match="LitGPT has no learned positions"):
        write_litgpt(tiny_model(tmp_path / "gpt2", "gpt2"), tmp_path / "lit")


def test_litgpt_still_reads_prompts_wrongly_where_scores_are_capped(tmp_path: Path):
    """Once it does not, the refusal can go."""
    folder = tmp_path / "lit"
    folder.mkdir()
    litgpt_weights.save(decoder_of("gemma2"), folder)
    shutil.copyfile(tiny_model(tmp_path / "model") / "tokenizer.json", folder / "tokenizer.json")
    opened, decoder = OpenedByLitgpt(folder), decoder_of("gemma2").eval()
    prompts = [list(range(first, first + 7)) for first in range(20)]
    with torch.no_grad():
        expected = [int(decoder.logits(decoder(torch.tensor([prompt])))[0, -1].argmax()) for prompt in prompts]
    assert [opened.greedy(prompt, 1, frozenset())[0] for prompt in prompts] != expected
    assert [opened.greedy(prompt[:1], 1, frozenset())[0] for prompt in prompts] == [
        next(generate(decoder, prompt[:1], 1, 0.0)) for prompt in prompts
    ]


def test_files_beside_the_weights_go_along_and_the_type_of_the_weights_stays(tmp_path: Path):
    weights = tiny_model(tmp_path / "model")
    hub.save(hub.load(weights, torch.bfloat16), weights)
    (weights / "README.md").write_text("---\nlicense: mit\n---\n")
    (weights / "began_from.json").write_text("{}")
    write_litgpt(weights, tmp_path / "lit")
    names = {file.name for file in (tmp_path / "lit").iterdir()}
    assert {"README.md", "began_from.json", "tokenizer.json", "generation_config.json"} <= names
    assert torch.load(tmp_path / "lit" / "lit_model.pth")["lm_head.weight"].dtype == torch.bfloat16
    assert yaml.safe_load((tmp_path / "lit" / "model_config.yaml").read_text())["name"].startswith("Llama-")
