"""Several processes that train one model: who am I, and what do we have together."""

import os
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor


@dataclass(frozen=True)
class Ranks:
    rank: int = 0
    count: int = 1

    @property
    def is_first(self) -> bool:
        return self.rank == 0

    def total(self, value: Tensor) -> Tensor:
        """The sum over all ranks."""
        if self.count > 1:
            dist.all_reduce(value)
        return value

    def any(self, mine: bool) -> bool:
        """Whether it is true of one rank at least; all ranks hear the same answer."""
        if self.count == 1:
            return mine
        device = "cuda" if dist.get_backend() == "nccl" else "cpu"
        return bool(self.total(torch.tensor(float(mine), device=device)).item())

    def wait(self) -> None:
        if self.count > 1:
            dist.barrier()


def join() -> Ranks:
    """This process's place among those that torchrun started; alone where nothing says otherwise."""
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count == 1:
        return Ranks()
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    return Ranks(dist.get_rank(), count)


def leave(ranks: Ranks) -> None:
    if ranks.count > 1:
        dist.destroy_process_group()
