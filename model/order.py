"""The order of training as arithmetic: which item stands at place p of an endless run of epochs.

Each epoch is a permutation of all items, computed for any place without storing it: a Feistel network (Black & Rogaway
2002, "Ciphers with arbitrary finite domains", generalised with cycle walking) over the smallest power of four that
holds them. Nothing is remembered between steps, so a resume, another number of ranks or a replay needs no state, and no
library's random stream can change the order under us.
"""

from dataclasses import dataclass

import numpy as np

GOLDEN = 0x9E3779B97F4A7C15  # 2^64 / the golden ratio: SplitMix64's increment
ROUND_KEYS = [np.uint64(number * GOLDEN % 2**64) for number in range(6)]


@dataclass(frozen=True)
class Order:
    """`items` numbers, shuffled anew each epoch by `seed`."""

    items: int
    seed: int

    def at(self, places: np.ndarray) -> np.ndarray:
        """The item at each place (int64, any shape): every `items` consecutive places from 0 hold each item once."""
        places = np.asarray(places, dtype=np.uint64)
        epochs, ranks_in_epoch = np.divmod(places, np.uint64(self.items))
        keys = _mix(epochs * np.uint64(GOLDEN) + np.uint64(self.seed))
        return _permute(ranks_in_epoch, keys, self.items).astype(np.int64)


@dataclass(frozen=True)
class BatchSlice:
    """One rank's part of every global batch, cut into `accumulation_steps` equal micro-batches."""

    batch: int  # items a step, over all ranks
    rank: int = 0
    ranks: int = 1
    accumulation_steps: int = 1

    def __post_init__(self) -> None:
        if self.batch % (self.ranks * self.accumulation_steps):
            divisor = f"{self.ranks} ranks × {self.accumulation_steps} accumulation steps"
            raise ValueError(f"a batch of {self.batch} does not divide among {divisor}")

    def places(self, step: int, micro_batch: int) -> np.ndarray:
        """The places of one micro-batch of a step: those of all ranks together hold batch·step … + batch."""
        size = self.batch // (self.ranks * self.accumulation_steps)
        first = self.batch * step + size * (self.rank * self.accumulation_steps + micro_batch)
        return np.arange(first, first + size, dtype=np.uint64)


def _permute(numbers: np.ndarray, keys: np.ndarray, items: int) -> np.ndarray:
    half_bits = max(1, ((items - 1).bit_length() + 1) // 2)
    out = _feistel(numbers, keys, half_bits)
    while (outside := out >= items).any():  # cycle walking: on average fewer than four rounds
        out[outside] = _feistel(out[outside], keys[outside], half_bits)
    return out


def _feistel(numbers: np.ndarray, keys: np.ndarray, half_bits: int) -> np.ndarray:
    bits, mask = np.uint64(half_bits), np.uint64((1 << half_bits) - 1)
    left, right = numbers >> bits, numbers & mask
    for round_key in ROUND_KEYS:
        left, right = right, left ^ (_mix(right + keys + round_key) & mask)
    return (left << bits) | right


def _mix(x: np.ndarray) -> np.ndarray:
    """SplitMix64's finaliser (Steele, Lea & Flood 2014); arithmetic is modulo 2^64 on purpose."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
