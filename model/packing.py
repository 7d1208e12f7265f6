"""Several short rows to one sequence: best fit, longest first."""

from bisect import bisect_left, insort
from collections.abc import Sequence


def pack(lengths: Sequence[int], context: int) -> list[list[int]]:
    """Row numbers by sequence, each row in one sequence and no sequence longer than `context`.

    Best-fit decreasing (Ding et al. 2024, arXiv 2404.10830): rows from the longest on, each into the fullest sequence
    that still holds it; ties by row number, so that equal lengths give equal packs.
    """
    packs: list[list[int]] = []
    room: list[tuple[int, int]] = []  # (tokens left, pack), sorted
    for row in sorted(range(len(lengths)), key=lambda row: (-lengths[row], row)):
        length = lengths[row]
        if length > context:
            raise ValueError(f"row {row} has {length} tokens, more than a sequence of {context} holds")
        place = bisect_left(room, (length, -1))
        if place < len(room):
            left, number = room.pop(place)
            packs[number].append(row)
        else:
            left, number = context, len(packs)
            packs.append([row])
        insort(room, (left - length, number))
    return packs
