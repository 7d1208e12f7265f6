"""Fine-tuned models of a base: a classifier and an instruct model, trained for real on a tiny network."""

import json
import random
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from datasets import DatasetDict, load_from_disk

from model import head, hub
from model.chat import Turn
from model.decoder import Decoder, initialise
from model.depth import from_depth
from model.lora import merge
from model.spec import Lora
from tasks.errors import Skipped, UserError
from tasks.finetune import masks
from tasks.finetune.methods.classify import CLASSIFY, ClassifyConfig
from tasks.finetune.methods.instruct import INSTRUCT, InstructConfig, instruction_rows
from tasks.finetune.methods.prefer import PREFER, PreferConfig, preference
from tasks.finetune.own_rows import SPLITS
from tasks.finetune.rows import RowSource
from tasks.finetune.steps import answering, finetune, starting_model
from tasks.finetune.templates import Template
from tasks.models.prompting import ChatModel
from tasks.models.rendering import rendered_rows
from tasks.models.vocabulary import SPECIALS, Vocabulary, pre_tokenizer
from tasks.store.step import TIMING, Inputs, Stats
from tests.model.adapters import load_adapter
from tests.processes import wait_until
from tests.tasks.finetune.conftest import content_hashes
from tests.tasks.languages import JAPANESE

CONTEXT = 48
ERAS = {"old": "whale sail harbour oar mast", "new": "engine wire signal rail lamp"}
QUICK = {"batch": 16, "steps": 40, "learning_rate": 5e-3, "eval_every": 20, "threads": 1, "dtype": "float32"}
LABELS = ClassifyConfig.model_validate({**QUICK, "label": "era"})
WHEN = Template(kind="when", prompt="When was this?\n{text}", response="{era}")
ANSWERS = InstructConfig.model_validate({**QUICK, "steps": 150, "templates": [WHEN]})


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    """Documents of two eras that differ in their words, a tokenizer of them, and an untrained base."""
    folder = tmp_path_factory.mktemp("inputs")
    documents = [document(number) for number in range(160)]
    (folder / "curate").mkdir()
    pq.write_table(pa.Table.from_pylist(documents), folder / "curate" / "texts.parquet")
    weights = folder / "pretrain" / "weights"
    weights.mkdir(parents=True)
    save_tokenizer([str(row["text"]) for row in documents], weights)
    shape = from_depth(2, vocabulary=400, context=CONTEXT, family="llama", width=32)
    hub.save(initialise(Decoder(shape), seed=0), weights)
    return Inputs({"model": weights.parent, "texts": {"0001": folder / "curate"}, "tokenizer": weights})


def document(number: int) -> dict[str, str | int]:
    choice = random.Random(number)
    era = ("old", "new")[number % 2]
    text = f"The {' and the '.join(choice.choices(ERAS[era].split(), k=4))}."
    split = "validation" if number % 10 in (4, 5) else "test" if number % 10 in (6, 7) else "train"
    whence = {"source": "s", "origin": f"o{number}", "metadata": json.dumps({"era": era})}
    return {"doc_id": f"s/{number}", "text": text, "split": split, "bytes": len(text), **whence}


def save_tokenizer(texts: list[str], folder: Path) -> None:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizer("gpt2")
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=400, special_tokens=list(SPECIALS), initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.save(str(folder / "tokenizer.json"))


@pytest.fixture(scope="module")
def classifier(inputs: Inputs, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Stats]:
    out = tmp_path_factory.mktemp("classify")
    return out, finetune(CLASSIFY, LABELS, inputs, out)


@pytest.fixture(scope="module")
def instruct(inputs: Inputs, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Stats]:
    out = tmp_path_factory.mktemp("instruct")
    return out, finetune(INSTRUCT, ANSWERS, inputs, out)


def test_a_classifier_predicts_the_labels_of_unseen_rows(classifier: tuple[Path, Stats]) -> None:
    out, stats = classifier
    model, tests = head.load(out / "weights"), rows_of(out)["test"]
    assert model.labels == ("new", "old")
    probabilities = head.predict(model, vocabulary(out).encode_ordinary(tests["text"][:]))
    assert (probabilities.argmax(1) == torch.tensor(tests["label"][:])).float().mean() > 0.9
    assert stats.metrics["classes"] == 2 and stats.metrics["rows_train"] == 96
    assert stats.metrics["val_accuracy"] > 0.9 and stats.metrics["loss"] < 0.3


def test_the_artifact_is_whole_and_holds_no_leftovers(classifier: tuple[Path, Stats]) -> None:
    out, _ = classifier
    names = {str(path.relative_to(out)) for path in out.iterdir()}
    assert names >= {"weights", "rows", "tokens", "metrics.jsonl", "curve.svg", TIMING}
    assert not names & {"work"} and not list(out.rglob("*.partial"))
    metrics = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in metrics] == list(range(1, 41))
    assert metrics[0]["loss"] == pytest.approx(0.693, abs=1e-3)  # a new head prefers no class


def test_a_killed_classifier_goes_on_and_ends_with_the_same_bytes(
    classifier: tuple[Path, Stats], inputs: Inputs, tmp_path: Path
) -> None:
    config = LABELS.model_copy(update={"checkpoint_every": 5})
    (tmp_path / "config.json").write_text(config.model_dump_json())
    out = tmp_path / "out"
    out.mkdir()
    victim = subprocess.Popen(
        [sys.executable, "-c", RUN, str(tmp_path / "config.json"), json.dumps(as_json(inputs)), out]
    )

    def has_checkpoint() -> bool:
        assert victim.poll() is None
        return any((out / "work" / "checkpoints").glob("*"))

    wait_until(has_checkpoint, seconds=120)
    victim.send_signal(signal.SIGKILL)
    victim.wait()
    assert not (out / "weights").exists()
    stats = finetune(CLASSIFY, config, inputs, out)
    assert content_hashes(out) == content_hashes(classifier[0]) and stats == classifier[1]


RUN = """
import json, sys
from pathlib import Path
from tasks.finetune.methods.classify import CLASSIFY, ClassifyConfig
from tasks.finetune.steps import finetune
from tasks.store.step import Inputs
inputs = json.loads(sys.argv[2])
inputs = Inputs({"model": Path(inputs["model"]), "texts": {p: Path(f) for p, f in inputs["texts"].items()}})
finetune(CLASSIFY, ClassifyConfig.model_validate_json(Path(sys.argv[1]).read_text()), inputs, Path(sys.argv[3]))
"""


def test_training_the_head_alone_moves_no_weight_of_the_base(inputs: Inputs, tmp_path: Path) -> None:
    finetune(CLASSIFY, LABELS.model_copy(update={"trainable": "head", "steps": 3}), inputs, tmp_path)
    base, tuned = hub.load(Path(str(inputs["model"])) / "weights"), head.load(tmp_path / "weights")
    assert all(torch.equal(x, y) for x, y in zip(base.parameters(), tuned.decoder.parameters(), strict=True))
    assert tuned.head.weight.abs().sum() > 0


def test_a_model_learns_to_answer_on_unseen_prompts(instruct: tuple[Path, Stats]) -> None:
    out, stats = instruct
    assert stats.metrics["val_loss"] < 0.5 and stats.metrics["rows_too_long"] == 0
    assert set(rows_of(out)["train"]["kind"]) == {"when"}
    assert hub.load(out / "weights").shape.context == CONTEXT


def test_transformers_ends_a_greedy_answer_where_chat_does(instruct: tuple[Path, Stats]) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    out, _ = instruct
    weights, turns = out / "weights", [Turn("user", rows_of(out)["test"][0]["prompt"])]
    ours = "".join(ChatModel("instruct", weights).reply(turns, 30, temperature=0.0, seed=0))
    tokenizer = AutoTokenizer.from_pretrained(weights, local_files_only=True)
    model = AutoModelForCausalLM.from_pretrained(weights, local_files_only=True)
    messages = [{"role": turn.role, "content": turn.text} for turn in turns]
    prompt = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_tensors="pt", return_dict=True)
    ids = model.generate(**prompt, max_new_tokens=30, do_sample=False)[0, prompt["input_ids"].shape[1] :].tolist()
    end = Vocabulary(weights).specials["<|end|>"]
    assert ids[-1] == end and len(ids) < 30
    assert Vocabulary(weights).decode_bytes(ids).decode() == ours != ""
    assert model.generation_config.eos_token_id == [end, 0] == model.config.eos_token_id


def test_the_marks_of_turns_begin_as_copies_of_the_end_of_text_where_they_were_never_seen(
    inputs: Inputs, instruct: tuple[Path, Stats]
) -> None:
    base, taught = starting_model(inputs), starting_model(Inputs({"model": instruct[0]}))
    names = ("<|user|>", "<|assistant|>", "<|system|>", "<|end|>")
    marks = {base.vocabulary.specials[name]: 0 for name in names}
    assert answering(base, ANSWERS)["copied_rows"] == marks
    assert "copied_rows" not in answering(taught, ANSWERS)
    low_rank = ANSWERS.model_copy(update={"lora": Lora(rank=2)})
    assert "copied_rows" not in answering(base, low_rank)  # a low-rank change leaves the embedding as it was


def test_the_mask_shows_every_token_and_marks_only_the_answer_as_target(instruct: tuple[Path, Stats]) -> None:
    out, _ = instruct
    row = rows_of(out)["train"][0]
    (tokens,) = masks.show(out / "rows", out / "weights", 1, CONTEXT)
    assert "".join(text for text, _ in tokens) == (
        f"<|user|>{row['prompt']}<|end|><|assistant|>{row['response']}<|end|>"
    )
    assert "".join(text for text, is_target in tokens if is_target) == f"{row['response']}<|end|>"
    spans = {text.strip() for text in (str(part) for part in masks.painted(tokens).divide([1]))}
    assert spans and masks.LEARNED in {str(span.style) for span in masks.painted(tokens).spans}


def test_a_context_too_short_for_own_rows_is_an_error_with_a_fix_before_training(
    inputs: Inputs, tmp_path: Path
) -> None:
    rows = [{"prompt": f"{n} " * CONTEXT, "response": "yes"} for n in range(60)]
    (tmp_path / "own.jsonl").write_text("\n".join(map(json.dumps, rows)))
    config = InstructConfig.model_validate({**QUICK, "path": tmp_path / "own.jsonl"}).resolve()
    with pytest.raises(UserError, match=f"context of {CONTEXT} tokens") as error:
        finetune(INSTRUCT, config, inputs, tmp_path / "out")
    assert "longer context" in error.value.cure and not (tmp_path / "out").exists()


def test_rows_and_ends_that_do_not_fit_the_context_are_noted(inputs: Inputs, tmp_path: Path) -> None:
    long = " ".join(["whale"] * 60)
    kinds = [("Short?", "Yes."), (f"{long}?", "Yes."), ("Long?", long)]
    path = tmp_path / "own.jsonl"
    rows = [
        {"prompt": f"{n} {prompt}", "response": response, "split": SPLITS[n % 3]}
        for n in range(20)
        for prompt, response in kinds
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    config = ANSWERS.model_copy(update={"path": path, "steps": 2}).resolve()
    stats = finetune(INSTRUCT, config, inputs, tmp_path / "out")
    assert stats.notes == (
        f"20 of 60 rows are left out: their answers begin after the {CONTEXT} tokens of the context",
        f"20 of 60 answers are cut after the {CONTEXT} tokens of the context, and their ends are not learned",
    )
    assert stats.metrics["rows_too_long"] == 20
    assert [stats.metrics[f"rows_{split}"] for split in SPLITS] == [14, 14, 12]


def test_derived_rows_that_all_exceed_the_context_are_skipped_and_the_run_goes_on(
    inputs: Inputs, tmp_path: Path
) -> None:
    long = Template(kind="long", prompt="{text} {text} {text} {text} {text} {text}", response="{era}")
    for config, method in ((ANSWERS, INSTRUCT), (PreferConfig(), PREFER)):
        with pytest.raises(Skipped, match=rf"context of {CONTEXT} tokens: shorten the prompts"):
            finetune(method, config.model_copy(update={"templates": (long,)}), inputs, tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "text",
    [
        "".join(JAPANESE),
        "吾輩は猫である名前はまだ無い" * 60,
        "गाँव के पास एक नदी बहती है। बच्चे वहाँ रोज़ खेलते हैं। " * 40,
        "ชาวบ้านเดินไปตลาดทุกเช้าเพื่อซื้อผักสดและปลาจากแม่น้ำ" * 60,
        "yeah so i was like no way and then she goes\nwell ok then see you there " * 40,
    ],
    ids=["Japanese", "Chinese signs without marks", "Hindi", "Thai", "chat"],
)
def test_an_opening_and_its_continuation_fit_the_model_in_any_script(inputs: Inputs, tmp_path: Path, text: str) -> None:
    documents = [document(n) | {"text": text[n:]} for n in range(20)]
    pq.write_table(pa.Table.from_pylist(documents), tmp_path / "texts.parquet")
    parent = starting_model(inputs, CONTEXT)
    rows, _ = instruction_rows(InstructConfig(), RowSource({"0001": tmp_path}, {}, parent.max_piece_chars))
    for split in SPLITS:
        rendered = list(rendered_rows(rows[split].to_list(), parent.vocabulary, CONTEXT))
        assert rendered and None not in rendered


def test_a_corpus_without_the_column_skips_the_classifier_before_any_work(inputs: Inputs, tmp_path: Path) -> None:
    with pytest.raises(Skipped, match="no document has reign"):
        finetune(CLASSIFY, LABELS.model_copy(update={"label": "reign"}), inputs, tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_tokenizer_without_chat_tokens_is_reported_with_the_token_it_lacks(inputs: Inputs, tmp_path: Path) -> None:
    strange = tmp_path / "weights"
    shutil.copytree(Path(str(inputs["model"])) / "weights", strange)
    file = strange / "tokenizer.json"
    file.write_text(file.read_text().replace("<|user|>", "<|human|>"))
    with pytest.raises(UserError, match=r"no special token <\|user\|>"):
        finetune(INSTRUCT, ANSWERS, Inputs({**inputs, "model": tmp_path}), tmp_path / "out")


def test_a_preference_is_learned_as_a_low_rank_change_of_the_instruct_model(
    inputs: Inputs, instruct: tuple[Path, Stats], tmp_path: Path
) -> None:
    lora = {"rank": 4, "alpha": 8.0}
    config = PreferConfig.model_validate({**ANSWERS.model_dump(), "batch": 8, "steps": 25, "lora": lora})
    stats = finetune(PREFER, config, Inputs({**inputs, "model": instruct[0]}), tmp_path)
    rows = rows_of(tmp_path)
    assert all(row["rejected"] != row["response"] for split in SPLITS for row in rows[split])
    assert stats.metrics["val_accuracy"] == 1.0 and stats.metrics["val_margin"] > 0.5
    tuned, parent = hub.load(tmp_path / "weights"), hub.load(instruct[0] / "weights")
    changed = {n for (n, x), y in zip(tuned.named_parameters(), parent.parameters(), strict=True) if not x.equal(y)}
    assert changed and all(name.startswith("blocks.") and "norm" not in name for name in changed)
    again = merge(load_adapter(parent, tmp_path / "adapter"))
    assert all(torch.equal(x, y) for x, y in zip(tuned.parameters(), again.parameters(), strict=True))


def test_own_pairs_may_be_texts_or_messages_and_are_refused_otherwise() -> None:
    question = {"role": "user", "content": "Why?"}
    answers = {side: [question, {"role": "assistant", "content": side}] for side in ("chosen", "rejected")}
    texts = {"chosen": "chosen", "rejected": "rejected"}
    for record in ({"prompt": "Why?", **texts}, {"instruction": "Why?", "output": "chosen", **texts}, answers):
        row = preference(record)
        assert (row["prompt"], row["response"], row["rejected"]) == ("Why?", "chosen", "rejected")
    for wrong in (
        {"prompt": "Why?", "chosen": "same", "rejected": "same"},
        {"prompt": "Why?", "chosen": "only"},
        {**answers, "rejected": [{**question, "content": "How?"}, answers["rejected"][1]]},
    ):
        with pytest.raises(ValueError):
            preference(wrong)


def rows_of(out: Path) -> DatasetDict:
    rows = load_from_disk(str(out / "rows"))
    assert isinstance(rows, DatasetDict)
    return rows


def vocabulary(out: Path) -> Vocabulary:
    return Vocabulary(out / "weights")


def as_json(inputs: Inputs) -> dict[str, object]:
    texts = inputs["texts"]
    assert not isinstance(texts, Path)
    return {"model": str(inputs["model"]), "texts": {part: str(folder) for part, folder in texts.items()}}
