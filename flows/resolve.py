"""The recipe as run, from the recipe as written: what it names is located and hashed, what it says in SQL is checked.

A config is a plain value: to read one opens no file and runs no query. What must be known of files, models and SQL
before anything runs is established here, once.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from flows.recipe import FinetuneConfig, Recipe
from tasks.curate.config import CurateConfig
from tasks.encode.takedown import read_takedown_list
from tasks.encode.tokenizer import TokenizerConfig
from tasks.errors import UserError
from tasks.evaluate.config import EvaluateConfig
from tasks.finetune.methods.table import METHODS
from tasks.finetune.own_rows import OwnRows
from tasks.models.pretrained import check_tokenizer, check_weights, content_of, locate
from tasks.models.rendering import markup_of
from tasks.models.vocabulary import Vocabulary
from tasks.pretrain import PretrainConfig

StartsFromModel = TypeVar("StartsFromModel", TokenizerConfig, PretrainConfig)
TokenizerOf = Callable[[Path], Vocabulary]  # of a model's folder; UserError where it cannot be read
INIT_FROM = "init_from"  # the reference model that pretraining began from


@dataclass(frozen=True)
class Mistake:
    """One value of a recipe that cannot be used."""

    key: str  # as in a recipe: finetune.classify.label
    value: Any
    what: str


@dataclass
class Mistakes:
    """Those of one recipe, collected: all are reported at once."""

    entries: list[Mistake] = field(default_factory=list)

    @contextmanager
    def at(self, key: str, value: Any = None) -> Iterator[None]:
        """Within, an error is a mistake in the value of `key`."""
        try:
            yield
        except UserError as error:
            self.entries.append(Mistake(key, value, f"{error.what}; {error.cure}"))
        except ValueError as error:
            self.entries.append(Mistake(key, value, str(error)))


def resolve(recipe: Recipe) -> tuple[Recipe, list[Mistake]]:
    """The recipe as run, and its mistakes: a table that has one stays as it is written."""
    mistakes = Mistakes()
    curate = _curation(recipe.curate, mistakes)
    tokenizer_of = cache(check_tokenizer)  # read once for all tables that name the model
    pretrain = _with_pretrained("pretrain", recipe.pretrain, tokenizer_of, mistakes)
    tokenizer = _with_pretrained("tokenizer", recipe.tokenizer, tokenizer_of, mistakes)
    tables = {
        "curate": curate,
        "tokenizer": tokenizer,
        "pretrain": pretrain,
        "evaluate": _evaluation(recipe.evaluate, pretrain, mistakes),
        "finetune": _finetuning(recipe.finetune, tokenizer, tokenizer_of, mistakes),
    }
    return recipe.model_copy(update=tables), mistakes.entries


def _curation(config: CurateConfig, mistakes: Mistakes) -> CurateConfig:
    """With the columns and the source of each signal of the recipe's own."""
    functions = [signal.function for signal in config.signals.own]
    with mistakes.at("curate.signals.own", functions):
        if functions:
            from tasks.curate.own_signals import resolve_own
            from tasks.curate.signals import SCHEMA

            signals = config.signals.model_copy(update={"own": resolve_own(functions, SCHEMA.names)})
            config = config.model_copy(update={"signals": signals})
    check_curation(config, mistakes)
    return config


def check_curation(config: CurateConfig, mistakes: Mistakes) -> None:
    """Notes each condition that is none, and a takedown list that cannot be read."""
    own = config.signals.own
    if config.keep_if and all(signal.columns for signal in own):  # else a mistake in `own` is reported already
        from tasks.curate.conditions import check

        columns = [column for signal in own for column in signal.columns]
        for name, condition in config.keep_if.items():
            with mistakes.at(f"curate.keep_if.{name}", condition):
                check({name: condition}, columns)
    with mistakes.at("curate.takedown", config.takedown):
        read_takedown_list(config.takedown)


def _with_pretrained(
    key: str, config: StartsFromModel, tokenizer_of: TokenizerOf, mistakes: Mistakes
) -> StartsFromModel:
    """With the model that `init_from` names located, and its content hashed."""
    with mistakes.at(f"{key}.init_from", config.init_from):
        if config.init_from:
            model = locate(config.init_from)
            if model.is_dir():  # what two JSON files tell is reported before any work
                vocabulary = tokenizer_of(model)
                if isinstance(config, PretrainConfig):
                    check_weights(model, vocabulary.size, config.context)
            return config.model_copy(update={"init_from": model, "init_sha256": content_of(model)})
    return config


def _evaluation(config: EvaluateConfig, pretrain: PretrainConfig, mistakes: Mistakes) -> EvaluateConfig:
    with mistakes.at("evaluate.tasks", [str(path) for path in config.tasks]):
        config = config.resolve_tasks()
    with mistakes.at("evaluate.questions", config.questions and str(config.questions)):
        config = config.resolve_questions()
    with mistakes.at("evaluate.reference_models"):
        return _beside_its_beginning(config.resolve_reference_models(), pretrain)
    return config


def _beside_its_beginning(config: EvaluateConfig, pretrain: PretrainConfig) -> EvaluateConfig:
    """With the weights that pretraining began from as one more: only beside them is it seen what training added."""
    model, sha256 = pretrain.init_from, pretrain.init_sha256
    if not (model and sha256 and config.reference_documents) or sha256 in config.reference_models_sha256.values():
        return config
    if INIT_FROM in config.reference_models:
        raise ValueError(f"{INIT_FROM} is the name of what pretrain.{INIT_FROM} names; give another")
    models = {**config.reference_models, INIT_FROM: model}
    hashes = {**config.reference_models_sha256, INIT_FROM: sha256}
    return config.model_copy(update={"reference_models": models, "reference_models_sha256": hashes})


def _finetuning(
    config: FinetuneConfig, tokenizer: TokenizerConfig, tokenizer_of: TokenizerOf, mistakes: Mistakes
) -> FinetuneConfig:
    _check_marks(config, tokenizer, tokenizer_of, mistakes)
    return config.model_copy(
        update={method: _rows(method, rows, mistakes) for method, rows in config.methods.items()},
    )


def _check_marks(
    config: FinetuneConfig, tokenizer: TokenizerConfig, tokenizer_of: TokenizerOf, mistakes: Mistakes
) -> None:
    """Notes a method that teaches answers where the model's tokenizer has no tokens that mark turns."""
    answering = [name for name in config.methods if METHODS[name].answers]
    model = tokenizer.init_from if tokenizer.init_sha256 else None  # else a mistake in it is noted already
    if not (answering and model and model.is_dir()):
        return
    for name in answering:
        with mistakes.at(f"finetune.{name}"):
            markup_of(tokenizer_of(model))


def _rows(method: str, config: OwnRows, mistakes: Mistakes) -> OwnRows:
    table = f"finetune.{method}"
    for key, expression in config.expressions():
        with mistakes.at(f"{table}.{key}", expression):
            _check_expression(expression)
    with mistakes.at(f"{table}.path", config.path):
        return config.resolve()
    return config


def _check_expression(expression: str) -> None:
    from tasks.finetune.columns import check_expression

    check_expression(expression)
