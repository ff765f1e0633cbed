"""What a boundary leaves behind: nothing, however often the same inputs come."""

from __future__ import annotations

import gc
import sys

import msgspec

from tests.fuzz.boundary import Boundary
from tests.fuzz.campaign import make

WARM_UP_ROUNDS = 3
ROUNDS = 5


class Growth(msgspec.Struct, frozen=True):
    """What rounds of the same inputs left behind."""

    inputs: int
    blocks: int
    objects: int
    allowed: int

    @property
    def leaks(self) -> bool:
        """True where more is left than caches explain."""
        return self.blocks > self.allowed or self.objects > self.allowed


def measure(boundary: Boundary, seed: int, count: int) -> Growth:
    """Check the same inputs again and again; compare what is allocated after warming up and at the end."""
    inputs = [make(boundary, seed, index) for index in range(count)]
    allocated: list[tuple[int, int]] = []
    boundary.repeat(inputs, WARM_UP_ROUNDS + ROUNDS, lambda: allocated.append(_allocated()))
    (blocks, objects), (blocks_after, objects_after) = allocated[WARM_UP_ROUNDS - 1], allocated[-1]
    return Growth(ROUNDS * count, blocks_after - blocks, objects_after - objects, boundary.blocks_left_max)


def _allocated() -> tuple[int, int]:
    gc.collect()
    gc.collect()
    return sys.getallocatedblocks(), len(gc.get_objects())
