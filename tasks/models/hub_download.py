"""A model of a Hugging Face hub, downloaded into the home when its user names it, and read there from then on.

Only what is read is fetched: configs, safetensors, the tokenizer, README and licence, or the one GGUF file that is
named. Configs and tokenizer come first, so that a model which cannot be read is refused before its weights travel. A
download that broke off goes on where it ended, and each large file is compared with the SHA-256 that the hub states.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from model.hub_files import CONFIG
from model.spec import ADAPTER_CONFIG, ADAPTER_WEIGHTS
from tasks.errors import UsageError, UserError
from tasks.home import Home
from tasks.hub_access import Pins, hub_failures
from tasks.models.hub_place import FETCHED, FILES, GGUF, Fetched, HubPlace, hub_place, read_fetched
from tasks.models.hub_remote import OTHERWISE, Remote
from tasks.models.pretrained import LICENCE_FILES, READ_BESIDE, README, check_tokenizer
from tasks.progress import say
from tasks.store.artifacts import write_durably
from tasks.store.locks import exclusive, hold_to_the_end

if TYPE_CHECKING:
    from huggingface_hub.hf_api import ModelInfo

PICKLES = (".bin", ".pt", ".pth", ".pkl", ".ckpt")
NAMES_SHOWN = 6


def fetch(model: str | Path, home: Home) -> Path:
    """The model's folder or GGUF file in the home, downloaded where it is not there yet; UserError where it cannot."""
    return _fetch(_place(model), home, has_weights=True)


def fetch_adapter(adapter: str | Path, home: Home) -> Path:
    """The folder of an adapter of peft's in the home, as `fetch`."""
    place = _place(adapter)
    if place.file:
        raise UsageError(f"{place.title} is a GGUF file, and no adapter of peft's", "name the repository alone")
    return _fetch(replace(place, is_adapter=True), home, has_weights=True)


def fetch_config(model: str | Path, home: Home) -> Path:
    """As `fetch`, but a folder may lack its weights, which are not downloaded for it: what describes them is there."""
    place = _place(model)
    commit = Pins(home.hub_models).commit(place.name, place.revision)
    if commit and not place.file and (folder := place.path(home, commit)).joinpath(CONFIG).is_file():
        return folder
    return _fetch(place, home, has_weights=bool(place.file))


def _place(model: str | Path) -> HubPlace:
    try:
        return hub_place(model)
    except ValueError as error:
        raise UsageError(str(error), "triptych import hub:Qwen/Qwen3-0.6B-Base --name qwen3") from error


def _fetch(place: HubPlace, home: Home, has_weights: bool) -> Path:
    pins = Pins(home.hub_models)
    if (known := pins.commit(place.name, place.revision)) and place.folder(home, known).is_dir():
        hold_to_the_end(place.folder(home, known))
    if path := place.here(home):
        _announce(place.title, path)
        return path
    with hub_failures(place.title, OTHERWISE):
        commit, is_new = pins.pin(place.name, place.revision, lambda: _info(place, place.revision).sha)
        if is_new:
            say(f"  {place.title} is the commit {commit} from now on in this home")
        hold_to_the_end(place.folder(home, commit))
        with exclusive(place.folder(home, commit) / ".lock", f"waiting: another process downloads {place.name}"):
            return place.here(home) or _download(place, commit, home, has_weights)


@cache
def _announce(title: str, path: Path) -> None:
    """Says once that nothing is asked of the hub."""
    commit = next(folder for folder in path.parents if (folder / FETCHED).is_file()).name.rpartition("@")[2]
    say(f"  {title}: the copy in this home, of the commit {commit[:12]}")


def _info(place: HubPlace, revision: str) -> "ModelInfo":
    from huggingface_hub import HfApi

    return HfApi().model_info(place.name, revision=revision)


def _listed(place: HubPlace, commit: str) -> list[str]:
    """The files of a commit, asked for one by one: a mirror need not list them with the model."""
    from huggingface_hub import HfApi

    return HfApi().list_repo_files(place.name, revision=commit)


def _download(place: HubPlace, commit: str, home: Home, has_weights: bool) -> Path:
    info = _info(place, commit)
    names = [sibling.rfilename for sibling in info.siblings or ()] or _listed(place, commit)
    card: Any = info.card_data.to_dict() if info.card_data else {}
    if place.is_adapter:
        _refuse_no_adapter(place, names)
    else:
        _refuse_unreadable(place, names, card)
    folder = place.folder(home, commit)
    before = read_fetched(folder) or Fetched(model=place.name, commit=commit)
    remote = Remote(place, commit, folder / FILES)
    hashes = remote.fetch([name for name in names if name in _small(place)], home)
    if place.whole:
        weights = [place.whole]
    else:
        _check_small_files(folder / FILES)
        if not has_weights:
            return folder / FILES
        weights = _weights(names, folder / FILES)
    hashes |= remote.fetch(weights, home)
    licence = card.get("license") if isinstance(card.get("license"), str) else before.licence
    wholes = tuple(sorted({*before.wholes, place.whole}))
    done = before.model_copy(update={"licence": licence, "wholes": wholes, "sha256": before.sha256 | hashes})
    write_durably(folder / FETCHED, done.model_dump_json(indent=1).encode())
    return place.path(home, commit)


def _small(place: HubPlace) -> Sequence[str]:
    return (
        (README, *LICENCE_FILES) if place.file else (*READ_BESIDE, ADAPTER_CONFIG) if place.is_adapter else READ_BESIDE
    )


def _refuse_no_adapter(place: HubPlace, names: Sequence[str]) -> None:
    """UsageError where the repository has no adapter of a kind that is read."""
    if ADAPTER_CONFIG not in names:
        named = place.title.removesuffix("@main")
        cure = f"a model is named alone: triptych chat {named}" if CONFIG in names else "name another"
        raise UsageError(f"{place.title} has no {ADAPTER_CONFIG}: it is no adapter of peft's", cure)
    if ADAPTER_WEIGHTS not in names:
        what = f"{place.title} has no {ADAPTER_WEIGHTS}" + " but pickles, which run whatever code is in them" * any(
            name.endswith(PICKLES) for name in names
        )
        raise UsageError(what, "save the adapter with peft's save_pretrained, and give its folder")


def _refuse_unreadable(place: HubPlace, names: Sequence[str], card: dict[str, Any]) -> None:
    """UsageError where the repository has no weights of a kind that is read, with what to take instead."""
    from model.hub_files import INDEX, SINGLE

    ggufs = [name for name in names if name.endswith(GGUF)]
    if place.file:
        if place.file not in names:
            raise UsageError(f"{place.title}: the repository has no {place.file}", _name_one(place, ggufs))
        return
    if {SINGLE, INDEX} & {*names} and CONFIG in names:
        return
    if ADAPTER_CONFIG in names:
        base = card.get("base_model") or "its base model"
        what = f"{place.title} is an adapter of peft's, which changes the weights of a model and is none itself"
        named = place.title.removesuffix("@main")
        cure = f"give it beside its base: triptych chat hub:{base} --adapter {named}"
        raise UsageError(what, cure)
    if ggufs:
        raise UsageError(f"{place.title} holds GGUF files and no safetensors", _name_one(place, ggufs))
    if any(name.endswith(PICKLES) for name in names):
        raise UsageError(
            f"{place.title} holds its weights as pickles (.bin, .pt) alone, which run whatever code is in them",
            f"look for its safetensors in a pull request on the hub ({place.title.partition('@')[0]}@refs/pr/N); or "
            "where you trust it: AutoModelForCausalLM.from_pretrained(…).save_pretrained(DIR), and take DIR",
        )
    lacks = CONFIG if CONFIG not in names else "safetensors"
    raise UsageError(f"{place.title} has no {lacks}: it is no language model that can be read", "name another")


def _name_one(place: HubPlace, ggufs: Sequence[str]) -> str:
    if not ggufs:
        return "it has no GGUF file at all: name the repository alone"
    listed = ", ".join(ggufs[:NAMES_SHOWN]) + (f" and {len(ggufs) - NAMES_SHOWN} others" * (len(ggufs) > NAMES_SHOWN))
    return f"name one of its files, such as hub:{place.name}/{ggufs[0]}; there are: {listed}"


def _check_small_files(folder: Path) -> None:
    """UserError where its configs or its tokenizer are of a kind that is not read: its weights are not fetched then."""
    from model.hub_config import WeightsError
    from model.hub_files import read_shape

    try:
        read_shape(folder)
    except WeightsError as error:
        raise UserError(error.what, error.cure) from error
    check_tokenizer(folder)


def _weights(names: Sequence[str], folder: Path) -> list[str]:
    """The safetensors that the network is made of, and no others that lie beside them."""
    from model.hub_config import WeightsError
    from model.hub_files import INDEX, SINGLE, read_json

    if SINGLE in names:
        return [SINGLE]
    weight_map = read_json(folder / INDEX).get("weight_map")
    shards = sorted({*weight_map.values()}) if isinstance(weight_map, dict) else []
    try:
        if not shards or not all(Path(name).name == name and name.endswith(".safetensors") for name in shards):
            raise WeightsError(f"{folder / INDEX}: weight_map names no safetensors of this folder", "name another")
    except (WeightsError, TypeError) as error:
        raise UserError(f"{folder / INDEX}: not an index of safetensors", "name another model") from error
    return shards
