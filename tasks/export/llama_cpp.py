"""A GGUF file as llama.cpp reads it, through the package xllamacpp: what the proof of an export compares."""

import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module, metadata
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING, Any

import httpx
import numpy as np

from tasks.errors import UserError
from tasks.export.llama_settings import common_parameters

if TYPE_CHECKING:
    from model.chat import Turn

INSTALL = "pip install xllamacpp"
FORCED = 1e4  # added to a token's logit: it is drawn, and its own probability reported without the addition
TIMEOUT = 120.0  # seconds for one request


class OpenedByLlamaCpp:
    """The model in that file, one conversation at a time."""

    def __init__(self, file: Path, context: int, threads: int) -> None:
        try:
            xllamacpp: Any = import_module("xllamacpp")
        except ModuleNotFoundError as error:
            raise UserError("llama.cpp is not installed, which opens the file for the proof", INSTALL) from error
        parameters = common_parameters(file, threads)
        parameters.n_ctx, parameters.n_parallel = context, 1
        parameters.n_gpu_layers = 0
        parameters.cache_type_k = parameters.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_F32
        key = secrets.token_hex(16)
        parameters.api_keys = [key]
        with TemporaryFile() as log:
            try:
                with _standard_error_in(log.fileno()):
                    self._server = xllamacpp.Server(parameters)
            except Exception as error:
                why = _reason(log) or str(error)
                what = f"{file}: llama.cpp cannot open it ({why})"
                raise UserError(what, "export the model in another format (hf, litgpt)") from error
        address = self._server.listening_address
        self._http = httpx.Client(base_url=address, headers={"authorization": f"Bearer {key}"}, timeout=TIMEOUT)

    def close(self) -> None:
        """Its memory comes back when nothing refers to it any more."""
        self._http.close()

    @property
    def program(self) -> str:
        return f"llama.cpp (xllamacpp {metadata.version('xllamacpp')})"

    def encode(self, text: str) -> list[int]:
        """The ids of a text, nothing added, the name of a special token being ordinary text."""
        return self._tokens(text, with_special=False)

    def turns(self, turns: "Sequence[Turn]") -> list[int] | None:
        """The ids of a conversation, by the chat template in the file."""
        messages = [{"role": turn.role, "content": turn.text} for turn in turns]
        return self.marked(
            self._http.post("/apply-template", json={"messages": messages}).raise_for_status().json()["prompt"]
        )

    def marked(self, text: str) -> list[int]:
        """The ids of a conversation that is marked already: the names of special tokens are these tokens."""
        return self._tokens(text, with_special=True)

    def _tokens(self, text: str, with_special: bool) -> list[int]:
        body = {"content": text, "add_special": with_special, "parse_special": with_special}
        return self._http.post("/tokenize", json=body).raise_for_status().json()["tokens"]

    def greedy(self, prompt: Sequence[int], count: int, ends: frozenset[int]) -> list[int]:
        """The likeliest ids after the prompt, one of `ends` last if it comes."""
        ids = self._complete(prompt, n_predict=count)["tokens"]
        return ids[: next((at + 1 for at, id in enumerate(ids) if id in ends), count)]

    def log_probabilities(self, tokens: Sequence[int], first: int = 1) -> np.ndarray:
        """ln p (t - first,) of `tokens[first:]`."""
        return np.array([self._log_probability(tokens[:at], tokens[at]) for at in range(first, len(tokens))])

    def _log_probability(self, prompt: Sequence[int], token: int) -> float:
        answer = self._complete(prompt, n_predict=1, n_probs=1, logit_bias=[[token, FORCED]])
        if drawn := answer.get("completion_probabilities"):
            return drawn[0]["logprob"]
        shown = self.encode("a")[-1]  # one that ends within a character is held back: it is looked up beside this one
        for most in (1_000, 100_000, 10_000_000):
            drawn = self._complete(prompt, n_predict=1, n_probs=most, logit_bias=[[shown, FORCED]])
            rows = (drawn.get("completion_probabilities") or [{"top_logprobs": []}])[0]["top_logprobs"]
            if (row := next((row for row in rows if row["id"] == token), None)) is not None:
                return row["logprob"]
        raise UserError(f"llama.cpp names no probability of token {token}", "export the model in another format")

    def _complete(self, prompt: Sequence[int], **options: Any) -> dict[str, Any]:
        body = {"prompt": list(prompt), "temperature": 0, "return_tokens": True, **options}
        answer = self._http.post("/completion", json=body)
        if answer.is_error:
            raise UserError(f"llama.cpp: {answer.text[:300]}", "export the model in another format")
        return answer.json()


@contextmanager
def _standard_error_in(file: int) -> Iterator[None]:
    """What a library writes to the standard error inside goes to the file."""
    kept = os.dup(2)
    try:
        os.dup2(file, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def _reason(log: IO[bytes]) -> str:
    """The first error that llama.cpp logged."""
    log.seek(0)
    lines = log.read().decode(errors="replace").splitlines()
    return next((line.split(" E ", 1)[1].strip() for line in lines if " E " in line), "")
