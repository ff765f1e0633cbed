"""When each instrument moves: all at their own pace, evenly apart, never in a rush. Pure."""

from __future__ import annotations

import heapq
import random
from collections.abc import Mapping

from zenithd.domain.identifiers import InstrumentId

_JITTER = 0.35
"""Largest part by which an interval is shorter or longer than usual."""

_LATE_SECONDS = 0.05
"""Being so late is never a stall, however short the interval."""


class Schedule:
    """Keeps the next due time of every instrument; times are seconds of any one clock.

    What was missed is not made up for: after a stall all instruments spread out again over one interval.
    """

    def __init__(self, intervals: Mapping[InstrumentId, float], now: float, source: random.Random) -> None:
        self._intervals = dict(intervals)
        self._random = source
        count = len(intervals)
        self._heap = [
            (now + interval * (place + 0.5) / count, instrument)
            for place, (instrument, interval) in enumerate(self._intervals.items())
        ]
        heapq.heapify(self._heap)

    @property
    def next_due(self) -> float:
        """When the next instrument is due."""
        return self._heap[0][0]

    def take(self, now: float) -> InstrumentId | None:
        """The instrument that is due at `now`, scheduled anew; None if none is, or it missed its time."""
        due, instrument = self._heap[0]
        if due > now:
            return None
        interval = self._intervals[instrument]
        missed = now - due > max(interval, _LATE_SECONDS)
        following = (
            now + interval * self._random.random()
            if missed
            else due + interval * self._random.uniform(1 - _JITTER, 1 + _JITTER)
        )
        heapq.heapreplace(self._heap, (following, instrument))
        return None if missed else instrument
