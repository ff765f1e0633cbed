"""A thread of one's own for a store: calls run in it one after the other, in the order in which they came.

trio's own threads would do; a hop to this one and back takes little more than half the time, and an append
waits for at least one.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, Generic, Protocol, TypeVar

import outcome
import trio

T = TypeVar("T")


class Reply(Generic[T]):
    """What a call gives, once it has ended."""

    __slots__ = ("_outcome", "_then", "ended")

    def __init__(self, then: Callable[[Reply[T]], object] | None = None) -> None:
        self.ended = trio.Event()
        self._then = then
        self._outcome: outcome.Outcome[T] | None = None

    def settle(self, result: outcome.Outcome[T]) -> None:
        """Note the result and tell who waits."""
        self._outcome = result
        then, self._then = self._then, None
        if then is not None:
            then(self)
        self.ended.set()

    def result(self) -> T:
        """Return what the call returned, or raise what it raised; only once it has ended."""
        assert self._outcome is not None
        return self._outcome.unwrap()

    async def wait(self) -> T:
        """Wait for the result. If cancelled, the call goes on."""
        await self.ended.wait()
        return self.result()


class Thread(Protocol):
    """Runs calls one at a time, in order."""

    def start(self, call: Callable[[], T], then: Callable[[Reply[T]], object] | None = None) -> Reply[T]:
        """Begin a call as soon as those before it have ended; `then` is called when it has, in the loop."""
        ...

    def stop(self) -> None:
        """End once all calls have ended; no others may follow."""
        ...


class StoreThread:
    """Implements `Thread`. It starts with the first call; to be used in one trio run."""

    def __init__(self, name: str) -> None:
        self._calls: SimpleQueue[tuple[Callable[[], Any], Reply[Any]] | None] = SimpleQueue()
        self._name = name
        self._started = False

    def start(self, call: Callable[[], T], then: Callable[[Reply[T]], object] | None = None) -> Reply[T]:
        """Queue a call."""
        if not self._started:
            self._started = True
            token = trio.lowlevel.current_trio_token()
            # A daemon: a disk that hangs must not keep the process from ending.
            threading.Thread(target=self._work, args=(token,), name=self._name, daemon=True).start()
        reply: Reply[T] = Reply(then)
        self._calls.put((call, reply))
        return reply

    def stop(self) -> None:
        """Let the thread end."""
        self._calls.put(None)

    def _work(self, token: trio.lowlevel.TrioToken) -> None:
        while (item := self._calls.get()) is not None:
            call, reply = item
            result = outcome.capture(call)
            with contextlib.suppress(trio.RunFinishedError):  # nobody waits any more
                token.run_sync_soon(reply.settle, result)
            del call, reply, result, item
