"""What the list of models says of one, read from small files: nothing is loaded or verified for it."""

from dataclasses import dataclass, field
from pathlib import Path

from model.hub_files import CONFIG, read_shape
from tasks.errors import UserError
from tasks.home import Home
from tasks.models.chat_template import answers_in_turns
from tasks.models.hub_place import GGUF, fetched_of
from tasks.models.pretrained import converted
from tasks.register.aliases import CHAMPION
from tasks.register.introduction import Introduction, introduce
from tasks.tracking.model_version import Version


@dataclass(frozen=True)
class ModelFacts:
    """One version of a model, or a folder of weights."""

    version: str  # NAME/VERSION, or the folder's name
    created: int  # seconds since 1970
    context: int | None  # tokens of prompt and answer together; None: its files are not here yet
    answers: bool
    is_champion: bool = False
    introduction: Introduction = field(default_factory=Introduction)
    report: str = ""  # the run whose report the home has
    engine: str = ""  # what answers, of one in memory: `llama.cpp, q8_0`


def model_facts(target: Version | Path, home: Home) -> ModelFacts:
    """Of a version whose files this home does not have yet, or cannot read, what the registry says."""
    weights = target if isinstance(target, Path) else target.weights
    if weights.suffix == GGUF:
        weights = converted(weights, home)
    try:
        context, answers = read_shape(weights).context, answers_in_turns(weights)
    except (UserError, OSError, ValueError):
        context, answers = None, False
    if isinstance(target, Path):
        created = (weights / CONFIG).stat().st_mtime if (weights / CONFIG).is_file() else 0
        return ModelFacts(name_of(target), int(created), context, answers)
    is_champion = CHAMPION in target.aliases
    known = introduce(target, home)
    report = known.run if (home.reports / f"{known.run}.html").is_file() else ""
    return ModelFacts(target.full_name, target.created, context, answers, is_champion, known, report)


def name_of(target: Version | Path) -> str:
    """NAME/VERSION; of a path OWNER/NAME where it was fetched from a hub, else the folder's name."""
    if isinstance(target, Version):
        return target.full_name
    of_hub = fetched_of(target)
    return of_hub[1] if of_hub else target.absolute().name
