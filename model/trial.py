"""The speed at which this machine trains a shape, measured for some seconds on random tokens."""

import time

import torch

from model.batches import Batch, TokenBatch
from model.decoder import Decoder, initialise
from model.family import Shape
from model.fit import Plan, State, fit
from model.machine import pick_device, pick_dtype
from model.objectives.documents import NextToken
from model.optimizer import AdamW
from model.schedule import OptimizerConfig, Schedule

STEPS = 10_000  # more than any trial gets to


def tokens_per_second(shape: Shape, batch: int, seconds: float, threads: int = 2) -> float:
    """The rate of training (forward, backward, update) once the first step has warmed everything up; never compiled."""
    torch.set_num_threads(threads)
    device = pick_device()
    model = initialise(Decoder(shape), seed=0).to(device)
    learner = NextToken(model)
    plan = Plan(Schedule(steps=STEPS), device=device, dtype=pick_dtype("auto", device))
    state = State(AdamW(learner, OptimizerConfig(learning_rate=1e-3)))
    ids_bt = torch.randint(0, shape.vocabulary, (batch, shape.context + 1))
    data = TokenBatch(ids_bt[:, :-1].contiguous(), ids_bt[:, 1:].contiguous())

    def batch_at(_: int, __: int) -> Batch:
        return data

    started = time.monotonic()
    for report in fit(learner, batch_at, plan, state):
        report.metrics["loss"].item()  # waits for the device
        now = time.monotonic()
        if report.step == 1:
            started = now
        elif now - started >= seconds:
            return (report.step - 1) * batch * shape.context / (now - started)
    raise AssertionError("a trial ends by its clock")
