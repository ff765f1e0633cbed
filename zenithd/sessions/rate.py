"""The generic cell rate algorithm: one number per limited thing instead of a bucket."""

from __future__ import annotations


class Rate:
    """Allows `per_second` in the long run and `burst` at once. Times are monotonic seconds."""

    __slots__ = ("_full_at", "_interval", "_tolerance")

    def __init__(self, per_second: float, burst: float) -> None:
        self._full_at = 0.0
        self.use(per_second, burst)

    def use(self, per_second: float, burst: float) -> None:
        """Take another rate from now on; what was admitted before counts."""
        self._interval = 1.0 / per_second
        self._tolerance = self._interval * (max(burst, 1.0) - 0.5)

    def admit(self, now: float) -> bool:
        """Count one and return True, or return False if it is too soon."""
        if not self.has_room(now):
            return False
        self._full_at = max(self._full_at, now) + self._interval
        return True

    def has_room(self, now: float) -> bool:
        """True if one would be admitted; counts nothing."""
        return self._full_at - now <= self._tolerance

    def is_full(self, now: float) -> bool:
        """True if the whole burst is available again: nothing is remembered any more."""
        return self._full_at <= now
