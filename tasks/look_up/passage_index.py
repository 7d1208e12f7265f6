"""Passages of documents, and which of them say most about a question: BM25 (Robertson & Zaragoza 2009), by bm25s.

HOME/look-up/HASH/     of an index that is kept
    shards.json        the keys of the shards whose text it holds      passages.arrow   doc_id, text
    index/             bm25s' own files

Words are compared in lower case; of scripts without spaces each two characters in a row are a word. No word is left
out: BM25 gives little weight to those that stand everywhere.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import regex

from tasks.errors import UserError
from tasks.home import Home
from tasks.look_up.training_text import TrainingPart
from tasks.passages import passages
from tasks.progress import progress
from tasks.store.locks import exclusive, hold_to_the_end
from tasks.store.scratch import scratch_folder

if TYPE_CHECKING:
    import pyarrow as pa

PASSAGE_CHARACTERS = 400
FORMAT = 2  # raise it when the same text gives another index
SHARDS = "shards.json"
UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
RUN = regex.compile(rf"[{UNSPACED}\p{{M}}]+|[^\W{UNSPACED}]+")
IS_UNSPACED = regex.compile(rf"[{UNSPACED}]")


@dataclass(frozen=True)
class Passage:
    doc_id: str
    text: str
    score: float  # BM25's; comparable between the passages of one question only

    def as_json(self) -> dict[str, Any]:
        return {"doc_id": self.doc_id, "score": round(self.score, 3), "text": self.text}


class PassageIndex:
    """`passages` has the columns doc_id and text; `bm25` scores its rows."""

    def __init__(self, bm25: Any, passages: "pa.Table") -> None:
        self._bm25, self._passages = bm25, passages

    def best(self, question: str, most: int) -> list[Passage]:
        """Up to `most` passages that share a word with the question, the best first; equally good ones in order."""
        import numpy as np

        known = [word for word in words(question) if word in self._bm25.vocab_dict]
        if not known:
            return []
        scores = self._bm25.get_scores(known)
        likely = np.argpartition(-scores, most)[:most] if most < len(scores) else np.arange(len(scores))
        ordered = sorted(likely.tolist(), key=lambda row: (-float(scores[row]), row))
        return [self._passage(row, float(scores[row])) for row in ordered if scores[row] > 0]

    def _passage(self, row: int, score: float) -> Passage:
        return Passage(self._passages["doc_id"][row].as_py(), self._passages["text"][row].as_py(), score)

    def save(self, folder: Path) -> None:
        import pyarrow as pa

        schema = self._passages.schema
        with pa.OSFile(str(folder / "passages.arrow"), "wb") as file, pa.ipc.new_stream(file, schema) as out:
            out.write_table(self._passages)
        self._bm25.save(folder / "index", show_progress=False)


def words(text: str) -> list[str]:
    """What passages and questions are compared by."""
    compared = list[str]()
    for run in RUN.findall(text.casefold()):
        if IS_UNSPACED.match(run) and len(run) > 1:
            compared += [run[n : n + 2] for n in range(len(run) - 1)]
        else:
            compared.append(run)
    return compared


def index_of(parts: Sequence[TrainingPart], home: Home) -> PassageIndex:
    """The index of the training text, as the home keeps it; made on its first use."""
    keys = [part.shards.name for part in parts]
    folder = home.look_up / hashlib.sha256(f"{FORMAT} {' '.join(keys)}".encode()).hexdigest()[:16]
    with exclusive(folder.with_suffix(".lock"), "waiting: another process makes the index of the training text"):
        if not folder.is_dir():
            index = build_index(parts)
            with scratch_folder(home, "look-up") as work:
                (work / "made").mkdir()
                index.save(work / "made")
                (work / "made" / SHARDS).write_text(json.dumps(keys))
                (work / "made").rename(folder)
            return index
        hold_to_the_end(folder)
        return load_index(folder)


def outlived_indexes(home: Home) -> list[Path]:
    """The folders of those whose text has left the store, in part or in full: it was forgotten, or gc removed it."""
    folders = sorted(path for path in home.look_up.glob("*") if path.is_dir())
    return [folder for folder in folders if not all((home.store / "encode" / key).is_dir() for key in _shards(folder))]


def _shards(folder: Path) -> list[str]:
    """The keys of an index's shards; of one that names none, as earlier versions kept them, a key that is nowhere."""
    file = folder / SHARDS
    return json.loads(file.read_text()) if file.is_file() else ["-"]


def build_index(parts: Sequence[TrainingPart]) -> PassageIndex:
    """The index of all training documents; UserError where there is none."""
    import numpy as np
    import pyarrow as pa
    from bm25s import BM25

    doc_ids, texts, ids, number = list[str](), list[str](), list[Any](), dict[str, int]()
    with progress("indexing the training text", sum(part.documents for part in parts), "documents") as advance:
        for part in parts:
            for doc_id, text in part.training_texts():
                for passage in passages(text, PASSAGE_CHARACTERS):
                    own = [number.setdefault(word, len(number)) for word in words(passage)]
                    doc_ids.append(doc_id)
                    texts.append(passage)
                    ids.append(np.array(own, np.int32))
                advance(1)
    if not number:
        raise UserError("there is no training text to look anything up in", "add documents, and run the recipe again")
    bm25 = BM25()
    bm25.index((ids, number), show_progress=False)
    return PassageIndex(
        bm25, pa.table({"doc_id": pa.array(doc_ids, pa.string()), "text": pa.array(texts, pa.string())})
    )


def load_index(folder: Path) -> PassageIndex:
    import pyarrow as pa
    from bm25s import BM25

    with pa.memory_map(str(folder / "passages.arrow")) as memory:
        table = pa.ipc.open_stream(memory).read_all()
    return PassageIndex(BM25.load(folder / "index", mmap=True, show_progress=False), table)
