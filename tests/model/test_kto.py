"""KTO: the loss, its reference point and its gradient are TRL's; a mismatch is another prompt's answer."""

import warnings
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch
from datasets import Dataset

from model import hub
from model.batches import IGNORE
from model.objectives.kto import Kto, LabelledAnswerBatch, LabelledAnswers, LabelledAnswerTokens
from tests.peers import ascii_tokenizer, loss_of, network_of

ANSWERS = [
    ("Hi", "Hello!", True),
    ("2+2?", "It is five, or six.", False),
    ("Where?", "Now.", True),
    ("Why?", "So", False),
    ("Name a tree", "An elm or two", True),
]


@pytest.mark.parametrize(("good", "bad"), [(1.0, 1.0), (2.0, 0.5)])
def test_loss_reference_point_and_gradient_equal_trls(good: float, bad: float, tmp_path: Path) -> None:
    policy, reference = network_of("llama"), network_of("llama")
    with torch.no_grad():
        reference.lm_head.weight *= 0.8
        reference.model.layers[1].mlp.down_proj.weight *= 0.9
    policy.save_pretrained(tmp_path / "policy")
    reference.save_pretrained(tmp_path / "reference")
    trainer = kto_trainer(policy, reference, good, bad, tmp_path)
    loss, theirs, metrics = loss_of(trainer)
    loss.backward()
    width = max(theirs["input_ids"].shape[1], theirs["KL_input_ids"].shape[1])
    parts = [pad_group(theirs, prefix, width) for prefix in ("", "KL_")]
    tokens_bt, targets_bt = (torch.cat(tensors) for tensors in zip(*parts, strict=True))
    batch = LabelledAnswerBatch(tokens_bt, targets_bt, torch.tensor([label for *_, label in ANSWERS]))
    settings = LabelledAnswerTokens(
        separator=0, train=tmp_path, validation=tmp_path, beta=0.1, desirable_weight=good, undesirable_weight=bad
    )
    ours = hub.load(tmp_path / "policy")
    sums = Kto(ours, hub.load(tmp_path / "reference"), settings)(batch)
    (sums.loss / sums.counted).backward()
    assert sums.loss.item() / len(ANSWERS) == pytest.approx(loss.item(), abs=2e-5)
    assert sums.metric_sums["reference_point"].item() / len(ANSWERS) == pytest.approx(metrics["kl"], abs=1e-3)
    norm, wanted = (
        torch.nn.utils.get_total_norm([p.grad for p in network.parameters() if p.grad is not None])
        for network in (ours, trainer.model)
    )
    assert wanted.item() > 0 and norm.item() == pytest.approx(wanted.item(), rel=1e-3)


def test_a_mismatch_is_the_prompt_with_the_answer_of_the_row_before(tmp_path: Path) -> None:
    rows = [([1, 2, 3, 4], 2, True), ([5, 6, 7], 1, False), ([8, 9, 10], 2, True)]
    table = pa.table(
        {
            "ids": pa.array([ids for ids, *_ in rows], pa.list_(pa.uint16())),
            "is_target": [[at >= first for at in range(len(ids))] for ids, first, _ in rows],
            "desirable": [label for *_, label in rows],
            "doc_id": ["a", "b", "c"],
        }
    )
    with pa.OSFile(str(tmp_path / "rows.arrow"), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    batch = LabelledAnswers(tmp_path / "rows.arrow", 8).batch(np.array([1, 0]))
    assert batch.tokens_bt.tolist() == [[5, 6, 7, 1], [1, 2, 3, 4], [5, 3, 4, 1], [1, 2, 10, 1]]
    assert batch.targets_bt[2].tolist() == [3, 4, IGNORE, IGNORE]
    assert batch.desirable_n.tolist() == [False, True]


def kto_trainer(policy, reference, good: float, bad: float, folder: Path):
    """TRL's trainer on the answers, all of them in one batch."""
    with warnings.catch_warnings(action="ignore"):
        import trl

        off = {"bf16": False, "gradient_checkpointing": False, "report_to": [], "disable_tqdm": True, "use_cpu": True}
        weights = {"beta": 0.1, "desirable_weight": good, "undesirable_weight": bad}
        sizes = {"per_device_train_batch_size": len(ANSWERS), "max_length": None}
        turns = [
            {
                "prompt": [{"role": "user", "content": prompt}],
                "completion": [{"role": "assistant", "content": answer}],
                "label": label,
            }
            for prompt, answer, label in ANSWERS
        ]
        return trl.KTOTrainer(
            model=policy,
            ref_model=reference,
            args=trl.KTOConfig(str(folder / "trl"), **off, **weights, **sizes),
            train_dataset=Dataset.from_list(turns),
            processing_class=ascii_tokenizer(),
        )


def pad_group(batch: dict[str, torch.Tensor], prefix: str, width: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Tokens and targets of one of TRL's two groups of sequences."""
    spare = (0, width - batch[f"{prefix}input_ids"].shape[1])
    tokens_bt = torch.nn.functional.pad(batch[f"{prefix}input_ids"], spare)
    is_target = torch.nn.functional.pad(batch[f"{prefix}completion_mask"], spare).bool()
    targets_bt = torch.full_like(tokens_bt, IGNORE)
    targets_bt[:, :-1] = torch.where(is_target[:, 1:], tokens_bt[:, 1:], IGNORE)
    return tokens_bt, targets_bt
