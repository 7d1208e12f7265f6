"""An adapter that peft trained, merged into its base: a folder of weights like any other."""

import hashlib
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from model.spec import ADAPTER_CONFIG
from tasks.errors import UsageError, UserError
from tasks.models.hub_place import fetched_of
from tasks.models.pretrained import BEGAN_FROM, as_folder, content_of, copy_tokenizer
from tasks.models.provenance import HUB_HOLDER, Provenance, provenance_of, read_provenance, stated_licence
from tasks.models.vocabulary import read_object
from tasks.store.hashing import file_sha256

if TYPE_CHECKING:
    from model.decoder import Decoder
    from model.family import SpecialIds


def merged(base: Path, adapter: Path, out: Path) -> Path:
    """`out`: the base with the adapter's change in its weights, in the Hugging Face layout, with what it began from.

    `base` is a model as `locate` finds it. UserError where the adapter is of another base, or of a kind that is not
    read. An adapter that brings a tokenizer replaces the base's.
    """
    _refuse_other_base(base, adapter)
    from model import hub
    from model.hub_config import WeightsError
    from model.peft_adapter import merged_tensors

    partial = out.with_name(f"{out.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    with TemporaryDirectory(dir=partial.parent) as work:
        folder = as_folder(base, Path(work))
        try:
            decoder = hub.load(folder, hub.stored_dtype(folder))
            tensors, shape = merged_tensors(decoder, adapter)
        except WeightsError as error:
            shutil.rmtree(partial)
            raise UserError(error.what, error.cure) from error
        special_ids = _special_ids(decoder, adapter)
        hub.write(tensors, shape, special_ids, partial)
        copy_tokenizer(adapter if (adapter / "tokenizer.json").is_file() else folder, partial)
    (partial / BEGAN_FROM).write_text(_provenance(base, adapter).model_dump_json(indent=1) + "\n", encoding="utf-8")
    partial.rename(out)
    return out


def content_of_adapter(adapter: Path) -> str:
    """The hash of what is read of it; UsageError where it is no folder of peft's."""
    if not (adapter / ADAPTER_CONFIG).is_file():
        cure = f"give a folder that peft wrote: {ADAPTER_CONFIG} and adapter_model.safetensors"
        raise UsageError(f"{adapter} has no {ADAPTER_CONFIG}", cure)
    files = sorted(file for file in adapter.iterdir() if file.suffix in (".json", ".safetensors", ".jinja"))
    lines = "".join(f"{file.name} {file_sha256(file)}\n" for file in files)
    return hashlib.sha256(lines.encode()).hexdigest()


def name_of_adapter(adapter: Path) -> str:
    """The folder's, or the repository's on its hub without its owner."""
    of_hub = fetched_of(adapter)
    return of_hub[1].rpartition("/")[2] if of_hub else adapter.absolute().name


def _special_ids(base: "Decoder", adapter: Path) -> "SpecialIds":
    """The base's; an adapter that was taught to answer also names what ends an answer."""
    from model.hub_config import to_special_ids

    generation = read_object(adapter / "generation_config.json")
    stated = to_special_ids({}, generation, adapter)
    return base.special_ids.ended_by(stated.end)


def _refuse_other_base(base: Path, adapter: Path) -> None:
    """UserError where the base is none that has an adapter, or not the one whose hash stands beside the adapter."""
    content_of_adapter(adapter)
    if (base / "classes.json").is_file():
        raise UsageError(f"{base} is a classifier of triptych's", "give the language model that the adapter is of")
    stated = read_provenance(adapter)
    if stated and stated.sha256 != content_of(base):
        raise UserError(
            f"{adapter} was trained on {stated.name} (sha256 {stated.sha256[:12]}…), and {base} is another model",
            f"give that base; or where you know that they are equal, remove {adapter / BEGAN_FROM}",
        )


def _provenance(base: Path, adapter: Path) -> Provenance:
    """The adapter, which began from the base."""
    config, of_hub = read_object(adapter / ADAPTER_CONFIG), fetched_of(adapter)
    name = of_hub[1] if of_hub else name_of_adapter(adapter)
    return Provenance(
        name=f"{name} (an adapter of rank {config.get('r')})",
        holder=f"{HUB_HOLDER}{of_hub[0].commit}" if of_hub else f"folder {adapter.absolute().parent.name}",
        sha256=content_of_adapter(adapter),
        licence=stated_licence(adapter),
        began_from=provenance_of(base),
    )
