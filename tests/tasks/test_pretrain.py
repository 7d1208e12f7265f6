"""The pretrain step."""

import json
import shutil
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tokenizers import Tokenizer, models

from model import hub
from model.objectives.documents import TokenBlocks
from model.replay import replay
from model.token_bytes import byte_letters
from tasks.errors import UserError
from tasks.models.pretrained import content_of, copy_tokenizer
from tasks.models.prompting import PromptBuilder
from tasks.models.provenance import provenance_of, read_provenance
from tasks.models.vocabulary import END_OF_TEXT, Vocabulary
from tasks.pretrain import PRETRAIN, PretrainConfig, pretrain
from tasks.store.step import Inputs, Stats, fingerprint
from tests.tasks.models.byte_level import tokenizer_folder
from tests.tiny_training import VOCABULARY, write_partition

TINY = {"depth": 1, "width": 32, "heads": 2, "head_width": 16, "context": 32, "batch": 4, "steps": 12}
TINY |= {
    "eval_every": 6,
    "eval_items": 8,
    "prompts": ("aaa",),
    "sample_tokens": 5,
    "learning_rate": 0.003,
    "threads": 1,
}


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    home = tmp_path_factory.mktemp("inputs")
    letters = [letter for letter in byte_letters() if letter >= "A"][: VOCABULARY - 1]
    words = {"<|endoftext|>": 0} | {letter: n for n, letter in enumerate(letters, 1)}
    (home / "tokenizer").mkdir()
    bpe = Tokenizer(models.BPE(words, []))
    bpe.add_special_tokens(["<|endoftext|>"])
    bpe.save(str(home / "tokenizer/tokenizer.json"))
    shards = {name: write_partition(home / name, documents=30, seed=seed) for seed, name in enumerate(("0001", "0002"))}
    return Inputs({"shards": shards, "tokenizer": home / "tokenizer"})


@pytest.fixture(scope="module")
def pretrained(inputs: Inputs, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Stats]:
    out = tmp_path_factory.mktemp("pretrain")
    return out, pretrain(PretrainConfig.model_validate(TINY), inputs, out)


def test_pretraining_writes_all_that_later_steps_read(pretrained: tuple[Path, Stats]) -> None:
    out, stats = pretrained
    names = {str(path.relative_to(out)) for path in out.rglob("*") if path.is_file()}
    assert names >= {"metrics.jsonl", "samples.jsonl", "data.json", "curve.svg", "timing/speed.jsonl"}
    assert names >= {f"weights/{name}" for name in ("config.json", "model.safetensors", "tokenizer.json")}
    assert not any(name.startswith("work") for name in names)
    rows = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == list(range(1, 13))
    assert [row["step"] for row in rows if "val_bits_per_byte" in row] == [6, 12]
    assert stats.metrics["val_bits_per_byte"] == rows[-1]["val_bits_per_byte"]
    assert stats.metrics["parameters"] == sum(p.numel() for p in hub.load(out / "weights").parameters())
    assert (out / "curve.svg").read_text().startswith("<svg xmlns=")
    assert {json.loads(line)["prompt"] for line in (out / "samples.jsonl").read_text().splitlines()} == {"aaa"}


def test_the_record_of_a_training_gives_the_documents_of_each_step(
    pretrained: tuple[Path, Stats], inputs: Inputs
) -> None:
    out, _ = pretrained
    data = json.loads((out / "data.json").read_text())
    files = {shard["name"]: inputs["shards"][shard["name"][:4]] / shard["name"][5:] for shard in data["shards"]}
    assert list(files) == ["0001/train-00000.arrow", "0002/train-00000.arrow"]
    batches = replay(data, files).batches
    assert isinstance(batches.source, TokenBlocks)
    epoch = -(-batches.source.items // 4)
    seen = {(d.shard, d.row) for step in range(epoch) for d in batches.documents_of(step)}
    lengths = {shard.name: shard.lengths for shard in batches.source.stream.shards}
    assert seen == {(name, row) for name, tokens in lengths.items() for row in range(len(tokens)) if tokens[row]}


def test_training_continues_from_given_weights(pretrained: tuple[Path, Stats], inputs: Inputs, tmp_path: Path) -> None:
    out, stats = pretrained
    on = PretrainConfig.model_validate(TINY | {"init_from": out / "weights", "learning_rate": 1e-9, "steps": 2})
    again = pretrain(on, inputs, tmp_path)
    assert read_provenance(tmp_path / "weights") == provenance_of(out / "weights")
    assert read_provenance(out / "weights") is None
    assert again.metrics["val_bits_per_byte"] == pytest.approx(stats.metrics["val_bits_per_byte"], abs=1e-4)


def test_given_weights_are_identified_by_their_content(pretrained: tuple[Path, Stats], tmp_path: Path) -> None:
    out, _ = pretrained
    here, moved, other = tmp_path / "here", tmp_path / "moved", tmp_path / "other"
    for folder in (here, moved, other):
        folder.mkdir()
        for name in ("config.json", "model.safetensors"):
            (folder / name).write_bytes((out / "weights" / name).read_bytes())
    (other / "config.json").write_bytes((other / "config.json").read_bytes() + b" ")
    hashes = [content_of(folder) for folder in (here, moved, other)]
    assert hashes[0] == hashes[1] != hashes[2]
    keys = {fingerprint(PRETRAIN, PretrainConfig(init_from=f, init_sha256=hashes[0]), {}) for f in (here, other)}
    assert len(keys) == 1


def test_the_identity_of_weights_covers_every_file_that_is_read_of_them(
    pretrained: tuple[Path, Stats], tmp_path: Path
) -> None:
    model = Path(shutil.copytree(pretrained[0] / "weights", tmp_path / "model"))
    (model / "README.md").write_text("---\nlicense: mit\n---\n")
    (model / "tokenizer_config.json").write_text('{"eos_token": "<|endoftext|>"}')
    opened = set[str]()
    read = [True]
    sys.addaudithook(lambda event, args: opened.add(str(args[0])) if event == "open" and read else None)
    hub.load(model)
    (tmp_path / "copied").mkdir()
    copy_tokenizer(model, tmp_path / "copied")
    PromptBuilder(model).of_text("A")
    provenance_of(model)
    read.clear()
    names = {Path(path).name for path in opened if Path(path).parent == model} | {"model.safetensors"}
    assert {"config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "README.md"} <= names
    before = content_of(model)
    for name in sorted(names):
        whole = (model / name).read_bytes()
        (model / name).write_bytes(whole + b" ")
        content_of.cache_clear()
        assert content_of(model) != before, name
        (model / name).write_bytes(whole)
    content_of.cache_clear()
    assert content_of(model) == before


def test_a_tokenizer_from_elsewhere_separates_documents_by_its_own_end_of_text(tmp_path: Path) -> None:
    tokenizer = tokenizer_folder(tmp_path / "tokenizer", (END_OF_TEXT,))
    shards = {"0001": write_partition(tmp_path / "0001", documents=30, seed=0)}
    config = PretrainConfig.model_validate({**TINY, "prompts": (), "steps": 2})
    pretrain(config, Inputs({"shards": shards, "tokenizer": tokenizer}), tmp_path / "out")
    end = Vocabulary(tokenizer).specials[END_OF_TEXT]
    assert end == 256 and json.loads((tmp_path / "out" / "data.json").read_text())["separator"] == end
    for name in ("config.json", "generation_config.json"):
        assert json.loads((tmp_path / "out" / "weights" / name).read_text())["eos_token_id"] == end


def test_missing_weights_are_refused_before_training(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"has no config.json: give a folder of weights"):
        content_of(tmp_path)


def test_settings_that_change_no_byte_change_no_key() -> None:
    keys = {
        fingerprint(PRETRAIN, PretrainConfig(**changes), {})
        for changes in ({}, {"threads": 7}, {"checkpoint_every": 3})
    }
    assert len(keys) == 1
    assert fingerprint(PRETRAIN, PretrainConfig(ranks=2), {}) not in keys


def test_an_empty_validation_split_is_an_error_with_a_fix(inputs: Inputs, tmp_path: Path) -> None:
    only_train = tmp_path / "0001"
    only_train.mkdir()
    pq.write_table(pa.table({"split": ["train"], "bytes": [10]}), only_train / "bytes.parquet")
    with pytest.raises(UserError, match=r"no document is in the validation split\n  fix: give more text"):
        pretrain(PretrainConfig.model_validate(TINY), Inputs(inputs | {"shards": {"0001": only_train}}), tmp_path)
