"""`triptych show`: a model's architecture and cost as numbers and as one page, and what it makes of a text."""

import json
import re
from html import unescape
from pathlib import Path

import pytest

from commands.models.describe import Described, describe_model, print_described, write_page
from commands.models.use import score_prompt
from model.decoder import Decoder
from tasks.errors import UsageError
from tasks.home import Home
from tasks.models.architecture import describe, in_words
from tests.model.shapes import SHAPES
from tests.tasks.models.tiny_weights import tiny_weights

CONTRACT = ["family", "depth", "width", "heads", "kv_heads", "vocabulary", "context", "parameters", "flops_per_token"]
CONTRACT += ["memory_bytes"]
HOSTILE = "<script>alert(1)</script>\n</svg> &amp;"


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_weights(tmp_path_factory.mktemp("described") / "tiny")


@pytest.mark.parametrize("name", SHAPES)
def test_every_family_is_described_with_its_real_number_of_parameters(name: str, tmp_path: Path):
    shape = SHAPES[name]
    facts = describe(shape)
    assert list(facts)[: len(CONTRACT)] == CONTRACT and json.dumps(facts)
    assert facts["parameters"] == sum(parameter.numel() for parameter in Decoder(shape).parameters())
    needed = facts["memory_bytes"]
    assert needed["serve"]["f32"] > needed["serve"]["q8_0"] >= needed["serve"]["q4_0"] > needed["serve"]["bf16"] / 4
    assert needed["train"] > 16 * facts["parameters"] and needed["kv_cache"]["full_context"] > 0
    write_page(Described(name, tmp_path, shape, None), tmp_path / "page.html", None)
    page = (tmp_path / "page.html").read_text()
    assert f"{shape.parameters:,}" in page and f"{shape.width:,} → {shape.ffn_width:,}" in page


def test_what_sets_blocks_apart_is_said_in_words():
    words = in_words(SHAPES["gemma3"])
    assert words["reach"] == "a window of 6 tokens; all up to 32 in block 2"
    assert "stretched 2 × (linear), base 500 and not stretched where a block has a window" in words["positions"]
    assert in_words(SHAPES["smollm3"])["positions"].endswith("none in block 2")
    assert in_words(SHAPES["gemma2"])["caps"] == "scores within ± 5, logits within ± 3"
    assert "logits × 0.4" in in_words(SHAPES["granite"])["multipliers"]


def test_a_text_has_its_own_probabilities_and_the_likeliest_tokens(weights: Path, tmp_path: Path, capsys):
    home = Home(tmp_path)
    described = describe_model(home, str(weights), "four")
    text = described.as_json()["prompt"]
    scored = score_prompt(home, str(weights), "four")
    assert (text["ids"], text["tokens"]) == (scored["ids"], scored["tokens"])
    assert text["logprobs"] == pytest.approx(scored["logprobs"], abs=1e-5)
    assert [len(place) for place in text["likeliest"]] == [10] * 5
    for place in text["likeliest"]:
        chances = [one["probability"] for one in place]
        assert chances == sorted(chances, reverse=True) and sum(chances) <= 1
    assert described.as_json()["licence"] == "apache-2.0"
    print_described(described)
    shown = capsys.readouterr().out
    assert "parameters: 53,792" in shown and "blocks.{n}.attention.to_q" in shown and "likeliest there" in shown


def test_the_page_holds_all_that_it_shows_and_a_text_is_only_text(weights: Path, tmp_path: Path):
    described = describe_model(Home(tmp_path), str(weights), HOSTILE[:24])
    write_page(described, tmp_path / "page.html", block=1)
    page = (tmp_path / "page.html").read_text()
    assert "<script" not in page and not re.search(r"""(src|href)=["'](?!#|data:)""", page)
    assert page.count("<svg") == page.count("</svg>") == 1 + 1 + 2 + 2  # network, next tokens, blocks, heads
    assert "block 1, head 2" in page and "<|endoftext|>" in unescape(page)


def test_a_text_too_long_to_draw_is_read_and_one_beyond_the_context_is_refused(weights: Path, tmp_path: Path):
    write_page(describe_model(Home(tmp_path), str(weights), "a" * 40), tmp_path / "page.html", None)
    assert "at most 31 tokens; this one has 40" in (tmp_path / "page.html").read_text()
    with pytest.raises(UsageError, match="at most 63"):
        describe_model(Home(tmp_path), str(weights), "a" * 64)


def test_a_page_is_html_and_a_block_is_one_of_the_models(weights: Path, tmp_path: Path):
    described = describe_model(Home(tmp_path), str(weights), "a")
    with pytest.raises(UsageError, match=r"page\.html"):
        write_page(described, tmp_path / "page.pdf", None)
    with pytest.raises(UsageError, match="has 2 blocks"):
        write_page(described, tmp_path / "page.html", 3)
