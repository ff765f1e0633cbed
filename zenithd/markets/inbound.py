"""The bounded queue between one market source and the task that applies its events."""

from __future__ import annotations

from collections import deque
from typing import Generic, TypeVar

import trio

T = TypeVar("T")


CALM_SECONDS = 1.0
"""A queue in which nobody had to wait for so long keeps up."""


class Inbound(Generic[T]):
    """First in, first out; bounded by the sum of the items' sizes. `put` waits while it is full.

    A batch larger than the bound is let in when the queue is empty: it must not wait for ever.
    """

    def __init__(self, size_max: int) -> None:
        self.size_max = size_max
        self.size = 0
        self._items: deque[tuple[T, int]] = deque()
        self._arrived = trio.Event()
        self._room = trio.lowlevel.ParkingLot()
        self._drained = trio.Event()
        self._drained.set()
        self._full_since = 0.0
        self._full_at = -CALM_SECONDS

    def __len__(self) -> int:
        return len(self._items)

    def full_since(self, now: float) -> float | None:
        """Clock time since which puts have had to wait again and again; None: they have not lately."""
        is_waiting = bool(self._room)
        return self._full_since if is_waiting or now - self._full_at < CALM_SECONDS else None

    async def put(self, item: T, size: int) -> None:
        """Queue an item; waits for room.

        Gives way to other tasks only then: a source that brings several batches in one go has them
        applied and written together. One that never pauses soon finds the queue full.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        while self.size > 0 and self.size + size > self.size_max:
            now = trio.current_time()
            if now - self._full_at >= CALM_SECONDS:
                self._full_since = now
            self._full_at = now
            await self._room.park()
            self._full_at = trio.current_time()
        self.put_nowait(item, size)

    def put_nowait(self, item: T, size: int) -> None:
        """Queue an item beyond the bound: for the few that a synchronous call brings."""
        if not self._items:
            self._drained = trio.Event()
            self._arrived.set()
        self._items.append((item, size))
        self.size += size

    async def wait_item(self) -> None:
        """Return when there is something to take."""
        while not self._items:
            self._arrived = trio.Event()
            await self._arrived.wait()

    def take(self) -> T | None:
        """The oldest item, None if there is none. It counts as waiting until `applied`."""
        return self._items[0][0] if self._items else None

    def peek(self, index: int) -> T | None:
        """The item that is so many behind the oldest, None if there is none."""
        return self._items[index][0] if index < len(self._items) else None

    def applied(self) -> None:
        """The item taken is applied: there is room again."""
        _, size = self._items.popleft()
        self.size -= size
        if not self._items:
            self._drained.set()
        # Not for each item: a full queue would be worked off one by one.
        if self.size * 2 <= self.size_max and self._room:
            self._room.unpark_all()

    async def wait_drained(self) -> None:
        """Return when everything queued so far is applied."""
        await self._drained.wait()
