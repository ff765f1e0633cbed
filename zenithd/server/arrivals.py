"""Waiting for bytes of thousands of idle connections: one epoll for all of them.

trio's own `wait_readable` makes a system call for each wait, and keeps three coroutines, a closure and a
registration for as long as it takes: a kilobyte for each idle connection. Here each socket is registered
once, edge-triggered, and what waits is one small object. Where there is no epoll, trio's is used.
"""

from __future__ import annotations

import select
from collections.abc import Callable
from typing import Any

import trio

ARRIVALS_BATCH_MAX = 256
"""Sockets that are looked at between two turns of the event loop."""

AbortWaiting = Callable[[Any], trio.lowlevel.Abort]


class Arrival:
    """Tells the task that reads a socket when to go on. Made by `Arrivals.watch`.

    The reader waits only after a read that left nothing behind, which is one that found nothing or less than
    it asked for, and only without `news`::

        if arrival.news():
            await trio.lowlevel.checkpoint()
        else:
            await trio.lowlevel.wait_task_rescheduled(arrival.expect())
    """

    __slots__ = ("_arrivals", "_came", "_descriptor", "_over", "_task")

    def __init__(self, arrivals: Arrivals, descriptor: int) -> None:
        self._arrivals = arrivals
        self._descriptor = descriptor
        self._task: trio.lowlevel.Task | None = None
        self._came = False
        """Something came while nobody waited."""
        self._over = False
        """The peer has sent its end, or the socket failed: nothing more will be told, only read."""

    def news(self) -> bool:
        """True if there may be something to read at once; what came since the last call counts."""
        came, self._came = self._came, False
        return came or self._over

    def expect(self) -> AbortWaiting:
        """Have this task rescheduled at the next news; returns what trio needs to cancel the wait."""
        self._task = trio.lowlevel.current_task()
        return self._abort

    def _abort(self, _: Any) -> trio.lowlevel.Abort:
        self._task = None
        return trio.lowlevel.Abort.SUCCEEDED

    def tell(self, events: int) -> None:
        """The kernel has news of the socket."""
        if events & ~select.EPOLLIN:
            self._over = True
        if self._task is None:
            self._came = True
        else:
            task, self._task = self._task, None
            trio.lowlevel.reschedule(task)

    def forget(self) -> None:
        """Watch it no more; must happen before the socket is closed."""
        self._arrivals.forget(self._descriptor)


class Arrivals:
    """Watches sockets while `run` runs."""

    def __init__(self) -> None:
        self._epoll = select.epoll() if hasattr(select, "epoll") else None
        self._watched: dict[int, Arrival] = {}
        self._running = False

    def watch(self, descriptor: int) -> Arrival | None:
        """Watch a socket from now on; what it holds already is news. None: wait for it in trio's way."""
        if self._epoll is None or not self._running:
            return None
        arrival = self._watched[descriptor] = Arrival(self, descriptor)
        self._epoll.register(descriptor, select.EPOLLIN | select.EPOLLRDHUP | select.EPOLLET)
        return arrival

    def forget(self, descriptor: int) -> None:
        """Watch it no more; harmless if it is not watched."""
        if self._watched.pop(descriptor, None) is not None and self._epoll is not None:
            self._epoll.unregister(descriptor)

    async def run(self) -> None:
        """Wake the tasks whose sockets have news, until cancelled; they must have ended before."""
        if self._epoll is None:
            return
        self._running = True
        try:
            while True:
                await trio.lowlevel.wait_readable(self._epoll.fileno())
                for descriptor, events in self._epoll.poll(0, ARRIVALS_BATCH_MAX):
                    self._watched[descriptor].tell(events)
        finally:
            self._running = False
