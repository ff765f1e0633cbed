"""Giving way: long answers are made in slices, with the event loop running in between."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import trio

S = TypeVar("S")
T = TypeVar("T")

SLICE_RECORDS = 1_000
"""Records of an answer that are made before giving way."""


async def in_slices(
    items: Sequence[S], make: Callable[[Sequence[S]], list[T]], size: int = SLICE_RECORDS
) -> list[T]:
    """Apply `make` to slices of `items` and join what it gives."""
    if len(items) <= size:
        return make(items)
    made: list[T] = []
    for start in range(0, len(items), size):
        made += make(items[start : start + size])
        await trio.lowlevel.checkpoint()
    return made
