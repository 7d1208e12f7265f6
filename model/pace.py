"""How fast training goes: tokens a second, model FLOPs utilisation, time left; told on stdout as JSON lines.

Only steps count: what is `paused` (evaluation, samples, checkpoints) is left out of the rates.
"""

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from model.spec import Spec

SECONDS_BETWEEN_LINES = 0.5


class Pace:
    """Starts its clock at once, at `step` steps done."""

    def __init__(self, spec: Spec, step: int, flops_per_token: float, peak_flops: float) -> None:
        self.flops_per_token, self.peak_flops = flops_per_token, peak_flops
        self.steps, self.first, self.step = spec.schedule.steps, step, step
        self.seconds, self.tokens = 0.0, 0  # of all steps since the clock started
        self.is_unheard = False  # nobody reads our progress any more
        self._since, self._told = time.monotonic(), 0.0

    def reach(self, step: int, tokens: int) -> dict[str, Any]:
        """What the steps since the last call took, as a row of the speed log; `tokens` of all ranks since the start."""
        now = time.monotonic()
        seconds, new = now - self._since, tokens - self.tokens
        self._since, self.step, self.seconds, self.tokens = now, step, self.seconds + seconds, tokens
        tokens_per_second = new / seconds
        mfu = tokens_per_second * self.flops_per_token / self.peak_flops
        rates = {"tokens_per_second": round(tokens_per_second, 1), "mfu": round(mfu, 4)}
        return {"step": step, "seconds": round(self.seconds, 3), **rates}

    @contextmanager
    def paused(self) -> Iterator[None]:
        start = time.monotonic()
        yield
        self._since += time.monotonic() - start

    def tell(self, metrics: Mapping[str, Any], speed: Mapping[str, Any]) -> None:
        """One line of progress, at most two a second, and always the last."""
        now = time.monotonic()
        if now - self._told < SECONDS_BETWEEN_LINES and self.step < self.steps:
            return
        self._told = now
        left = self.seconds / (self.step - self.first) * (self.steps - self.step)
        line = {**speed, **metrics, "steps": self.steps, "seconds_left": round(left, 1)}
        try:
            print(json.dumps(line), flush=True)
        except BrokenPipeError:
            self.is_unheard = True
