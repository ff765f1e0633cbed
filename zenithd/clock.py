"""The real clock. Everything that needs the time is given a clock, so that a fake one can take its place."""

from __future__ import annotations

import time

import trio


class SystemClock:
    """Wall clock of the machine; monotonic time of the running trio loop.

    Implements `zenithd.plugin.Clock`.
    """

    def now(self) -> int:
        """Nanoseconds since the Unix epoch, UTC."""
        return time.time_ns()

    def monotonic(self) -> float:
        """Seconds of trio's clock, which a test may replace."""
        return trio.current_time()
