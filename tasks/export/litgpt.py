"""A model as LitGPT keeps it: lit_model.pth, model_config.yaml, the tokenizer, and how `litgpt chat` asks it."""

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tasks.errors import UserError
from tasks.export.litgpt_prompts import write_prompt_style
from tasks.models.pretrained import BEGAN_FROM, LICENCE_FILES, README, copy_tokenizer
from tasks.models.prompting import PromptBuilder
from tasks.progress import say

if TYPE_CHECKING:
    from model.chat import Turn
    from model.decoder import Decoder

BESIDE = ("generation_config.json", BEGAN_FROM, README, *LICENCE_FILES)
INSTALL = "pip install 'triptych[exports]' && pip install --no-deps litgpt"


def write_litgpt(weights: Path, folder: Path) -> None:
    """Writes into `folder` the model of a folder in the Hugging Face layout, so that `litgpt chat` opens it.

    UserError where LitGPT does not compute what the model does. What it cannot express of the model's chat template
    is reported.
    """
    _require_litgpt()
    from model import hub, litgpt_weights
    from model.hub_config import WeightsError

    folder.mkdir(parents=True, exist_ok=True)
    try:
        decoder = hub.load(weights, hub.stored_dtype(weights))
        _refuse_capped_scores(decoder)
        _report_window(decoder)
        litgpt_weights.save(decoder, folder)
    except WeightsError as error:
        raise UserError(error.what, error.cure) from error
    copy_tokenizer(weights, folder)
    for name in BESIDE:
        if (weights / name).is_file():
            shutil.copyfile(weights / name, folder / name)
    write_prompt_style(PromptBuilder(weights), folder)


class OpenedByLitgpt:
    """A folder that LitGPT has loaded, with its network, its cache of keys and values, and its tokenizer."""

    def __init__(self, folder: Path) -> None:
        _require_litgpt()
        import torch
        from litgpt.config import Config
        from litgpt.model import GPT
        from litgpt.tokenizer import Tokenizer

        self._config = Config.from_file(folder / "model_config.yaml")
        with torch.device("meta"):
            self._network = GPT(self._config)
        tensors = torch.load(folder / "lit_model.pth", map_location="cpu", weights_only=True, mmap=True)
        self._network.load_state_dict(tensors, assign=True)
        self._network.float().eval()
        self._tokenizer = Tokenizer(folder)
        self._tokenizer.processor.encode_special_tokens = True

    @property
    def program(self) -> str:
        from importlib.metadata import version

        return f"litgpt {version('litgpt')}"

    def close(self) -> None:
        """Nothing of it outlives it."""

    def encode(self, text: str) -> list[int]:
        return self._tokenizer.encode(text, bos=False).tolist()

    def turns(self, turns: "Sequence[Turn]") -> None:
        """None: its styles of prompts are no templates, and what they cannot express is reported when it is written."""

    def greedy(self, prompt: Sequence[int], count: int, ends: frozenset[int]) -> list[int]:
        import torch

        ids, drawn = list(prompt), list[int]()
        positions = min(len(ids) + count, self._config.block_size)
        self._resize(positions)
        self._network.set_kv_cache(batch_size=1, device=torch.device("cpu"), dtype=torch.float32)
        with torch.inference_mode():
            for piece in self._pieces(ids, positions):
                logits = self._network(
                    torch.tensor([ids[piece.start : piece.stop]]), torch.arange(piece.start, piece.stop), piece.stop
                )
                if piece.stop == len(ids):
                    drawn.append(int(logits[0, -1].argmax()))
                    ids.append(drawn[-1])
                if (drawn and drawn[-1] in ends) or len(drawn) == count:
                    break
        self._network.clear_kv_cache()
        return drawn

    def log_probabilities(self, tokens: Sequence[int], first: int = 1) -> np.ndarray:
        import torch

        self._resize(len(tokens))
        with torch.inference_mode():
            logits_tv = self._network(torch.tensor([tokens]))[0, :-1].float()
        following = torch.tensor(tokens[1:])[:, None]
        return logits_tv.log_softmax(-1).gather(1, following)[first - 1 :, 0].numpy()

    def _pieces(self, ids: list[int], positions: int) -> Iterator[range]:
        """What is read at once: of the prompt no more than a window, which a window's cache demands, then id by id."""
        first = min(len(ids), self._config.sliding_window_size or len(ids))
        yield range(first)
        for position in range(first, positions):
            yield range(position, position + 1)

    def _resize(self, positions: int) -> None:
        """The network was made without memory, so its angles are computed here."""
        import torch

        self._network.max_seq_length = positions
        self._network.cos, self._network.sin = self._network.rope_cache(device=torch.device("cpu"))


def _require_litgpt() -> None:
    try:
        import litgpt.tokenizer  # noqa: F401 - what it needs itself is absent more often than it is
    except ModuleNotFoundError as error:
        raise UserError(f"LitGPT cannot be loaded: {error.name} is not installed", INSTALL) from error


def _refuse_capped_scores(decoder: "Decoder") -> None:
    """LitGPT adds the cache's mask, of booleans, to capped scores: each token of a prompt attends to later ones."""
    if decoder.shape.attention_cap is not None:
        raise UserError(
            f"LitGPT reads prompts wrongly where attention scores are capped, as in this {decoder.shape.family}: each "
            "token attends to those after it",
            "export it as hf or gguf",
        )


def _report_window(decoder: "Decoder") -> None:
    """LitGPT's cache of a window takes no longer prompt at once, and its commands read a prompt at once."""
    window = decoder.shape.window
    if window is not None and window < decoder.shape.context:
        say(f"litgpt chat ends with an error at a prompt of more than {window:,} tokens, the window of this model")
