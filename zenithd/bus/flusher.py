"""When outboxes are written: at once while idle, in batches that grow by themselves under load.

Publishing marks outboxes as dirty. `flush()` writes them for one time slice; what is left is written by the
`run` task, slice after slice, giving way to everything else in between. Outboxes that the kernel blocks
share one private epoll (elsewhere than on Linux: one waiting task each).
"""

from __future__ import annotations

import select
from collections.abc import Callable, Mapping
from typing import Protocol

import msgspec
import trio

from zenithd.bus.outbox import Outbox, OutboxStatistics, flush_all

RESUME_BATCH_MAX = 256
"""Blocked outboxes served between two turns of the event loop."""

TASK_BLOCKED_SECONDS = 0.1
"""An outbox written by a task (TLS) hides whether the kernel took its bytes: after so long it did not."""


class Run(Protocol):
    """Frames published to the very same subscribers since the last round began (`Group`)."""

    def hand_over(self) -> None:
        """Append them to the subscribers' outboxes, as one, and `touch` those."""
        ...


class FlushStatistics(msgspec.Struct):
    """Counters of the flusher."""

    slices: int = 0
    visits: int = 0
    seconds: float = 0.0
    """Spent in slices, which is mostly the kernel's."""


class Flusher:
    """Owns the ring of dirty outboxes and the set of blocked ones."""

    def __init__(self, slice_seconds: float, monotonic: Callable[[], float]) -> None:
        self.slice_seconds = slice_seconds
        self.monotonic = monotonic
        self.dirty: dict[Outbox, int] = {}
        """Outboxes with something pending (the values mean nothing)."""
        self.members: dict[Outbox, int] = {}
        """All outboxes that hold a topic: see `touch`."""
        self.runs: list[Run] = []
        """What was published and may still grow, oldest first; see `settle`."""
        self.statistics = FlushStatistics()
        self.outbox_statistics = OutboxStatistics()
        self._touched: list[Mapping[Outbox, int]] = []
        self._touched_count = 0
        self._ring: list[Outbox] = []
        self._position = 0
        self._work = trio.Event()
        self._epoll = select.epoll() if hasattr(select, "epoll") else None
        self._blocked: dict[int, Outbox] = {}
        self._with_task: set[Outbox] = set()
        """Outboxes without descriptor in which something waits for their writer tasks."""
        self._blocked_arrived = trio.Event()
        self._nursery: trio.Nursery | None = None

    @property
    def backlog(self) -> int:
        """Outboxes that still have to be visited."""
        self.settle()
        return len(self._ring) - self._position + len(self.dirty) + self._touched_count

    @property
    def blocked_outboxes(self) -> list[Outbox]:
        """Outboxes whose kernel buffer is full."""
        before = self.monotonic() - TASK_BLOCKED_SECONDS
        slow = [
            box for box in self._with_task if box.waiting_since is not None and box.waiting_since <= before
        ]
        return [*self._blocked.values(), *slow]

    def settle(self) -> None:
        """Append what was published so far to the outboxes.

        Must come before anything else is appended to an outbox, and before anybody joins, leaves or begins
        anew: the runs are older than all of that.
        """
        runs, self.runs = self.runs, []
        for run in runs:
            run.hand_over()

    def touch(self, outboxes: Mapping[Outbox, int]) -> None:
        """Mark many outboxes as dirty, all of them `members`.

        They are united when the next round begins; where that would be more work than there are members,
        every member is visited instead, since a visit that finds nothing costs as much as one mark.
        """
        self._touched.append(outboxes)
        self._touched_count += len(outboxes)

    def _gather(self) -> list[Outbox]:
        """What the next round visits."""
        self.settle()
        dirty, self.dirty = self.dirty, {}
        if self._touched_count > len(self.members):
            dirty = {**self.members, **dirty} if dirty else self.members
        else:
            for outboxes in self._touched:
                dirty.update(outboxes)
        self._touched.clear()
        self._touched_count = 0
        return list(dirty)

    def flush(self) -> None:
        """Write for at most one slice; leave the rest to the task."""
        if not self._slice():
            self._work.set()

    def soon(self, outbox: Outbox) -> None:
        """Write an outbox at the task's next turn, together with what else gathers until then."""
        self.dirty[outbox] = 1
        self._work.set()

    def _slice(self) -> bool:
        """Visit dirty outboxes for one slice; True when none is left."""
        began = self.monotonic()
        done = self._visit(began + self.slice_seconds)
        self.statistics.slices += 1
        self.statistics.seconds += self.monotonic() - began
        return done

    def _visit(self, deadline: float) -> bool:
        monotonic, statistics = self.monotonic, self.statistics
        self.settle()  # who is still to be visited in this round need not wait for the next one
        while True:
            ring = self._ring
            end = len(ring)
            while self._position < end:
                # Looking at the clock for every outbox would cost as much as a small delivery.
                stop = min(self._position + 16, end)
                flush_all(ring[self._position : stop], self.outbox_statistics)
                statistics.visits += stop - self._position
                self._position = stop
                if monotonic() >= deadline and (stop < end or self.dirty or self.runs or self._touched):
                    return False
            self._position = 0
            self._ring = self._gather()
            if not self._ring:
                return True

    async def run(self) -> None:
        """Finish what `flush` leaves and wake blocked outboxes, until cancelled."""
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            nursery.start_soon(self._run_slices, name="fan-out slices")
            if self._epoll is not None:
                nursery.start_soon(self._run_epoll, self._epoll, name="fan-out blocked")

    async def _run_slices(self) -> None:
        while True:
            await self._work.wait()
            self._work = trio.Event()
            while not self._slice():
                await trio.lowlevel.checkpoint()

    # Blocked outboxes

    def blocked(self, outbox: Outbox) -> None:
        """Remember an outbox whose kernel buffer is full, or that a task writes (called by the outbox)."""
        descriptor = outbox.descriptor
        if outbox.waiting_since is None:
            outbox.waiting_since = self.monotonic()
            outbox.caught_up_at = outbox.bytes_taken + outbox.bytes_waiting
        if descriptor is None:
            self._with_task.add(outbox)
            if outbox.on_waiting is not None:
                outbox.on_waiting()
            return
        self.outbox_statistics.blocked += 1
        self._blocked[descriptor] = outbox
        if self._epoll is not None:
            self._epoll.register(descriptor, select.EPOLLOUT | select.EPOLLONESHOT)
            self._blocked_arrived.set()
        elif self._nursery is not None:
            self._nursery.start_soon(self._wait_one, descriptor, outbox)

    def caught_up(self, outbox: Outbox) -> None:
        """All that waited at `waiting_since` was taken (called by the outbox).

        A writer task takes in pieces while more comes: a reader that keeps up may never be seen with
        nothing waiting, and is not behind for that.
        """
        since, now = outbox.waiting_since, self.monotonic()
        outbox.waiting_since = now if outbox.bytes_waiting else None
        if outbox.descriptor is None:
            outbox.caught_up_at = outbox.bytes_taken + outbox.bytes_waiting
            if not outbox.bytes_waiting:
                self._with_task.discard(outbox)
            if since is not None and now - since >= TASK_BLOCKED_SECONDS:
                self.outbox_statistics.blocked += 1

    def broken(self, outbox: Outbox) -> None:
        """The peer is gone (called by the outbox)."""
        self.forget(outbox)

    def forget(self, outbox: Outbox) -> None:
        """Stop watching an outbox; must happen before its descriptor is closed."""
        self._with_task.discard(outbox)
        descriptor = outbox.descriptor
        if (
            descriptor is not None
            and self._blocked.pop(descriptor, None) is not None
            and self._epoll is not None
        ):
            self._epoll.unregister(descriptor)

    async def _run_epoll(self, epoll: select.epoll) -> None:
        while True:
            if not self._blocked:
                self._blocked_arrived = trio.Event()
                await self._blocked_arrived.wait()
            await trio.lowlevel.wait_readable(epoll.fileno())
            for descriptor, _ in epoll.poll(0, RESUME_BATCH_MAX):
                outbox = self._blocked.get(descriptor)
                if outbox is None:
                    continue
                if outbox.resume():
                    epoll.modify(descriptor, select.EPOLLOUT | select.EPOLLONESHOT)
                elif descriptor in self._blocked:
                    del self._blocked[descriptor]
                    epoll.unregister(descriptor)
            await trio.lowlevel.checkpoint()

    async def _wait_one(self, descriptor: int, outbox: Outbox) -> None:
        while self._blocked.get(descriptor) is outbox:
            await trio.lowlevel.wait_writable(descriptor)
            if self._blocked.get(descriptor) is outbox and not outbox.resume():
                del self._blocked[descriptor]
