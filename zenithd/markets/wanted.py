"""Which instruments somebody wants: one upstream subscription for all clients, kept warm for a while."""

from __future__ import annotations

from collections.abc import Callable

import trio

from zenithd.domain.identifiers import InstrumentId


class WantedInstruments:
    """Counts who wants each instrument of one source; the last one's leaving counts after a linger time.

    `expire` must be called now and then (the daemon's housekeeping does).
    """

    def __init__(self, linger_seconds: float, monotonic: Callable[[], float]) -> None:
        self.linger_seconds = linger_seconds
        self._monotonic = monotonic
        self._counts: dict[InstrumentId, int] = {}
        self._lingering: dict[InstrumentId, float] = {}
        self.current: frozenset[InstrumentId] = frozenset()
        self._changed = trio.Event()

    def want(self, instrument: InstrumentId) -> None:
        """One more wants it."""
        count = self._counts.get(instrument, 0)
        self._counts[instrument] = count + 1
        if count == 0 and self._lingering.pop(instrument, None) is None:
            self._announce()

    def unwant(self, instrument: InstrumentId) -> None:
        """One of those who wanted it does not any more."""
        count = self._counts[instrument]
        if count > 1:
            self._counts[instrument] = count - 1
            return
        del self._counts[instrument]
        self._lingering[instrument] = self._monotonic() + self.linger_seconds

    def expire(self) -> None:
        """Forget what lingered long enough."""
        now = self._monotonic()
        gone = [instrument for instrument, until in self._lingering.items() if until <= now]
        if gone:
            for instrument in gone:
                del self._lingering[instrument]
            self._announce()

    def _announce(self) -> None:
        self.current = frozenset(self._counts) | frozenset(self._lingering)
        self._changed.set()
        self._changed = trio.Event()

    async def wait(self, known: frozenset[InstrumentId]) -> frozenset[InstrumentId]:
        """Return the wanted instruments as soon as they differ from `known`."""
        while self.current == known:
            await self._changed.wait()
        await trio.lowlevel.checkpoint()
        return self.current
