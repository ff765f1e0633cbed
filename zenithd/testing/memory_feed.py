"""A journal feed in memory: for tests, and where nothing is to be kept."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence

import trio

from zenithd.plugin.journal import JournalUnavailable, KeptState, StateTooLarge


class MemoryFeed:
    """Implements `zenithd.plugin.JournalFeed`.

    Attributes:
        records: what was appended.
        refuses: a reason why nothing can be appended; empty: it can.
        state_bytes_max: a larger state is not kept.
        days: what `keep_days` was told; None: nothing.
    """

    def __init__(self, note: Callable[[int, bytes], None] | None = None) -> None:
        self._note = note
        """Told of the sequence and body of each record that is kept."""
        self.records: list[bytes] = []
        self.refuses = ""
        self.state_bytes_max = 2**32
        self.days: float | None = None
        self._state: KeptState | None = None

    def keep_days(self, days: float) -> None:
        """Note it in `days`; nothing goes."""
        self.days = days

    async def append(self, bodies: Sequence[bytes]) -> int:
        """Append records, all or none."""
        await trio.lowlevel.checkpoint()
        if self.refuses:
            raise JournalUnavailable(self.refuses)
        if not bodies:
            raise ValueError("there is nothing to append")
        for body in bodies:
            self.records.append(body)
            if self._note is not None:
                self._note(len(self.records), body)
        return len(self.records)

    async def read(self, first: int = 1) -> AsyncIterator[tuple[int, bytes]]:
        """Sequence and body of every record from `first` on."""
        for sequence, body in enumerate(self.records[first - 1 :], first):
            await trio.lowlevel.checkpoint()
            yield sequence, body

    async def keep_state(self, sequence: int, pieces: Sequence[bytes]) -> None:
        """Keep a derived state, unless it is larger than `state_bytes_max`."""
        await trio.lowlevel.checkpoint()
        state = b"".join(pieces)
        if len(state) > self.state_bytes_max:
            raise StateTooLarge(f"{len(state)} bytes")
        self._state = KeptState(sequence, state)

    async def kept_state(self) -> KeptState | None:
        """The newest kept state."""
        await trio.lowlevel.checkpoint()
        return self._state
