"""Held-out documents and training text, decoded from the shards: as training saw them, personal data masked.

Where a tokenizer does not give every text back, held-out texts are read where curation wrote them: what is counted is
the text as it was.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tasks.models.vocabulary import Vocabulary

TOKENIZER_FILE = "tokenizer.json"


@dataclass(frozen=True)
class HeldOutDocument:
    """A document that is scored; `origin` is the source text that it was cut from."""

    doc_id: str
    origin: str
    text: bytes
    tokens: np.ndarray  # the shards' ids


class EncodedCorpus:
    """The shards of all partitions, with the texts that they were encoded from."""

    def __init__(self, shards: Mapping[str, Path], texts: Mapping[str, Path], tokenizer: Path) -> None:
        self.shards, self.texts, self.tokenizer = shards, texts, tokenizer
        self.vocabulary = Vocabulary(tokenizer)

    def held_out(self, split: str, most: int) -> list[HeldOutDocument]:
        """The split's documents in their order; of more than `most` those whose ids hash lowest."""
        tokens_of = dict(self._tokens(split))
        chosen = lowest_hashes(tokens_of, most)
        origin, text = self._column(split, "origin"), {}
        if not self.vocabulary.gives_text_back:
            text = {doc_id: text.encode() for doc_id, text in self._column(split, "text").items() if doc_id in chosen}
        return [
            HeldOutDocument(
                doc_id,
                origin.get(doc_id, doc_id),
                text.get(doc_id) or self.vocabulary.decode_bytes(tokens.tolist()),
                tokens,
            )
            for doc_id, tokens in tokens_of.items()
            if doc_id in chosen and len(tokens)
        ]

    def trained_on(self, most_bytes: int) -> list[np.ndarray]:
        """Token ids of the first training documents, up to about `most_bytes` of text."""
        lengths = np.array([len(token) for token in self.vocabulary.token_bytes])
        documents, total = [], 0
        for _, tokens in self._tokens("train"):
            documents.append(tokens)
            total += int(lengths[tokens].sum())
            if total >= most_bytes:
                break
        return documents

    def train_texts(self) -> Iterator[str]:
        """The text of every training document."""
        for _, tokens in self._tokens("train"):
            yield self.vocabulary.decode_bytes(tokens.tolist()).decode(errors="replace")

    def _tokens(self, split: str) -> Iterator[tuple[str, np.ndarray]]:
        import pyarrow as pa

        begins = len(self.vocabulary.bos)  # which stands before every document, and is none of its text
        for folder in self.shards.values():
            for path in sorted(folder.glob(f"{split}-*.arrow")):
                with pa.memory_map(str(path)) as memory, pa.ipc.open_stream(memory) as stream:
                    for batch in stream:
                        values = batch["tokens"].values.to_numpy()
                        ends = batch["tokens"].offsets.to_numpy()
                        for row, doc_id in enumerate(batch["doc_id"].to_pylist()):
                            yield doc_id, values[ends[row] + begins : ends[row + 1]]

    def _column(self, split: str, name: str) -> dict[str, str]:
        """doc_id → its value in curation's table."""
        from pyarrow import parquet

        tables = [
            parquet.read_table(folder / "texts.parquet", columns=["doc_id", name], filters=[("split", "=", split)])
            for folder in self.texts.values()
        ]
        return {row["doc_id"]: row[name] for table in tables for row in table.to_pylist()}


def sample(documents: Sequence[HeldOutDocument], most: int) -> list[HeldOutDocument]:
    """The documents in their order; of more than `most` those whose ids hash lowest."""
    chosen = lowest_hashes([document.doc_id for document in documents], most)
    return [document for document in documents if document.doc_id in chosen]


def lowest_hashes(doc_ids: Iterable[str], most: int) -> set[str]:
    """A sample of at most `most` ids that does not depend on their order."""
    return set(sorted(doc_ids, key=lambda doc_id: hashlib.sha256(doc_id.encode()).digest())[:most])


def in_vocabulary(
    documents: list[HeldOutDocument], corpus: EncodedCorpus, weights: Path
) -> tuple[Vocabulary, list[list[int]]]:
    """The model's vocabulary, and the documents' ids in it; a champion of another corpus has another tokenizer."""
    if (weights / TOKENIZER_FILE).read_bytes() == (corpus.tokenizer / TOKENIZER_FILE).read_bytes():
        return corpus.vocabulary, [document.tokens.tolist() for document in documents]
    vocabulary = Vocabulary(weights)
    return vocabulary, vocabulary.encode_ordinary([document.text.decode() for document in documents])
