"""Package: for each role a folder with all that its model needs to answer elsewhere, and what is known of it.

<role>/weights/           as trained: Hugging Face layout, tokenizer, a classifier's head; or tf-idf's terms and weights
<role>/adapter/           of a low-rank change: that change alone, as peft reads it
<role>/evidence/          card.md, evidence.json, and the evaluation's scores.parquet and summary.json; seeds/: the same
                          of further seeds of the base, where a recipe trains them
<role>/code/model/        the network's source, so that the model answers without this repository
<role>/pyfunc_model.py    the script that MLflow loads         <role>/requirements.txt    the versions it was made with
"""

import json
import shutil
from collections.abc import Sequence
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from pkgutil import walk_packages
from typing import Any, cast

from pydantic import Field, create_model

from model.classes import is_classifier, is_tfidf, read_classes
from tasks.classifiers.candidates import read_choice
from tasks.errors import UserError
from tasks.finetune.method import JudgedBy
from tasks.models.pretrained import content_of
from tasks.models.provenance import Provenance, read_provenance
from tasks.models.vocabulary import Vocabulary
from tasks.register.card import SAME_RECIPE, card
from tasks.register.gate import Standard
from tasks.register.roles import ROLES, registered_name
from tasks.register.seeds import SCORES, SEEDS
from tasks.store.links import link
from tasks.store.step import Frozen, Inputs, Stats, Step

REQUIRES = ("jinja2", "mlflow", "numpy", "pandas", "safetensors", "tokenizers", "torch")
TFIDF_REQUIRES = ("mlflow", "numpy", "pandas", "safetensors", "scikit-learn")


class StandardConfig(Frozen):
    """The standard that a role is judged by. Losses: the task's value, or minus it where a higher one is better."""

    task: str
    baseline: str = ""  # what a version must beat: strongest, or a scored model's name; "": nothing
    margin: float = Field(default=0.01, ge=0)  # loss a candidate may give away against the champion
    guards: dict[str, float] = Field(default_factory=dict)  # task → loss it may give away there
    alpha: float = Field(default=0.05, gt=0, lt=0.5)  # how often chance may pass for a difference

    def standard(self) -> Standard:
        return Standard(self.task, self.baseline, self.margin, self.guards, self.alpha)


def _standard_config(judged_by: JudgedBy) -> type[StandardConfig]:
    """The same, with a role's own defaults."""
    fields = {"task": (str, judged_by.task), "baseline": (str, judged_by.baseline)}
    fields |= {"margin": (float, Field(default=judged_by.margin, ge=0))}
    return create_model("StandardConfig", __base__=StandardConfig, **cast(dict[str, Any], fields))


STANDARDS: dict[str, Any] = {role: _standard_config(about.judged_by) for role, about in ROLES.items()}
FIELDS: dict[str, Any] = {role: (standard, standard()) for role, standard in STANDARDS.items()}


class RegisterConfig(create_model("Standards", __base__=Frozen, **FIELDS)):
    """The recipe's table [registry]: models are NAME-base, NAME-classify, NAME-instruct; NAME is the recipe's."""

    name: str = ""
    licence: str = "not stated"
    text_licences: tuple[str, ...] = ()  # of what it is trained on, as the sources state them

    def named(self, name: str, text_licences: Sequence[str] = ()) -> "RegisterConfig":
        return self.model_copy(update={"name": name, "text_licences": tuple(text_licences)})


def package(config: RegisterConfig, inputs: Inputs, out: Path) -> Stats:
    """One folder a role that was trained; `inputs` holds role → weights, scores_ROLE → evaluation, and `seeds`.

    The last, where there is one, is the evaluation of models that differ from the base by their seed only.
    """
    roles = [role for role in ROLES if role in inputs]
    metrics = {}
    for role in roles:
        summary = _pack(config, role, inputs, out / role)
        metrics |= {f"{role}/{task}": row["value"] for task, row in summary.items()}
    return Stats(metrics={"models": float(len(roles)), **metrics})


def _pack(config: RegisterConfig, role: str, inputs: Inputs, out: Path) -> dict[str, Any]:
    trained, scores = inputs.folder(role), inputs.get(f"scores_{role}")
    weights = _weights(trained, role)
    shutil.copytree(weights, out / "weights", copy_function=link)
    if weights == trained / "weights" and (trained / "adapter").is_dir():
        shutil.copytree(trained / "adapter", out / "adapter", copy_function=link)
    evidence = out / "evidence"
    evidence.mkdir()
    summary: dict[str, Any] = {}
    if isinstance(scores, Path):
        summary = json.loads((scores / "summary.json").read_text())
        for name in ("summary.json", "scores.parquet"):
            shutil.copyfile(scores / name, evidence / name)
    if role == "base" and "seeds" in inputs:
        (evidence / SEEDS).mkdir()
        for name in ("summary.json", SCORES):
            shutil.copyfile(inputs.folder("seeds") / name, evidence / SEEDS / name)
    about = {
        "name": registered_name(config.name, role),
        "recipe": config.name,
        "role": role,
        "licence": config.licence,
        "text_licences": list(config.text_licences),
        "standard": getattr(config, role).model_dump(mode="json"),
        "bytes": sum(path.stat().st_size for path in (out / "weights").iterdir()),
        **(_classifier(trained, weights) if is_classifier(weights) else {"labels": []}),
        **(_tfidf(weights) if is_tfidf(weights) else _network(trained, weights)),
    }
    began_from = [] if is_tfidf(weights) else _began_from(config, role, inputs)
    known = about | {"scores": summary, "began_from": [model.model_dump(mode="json") for model in began_from]}
    (evidence / "evidence.json").write_text(json.dumps(known, indent=1, sort_keys=True))
    (evidence / "card.md").write_text(card(about, began_from, summary))
    add_runtime(out)
    return summary


def add_runtime(out: Path) -> None:
    """What a packaged role needs to answer elsewhere: MLflow's script, the network's source, and requirements."""
    requires = TFIDF_REQUIRES if is_tfidf(out / "weights") else REQUIRES
    (out / "requirements.txt").write_text("".join(f"{name}=={_release(name)}\n" for name in requires))
    shutil.copyfile(str(files("tasks.tracking") / "pyfunc_model.py"), out / "pyfunc_model.py")
    source = Path(str(files("model")))
    shutil.copytree(source, out / "code" / "model", ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))


def _classifier(trained: Path, weights: Path) -> dict[str, Any]:
    """Its labels, what kind it is, and where it competed why it and which others it had not to beat."""
    classes, choice = read_classes(weights), read_choice(trained)
    chosen = {"why": choice.why, "peers": list(choice.peers)} if choice else {}
    return {"labels": list(classes.labels), "kind": classes.kind, **chosen}


def _network(trained: Path, weights: Path) -> dict[str, Any]:
    """What the trained weights say of themselves: their shape, and the rank of a low-rank change."""
    from model.hub_files import read_shape

    shape, adapter = read_shape(weights), trained / "adapter" / "adapter_config.json"
    return {
        "family": shape.family,
        "parameters": shape.parameters,
        "vocabulary": shape.vocabulary,
        "separator": Vocabulary(weights).separator,
        "lora_rank": json.loads(adapter.read_text())["r"] if adapter.exists() else None,
    }


def _tfidf(weights: Path) -> dict[str, Any]:
    """The same of a model without a network: its vocabulary is its terms."""
    from model import tfidf

    model = tfidf.load(weights)
    terms = len(model.terms)
    return {
        "family": "tfidf",
        "parameters": model.parameters,
        "vocabulary": terms,
        "separator": None,
        "lora_rank": None,
    }


def _began_from(config: RegisterConfig, role: str, inputs: Inputs) -> list[Provenance]:
    """The models that the role's weights began from, the nearest first; none for a base trained from scratch."""
    if role == "base":
        chain, earlier = list[Provenance](), read_provenance(inputs.folder("base") / "weights")
        while earlier:
            chain.append(earlier)
            earlier = earlier.began_from
        return chain
    parent = start if (start := ROLES[role].starts_from) in inputs else "base"
    if parent not in inputs:
        return []
    name, weights = registered_name(config.name, parent), inputs.folder(parent) / "weights"
    own = Provenance(name=name, holder=SAME_RECIPE, sha256=content_of(weights), licence=config.licence)
    return [own, *_began_from(config, parent, inputs)]


def _weights(trained: Path, role: str) -> Path:
    weights = ROLES[role].model_folder(trained)
    if not (weights / "config.json").is_file() and not is_tfidf(weights):
        raise UserError(f"{trained}: no weights to register as {role}", "run the step that trains them again")
    return weights


def _release(distribution: str) -> str:
    """The version without its local part: torch 2.13.0+cpu can be installed elsewhere as 2.13.0."""
    return version(distribution).split("+")[0]


MODULES = walk_packages([str(files("model"))], "model.")
SHIPPED = ("tasks.tracking.pyfunc_model", *(module.name for module in MODULES))
REGISTER = Step("register", 2, RegisterConfig, package, libraries=(*REQUIRES, "scikit-learn"), code=SHIPPED)
