"""Pauses between attempts at something that fails: exponential, with jitter, bounded."""

from __future__ import annotations

import random


class Backoff:
    """The next pause is twice the one before, up to a maximum, less a random part of up to one half.

    The random part keeps many sources that lost the same venue from returning in the same instant.

    Args:
        seconds_min: the first pause, before the random part.
        seconds_max: no pause is longer.
        randomness: where the random part comes from.
    """

    def __init__(self, seconds_min: float, seconds_max: float, randomness: random.Random) -> None:
        self._seconds_min = seconds_min
        self._seconds_max = seconds_max
        self._random = randomness
        self._whole = seconds_min

    def next_seconds(self) -> float:
        """The pause to make now, in seconds."""
        whole = min(self._whole, self._seconds_max)
        self._whole = min(self._whole * 2, self._seconds_max)
        return whole * self._random.uniform(0.5, 1.0)

    def reset(self) -> None:
        """It worked: the next pause is the shortest again."""
        self._whole = self._seconds_min
