"""The venue's request weights: how long to wait before a request. Pure: times are arguments."""

from __future__ import annotations

from collections import deque

WINDOW_SECONDS = 60.0
"""The venue counts by the minute; any sixty seconds here are at most as much as two parts of its minutes."""


class WeightLimit:
    """Counts the weight used in the last sixty seconds and keeps to a part of what the venue allows.

    The venue counts by address and says in each answer how much was used: by this process, its other
    parts and its neighbours. Times are seconds of any clock that does not go back.

    Args:
        weight_max: most that is used in sixty seconds.
    """

    def __init__(self, weight_max: int) -> None:
        self.weight_max = weight_max
        self._used: deque[tuple[float, int]] = deque()
        self._sum = 0
        self._blocked_until = 0.0

    def take(self, weight: int, now: float) -> float:
        """Count a request and return 0, or return how many seconds to wait before asking again.

        A request heavier than the whole limit is let through when nothing else was used.
        """
        if now < self._blocked_until:
            return self._blocked_until - now
        self._expire(now)
        if self._sum and self._sum + weight > self.weight_max:
            return self._seconds_until_room(weight, now)
        self._count(weight, now)
        return 0.0

    def blocked_seconds(self, now: float) -> float:
        """How long the venue wants no request at all; 0 if it does not mind."""
        return max(0.0, self._blocked_until - now)

    def observe(self, used: int, now: float) -> None:
        """Take the venue's own count of the current minute, if it is more than ours."""
        self._expire(now)
        if used > self._sum:
            self._count(used - self._sum, now)

    def block(self, seconds: float, now: float) -> None:
        """Make no request for so long: the venue said 429 or 418."""
        self._blocked_until = max(self._blocked_until, now + seconds)

    def _count(self, weight: int, now: float) -> None:
        self._used.append((now, weight))
        self._sum += weight

    def _expire(self, now: float) -> None:
        while self._used and self._used[0][0] <= now - WINDOW_SECONDS:
            self._sum -= self._used.popleft()[1]

    def _seconds_until_room(self, weight: int, now: float) -> float:
        excess = self._sum + weight - self.weight_max
        for time, used in self._used:
            excess -= used
            if excess <= 0:
                return max(0.001, time + WINDOW_SECONDS - now)
        return WINDOW_SECONDS
