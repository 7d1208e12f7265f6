"""What pretrained weights are: their name, content hash and licence, written beside the weights that began from them.

The licence is the one stated nearest to the weights: in the GGUF file, in the folder's README.md (its front matter, as
on Hugging Face's hub), or by the installed package that holds them.
"""

from importlib import metadata
from pathlib import Path
from typing import Any

from tasks.models.damage import reading
from tasks.models.hub_place import GGUF, fetched_of
from tasks.models.pretrained import BEGAN_FROM, LICENCE_FILES, README, content_of
from tasks.models.vocabulary import read_object
from tasks.store.step import Frozen

REGISTRY = "registry"  # holds a registered version's weights
HUB_HOLDER = "hub, commit "
NOT_STATED = "not stated"  # as a licence in a version's evidence


class Provenance(Frozen):
    """Pretrained weights, and what they began from themselves, where that is known."""

    name: str
    holder: str  # the installed package with its version, the hub and the commit, or the folder
    sha256: str  # of all its files that are read
    licence: str | None  # as stated; None: not stated
    licence_file: str | None = None  # beside the weights, where the licence has no stated name
    began_from: "Provenance | None" = None


def write_provenance(model: Path, weights: Path) -> None:
    """Leaves in the folder `weights` what they began from: the model at that path."""
    (weights / BEGAN_FROM).write_text(provenance_of(model).model_dump_json(indent=1) + "\n", encoding="utf-8")


def read_provenance(weights: Path) -> Provenance | None:
    """What the weights began from; None for weights trained from scratch."""
    file = weights / BEGAN_FROM
    if not file.is_file():
        return None
    with reading(file, "not what triptych writes there"):
        return Provenance.model_validate_json(file.read_text(encoding="utf-8"))


def provenance_of(model: Path) -> Provenance:
    """What is known of the model at that path: a GGUF file, or a folder in the Hugging Face layout."""
    folder = model.parent if model.suffix == GGUF else model
    name, holder = _name(model), f"folder {folder.name}"
    if package := _package_of(model):
        holder = f"package {package.name} {package.version}"
    elif of_hub := fetched_of(model):
        fetched, name = of_hub
        holder = f"{HUB_HOLDER}{fetched.commit}"
    elif registered := _evidence(model):
        name, holder = registered.get("name", name), REGISTRY
    return Provenance(
        name=name,
        holder=holder,
        sha256=content_of(model),
        licence=stated_licence(model),
        licence_file=next((name for name in LICENCE_FILES if (folder / name).is_file()), None),
        began_from=None if model.suffix == GGUF else read_provenance(model),
    )


def commit_of(known: Provenance) -> str:
    """The commit on a hub that it is; "" where it is of no hub."""
    return known.holder.removeprefix(HUB_HOLDER) if known.holder.startswith(HUB_HOLDER) else ""


def stated_licence(model: Path) -> str | None:
    """The licence of the model at that path as it is stated nearest to it; None where it is not."""
    if licence := _gguf_licence(model) if model.suffix == GGUF else _readme_licence(model):
        return licence
    if package := _package_of(model):
        return _package_licence(package)
    if of_hub := fetched_of(model):
        return of_hub[0].licence
    licence = _evidence(model).get("licence")
    return licence if licence != NOT_STATED else None


def _evidence(model: Path) -> dict[str, Any]:
    """What is known of a registered version's weights; empty for any other model."""
    return read_object(model.parent / "evidence" / "evidence.json")


def _name(model: Path) -> str:
    """The file's stem, or the folder's name; the repository's in the hub's cache, the run's step for its weights."""
    if model.suffix == GGUF:
        return model.stem
    if model.parent.name == "snapshots":  # hub/models--OWNER--NAME/snapshots/COMMIT
        return model.parents[1].name.removeprefix("models--").replace("--", "/")
    return "/".join(model.parts[-3:]) if model.name == "weights" else model.name


def _package_of(model: Path) -> metadata.Distribution | None:
    """The installed package that holds the model."""
    for distribution in metadata.distributions():
        root = Path(str(distribution.locate_file(""))).resolve()
        if model.is_relative_to(root) and model.relative_to(root).as_posix() in (
            distribution.read_text("RECORD") or ""
        ):
            return distribution
    return None


def _package_licence(package: metadata.Distribution) -> str | None:
    fields = package.metadata
    stated = fields.get_all("License-Expression") or fields.get_all("License") or [""]
    return f"{stated[0]} (of the package)" if stated[0] and "\n" not in stated[0] else None


def _gguf_licence(file: Path) -> str | None:
    from model.gguf_header import open_gguf

    with reading(file, "not a GGUF file that can be read"):
        licence = open_gguf(file).fields.get("general.license")
        return str(licence) if licence else None


def _readme_licence(folder: Path) -> str | None:
    """`license` in the front matter of README.md, a name or a list of names."""
    import yaml

    readme = folder / README
    if not readme.is_file():
        return None
    _, fence, rest = readme.read_text(encoding="utf-8", errors="replace").partition("---\n")
    try:
        front: Any = yaml.safe_load(rest.partition("\n---")[0]) if fence else None
    except (yaml.YAMLError, RecursionError):
        return None
    licence = front.get("license") if isinstance(front, dict) else None
    names = licence if isinstance(licence, list) else [licence]
    return ", ".join(str(name) for name in names if name) or None
