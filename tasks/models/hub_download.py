"""A model of a Hugging Face hub, downloaded into the home when its user names it, and read there from then on.

Only what is read is fetched: configs, safetensors, the tokenizer, README and licence, or the one GGUF file that is
named. Configs and tokenizer come first, so that a model which cannot be read is refused before its weights travel. A
download that broke off goes on where it ended, and each large file is compared with the SHA-256 that the hub states.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from tasks.errors import UsageError, UserError
from tasks.home import Home
from tasks.hub_access import Pins, hub_failures
from tasks.models.hub_place import FETCHED, FILES, GGUF, Fetched, HubPlace, hub_place, read_fetched
from tasks.models.pretrained import LICENCE_FILES, READ_BESIDE, README, check_tokenizer
from tasks.progress import progress, say
from tasks.readable_numbers import bytes_in_words
from tasks.store.artifacts import write_durably
from tasks.store.hashing import file_sha256
from tasks.store.locks import exclusive

if TYPE_CHECKING:
    from huggingface_hub.hf_api import ModelInfo

OTHERWISE = "give the path of a folder of your own"
PICKLES = (".bin", ".pt", ".pth", ".pkl", ".ckpt")
NAMES_SHOWN = 6
SPARE_BYTES = 256 << 20  # left free on the disk
WORTH_A_LINE = 10_000_000  # bytes
SHA256_LETTERS = 64
PARTIAL = ".partial"


@dataclass(frozen=True)
class RemoteFile:
    """One file of a commit on the hub."""

    name: str
    url: str
    size: int
    sha256: str | None  # None: it is small, and the hub states no hash of its content


def fetch(model: str | Path, home: Home) -> Path:
    """The model's folder or GGUF file in the home, downloaded where it is not there yet; UserError where it cannot."""
    try:
        place = hub_place(model)
    except ValueError as error:
        raise UsageError(str(error), "triptych import hub:Qwen/Qwen3-0.6B-Base --name qwen3") from error
    if path := place.here(home):
        _announce(place.title, path)
        return path
    pins = Pins(home.hub_models)
    with hub_failures(place.title, OTHERWISE):
        commit, is_new = pins.pin(place.name, place.revision, lambda: _info(place, place.revision).sha)
        if is_new:
            say(f"  {place.title} is the commit {commit} from now on in this home")
        with exclusive(place.folder(home, commit) / ".lock", f"waiting: another process downloads {place.name}"):
            return place.here(home) or _download(place, commit, home)


@cache
def _announce(title: str, path: Path) -> None:
    """Says once that nothing is asked of the hub."""
    commit = next(folder for folder in path.parents if (folder / FETCHED).is_file()).name.rpartition("@")[2]
    say(f"  {title}: the copy in this home, of the commit {commit[:12]}")


def _info(place: HubPlace, revision: str) -> "ModelInfo":
    from huggingface_hub import HfApi

    return HfApi().model_info(place.name, revision=revision)


def _download(place: HubPlace, commit: str, home: Home) -> Path:
    info = _info(place, commit)
    names = [sibling.rfilename for sibling in info.siblings or ()]
    card: Any = info.card_data.to_dict() if info.card_data else {}
    _refuse_unreadable(place, names, card)
    folder = place.folder(home, commit)
    before = read_fetched(folder) or Fetched(model=place.name, commit=commit)
    remote = Remote(place, commit, folder / FILES)
    hashes = remote.fetch([name for name in names if name in _small(place)], home)
    if place.file:
        weights = [place.file]
    else:
        _check_small_files(folder / FILES)
        weights = _weights(names, folder / FILES)
    hashes |= remote.fetch(weights, home)
    licence = card.get("license") if isinstance(card.get("license"), str) else before.licence
    wholes = tuple(sorted({*before.wholes, place.file}))
    done = before.model_copy(update={"licence": licence, "wholes": wholes, "sha256": before.sha256 | hashes})
    write_durably(folder / FETCHED, done.model_dump_json(indent=1).encode())
    return place.path(home, commit)


def _small(place: HubPlace) -> Sequence[str]:
    return (README, *LICENCE_FILES) if place.file else READ_BESIDE


def _refuse_unreadable(place: HubPlace, names: Sequence[str], card: dict[str, Any]) -> None:
    """UsageError where the repository has no weights of a kind that is read, with what to take instead."""
    from model.hub_files import CONFIG, INDEX, SINGLE
    from model.spec import ADAPTER_CONFIG

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
        cure = f"download its folder, and give it beside its base: triptych chat hub:{base} --adapter FOLDER"
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


@dataclass(frozen=True)
class Remote:
    """The files of one commit, and the folder that they go to."""

    place: HubPlace
    commit: str
    folder: Path

    def fetch(self, names: Sequence[str], home: Home) -> dict[str, str]:
        """Those that are not here; the hashes of all that the hub states one of."""
        files = [self._look_up(name) for name in names]
        missing = [file for file in files if not self._is_here(file)]
        total = sum(file.size - self._begun(file) for file in missing)
        if total + SPARE_BYTES > home.free_bytes() and total:
            what = f"{self.place.title}: {bytes_in_words(total)} are to be downloaded, and the disk of {home} has "
            raise UserError(f"{what}{bytes_in_words(home.free_bytes())}", "free some space, or move TRIPTYCH_HOME")
        if total > WORTH_A_LINE:
            say(f"  downloading {bytes_in_words(total)} of {self.place.title}, once")
        with progress(f"downloading {self.place.name}", total // 1000 + 1, "kB") as advance:
            counted = _Thousands(advance)
            for file in missing:
                self._fetch(file, counted)
        return {file.name: file.sha256 for file in files if file.sha256}

    def _look_up(self, name: str) -> RemoteFile:
        from huggingface_hub import get_hf_file_metadata, hf_hub_url
        from huggingface_hub.utils import build_hf_headers

        url = hf_hub_url(self.place.name, name, revision=self.commit)
        stated = get_hf_file_metadata(url, headers=build_hf_headers())
        if stated.size is None:
            raise UserError(f"{self.place.title}: the hub does not say how large {name} is", OTHERWISE)
        etag = stated.etag or ""
        return RemoteFile(name, url, stated.size, etag if len(etag) == SHA256_LETTERS else None)

    def _is_here(self, file: RemoteFile) -> bool:
        """A file has its name only once it is whole and verified."""
        path = self.folder / file.name
        return path.is_file() and path.stat().st_size == file.size

    def _begun(self, file: RemoteFile) -> int:
        partial = self._partial(file)
        return partial.stat().st_size if partial.is_file() else 0

    def _partial(self, file: RemoteFile) -> Path:
        path = self.folder / file.name
        return path.with_name(path.name + PARTIAL)

    def _fetch(self, file: RemoteFile, count: "_Thousands") -> None:
        from huggingface_hub.file_download import http_get
        from huggingface_hub.utils import build_hf_headers

        partial, path = self._partial(file), self.folder / file.name
        partial.parent.mkdir(parents=True, exist_ok=True)
        if self._begun(file) > file.size:
            partial.unlink()
        begun = self._begun(file)
        if begun:
            say(f"  {file.name}: going on after {bytes_in_words(begun)} of {bytes_in_words(file.size)}")
        with partial.open("ab") as out:
            http_get(
                file.url,
                out,
                resume_size=begun,
                headers=build_hf_headers(),
                expected_size=file.size,
                displayed_filename=file.name,
                tqdm_class=cast(Any, count.bar),
            )
        if partial.stat().st_size != file.size or (file.sha256 and file_sha256(partial) != file.sha256):
            partial.unlink()
            what = f"{self.place.title}: {file.name} is not what the hub lists under its hash"
            raise UserError(what, "run again, which downloads it anew; where it stays so, the hub's copy is damaged")
        partial.replace(path)


class _Thousands:
    """Bytes counted towards a progress of thousands of them; `bar` is what huggingface_hub takes for a tqdm."""

    def __init__(self, advance: Callable[[int], None]) -> None:
        self._advance, self._rest = advance, 0

    def bar(self, **_: Any) -> "_Thousands":
        return self

    def update(self, count: int) -> None:
        thousands, self._rest = divmod(self._rest + count, 1000)
        self._advance(thousands)

    def __enter__(self) -> "_Thousands":
        return self

    def __exit__(self, *_: object) -> None:
        return
