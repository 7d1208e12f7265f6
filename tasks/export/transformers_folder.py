"""A folder in the Hugging Face layout, as transformers opens it."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.errors import UserError

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from model.chat import Turn

INSTALL = "pip install 'triptych[exports]'"


class OpenedByTransformers:
    """A folder that transformers has loaded, from local files alone, in float32."""

    def __init__(self, folder: Path) -> None:
        transformers = import_transformers()
        network = transformers.AutoModelForCausalLM.from_pretrained(
            folder, dtype="float32", local_files_only=True, use_safetensors=True
        )
        self.open(network, folder)

    def open(self, network: "PreTrainedModel", tokenizer: Path) -> None:
        """Makes this of a network that is loaded, and of the tokenizer in a folder."""
        transformers = import_transformers()
        self._network: Any = network.eval()
        self._tokenizer: Any = transformers.AutoTokenizer.from_pretrained(
            tokenizer, local_files_only=True, split_special_tokens=True
        )

    @property
    def program(self) -> str:
        return f"transformers {import_transformers().__version__}"

    def close(self) -> None:
        """Nothing of it outlives it."""

    def encode(self, text: str) -> list[int]:
        return self._tokenizer.encode(text, add_special_tokens=False)

    def turns(self, turns: "Sequence[Turn]") -> list[int] | None:
        messages = [{"role": turn.role, "content": turn.text} for turn in turns]
        text = self._tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
        return self._tokenizer.encode(text, add_special_tokens=False, split_special_tokens=False)

    def greedy(self, prompt: Sequence[int], count: int, ends: frozenset[int]) -> list[int]:
        import torch

        transformers = import_transformers()
        settings = transformers.GenerationConfig(
            do_sample=False, max_new_tokens=count, eos_token_id=sorted(ends) or None, pad_token_id=0
        )
        tokens_bt = torch.tensor([prompt])
        with torch.inference_mode():
            ids = self._network.generate(
                tokens_bt, attention_mask=torch.ones_like(tokens_bt), generation_config=settings
            )
        return ids[0, len(prompt) :].tolist()

    def log_probabilities(self, tokens: Sequence[int], first: int = 1) -> np.ndarray:
        import torch

        with torch.inference_mode():
            logits_tv = self._network(torch.tensor([tokens])).logits[0, :-1].float()
        following = torch.tensor(tokens[1:])[:, None]
        return logits_tv.log_softmax(-1).gather(1, following)[first - 1 :, 0].numpy()


def import_transformers() -> Any:
    """transformers, which asks no hub for anything."""
    os.environ.setdefault("HF_HUB_OFFLINE", "1")  # read when it is imported
    try:
        import transformers
    except ModuleNotFoundError as error:
        raise UserError(f"transformers cannot be loaded: {error.name} is not installed", INSTALL) from error
    transformers.utils.logging.disable_progress_bar()
    return transformers
