"""A recipe: the configs of one run together, each owned by its step. Plain values, as written in TOML files."""

from typing import Any

from pydantic import Field, create_model

from tasks.curate.config import CurateConfig
from tasks.encode.shards import EncodeConfig
from tasks.encode.tokenizer import TokenizerConfig
from tasks.evaluate.config import EvaluateConfig
from tasks.finetune.methods.table import METHODS
from tasks.finetune.settings import FinetuneSettings
from tasks.ingest.sources import IngestConfig
from tasks.pretrain import PretrainConfig
from tasks.register.package import RegisterConfig
from tasks.store.garbage import StoreConfig
from tasks.store.step import Frozen

FIELDS: dict[str, Any] = {name: (method.config | None, None) for name, method in METHODS.items()}


class FinetuneConfig(create_model("Methods", __base__=Frozen, **FIELDS)):
    """Which methods of fine-tuning to use; a method without a table is not used."""

    @property
    def methods(self) -> dict[str, FinetuneSettings]:
        """The methods that this recipe uses, in order."""
        return {name: config for name in METHODS if (config := getattr(self, name)) is not None}


class Recipe(Frozen):
    """All configs of one run; what its files, models and SQL come to is resolved in flows/resolve.py."""

    name: str
    ingest: IngestConfig
    curate: CurateConfig = Field(default_factory=CurateConfig)
    tokenizer: TokenizerConfig = Field(default_factory=TokenizerConfig)
    encode: EncodeConfig = Field(default_factory=EncodeConfig)
    pretrain: PretrainConfig = Field(default_factory=PretrainConfig)
    evaluate: EvaluateConfig = Field(default_factory=EvaluateConfig)
    finetune: FinetuneConfig = Field(default_factory=FinetuneConfig)
    registry: RegisterConfig = Field(default_factory=RegisterConfig)
    store: StoreConfig = Field(default_factory=StoreConfig)
