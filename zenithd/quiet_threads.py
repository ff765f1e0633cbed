"""Threads for work that may wait: the system lets everything else go first.

Checking a password takes a processor for tens of milliseconds. Done at the same priority as the event loop,
that is time which the loop has to wait for where there are few processors.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

import trio

T = TypeVar("T")

NICENESS = 5
"""A third of the share of who is not nice: less, and on a busy machine nobody could log in. A thread has a
priority of its own on Linux alone."""


class QuietThreads:
    """So many threads, kept for calls of this kind: a priority that was given up is never regained."""

    def __init__(self, count: int, name: str) -> None:
        self._limiter = trio.CapacityLimiter(count)
        self._pool = ThreadPoolExecutor(count, name, initializer=_step_back)

    @property
    def room(self) -> trio.CapacityLimiter:
        """Holds as many as there are threads; to be held around a call, in the order of arrival."""
        return self._limiter

    async def run(self, function: Callable[[], T]) -> T:
        """Call a function in one of the threads. If cancelled, what it gives is dropped when it ends."""
        token, ended = trio.lowlevel.current_trio_token(), trio.Event()

        def tell(_: Future[T]) -> None:
            with suppress(trio.RunFinishedError):
                token.run_sync_soon(ended.set)

        future = self._pool.submit(function)
        future.add_done_callback(tell)
        try:
            await ended.wait()
        finally:
            future.cancel()  # does nothing once it has begun
        return future.result()


def _step_back() -> None:
    if sys.platform == "linux":
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
