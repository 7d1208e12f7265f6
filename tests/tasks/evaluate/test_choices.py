import json
from pathlib import Path

import pytest

from tasks.errors import UsageError
from tasks.evaluate.config import EvaluateConfig
from tasks.evaluate.task_files import content_of, read_task
from tests.tasks.evaluate.conftest import EarlierSteps, passage

PAIRS = """\
task: pairs
dataset_path: json
dataset_kwargs: {data_files: {test: pairs.jsonl}}
output_type: multiple_choice
test_split: test
doc_to_text: ""
doc_to_choice: "{{[good, bad]}}"
doc_to_target: 0
target_delimiter: ""
metric_list: [{metric: acc}, {metric: acc_norm}]
"""
LETTERS = """\
task: letters
dataset_path: json
dataset_kwargs: {data_files: {test: letters.jsonl}}
output_type: multiple_choice
test_split: test
doc_to_text: "Question: {{question}}\\nAnswer: "
doc_to_choice: options
doc_to_target: "{{options[right]}}"
metric_list: [{metric: acc}, {metric: acc_norm}]
"""


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory, earlier: EarlierSteps) -> Path:
    """Three tasks: one made of the corpus, pairs without a question, and options with a template for the answer."""
    from tasks.evaluate.held_out import EncodedCorpus
    from tasks.evaluate.next_passage import write_next_passage

    folder = tmp_path_factory.mktemp("suite") / "tasks"
    corpus = EncodedCorpus({"0001": earlier.shards}, {"0001": earlier.texts}, earlier.tokenizer)
    assert write_next_passage(corpus.held_out("test", 100), 12, folder) == folder / "next_passage.yaml"
    pairs = [{"good": passage(n)[:90], "bad": passage(n + 1)[:70] + " ü"} for n in range(10)]
    letters = [
        {"question": passage(n)[: 40 + 30 * n], "options": ["seven", "the quiet river ", "né"], "right": n % 3}
        for n in range(10)
    ]
    for name, text, rows in (("pairs", PAIRS, pairs), ("letters", LETTERS, letters)):
        (folder / f"{name}.yaml").write_text(text)
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


@pytest.mark.filterwarnings("ignore")
def test_every_item_scores_as_with_lm_evals_own_model(
    suite: Path, earlier: EarlierSteps, monkeypatch: pytest.MonkeyPatch
) -> None:
    import lm_eval
    from lm_eval.models.huggingface import HFLM
    from lm_eval.tasks import TaskManager
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from model import hub
    from tasks.evaluate.choices import answers, decoder_log_likelihoods
    from tasks.evaluate.harness import DecoderLM
    from tasks.models.vocabulary import Vocabulary

    monkeypatch.chdir(suite)
    weights = earlier.model / "weights"
    theirs = HFLM(
        pretrained=AutoModelForCausalLM.from_pretrained(weights, local_files_only=True),
        tokenizer=AutoTokenizer.from_pretrained(weights, local_files_only=True),
        max_length=96,
        device="cpu",
    )
    names = ["next_passage", "pairs", "letters"]
    manager = TaskManager(include_path=str(suite), include_defaults=False)
    decoder, vocabulary = hub.load(weights), Vocabulary(weights)
    samples = [
        lm_eval.simple_evaluate(model=model, tasks=names, task_manager=manager, bootstrap_iters=0, log_samples=True)[
            "samples"
        ]
        for model in (theirs, DecoderLM(weights))
    ]
    for name in names:
        questions = read_task(suite / f"{name}.yaml").questions
        own = answers(
            questions, vocabulary, lambda pairs: [value for value, _ in decoder_log_likelihoods(decoder, pairs)]
        )
        for by in samples:
            rows = sorted(by[name], key=lambda row: row["doc_id"])
            assert len(rows) == len(own)
            for answer, row in zip(own, rows, strict=True):
                likelihoods = [float(response[0][0]) for response in row["resps"]]
                assert answer.log_likelihoods == pytest.approx(likelihoods, abs=2e-3, rel=1e-4)
                assert (answer.acc, answer.acc_norm) == (row["acc"], row["acc_norm"])


@pytest.mark.filterwarnings("ignore")
def test_eval_scores_tasks_by_path_and_by_name_alike(
    suite: Path, earlier: EarlierSteps, monkeypatch: pytest.MonkeyPatch
) -> None:
    from commands.models.use import evaluate_model
    from tasks.home import Home

    monkeypatch.chdir(suite)  # lm-eval looks there for data files
    home, weights = Home(suite), str(earlier.model / "weights")
    by_path = evaluate_model(home, weights, ["pairs.yaml", "letters.yaml"], Path())
    by_name = evaluate_model(home, weights, ["pairs", "letters"], suite)
    assert {row["task"] for row in by_path} == {f"{n}/{m}" for n in ("pairs", "letters") for m in ("acc", "acc_norm")}
    assert {row["task"]: (row["value"], row["items"]) for row in by_name} == {
        row["task"]: (row["value"], row["items"]) for row in by_path
    }
    for row in by_path + by_name:
        assert list(row) == ["task", "model", "value", "low", "high", "items"]
        assert row["low"] <= row["value"] <= row["high"]
    with pytest.raises(UsageError, match="no task hellaswag under"):
        evaluate_model(home, weights, ["hellaswag"], suite)


def test_a_generated_question_has_one_true_continuation_and_three_of_other_texts(suite: Path) -> None:
    for question in read_task(suite / "next_passage.yaml").questions:
        text = next(passage(n) for n in range(100) if passage(n).startswith(question.context))
        goes_on = [text[len(question.context) :].strip().startswith(choice) for choice in question.choices]
        assert [n for n, does in enumerate(goes_on) if does] == list(question.gold)
        assert len({len(choice.split()) for choice in question.choices}) == 1
        assert len(set(question.choices)) == 4


def test_the_key_follows_the_content_of_task_files_and_not_their_place(suite: Path, tmp_path: Path) -> None:
    from tasks.store.step import keyed

    for name in ("pairs.yaml", "pairs.jsonl"):
        (tmp_path / name).write_bytes((suite / name).read_bytes())
    here, there = (EvaluateConfig(tasks=(folder / "pairs.yaml",)).resolve_tasks() for folder in (suite, tmp_path))
    assert keyed(here) == keyed(there)
    (tmp_path / "pairs.jsonl").write_text('{"good": "a b", "bad": "b a"}\n')
    assert EvaluateConfig(tasks=(tmp_path / "pairs.yaml",)).resolve_tasks().tasks_sha256 != here.tasks_sha256
    assert here.tasks_sha256 == content_of([suite / "pairs.yaml"])
    with pytest.raises(UsageError, match=r"no\.yaml"):
        EvaluateConfig(tasks=(tmp_path / "no.yaml",)).resolve_tasks()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("output_type: multiple_choice", "output_type: generate_until"), "multiple_choice"),
        (("test_split: test", "test_split: test\nprocess_docs: x"), "process_docs"),
        (("task: pairs", "name: pairs"), "no key `task`"),
        (("pairs.jsonl", "none.jsonl"), "none.jsonl"),
        (("doc_to_target: 0", "doc_to_target: 2"), "none of the choices"),
        (("[good, bad]", "[good, worse]"), "doc_to_choice"),
        (("test_split: test", "test_split: test\nnum_fewshot: 5"), "num_fewshot"),
        (("task: pairs", "task: [pairs"), "not a readable task file"),
    ],
)
def test_unsupported_settings_of_a_task_are_reported_with_their_place(
    suite: Path, tmp_path: Path, change: tuple[str, str], message: str
) -> None:
    (tmp_path / "pairs.jsonl").write_bytes((suite / "pairs.jsonl").read_bytes())
    path = tmp_path / "pairs.yaml"
    path.write_text(PAIRS.replace(*change))
    with pytest.raises(UsageError, match=message) as error:
        read_task(path)
    assert "pairs.yaml" in str(error.value)
