"""What the simulated participants believe a share to be worth. Pure: randomness and time are given."""

from __future__ import annotations

import math
import random
from typing import Protocol

SECONDS_PER_DAY = 86_400.0

VOLATILITY_PER_DAY = 0.03
"""Standard deviation of a day's relative price change."""

REVERSION_DAYS = 5.0
"""How slowly the price returns to its mean: it keeps wandering within about 15 % of it for ever."""


class ReferencePrice(Protocol):
    """A price that moves when time is told to pass."""

    price: float
    """Now, in units of the instrument's price scale."""

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        ...


class WanderingPrice:
    """A random walk of relative changes that is slowly drawn back to its mean."""

    def __init__(self, mean: float, price: float, source: random.Random) -> None:
        self.price = price
        self._mean = mean
        self._deviation = math.log(price / mean)
        self._random = source

    def advance(self, seconds: float) -> None:
        """Move as far as `seconds` usually bring about."""
        self._deviation += step(self._deviation, seconds / SECONDS_PER_DAY, self._random)
        self.price = self._mean * math.exp(self._deviation)


class FollowingPrice:
    """The price of a second market: that of the first, with a small wandering difference.

    `difference` is the standard deviation of the difference, in the unit of the price.
    """

    REVERSION_SECONDS = 120.0

    def __init__(self, leader: ReferencePrice, difference: float, source: random.Random) -> None:
        self.price = leader.price
        self._leader = leader
        self._scale = difference
        self._difference = 0.0
        self._random = source

    def advance(self, seconds: float) -> None:
        """Move the difference; the leader's time is passed by the leader's own market."""
        share = min(seconds / self.REVERSION_SECONDS, 1.0)
        noise = self._random.gauss(0.0, self._scale * math.sqrt(2.0 * share))
        self._difference += noise - self._difference * share
        self.price = self._leader.price + self._difference


def step(deviation: float, days: float, source: random.Random) -> float:
    """Change of a relative deviation from the mean over a time: noise, and the pull back.

    The pull has no direction in time, so that the same rule makes the past from the present.
    """
    noise = source.gauss(0.0, VOLATILITY_PER_DAY * math.sqrt(days))
    return noise - deviation * min(days / REVERSION_DAYS, 1.0)
