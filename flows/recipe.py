"""A recipe: the configs of one run together, each owned by its step. Plain values, as written in TOML files."""

from pydantic import Field

from tasks.curate.config import CurateConfig
from tasks.encode.shards import EncodeConfig
from tasks.encode.tokenizer import TokenizerConfig
from tasks.evaluate.config import EvaluateConfig
from tasks.finetune.steps import ClassifyConfig, InstructConfig, PreferConfig
from tasks.ingest.sources import IngestConfig
from tasks.pretrain import PretrainConfig
from tasks.register.package import RegisterConfig
from tasks.store.garbage import StoreConfig
from tasks.store.step import Frozen


class FinetuneConfig(Frozen):
    """Which methods of fine-tuning to use; a method without a table is not used."""

    classify: ClassifyConfig | None = None
    instruct: InstructConfig | None = None
    prefer: PreferConfig | None = None  # from the instruct model, where there is one

    @property
    def methods(self) -> dict[str, ClassifyConfig | InstructConfig | PreferConfig]:
        """The methods that this recipe uses, in order."""
        methods = {"classify": self.classify, "instruct": self.instruct, "prefer": self.prefer}
        return {method: config for method, config in methods.items() if config is not None}


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
