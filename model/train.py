"""The training process: `python -m model.train SPEC.json` (by torchrun where ranks > 1).

Exit codes: 0 done, and the weights are there; 130 ended early with a checkpoint; 1 failed (`error.json` in the spec's
work folder says what happened and how to fix it, where that is known). Progress goes to stdout as JSON lines.
"""

import fcntl
import gc
import json
import math
import os
import shutil
import sys
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

import torch
from safetensors import SafetensorError

from model import checkpoint, head, hub
from model.checkpoint import Damaged, settle
from model.fit import Report, evaluate, fit
from model.head import Classifier
from model.hub_config import WeightsError
from model.lifeline import Lifeline
from model.lora import merge, save_adapter
from model.machine import peak_flops
from model.ranks import join, leave
from model.samples import samples
from model.session import TrainingSession, describe, learning_flops, prepare
from model.spec import TOKENIZER_FILES, Spec
from model.training_log import METRICS, SAMPLES, SPEED, Logs, Throughput

ENDED_EARLY = 130
WEIGHTS, ADAPTER = "weights", "adapter"


class CannotTrain(Exception):
    """Training cannot go on; what happened, and a fix."""

    def __init__(self, what: str, cure: str) -> None:
        super().__init__(f"{what}\n  fix: {cure}")
        self.what, self.cure = what, cure


def main(arguments: list[str]) -> int:
    spec = Spec.model_validate_json(Path(arguments[0]).read_text(encoding="utf-8"))
    lifeline = Lifeline().watch()
    ranks = join()
    torch.set_num_threads(max(1, spec.threads // ranks.count))
    try:
        with only_one(spec.work / f"rank-{ranks.rank}.lock"):
            done = train(prepare(spec, ranks), lifeline)
        return 0 if done else ENDED_EARLY
    except (CannotTrain, WeightsError) as error:
        if ranks.is_first:
            report_failure(spec, error.what, error.cure)
        return 1
    except Damaged as error:
        report_failure(spec, str(error), f"remove {spec.work} and run again: training begins anew")
        return 1
    except (OSError, SafetensorError) as error:
        what = str(error) if getattr(error, "filename", None) else f"{spec.out}: {error}"
        report_failure(spec, what, "make room there or make it writable, then run again: the last checkpoint is kept")
        return 1
    finally:
        leave(ranks)


def report_failure(spec: Spec, what: str, cure: str) -> None:
    """Writes error.json for the parent process, and to standard error too, in case the disk is full."""
    print(f"{what}\n  fix: {cure}", file=sys.stderr)
    with suppress(OSError):
        (spec.work / "error.json").write_text(json.dumps({"what": what, "cure": cure}), encoding="utf-8")


def train(session: TrainingSession, lifeline: Lifeline) -> bool:
    """Trains to the end; False where the life line ended first, with a checkpoint of the last step."""
    spec, ranks = session.spec, session.plan.ranks
    log = Logs(spec.out, session.log_lengths) if ranks.is_first else None
    if ranks.is_first:
        description = json.dumps(describe(session), indent=1)
        (spec.out / "data.json").write_text(description + "\n", encoding="utf-8")
    throughput = Throughput(spec, session.state.step, learning_flops(session.objective), peak(session))
    for report in fit(session.learner, session.train, session.plan, session.state):
        is_last = report.step == spec.schedule.steps
        if is_last or report.step % spec.log_every == 0 or report.step % spec.eval_every == 0:
            log_step(session, report, log, throughput)
        with throughput.paused():
            ends = ranks.any(lifeline.ended or throughput.stdout_closed)
            if ends or is_last or report.step % spec.checkpoint_every == 0:
                save_checkpoint(session, log)
        if ends and not is_last:
            return False
    if log:
        log.close()
        save_weights(session)
    ranks.wait()
    return True


def peak(session: TrainingSession) -> float:
    """FLOP/s that the machines of all ranks could do at best."""
    return session.plan.ranks.count * peak_flops(session.plan.device, session.plan.dtype)


def log_step(session: TrainingSession, report: Report, log: Logs | None, throughput: Throughput) -> None:
    """Logs the step; evaluates and samples where it is time to. All ranks take part."""
    row = to_row(session, report)
    speed = throughput.update(report.step, session.train.tokens * session.plan.ranks.count)
    with throughput.paused():
        evaluates = report.step % session.spec.eval_every == 0 or report.step == session.spec.schedule.steps
        if evaluates:
            row |= validation(session)
            throughput.peak_flops = max(
                throughput.peak_flops, peak(session)
            )  # the first trial may have met a busy machine
        if log:
            log.write(METRICS, row)
            log.write(SPEED, speed)
            throughput.print_progress(row, speed)
            for sample in samples(session, report.step) if evaluates else ():
                log.write(SAMPLES, sample)


def to_row(session: TrainingSession, report: Report) -> dict[str, float]:
    """The report as numbers; raises where the loss is none."""
    row = {name: value.item() for name, value in report.metrics.items()}
    if not all(math.isfinite(value) for value in row.values()):
        seen = ", ".join(f"{d.doc_id} ({d.shard} row {d.row})" for d in session.train.documents_of(report.step - 1))
        raise CannotTrain(
            f"step {report.step}: loss {row['loss']}, gradient norm {row['gradient_norm']}; its batch held {seen}",
            "lower the learning rate, lengthen the warm-up, or look at these documents; a rerun goes on from the last "
            "checkpoint",
        )
    return {"step": report.step, **row, "learning_rate": report.learning_rate}


def validation(session: TrainingSession) -> dict[str, float]:
    """Means over the fixed validation items, and what follows from them."""
    means = evaluate(session.objective, session.validation_batches(), session.plan)
    means |= session.data.further_metrics(means, session.validation)
    return {f"val_{name}": value for name, value in means.items()}


def save_checkpoint(session: TrainingSession, log: Logs | None) -> None:
    """A checkpoint by the first rank; the others wait for it."""
    if log:
        kept = {
            "step": session.state.step,
            "dtype": str(session.plan.dtype).removeprefix("torch."),
            "compiled": session.plan.compiled,
            "log_lengths": log.lengths(),
        }
        checkpoint.save(session.spec.work / "checkpoints", session.state.step, session.tensors(), kept)
    session.plan.ranks.wait()


def save_weights(session: TrainingSession) -> None:
    """Writes `out/weights` (Hugging Face layout, with the tokenizer; a classifier's head beside it).

    A low-rank change is merged there; by itself it goes to `out/adapter` in peft's layout.
    """
    if session.spec.lora:
        save_adapter(session.decoder, session.spec.lora, session.spec.out / ADAPTER)
        merge(session.decoder)
    folder = session.spec.work / "weights.partial"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    if isinstance(session.model, Classifier):
        head.save(session.model, folder)
    else:
        hub.save(session.model, folder)
    for name in TOKENIZER_FILES:
        if (file := session.spec.tokenizer / name).is_file():
            shutil.copyfile(file, folder / name)
    settle(folder, session.spec.out / WEIGHTS)


@contextmanager
def only_one(lock: Path) -> Generator[None]:
    """Waits until no other child writes here: an orphan is let finish its checkpoint. Names our pid."""
    with lock.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


if __name__ == "__main__":
    code = main(sys.argv[1:])
    gc.freeze()  # an end that does not go through every object once more: 0.4 s
    sys.exit(code)
