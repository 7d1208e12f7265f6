"""The training documents behind a model: those that a run's training read, as curation wrote them.

Personal data is masked in them, and what was taken down or withdrawn since is not among them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tasks.errors import UserError
from tasks.home import Home
from tasks.store.verification import read_manifest
from tasks.tables.lineage import find_training
from tasks.tracking.model_version import Version

NAME_A_RUN = "run its recipe again, or name a run whose training text is to be searched: --run RUN"
ROWS_AT_A_TIME = 1_000


@dataclass(frozen=True)
class TrainingPart:
    """One partition: the folders of its shards and of the texts that they were encoded from."""

    shards: Path
    texts: Path

    @property
    def documents(self) -> int:
        """How many may be read, of all splits."""
        from pyarrow import parquet

        return parquet.read_metadata(self.texts / "texts.parquet").num_rows

    def training_texts(self) -> Iterator[tuple[str, str]]:
        """(doc_id, text) of each training document."""
        from pyarrow import parquet

        withheld = set(parquet.read_table(self.shards / "withheld.parquet")["doc_id"].to_pylist())
        with parquet.ParquetFile(self.texts / "texts.parquet") as file:
            for batch in file.iter_batches(ROWS_AT_A_TIME, columns=["doc_id", "text", "split"]):
                for doc_id, text, split in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                    if split == "train" and doc_id not in withheld:
                        yield doc_id, text


def training_text_of(version: Version, home: Home) -> list[TrainingPart]:
    """What the version was trained on, or the nearest of its ancestors that was trained on text."""
    training = find_training(home.store, version.tags.get("weights_key"))
    for each in training.lineage() if training else ():
        if keys := each.manifest["inputs"].get("shards"):
            return training_parts(home, list(keys.values()), version.full_name)
    raise UserError(f"the training text of {version.full_name} is not in this home", NAME_A_RUN)


def training_parts(home: Home, encoded: Sequence[str], whose: str) -> list[TrainingPart]:
    """The partitions by the keys of their shards; UserError where the store has lost one."""
    parts = list[TrainingPart]()
    for key in encoded:
        shards = home.store / "encode" / key
        texts = home.store / "curate" / str(read_manifest(shards)["inputs"]["texts"]) if shards.is_dir() else shards
        if not (texts / "texts.parquet").is_file():
            raise UserError(f"the training text of {whose} is not in this home any more", NAME_A_RUN)
        parts.append(TrainingPart(shards, texts))
    return parts
