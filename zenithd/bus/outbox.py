"""What one connection still has to get, in order, and what happens when it reads too slowly.

An outbox is in one of three states:

* flowing: what gathers in `pending` is written at the next flush;
* blocked: the kernel took no more; what gathers waits, up to `bytes_max`;
* lagging: blocked and over the limit. Updates no longer gather: each subscription is marked stale, and
  counted, when something is published to it. Once all that waits is written, stale subscriptions are
  resumed one after the other with a fresh snapshot, for as long as the kernel takes them.

So memory per slow reader is bounded by the limit and what it subscribed to, never by what happened; and
replies to its own requests are never cut, since those wait in the same queue without a limit (the
connection stops reading requests meanwhile).
"""

from __future__ import annotations

import os
from collections import OrderedDict, deque
from typing import TYPE_CHECKING, Protocol

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from zenithd.bus.topic import Subscription

NOTHING: deque[bytes] = deque(maxlen=0)
"""What waits in an outbox that never had to wait: one for all, since most connections are idle."""

WRITE_BYTES_MAX = 1 << 20
"""Most bytes offered to the kernel at once; more only costs copies of what it does not take."""


class OutboxStatistics(msgspec.Struct):
    """Counters that all outboxes of a daemon share."""

    bytes_written: int = 0
    writes: int = 0
    blocked: int = 0
    lagging: int = 0
    conflations: int = 0
    resumed: int = 0


def _discard(_data: bytes) -> None:
    """The sink of a sealed outbox."""


class Listener(Protocol):
    """Who drives an outbox that cannot be written at once: the flusher."""

    def blocked(self, outbox: Outbox) -> None:
        """Call `outbox.resume()` when its descriptor takes bytes again."""
        ...

    def caught_up(self, outbox: Outbox) -> None:
        """All that waited at `waiting_since` was taken."""
        ...

    def settle(self) -> None:
        """Append what was published so far to the outboxes."""
        ...

    def broken(self, outbox: Outbox) -> None:
        """The peer is gone."""
        ...


def flush_all(outboxes: Iterable[Outbox], statistics: OutboxStatistics) -> None:
    """Write what is pending in each of them, or queue it behind what already waits.

    One loop for all: a call and four counters for each outbox would cost half as much as a small write.
    """
    write = os.write
    writes = bytes_written = 0
    for outbox in outboxes:
        pending = outbox.pending
        if not pending:
            continue
        data = pending[0] if len(pending) == 1 else b"".join(pending)
        pending.clear()
        descriptor = outbox.descriptor
        if descriptor is None or outbox.waiting or outbox.closed:
            if not outbox.closed:
                outbox.wait(data)
            continue
        try:
            written = write(descriptor, data)
        except BlockingIOError:
            written = 0
        except OSError:
            outbox.fail()
            continue
        writes += 1
        bytes_written += written
        if written != len(data):
            outbox.wait(data[written:])
    statistics.writes += writes
    statistics.bytes_written += bytes_written


class Outbox:
    """Ordered, bounded queue of frames towards one connection. Only the flusher and its owner touch it."""

    __slots__ = (
        "append",
        "bytes_max",
        "bytes_taken",
        "bytes_waiting",
        "caught_up_at",
        "closed",
        "conflated",
        "descriptor",
        "diverted",
        "lagging",
        "listener",
        "on_broken",
        "on_room",
        "on_waiting",
        "pending",
        "stale",
        "statistics",
        "subscriptions",
        "waiting",
        "waiting_since",
    )

    def __init__(
        self,
        descriptor: int | None,
        bytes_max: int,
        listener: Listener,
        statistics: OutboxStatistics,
    ) -> None:
        self.descriptor = descriptor
        """File descriptor written directly; None where a writer task takes the bytes (TLS)."""
        self.bytes_max = bytes_max
        self.listener = listener
        self.statistics = statistics
        self.pending: list[bytes] = []
        self.append: Callable[[bytes], None] = self.pending.append
        """The sink of a flowing outbox: a bound C method, so that a delivery is one call. For groups only;
        everybody else uses `put`."""
        self.waiting = NOTHING
        self.bytes_waiting = 0
        self.bytes_taken = 0
        """Of those that waited; stands still while a reader is stalled."""
        self.waiting_since: float | None = None
        """Since when its reader has been behind, by the flusher's clock; None while nothing waits."""
        self.caught_up_at = 0
        """Value of `bytes_taken` at which its writer task has written what waited then."""
        self.conflated = 0
        """Updates of this reader that were replaced by a later snapshot."""
        self.lagging = False
        self.diverted = False
        """True while no subscription delivers; some do again while stale ones are being resumed."""
        self.closed = False
        self.stale: OrderedDict[Subscription, None] = OrderedDict()
        self.subscriptions: set[Subscription] = set()
        self.on_waiting: Callable[[], None] | None = None
        """Called when something begins to wait in an outbox without descriptor."""
        self.on_room: Callable[[], None] | None = None
        """Called when bytes were taken and at most half of the limit still waits."""
        self.on_broken: Callable[[], None] | None = None

    @property
    def congested(self) -> bool:
        """True while more waits than the limit: the time to stop reading this peer's requests."""
        return self.bytes_waiting > self.bytes_max

    def put(self, data: bytes) -> None:
        """Append bytes behind everything that was published before."""
        self.listener.settle()
        self.append(data)

    def flush(self) -> None:
        """Write what is pending, or queue it behind what already waits."""
        flush_all((self,), self.statistics)

    def wait(self, data: bytes) -> None:
        """Queue what the kernel did not take."""
        first = not self.waiting
        for start in range(0, len(data), WRITE_BYTES_MAX):
            self._queue(data[start : start + WRITE_BYTES_MAX])
        if self.bytes_waiting > self.bytes_max and not self.diverted:
            self._lag()
        if first:
            self.listener.blocked(self)

    def _lag(self) -> None:
        if not self.lagging:
            self.lagging = True
            self.statistics.lagging += 1
        self.diverted = True
        for subscription in self.subscriptions:
            subscription.divert()

    def resume(self) -> bool:
        """Write what waits until the kernel takes no more; True if something still waits.

        Called by the flusher when the descriptor is writable again.
        """
        descriptor = self.descriptor
        assert descriptor is not None
        while self.waiting:
            data = self.waiting[0]
            try:
                written = os.write(descriptor, data)
            except BlockingIOError:
                return True
            except OSError:
                self.fail()
                return False
            self.took(written)
            if written < len(data):
                self.waiting[0] = data[written:]
                return True
            self.waiting.popleft()
            if not self.waiting:
                self.drained()
        return False

    def took(self, count: int) -> None:
        """The kernel or the writer task took `count` of the waiting bytes."""
        self.bytes_waiting -= count
        self.bytes_taken += count
        self.statistics.writes += 1
        self.statistics.bytes_written += count
        if self.descriptor is None and self.bytes_waiting and self.bytes_taken >= self.caught_up_at:
            self.listener.caught_up(self)
        if self.on_room is not None and self.bytes_waiting * 2 <= self.bytes_max:
            self.on_room()

    def take(self) -> bytes:
        """Hand the oldest waiting bytes to a writer task (an outbox without descriptor)."""
        return self.waiting.popleft()

    def drained(self) -> None:
        """All that waited is written: resume the next stale subscription, or flow again.

        What was appended since the last flush is older than the snapshot, so it is queued first.
        """
        if self.lagging:
            self.listener.settle()
            self._take_pending()
            while self.stale and self.bytes_waiting == 0:
                subscription, _ = self.stale.popitem(last=False)
                self.statistics.resumed += 1
                self.diverted = False
                for frame in subscription.restart():
                    self._queue(frame)
            if not self.stale and self.bytes_waiting == 0:
                self._flow()
        if self.bytes_waiting == 0:
            self.listener.caught_up(self)

    def _take_pending(self) -> None:
        for data in self.pending:
            self._queue(data)
        self.pending.clear()

    def _queue(self, data: bytes) -> None:
        if self.waiting is NOTHING:
            self.waiting = deque()
        self.waiting.append(data)
        self.bytes_waiting += len(data)

    def _flow(self) -> None:
        self.lagging = self.diverted = False
        for subscription in self.subscriptions:
            subscription.undivert()

    def seal(self) -> None:
        """Take nothing more; what is queued is still written (after a close frame nothing follows)."""
        self.append = _discard

    def fail(self) -> None:
        """The peer is gone."""
        self.close()
        self.listener.broken(self)
        if self.on_broken is not None:
            self.on_broken()

    def close(self) -> None:
        """Forget everything that waits and take nothing more. Subscriptions are the owner's to end."""
        self.closed = True
        self.pending.clear()
        self.waiting.clear()
        self.stale.clear()
        self.bytes_waiting = 0
