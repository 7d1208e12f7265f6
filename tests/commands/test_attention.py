"""Attention maps of a model in a folder: shares of the tokens so far, and a picture of them."""

from pathlib import Path
from xml.etree import ElementTree

import pytest

from commands.models.attention import attention, draw_attention
from model import hub
from model.decoder import Decoder, initialise
from model.depth import from_depth
from tasks.errors import UsageError
from tasks.home import Home
from tasks.models.vocabulary import SPECIALS
from tests.tasks.models.byte_level import tokenizer_folder


@pytest.fixture
def weights(tmp_path: Path) -> str:
    folder = tokenizer_folder(tmp_path / "weights", SPECIALS)
    hub.save(initialise(Decoder(from_depth(2, 262, 64, "llama", width=32, heads=2, kv_heads=2)), seed=0), folder)
    return str(folder)


@pytest.mark.parametrize(("block", "by", "maps"), [(None, "block", 2), (2, "head", 2)])
def test_each_row_holds_the_attention_shares_of_the_tokens_so_far(
    weights: str, tmp_path: Path, block: int | None, by: str, maps: int
) -> None:
    shares = attention(Home(tmp_path), weights, "four", block)
    assert (
        shares["tokens"] == ["<|endoftext|>", "f", "o", "u", "r"] and shares["by"] == by and len(shares["maps"]) == maps
    )
    for rows in shares["maps"]:
        assert [sum(row) for row in rows] == pytest.approx([1.0] * 5, abs=1e-5)
        assert all(share == 0 for number, row in enumerate(rows) for share in row[number + 1 :])
    draw_attention(shares, tmp_path / "maps.svg")
    assert ElementTree.parse(tmp_path / "maps.svg").getroot().tag.endswith("svg")


@pytest.mark.parametrize(("prompt", "block", "what"), [("a", 3, "has 2 blocks"), ("a" * 40, None, "has 40 tokens")])
def test_an_unknown_block_and_a_text_too_long_to_show_are_refused(
    weights: str, tmp_path: Path, prompt: str, block: int | None, what: str
) -> None:
    with pytest.raises(UsageError, match=what):
        attention(Home(tmp_path), weights, prompt, block)
