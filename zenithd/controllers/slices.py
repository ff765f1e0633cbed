"""Giving way: long answers are made in small steps, in the turns of whom they are for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import TypeVar

from zenithd.turns import Steps

S = TypeVar("S")
T = TypeVar("T")

SLICE_RECORDS = 25
"""Records of an answer that are made before giving way: a tenth of a millisecond."""


def sliced(
    items: Sequence[S], make: Callable[[Sequence[S]], list[T]], size: int = SLICE_RECORDS
) -> Steps[list[T]]:
    """Apply `make` to slices of `items` and join what it gives."""
    made: list[T] = []
    for start in range(0, len(items), size):
        if start:
            yield
        made += make(items[start : start + size])
    return made


def gathered(items: Iterator[S], size: int) -> Steps[list[S]]:
    """Take from an iterator that works for each item, `size` of them in one step."""
    taken: list[S] = []
    while part := list(islice(items, size)):
        taken += part
        yield
    return taken
