"""The low-rank change that a model learned here, alone: an adapter for peft, and its base."""

import json
import shutil
import warnings
from collections.abc import Iterator
from importlib import metadata
from importlib.metadata import version
from pathlib import Path
from typing import Any

from model.spec import ADAPTER_CONFIG, TOKENIZER_FILES
from tasks.errors import UserError
from tasks.export.transformers_folder import INSTALL, OpenedByTransformers, import_transformers
from tasks.home import Home
from tasks.models.hub_place import FILES, GGUF
from tasks.models.pretrained import BEGAN_FROM, LICENCE_FILES, README, content_of
from tasks.models.provenance import Provenance, read_provenance
from tasks.models.vocabulary import read_object
from tasks.tracking.registry import versions

ADAPTER, EVIDENCE = "adapter", "evidence.json"  # beside the weights of a training, and of a registered version
HUB_HOLDER = "hub, commit "
BESIDE = ("generation_config.json", *TOKENIZER_FILES, README, *LICENCE_FILES)


def write_adapter(weights: Path, folder: Path) -> None:
    """Writes into `folder` the adapter of a trained model's weights, as peft loads it onto the base that it names.

    UserError where the model was not trained as a low-rank change.
    """
    adapter = weights.parent / ADAPTER
    if not (adapter / ADAPTER_CONFIG).is_file():
        raise UserError(
            f"{weights}: no low-rank change lies beside it, so there is no adapter",
            "train with lora (pretrain.lora, finetune.instruct.lora …), or export the whole model: --format hf",
        )
    shutil.copytree(adapter, folder, dirs_exist_ok=True)
    for name in BESIDE:
        if (weights / name).is_file():
            shutil.copyfile(weights / name, folder / name)
    base = base_of(weights)
    named = {"base_model_name_or_path": base.name, "revision": None}
    if base.holder.startswith(HUB_HOLDER):
        named["revision"] = base.holder.removeprefix(HUB_HOLDER)
    config = read_object(folder / ADAPTER_CONFIG) | named
    (folder / ADAPTER_CONFIG).write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")
    (folder / BEGAN_FROM).write_text(base.model_dump_json(indent=1) + "\n", encoding="utf-8")


def base_of(weights: Path) -> Provenance:
    """What the weights were trained on; UserError where nothing beside them says so."""
    evidence = read_object(weights.parent / "evidence" / EVIDENCE)
    base = next((Provenance.model_validate(one) for one in evidence.get("began_from", [])), read_provenance(weights))
    if base is None:
        what = f"{weights}: nothing beside it says what it was trained on"
        raise UserError(what, "export a registered model: NAME@ALIAS or NAME/VERSION")
    return base


def find_base(base: Provenance, home: Home) -> Path:
    """A model in this home, or in an installed package, with the content of the base; UserError where none has it."""
    for place in _candidates(base, home):
        if content_of(place) == base.sha256:
            return place
    raise UserError(
        f"the base {base.name} ({base.holder}, sha256 {base.sha256[:12]}…) is not here, and an adapter is proved on it",
        "register it, triptych import PATH --name NAME, and export again",
    )


class OpenedByPeft(OpenedByTransformers):
    """An adapter that peft has loaded onto its base, a folder in the Hugging Face layout."""

    def __init__(self, base: Path, adapter: Path) -> None:
        network = import_transformers().AutoModelForCausalLM.from_pretrained(
            base, dtype="float32", local_files_only=True, use_safetensors=True
        )
        try:
            with warnings.catch_warnings(action="ignore", category=FutureWarning):  # of transformers', about itself
                from peft import PeftModel

                adapted: Any = PeftModel.from_pretrained(network, str(adapter))
        except ModuleNotFoundError as error:
            raise UserError(f"peft cannot be loaded: {error.name} is not installed", INSTALL) from error
        self.open(adapted, adapter)

    @property
    def program(self) -> str:
        return f"peft {version('peft')}"


def _candidates(base: Provenance, home: Home) -> Iterator[Path]:
    """Places that may hold it, the likeliest first."""
    registered = versions(home)
    for known in sorted(registered, key=lambda v: (v.tags.get("content") != base.sha256, v.name != base.name)):
        if (known.weights / "config.json").is_file():
            yield known.weights
    for folder in home.hub_models.glob(f"*/{FILES}"):
        yield from ([folder] if (folder / "config.json").is_file() else [])
        yield from folder.rglob(f"*{GGUF}")
    if base.holder.startswith("package "):
        name = base.holder.split()[1]
        for file in metadata.files(name) or ():
            if file.suffix == GGUF:
                yield Path(str(file.locate())).resolve()
