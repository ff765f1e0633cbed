"""Clocks for tests."""

from __future__ import annotations

from datetime import UTC, datetime

import trio
import trio.testing

_NANOSECONDS = 1_000_000_000

DEFAULT_START = "2026-01-05T00:00:00+00:00"
"""A Monday, midnight UTC."""


class FakeClock:
    """A wall clock that follows trio's clock from a fixed start: with `autojump_clock` it moves as tests
    sleep, and two runs see the same times. Implements `zenithd.plugin.Clock`.

    Args:
        start: wall time at the first look, ISO 8601 with offset.
    """

    def __init__(self, start: str = DEFAULT_START) -> None:
        self._start = int(datetime.fromisoformat(start).astimezone(UTC).timestamp()) * _NANOSECONDS
        self._began: float | None = None

    def now(self) -> int:
        """Nanoseconds since the Unix epoch."""
        elapsed = self.monotonic()
        if self._began is None:
            self._began = elapsed
        return self._start + round((elapsed - self._began) * _NANOSECONDS)

    def monotonic(self) -> float:
        """Trio's time."""
        return trio.current_time()

    def step(self, nanoseconds: int) -> None:
        """Move the wall clock alone, as when an operator sets it."""
        self._start += nanoseconds


def network_clock() -> trio.testing.MockClock:
    """A trio clock that jumps over waiting, for tests with local sockets.

    Unlike `autojump_clock` it lets data that is on its way arrive first. In a test module:

        @pytest.fixture
        def clock():
            return network_clock()
    """
    return trio.testing.MockClock(autojump_threshold=0.02)
