import hashlib
import json
import math
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from datasets import ClassLabel, Dataset, DatasetDict, Features, Value

from tasks.errors import UserError
from tasks.evaluate.config import EvaluateConfig
from tasks.evaluate.steps import evaluate_base, evaluate_seeds, evaluate_step
from tasks.finetune.methods.table import METHODS
from tasks.models.vocabulary import Vocabulary
from tasks.register.scores import read_scores
from tasks.store.step import Inputs
from tests.tasks.evaluate.conftest import EarlierSteps, passage, write_model

QUICK = EvaluateConfig(draws=200, next_passage=10, exact_answers=3)


@pytest.fixture(scope="module")
def base(earlier: EarlierSteps, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("base")
    evaluate_base(QUICK, earlier.inputs(), out)
    return out


def test_further_seeds_are_scored_on_the_bases_items_each_under_its_training(base, earlier, tmp_path):
    for seed in (0, 1):
        write_model(tmp_path / f"key{seed}" / "weights", earlier.tokenizer, seed)
    (tmp_path / "out").mkdir()
    folders = {f"seed_{seed}": tmp_path / f"key{seed}" for seed in (0, 1)}
    evaluate_seeds(QUICK, earlier.inputs(**folders), tmp_path / "out")
    check_values(tmp_path / "out", "key0")
    own, theirs = read_scores(base, "base"), read_scores(tmp_path / "out", "")
    assert own.keys() == theirs.keys()
    for task, models in theirs.items():
        assert models.keys() == {"key0", "key1"} and models["key1"].items == own[task]["model"].items
        assert models["key0"].loss == pytest.approx(own[task]["model"].loss)  # the base is of seed 0


def evaluate(method: str, config: EvaluateConfig, inputs: Inputs, out: Path) -> None:
    evaluate_step(method, METHODS[method].evaluate, 1, METHODS[method].answers)(config, inputs, out)


def summary_of(folder: Path) -> dict:
    return json.loads((folder / "summary.json").read_text())


def check_values(folder: Path, role: str) -> None:
    """Asserts that each value of the summary is the weighted mean of the rows, for the model and for every baseline."""
    rows = pq.read_table(folder / "scores.parquet").to_pylist()
    assert list(rows[0]) == ["model", "task", "item_id", "score", "weight", "contaminated", "origin"]
    for task, entry in summary_of(folder).items():
        assert entry["low"] <= entry["value"] <= entry["high"]
        for name, value in {role: entry["value"], **entry["baselines"]}.items():
            own = [row for row in rows if (row["model"], row["task"]) == (name, task)]
            if task != "classify/macro_f1":
                mean = sum(row["score"] * row["weight"] for row in own) / sum(row["weight"] for row in own)
                assert math.isclose(mean, value, rel_tol=1e-9)
                assert len({row["item_id"] for row in own}) == len(own)


def test_the_base_is_scored_beside_ngrams_and_xz(base: Path, earlier: EarlierSteps) -> None:
    check_values(base, "base")
    summary = summary_of(base)
    assert {"bits_per_byte/validation", "bits_per_byte/test", "next_passage/acc", "next_passage/acc_norm"} == set(
        summary
    )
    assert set(summary["bits_per_byte/test"]["baselines"]) == {"ngram", "xz"}
    assert summary["next_passage/acc"]["baselines"]["chance"] == 0.25
    assert summary["bits_per_byte/test"]["value"] > summary["bits_per_byte/test"]["baselines"]["ngram"], "it is noise"
    sizes = {row["doc_id"]: row for row in pq.read_table(earlier.shards / "bytes.parquet").to_pylist()}
    rows = pq.read_table(base / "scores.parquet").to_pylist()
    own = [row for row in rows if (row["model"], row["task"]) == ("base", "bits_per_byte/test")]
    assert {row["item_id"] for row in own} == {name for name, row in sizes.items() if row["split"] == "test"}
    assert all(row["weight"] == sizes[row["item_id"]]["bytes"] for row in own)


def test_the_same_inputs_give_the_same_bytes(base: Path, earlier: EarlierSteps, tmp_path: Path) -> None:
    evaluate_base(QUICK, earlier.inputs(), tmp_path)
    names = sorted(path.relative_to(base) for path in base.rglob("*") if path.is_file())
    assert names == sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file())
    for name in names:
        digests = {hashlib.sha256((folder / name).read_bytes()).hexdigest() for folder in (base, tmp_path)}
        assert len(digests) == 1, name


def test_a_model_with_another_tokenizer_is_scored_on_the_same_items(
    base: Path, earlier: EarlierSteps, tmp_path: Path
) -> None:
    from tasks.encode.tokenizer import TokenizerConfig, tokenizer

    other, out = tmp_path / "tokenizer", tmp_path / "out"
    other.mkdir()
    out.mkdir()
    tokenizer(TokenizerConfig(vocabulary=512, pattern="qwen2"), Inputs({"texts": {"0001": earlier.texts}}), other)
    write_model(tmp_path / "model" / "weights", other)
    evaluate_base(QUICK, earlier.inputs(model=tmp_path / "model"), out)
    items = [
        [(r["task"], r["item_id"], r["weight"]) for r in pq.read_table(f / "scores.parquet").to_pylist()]
        for f in (base, out)
    ]
    assert items[0] == items[1]


def test_reference_models_read_the_same_documents_with_tokenizers_of_their_own(
    earlier: EarlierSteps, tmp_path: Path
) -> None:
    from tasks.encode.tokenizer import TokenizerConfig, tokenizer

    other = tmp_path / "tokenizer"
    other.mkdir()
    tokenizer(TokenizerConfig(vocabulary=512, pattern="qwen2"), Inputs({"texts": {"0001": earlier.texts}}), other)
    write_model(tmp_path / "other", other, seed=1)
    reference_models = {
        "twin": earlier.model / "weights",
        "other": tmp_path / "other",
        "gone": "package:no-such-package/m",
    }
    few = {"reference_documents": 5, "xz": False, "next_passage": 0, "draws": 200}
    config = EvaluateConfig.model_validate({"reference_models": reference_models, **few}).resolve_reference_models()
    out, model = tmp_path / "out", tmp_path / "model"
    out.mkdir()
    shutil.copytree(earlier.model, model)
    prompts = ("The first", "The last", "The first", "The last")
    (model / "samples.jsonl").write_text("".join(json.dumps({"prompt": prompt}) + "\n" for prompt in prompts))
    evaluate_base(config, earlier.inputs(model=model), out)
    check_values(out, "base")
    written = [json.loads(line) for line in (out / "reference_samples.jsonl").read_text().splitlines()]
    assert [(row["model"], row["prompt"]) for row in written] == [("twin", "The last"), ("other", "The last")]
    assert all(row["text"] for row in written) and written[0]["text"] != written[1]["text"]
    entry = summary_of(out)["bits_per_byte/test_sample"]
    assert entry["items"] == 5
    order = list(summary_of(out))
    assert order.index("bits_per_byte/test_sample") == order.index("bits_per_byte/test") + 1
    assert entry["baselines"]["twin"] == pytest.approx(entry["value"], rel=1e-6)
    assert entry["baselines"]["other"] != pytest.approx(entry["value"], rel=1e-3)
    rows = pq.read_table(out / "scores.parquet").to_pylist()
    own, whole = (
        {r["item_id"]: r["score"] for r in rows if (r["model"], r["task"]) == ("base", task)}
        for task in ("bits_per_byte/test_sample", "bits_per_byte/test")
    )
    assert own == {item: pytest.approx(whole[item], rel=1e-6) for item in own}
    assert set(entry["baselines"]) == {"twin", "other", "ngram"} and "no-such-package" in config.absent["gone"]


def test_reference_models_that_read_every_document_are_baselines_of_the_whole_test_split(
    earlier: EarlierSteps, tmp_path: Path
) -> None:
    config = EvaluateConfig(reference_models={"twin": earlier.model / "weights"}, next_passage=0, draws=200)
    config = config.resolve_reference_models()
    evaluate_base(config, earlier.inputs(), tmp_path)
    summary = summary_of(tmp_path)
    assert set(summary) == {"bits_per_byte/validation", "bits_per_byte/test"}
    assert set(summary["bits_per_byte/test"]["baselines"]) == {"ngram", "xz", "twin"}
    assert summary["bits_per_byte/test"]["items"] == 20


def test_max_documents_takes_a_sample_that_does_not_depend_on_order(earlier: EarlierSteps, tmp_path: Path) -> None:
    evaluate_base(QUICK.model_copy(update={"max_documents": 4, "xz": False}), earlier.inputs(), tmp_path)
    rows = pq.read_table(tmp_path / "scores.parquet").to_pylist()
    sampled = {row["item_id"] for row in rows if row["task"] == "bits_per_byte/test"}
    everything = [f"notes/{n}.txt#0" for n in range(100) if n // 2 % 5 == 4]
    assert sampled == set(sorted(everything, key=lambda name: hashlib.sha256(name.encode()).digest())[:4])


def test_without_held_out_documents_the_error_names_the_fix(earlier: EarlierSteps, tmp_path: Path) -> None:
    empty = tmp_path / "shards"
    empty.mkdir()
    inputs = Inputs(earlier.inputs() | {"shards": {"0001": empty}})
    with pytest.raises(UserError, match="validation and the test split are empty"):
        evaluate_base(QUICK, inputs, tmp_path)


def instruct_rows() -> DatasetDict:
    def row(n: int) -> dict:
        prompt, response = f"When? {passage(n)[:60]}", f"{1800 + n % 3}"
        turns = [{"role": "user", "content": prompt}, {"role": "assistant", "content": response}]
        own = {"prompt": prompt, "response": response, "origin": f"{n // 2}.txt", "kind": "when"}
        return {**own, "doc_id": f"notes/{n}.txt#0", "messages": turns}

    splits = {"train": range(20), "validation": range(20, 24), "test": range(24, 32)}
    return DatasetDict({name: Dataset.from_list([row(n) for n in numbers]) for name, numbers in splits.items()})


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")
def test_an_instruct_model_is_scored_like_the_base_and_on_its_answers(earlier: EarlierSteps, tmp_path: Path) -> None:
    tuned, out = tmp_path / "tuned", tmp_path / "out"
    out.mkdir()
    write_model(tuned / "weights", earlier.tokenizer, seed=1)
    instruct_rows().save_to_disk(str(tuned / "rows"))
    asked = [{"id": str(n), "prompt": f"{n}?", "answers": ["yes"], "kind": "exact"} for n in range(3)]
    (tmp_path / "ours.jsonl").write_text("".join(json.dumps(row) + "\n" for row in asked))
    config = QUICK.model_copy(update={"questions": tmp_path / "ours.jsonl", "answer_tokens": 4}).resolve_questions()
    assert config.questions_sha256
    evaluate("instruct", config, earlier.inputs(model=tuned, base=earlier.model), out)
    check_values(out, "instruct")
    assert set(summary_of(out)["questions/ours"]["baselines"]) == {"base", "lookup"}
    answers = [json.loads(line) for line in (out / "answers.jsonl").read_text().splitlines()]
    assert [(row["model"], row["id"]) for row in answers] == [
        (model, str(n)) for model in ("instruct", "base", "lookup") for n in range(3)
    ]
    summary = summary_of(out)
    assert {"bits_per_byte/test", "next_passage/acc", "instruct/loss", "instruct/exact"} < set(summary)
    assert set(summary["instruct/loss"]["baselines"]) == {"base"}
    assert summary["instruct/exact"]["items"] == 3
    assert summary["instruct/exact"]["baselines"]["majority"] in (0.0, 1 / 3, 2 / 3)
    rows = pq.read_table(out / "scores.parquet").to_pylist()
    weights = [row["weight"] for row in rows if (row["model"], row["task"]) == ("instruct", "instruct/loss")]
    vocabulary = Vocabulary(earlier.tokenizer)
    test = instruct_rows()["test"]
    assert weights == [len(vocabulary.encode_ordinary([text])[0]) + 1 for text in test["response"][:]], "with <|end|>"


def test_instruct_loss_equals_the_models_own_on_the_assistants_tokens(earlier: EarlierSteps) -> None:
    import torch

    from model import hub
    from tasks.evaluate.instruction import target_losses
    from tasks.models.rendering import rendered_rows

    decoder, vocabulary = hub.load(earlier.model / "weights"), Vocabulary(earlier.tokenizer)
    rows = instruct_rows()["test"].to_list()
    for row, (loss, count) in zip(rows, target_losses(decoder, vocabulary, rows), strict=True):
        (rendered,) = rendered_rows([row], vocabulary, 96)
        assert rendered is not None
        ids, is_target = torch.tensor([rendered.ids]), torch.tensor(rendered.is_target[1:])
        with torch.inference_mode():
            logits = decoder.logits(decoder(ids[:, :-1]))[0]
        theirs = torch.nn.functional.cross_entropy(logits[is_target], ids[0, 1:][is_target])
        assert (loss, count) == (pytest.approx(float(theirs), abs=1e-4), int(is_target.sum()))


def test_the_chosen_classifier_is_scored_beside_the_other_candidates_and_the_majority(
    earlier: EarlierSteps, tmp_path: Path
) -> None:
    from model import head, hub
    from tasks.classifiers.choose import choose
    from tasks.classifiers.fit import fit_tfidf

    weights, out = tmp_path / "tuned" / "weights", tmp_path / "out"
    out.mkdir()
    write_model(weights, earlier.tokenizer)
    head.save(head.Classifier(hub.load(weights), ["calm", "stormy"]), weights)
    strings = dict.fromkeys(("text", "origin", "doc_id"), Value("string"))
    features = Features({"text": strings["text"], "label": ClassLabel(names=["calm", "stormy"]), **strings})

    def row(n: int) -> dict:
        label = int(n % 3 == 0)
        text = f"{('still', 'windy')[label]} day {n % 7}"
        return {"text": text, "label": label, "origin": f"{n // 2}.txt", "doc_id": f"notes/{n}"}

    splits = {"train": range(40), "validation": range(40, 44), "test": range(44, 64)}
    rows = {name: Dataset.from_list([row(n) for n in numbers], features=features) for name, numbers in splits.items()}
    DatasetDict(rows).save_to_disk(str(tmp_path / "tuned" / "rows"))
    train, validation = rows["train"], rows["validation"]
    fit_tfidf(train["text"][:], train["label"][:], ["calm", "stormy"], tmp_path / "tuned" / "candidates" / "tfidf")
    choose(tmp_path / "tuned", validation["text"][:], validation["label"][:]).write(tmp_path / "tuned")
    evaluate("classify", QUICK, earlier.inputs(model=tmp_path / "tuned"), out)
    check_values(out, "classify")
    summary = summary_of(out)
    assert set(summary) == {"classify/accuracy", "classify/loss", "classify/macro_f1"}
    assert summary["classify/accuracy"]["value"] == 1.0
    assert summary["classify/accuracy"]["baselines"].keys() == {"network", "majority"}
    assert summary["classify/loss"]["baselines"]["network"] == pytest.approx(math.log(2)), "zeros know nothing"
    assert (out / "confusion.csv").read_text().splitlines()[0] == "true \\ predicted,calm,stormy"
    diagnosis = json.loads((out / "diagnosis.json").read_text())
    assert [row["f1"] for row in diagnosis["classes"]] == [1.0, 1.0] and diagnosis["worst"] == []
    assert 0 <= diagnosis["after"]["error"] < diagnosis["before"]["error"], "all rows are right, so surer is better"
    assert (out / "confusion.svg").stat().st_size > 0
