"""Pauses between attempts."""

from __future__ import annotations

import random

from zenithd.plugin.backoff import Backoff


def test_pauses_double_within_their_bounds_and_begin_anew() -> None:
    backoff = Backoff(1.0, 10.0, random.Random(1))
    for whole in [1, 2, 4, 8, 10, 10]:
        assert whole / 2 <= backoff.next_seconds() <= whole
    backoff.reset()
    assert backoff.next_seconds() <= 1.0


def test_equal_seeds_give_equal_pauses_and_others_do_not() -> None:
    def pauses(seed: int) -> list[float]:
        backoff = Backoff(1.0, 60.0, random.Random(seed))
        return [backoff.next_seconds() for _ in range(5)]

    assert pauses(1) == pauses(1)
    assert pauses(1) != pauses(2)


def test_maximum_below_the_minimum_wins() -> None:
    assert Backoff(5.0, 1.0, random.Random(1)).next_seconds() <= 1.0
