"""Training text of a test, in place of a partition's folders."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Part:
    shards: Path
    texts: dict[str, str]

    @property
    def documents(self) -> int:
        return len(self.texts)

    def training_texts(self) -> Iterator[tuple[str, str]]:
        yield from self.texts.items()
