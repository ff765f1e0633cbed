"""A store that fails as it is told, and a thread in the loop that makes runs deterministic."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import outcome

from zenithd.journal import Snapshot, StoreFault
from zenithd.journal.anchor import Anchor
from zenithd.journal.chain import Block
from zenithd.journal.store import Reader, Store
from zenithd.journal.thread import Reply

T = TypeVar("T")


class FaultStore:
    """A store that does what a test tells it, one commit at a time."""

    def __init__(self, inner: Store) -> None:
        self.inner = inner
        self.before_commit: Callable[[], None] = lambda: None
        self.after_commit: Callable[[], None] = lambda: None
        self.on_open: Callable[[], None] = lambda: None
        self.lies = False
        """Says that it committed, and did not."""
        self.opened = 0

    def open(self) -> None:
        self.on_open()
        self.inner.open()
        self.opened += 1

    def reader(self) -> Reader:
        return self.inner.reader()

    def commit(self, block: Block) -> None:
        self.before_commit()
        if not self.lies:
            self.inner.commit(block)
        self.after_commit()

    def put_snapshot(self, snapshot: Snapshot, keep: int) -> None:
        self.before_commit()
        self.inner.put_snapshot(snapshot, keep)
        self.after_commit()

    def load(self, blocks: Iterable[Block], snapshots: Iterable[Snapshot], anchor: Anchor) -> None:
        self.inner.load(blocks, snapshots, anchor)

    def forget(self, anchor: Anchor) -> None:
        self.inner.forget(anchor)

    def prune(self, name: str, keep: int) -> int:
        return self.inner.prune(name, keep)

    def close(self) -> None:
        self.inner.close()


def failing(reason: str) -> Callable[[], None]:
    """A fault to be put into a FaultStore."""

    def fail() -> None:
        raise StoreFault(reason)

    return fail


class LoopThread:
    """Runs calls in the event loop: at once, or, while it is held, one at a time when told."""

    def __init__(self) -> None:
        self.held = False
        self.waiting: list[tuple[Callable[[], Any], Reply[Any]]] = []

    def start(self, call: Callable[[], T], then: Callable[[Reply[T]], object] | None = None) -> Reply[T]:
        reply: Reply[T] = Reply(then)
        self.waiting.append((call, reply))
        if not self.held:
            self.release()
        return reply

    def step(self) -> None:
        call, reply = self.waiting.pop(0)
        reply.settle(outcome.capture(call))

    def release(self) -> None:
        self.held = False
        while self.waiting:
            self.step()

    def stop(self) -> None:
        pass
