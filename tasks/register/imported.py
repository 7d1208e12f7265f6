"""A model made elsewhere becomes a version of a registered model: verified, packaged as trained ones are, a candidate.

It has no evidence of this home's, so the gate has nothing to judge it by: only a person makes it champion.
"""

import json
import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tasks.errors import UsageError, UserError
from tasks.home import Home
from tasks.models.chat_template import answers_in_turns
from tasks.models.model_check import check_model
from tasks.models.pretrained import READ_BESIDE, as_folder, content_of
from tasks.models.provenance import NOT_STATED, Provenance, provenance_of, write_provenance
from tasks.models.vocabulary import Vocabulary
from tasks.progress import say
from tasks.readable_numbers import bytes_in_words
from tasks.register.aliases import CANDIDATE, audit_external_moves, current_user, move
from tasks.register.card import imported_card
from tasks.register.package import add_runtime
from tasks.store.locks import exclusive
from tasks.store.scratch import scratch_folder
from tasks.tracking.model_version import Version
from tasks.tracking.registry import find, versions
from tasks.tracking.versions import open_registry

EXPERIMENT = "imports"  # MLflow's, in which the files of imported models lie
COPIES, SPARE_BYTES = 3, 100 << 20  # of the weights while they are registered; left free on the disk


@dataclass(frozen=True)
class ImportedModel:
    """The version that a model is now, and whether it is new."""

    version: Version
    is_new: bool

    @property
    def facts(self) -> dict[str, Any]:
        """Family, parameters and licence, as its tags have them; None: not stated."""
        family, parameters, licence = (self.version.tags[tag] for tag in ("family", "parameters", "licence"))
        return {
            "family": family,
            "parameters": int(parameters),
            "licence": licence if licence != NOT_STATED else None,
        }


def import_version(model: Path, name: str, home: Home) -> ImportedModel:
    """The version of `name` with the content of the model at that path; UserError where the model cannot be used."""
    if (model / "classes.json").is_file():
        raise UsageError(f"{model} is a classifier of triptych's", "import the language model that it began from")
    content = content_of(model)
    if known := _with_content(name, content, home):
        return ImportedModel(known, is_new=False)
    home.path.mkdir(parents=True, exist_ok=True)
    _refuse_full_disk(model, home)
    with scratch_folder(home, "import") as package:
        about = _package(model, name, package)
        with exclusive(home.registry_lock), open_registry(home) as registry:
            audit_external_moves(home)
            if known := _with_content(name, content, home):  # another process has imported it meanwhile
                return ImportedModel(known, is_new=False)
            tagged = about | {"tags": _tags(about, content)}
            version = registry.add(name, EXPERIMENT, package, tagged, None)
            move(registry, name, CANDIDATE, version.version, (current_user(), f"imported from {about['source']}"))
    return ImportedModel(find(version.full_name, home), is_new=True)


def _with_content(name: str, content: str, home: Home) -> Version | None:
    return next((version for version in versions(home, name) if version.tags.get("content") == content), None)


def _refuse_full_disk(model: Path, home: Home) -> None:
    files = [model] if model.is_file() else [path for path in model.iterdir() if path.is_file()]
    needed = COPIES * sum(path.stat().st_size for path in files) + SPARE_BYTES
    if needed > home.free_bytes():
        what = f"importing takes about {bytes_in_words(needed)}, and the disk of {home} has "
        raise UserError(f"{what}{bytes_in_words(home.free_bytes())}", "free some space, or move TRIPTYCH_HOME")


def _package(model: Path, name: str, out: Path) -> dict[str, Any]:
    """The model as a packaged role in `out`; what its evidence.json says."""
    weights, evidence = out / "weights", out / "evidence"
    weights.mkdir()
    evidence.mkdir()
    with TemporaryDirectory(dir=out) as work:
        folder = as_folder(model, Path(work))
        checked, source = check_model(model, folder), provenance_of(model)
        for file in _files(folder):
            _take(file, weights / file.name)
    write_provenance(model, weights)
    shape = checked.shape
    about = {
        "name": name,
        "recipe": "",
        "role": _role(weights),
        "licence": source.licence or NOT_STATED,
        "text_licences": [],
        "separator": checked.separator,
        "bytes": sum(path.stat().st_size for path in weights.iterdir()),
        "family": shape.family,
        "parameters": shape.parameters,
        "vocabulary": shape.vocabulary,
        "labels": [],
        "lora_rank": None,
        "source": f"{source.name} ({source.holder})",
    }
    chain = _chain(source)
    known = about | {"scores": {}, "began_from": [one.model_dump(mode="json") for one in chain]}
    (evidence / "evidence.json").write_text(json.dumps(known, indent=1, sort_keys=True))
    (evidence / "summary.json").write_text("{}")
    (evidence / "card.md").write_text(imported_card(about, chain), encoding="utf-8")
    add_runtime(out)
    return about


def _files(folder: Path) -> list[Path]:
    """Those that are read of a folder of weights."""
    from model.hub_config import WeightsError
    from model.hub_files import weight_files

    try:
        weights = list(weight_files(folder))
    except WeightsError as error:
        raise UserError(error.what, error.cure) from error
    return [*weights, *(folder / name for name in READ_BESIDE if (folder / name).is_file())]


def _take(source: Path, target: Path) -> None:
    """A copy; of weights, which are large, the same bytes under a second name until MLflow has copied them."""
    if source.suffix == ".safetensors":
        with suppress(OSError):  # another file system, or one without links
            os.link(source.resolve(), target)
            return
    shutil.copyfile(source, target)


def _role(weights: Path) -> str:
    """`instruct` where the model answers in turns that its own template can mark, else `base`, which is reported."""
    from model.chat import ChatTemplateError, Turn

    if not answers_in_turns(weights):
        return "base"
    try:
        Vocabulary(weights).markup().prompt_ids([Turn("user", "a")])
    except ChatTemplateError as error:
        say(f"  its chat template cannot be used, so it has no conversations and only continues texts: {error.what}")
        return "base"
    return "instruct"


def _chain(source: Provenance) -> list[Provenance]:
    """The model itself, and what it began from, the nearest first."""
    return [source, *(_chain(source.began_from) if source.began_from else [])]


def _tags(about: Mapping[str, Any], content: str) -> dict[str, str]:
    named = ("role", "licence", "family", "parameters")
    return {"content": content, "imported_from": about["source"], **{name: str(about[name]) for name in named}}
