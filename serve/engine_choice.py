"""Which engine a model gets: llama.cpp where it is installed and can read the model, else our own decoder."""

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from model.chat_template import read_template
from model.gguf_families import QUANTS
from model.hub_files import read_shape
from serve.decoder_engine import DecoderEngine
from serve.engine import DECODER, LLAMA_CPP, Engine, EngineError, ModelFiles
from serve.llama_cpp import SLOTS, Gguf, LlamaCppEngine, plan_memory
from serve.upstream_engine import UpstreamEngine, upstream_url
from tasks.errors import UsageError, UserError
from tasks.export.gguf import DEFAULT_QUANT
from tasks.export.gguf_cache import cached_gguf
from tasks.home import Home
from tasks.models.pretrained import content_of
from tasks.progress import say

INSTALL = "pip install xllamacpp"
LoadEngine = Callable[[ModelFiles], Engine]
Prepare = Callable[[Path, str], object]  # a folder of weights and the hash of its files
CACHE_BYTES = 1 << 30  # of keys and values
VALUE_BYTES = 2  # of a key's or a value's number


def load_engine(
    home: Home, choice: str, quant: str = DEFAULT_QUANT, slots: int | None = None, cache_bytes: int = CACHE_BYTES
) -> LoadEngine:
    """What loads the engine of a model. `choice` is DECODER, LLAMA_CPP, or "" for the best that there is."""
    if "://" in choice:
        url = upstream_url(choice)
        return lambda files: UpstreamEngine(url, read_shape(files.weights).context)
    if choice not in {"", DECODER, LLAMA_CPP}:
        raise UsageError(f"--engine {choice}: no such engine", f"there are: {DECODER}, {LLAMA_CPP}, http://ADDRESS/v1")
    if quant not in QUANTS:
        raise UsageError(f"--quant {quant}: not known", f"there are: {', '.join(QUANTS)}")
    is_installed = find_spec("xllamacpp") is not None
    if choice == LLAMA_CPP and not is_installed:
        raise UsageError(f"--engine {LLAMA_CPP}: it is not installed", INSTALL)
    if choice == DECODER or not is_installed:
        if not choice:
            say(f"the decoder answers, several times slower than llama.cpp, which is not installed: {INSTALL}")
        return DecoderEngine

    def load(files: ModelFiles) -> Engine:
        try:
            return _llama_cpp(files, home, quant, slots or SLOTS, cache_bytes)
        except EngineError as error:
            refusal = UserError(f"{files.weights}: {error}", f"take --engine {DECODER}")
        except UserError as error:
            refusal = error
        if choice:
            raise refusal
        say(f"the decoder answers, as llama.cpp cannot: {refusal.what}")
        return DecoderEngine(files)

    return load


def prepare_engine(home: Home, choice: str, quant: str) -> Prepare:
    """What makes the files that an engine of that choice will be loaded from."""
    if choice not in {"", LLAMA_CPP} or find_spec("xllamacpp") is None:
        return lambda weights, sha256: None
    return lambda weights, sha256: cached_gguf(weights, sha256, quant, home)


def _llama_cpp(files: ModelFiles, home: Home, quant: str, slots: int, cache_bytes: int) -> LlamaCppEngine:
    weights = files.weights
    shape = read_shape(weights)
    bytes_per_token = 2 * shape.depth * shape.kv_heads * shape.head_width * VALUE_BYTES
    file = files.gguf or cached_gguf(weights, files.sha256 or content_of(weights), quant, home)
    gguf = Gguf(
        file,
        files.gguf.name if files.gguf else quant,
        shape.vocabulary,
        knows_tools="tools" in (read_template(weights) or ""),
    )
    return LlamaCppEngine(gguf, files, plan_memory(shape.context, bytes_per_token, slots, cache_bytes))
