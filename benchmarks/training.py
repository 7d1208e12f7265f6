"""Training steps of the demo's network, beside transformers' Llama of the same weights with torch's AdamW."""

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))  # run as a file, this folder is all that Python would look in

import torch

from benchmarks.ratio import compare, show
from flows.load import load
from model import hub
from model.batches import TokenBatch
from model.decoder import Decoder, initialise
from model.depth import from_depth
from model.fit import Plan, State, fit
from model.objectives.documents import NextToken
from model.optimizer import AdamW
from model.schedule import OptimizerConfig, Schedule

STEPS, THREADS = 8, 2


def main() -> None:
    """One row on stdout: transformers' seconds over ours, and whether the first loss is equal to 1e-4."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(THREADS)
    config = load("demo").recipe
    dials = {name: getattr(config.pretrain, name) for name in ("width", "heads", "kv_heads")}
    context, batch = config.pretrain.context, config.pretrain.batch or 8
    shape = from_depth(config.pretrain.depth, config.tokenizer.vocabulary, context, "llama", **dials)
    decoder = initialise(Decoder(shape), seed=0)
    ids = torch.randint(shape.vocabulary, (batch, context + 1), generator=torch.Generator().manual_seed(1))

    def ours() -> float:
        learner = NextToken(decoder)
        plan = Plan(Schedule(steps=arguments.steps, warmup_steps=0, decay_steps=0))
        state = State(AdamW(learner, OptimizerConfig(learning_rate=1e-9)))
        data = TokenBatch(ids[:, :-1].contiguous(), ids[:, 1:].contiguous())
        reports = list(fit(learner, lambda step, micro_batch: data, plan, state))
        return reports[0].metrics["loss"].item()

    model = _transformers(decoder)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-9, fused=True)

    def theirs() -> float:
        losses = []
        for _ in range(arguments.steps):
            loss = model(input_ids=ids[:, :-1], labels=ids[:, 1:], shift_labels=ids[:, 1:].contiguous()).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()
            losses.append(loss.item())
        return losses[0]

    show(compare("training steps", "transformers", ours, theirs, lambda a, b: abs(a - b) < 1e-4), arguments.json)


def _transformers(decoder: Decoder) -> Any:
    from transformers.models.auto.modeling_auto import AutoModelForCausalLM

    with tempfile.TemporaryDirectory() as folder:
        hub.save(decoder, Path(folder))
        return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).train()


if __name__ == "__main__":
    main()
