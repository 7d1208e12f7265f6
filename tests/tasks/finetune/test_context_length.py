"""What does not fit the model's context is reported, noted or skipped, before any training."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.errors import Skipped, UserError
from tasks.finetune.methods.instruct import INSTRUCT, InstructConfig, instruction_rows
from tasks.finetune.methods.prefer import PREFER, PreferConfig
from tasks.finetune.own_rows import SPLITS
from tasks.finetune.rows import RowSource
from tasks.finetune.steps import finetune, starting_model
from tasks.finetune.templates import Template
from tasks.models.rendering import rendered_rows
from tasks.store.step import Inputs
from tests.tasks.finetune.eras import ANSWERS, CONTEXT, QUICK, document
from tests.tasks.languages import JAPANESE


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
