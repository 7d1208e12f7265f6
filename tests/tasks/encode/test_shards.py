import hashlib
import json
import shutil
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from model.objectives.documents import TokenBlocks
from model.stream import TokenStream, open_shards
from tasks.encode import encoding
from tasks.encode.shards import EncodePart, encode
from tasks.evaluate.held_out import EncodedCorpus
from tasks.models.vocabulary import Vocabulary
from tasks.store.step import Inputs
from tests.tasks.encode.conftest import write_curated
from tests.tasks.models.published import KINDS


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory, texts_folder: Path, tokenizer_folder: Path) -> Path:
    out = tmp_path_factory.mktemp("shards")
    encode(EncodePart(shard_tokens=2000), Inputs({"texts": texts_folder, "tokenizer": tokenizer_folder}), out)
    return out


def test_pyarrow_maps_a_shard_without_a_copy(shards: Path) -> None:
    memory = pa.memory_map(str(shards / "train-00000.arrow"))
    table = pa.ipc.open_stream(memory).read_all()
    memory.seek(0)
    whole = memory.read_buffer()
    values = table["tokens"].chunk(0).values
    address = values.buffers()[1].address
    assert values.type == pa.uint16()
    assert whole.address <= address < whole.address + whole.size
    assert len(table["tokens"].chunks) == 1


def test_every_document_is_in_one_shard_of_its_split_in_order(
    shards: Path, texts: list[str], texts_folder: Path, tokenizer_folder: Path
) -> None:
    vocabulary = Vocabulary(tokenizer_folder)
    expected = pq.read_table(texts_folder / "texts.parquet").to_pylist()
    for split in ("train", "validation", "test"):
        tables = [pa.ipc.open_stream(path).read_all() for path in sorted(shards.glob(f"{split}-*.arrow"))]
        rows = [row for table in tables for row in table.to_pylist()]
        assert [(row["doc_id"], vocabulary.decode_bytes(row["tokens"]).decode()) for row in rows] == [
            (row["doc_id"], row["text"]) for row in expected if row["split"] == split
        ]
        assert all(sum(map(len, table["tokens"].to_pylist())) <= 2000 for table in tables)
    assert len(list(shards.glob("train-*.arrow"))) > 1


def test_sizes_are_beside_the_shards(shards: Path, texts: list[str]) -> None:
    sizes = pq.read_table(shards / "bytes.parquet").to_pylist()
    assert [row["bytes"] for row in sizes] == [len(text.encode()) for text in texts]
    shard_tokens = sum(
        len(pa.ipc.open_stream(p).read_all()["tokens"].combine_chunks().values) for p in shards.glob("*.arrow")
    )
    assert sum(row["tokens"] for row in sizes) == shard_tokens


def test_datasets_and_duckdb_open_a_shard(shards: Path) -> None:
    from datasets import Dataset

    path = shards / "train-00000.arrow"
    plain = pa.ipc.open_stream(path).read_all()
    theirs = Dataset.from_file(str(path))
    assert theirs["doc_id"][:] == plain["doc_id"].to_pylist()
    assert theirs[1]["tokens"] == plain["tokens"][1].as_py()
    with duckdb.connect() as connection:
        connection.register("shard", plain)
        counted = connection.sql("select count(*), sum(len(tokens)) from shard").fetchall()
    assert counted == [(len(plain), len(plain["tokens"].combine_chunks().values))]


def test_a_split_without_documents_is_a_file_without_rows(tmp_path: Path, tokenizer_folder: Path) -> None:
    from datasets import Dataset

    folder = write_curated(tmp_path / "in", ["only one"], split=["train"])
    stats = encode(EncodePart(), Inputs({"texts": folder, "tokenizer": tokenizer_folder}), tmp_path)
    empty = pa.ipc.open_stream(tmp_path / "test-00000.arrow").read_all()
    assert (len(empty), empty.schema.names) == (0, ["doc_id", "tokens"])
    assert len(Dataset.from_file(str(tmp_path / "test-00000.arrow"))) == 0
    assert stats.metrics["tokens_test"] == 0


def test_no_document_at_all_still_leaves_readable_files(tmp_path: Path, tokenizer_folder: Path) -> None:
    folder = write_curated(tmp_path / "in", ["x"], split=["train"])
    config = EncodePart(exclude=("notes/000.txt#0",))
    stats = encode(config, Inputs({"texts": folder, "tokenizer": tokenizer_folder}), tmp_path)
    assert stats.funnel is not None
    assert (stats.funnel.read, stats.funnel.kept, stats.funnel.dropped) == (1, 0, {"takedown": 1})
    assert pq.read_table(tmp_path / "bytes.parquet").schema.names == ["doc_id", "split", "tokens", "bytes"]


def test_other_worker_counts_give_the_same_bytes(
    tmp_path: Path, texts: list[str], tokenizer_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encoding, "BYTES_WORTH_A_POOL", 0)
    monkeypatch.setattr(encoding, "DOCUMENTS_AT_A_TIME", 50)
    folder = write_curated(tmp_path / "in", texts * 3)
    hashes = []
    for workers in (1, 2):
        out = tmp_path / str(workers)
        out.mkdir()
        encode(EncodePart(workers=workers), Inputs({"texts": folder, "tokenizer": tokenizer_folder}), out)
        hashes.append({path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in out.iterdir()})
    assert hashes[0] == hashes[1]


def test_taken_down_and_withdrawn_documents_are_withheld_with_their_reason(
    tmp_path: Path, tokenizer_folder: Path
) -> None:
    texts = [f"text {n}" for n in range(6)]
    folder = write_curated(
        tmp_path / "in",
        texts,
        doc_id=["notes/id-0", "notes/a.txt#0", "notes/a.txt#1", "notes/id-3", "notes/b.txt#0", "notes/c.txt#0"],
        uri=["r.jsonl", "a.txt", "a.txt", "s.jsonl", "b.txt", "c.txt"],
        origin=["id-0", "a.txt", "a.txt", "id-3", "b.txt", "c.txt"],
        split=["train"] * 6,
    )
    config = EncodePart(
        exclude=("notes/id-0", "notes/a.txt"),
        withdrawn={"notes": {"s.jsonl": "removed", "b.txt": "superseded"}, "other": {"c.txt": "removed"}},
    )
    stats = encode(config, Inputs({"texts": folder, "tokenizer": tokenizer_folder}), tmp_path)
    assert {r["doc_id"]: r["reason"] for r in pq.read_table(tmp_path / "withheld.parquet").to_pylist()} == {
        "notes/id-0": "takedown",
        "notes/a.txt#0": "takedown",
        "notes/a.txt#1": "takedown",
        "notes/id-3": "removed",
        "notes/b.txt#0": "superseded",
    }
    assert pa.ipc.open_stream(tmp_path / "train-00000.arrow").read_all()["doc_id"].to_pylist() == ["notes/c.txt#0"]
    assert stats.funnel is not None
    assert stats.funnel.dropped == {"removed": 1, "superseded": 1, "takedown": 3}


def test_ids_up_to_the_last_fit_in_uint16(shards: Path, tokenizer_folder: Path) -> None:
    table = pa.ipc.open_stream(shards / "train-00000.arrow").read_all()
    tokens = table["tokens"].combine_chunks().values.to_numpy()
    assert tokens.dtype == np.uint16
    assert 6 <= tokens.min() <= tokens.max() < Vocabulary(tokenizer_folder).size


def test_a_vocabulary_of_more_than_65_536_tokens_is_stored_as_uint32_and_read_back_whole(
    tmp_path: Path, texts: list[str], texts_folder: Path, tokenizer_folder: Path
) -> None:
    large, out = tmp_path / "tokenizer", tmp_path / "shards"
    shutil.copytree(tokenizer_folder, large)
    out.mkdir()
    described = json.loads((large / "tokenizer.json").read_text())
    described["model"]["vocab"]["Ġthe"] = 150_000  # a gap of ids, as in padded vocabularies
    (large / "tokenizer.json").write_text(json.dumps(described))
    encode(EncodePart(), Inputs({"texts": texts_folder, "tokenizer": large}), out)
    stream = TokenStream(open_shards({"train": out / "train-00000.arrow"}), separator=0)
    ids = stream.read(0, len(stream))
    assert ids.dtype == np.uint32 and 150_000 in ids
    first = ids[1 : stream.separators[1]].tolist()
    assert Vocabulary(large).decode_bytes(first).decode() == texts[0]
    batch = TokenBlocks(stream, context=16).batch(np.arange(4))
    assert batch.tokens_bt.flatten()[:16].tolist() == ids[:16].tolist()


@pytest.mark.parametrize(("kind", "changed"), [("llama2", 0), ("mistral", 1), ("qwen2", 1), ("llama3", 0)])
def test_documents_begin_as_the_tokenizers_authors_begin_them_and_are_scored_by_the_bytes_that_they_had(
    kind: str, changed: int, tmp_path: Path
) -> None:
    texts = ["The house stands.\n", "e\u0301 on the hill", " the town", "日本語 の 文章"]
    columns = {"split": ["train", "test", "test", "test"]}
    curated = write_curated(tmp_path / "texts", texts, **columns)
    tokenizer = KINDS[kind].save(tmp_path / "tokenizer")
    (out := tmp_path / "out").mkdir()
    stats = encode(EncodePart(), Inputs({"texts": curated, "tokenizer": tokenizer}), out)
    assert [note.split(" are read")[0] for note in stats.notes] == [f"{changed} of 4 documents"] * changed
    vocabulary = Vocabulary(tokenizer)
    rows = pa.ipc.open_stream(out / "test-00000.arrow").read_all()["tokens"].to_pylist()
    assert rows == vocabulary.encode_documents(texts[1:])
    assert all(tuple(row[: len(vocabulary.bos)]) == vocabulary.bos for row in rows)
    corpus = EncodedCorpus({"0001": out}, {"0001": curated}, tokenizer)
    held_out = corpus.held_out("test", 10)
    assert [document.text.decode() for document in held_out] == texts[1:]
    assert [document.tokens.tolist() for document in held_out] == vocabulary.encode_ordinary(texts[1:])
    sizes = pq.read_table(out / "bytes.parquet")["bytes"].to_pylist()
    assert sizes == [len(text.encode()) for text in texts]
