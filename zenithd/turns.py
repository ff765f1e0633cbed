"""Whose turn it is: what clients ask for shares the event loop with the markets, and with each other.

The loop has one thread, and whatever clients make it do comes between two looks at the markets. So work for
clients is done in turns. Each pass of the loop has room for `seconds` of them; what does not fit waits for
the next pass. Owners (connections, addresses) take turns in a circle: who asks for a thousand things waits a
thousand times, and his neighbour once.

Work that takes long is a generator which yields wherever it can give way, after a small part of `seconds`.
A single step that takes longer than there was room for is paid back: the passes that follow have less.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Generator, Hashable
from contextvars import ContextVar
from typing import Any, TypeVar

import msgspec
import trio

T = TypeVar("T")

Steps = Generator[None, None, T]
"""Work that yields where it can give way, and returns what came of it."""

DEBT_PASSES_MAX = 20
"""Passes without turns after a step that took far too long; so nobody waits for ever."""


class TurnStatistics(msgspec.Struct):
    """Counters of turns."""

    taken: int = 0
    postponed: int = 0
    """Turns that waited for a later pass of the loop: the sign of clients who want more than there is."""
    seconds: float = 0.0
    """Spent on clients."""


class _Work:
    """Steps of one task, and how far they are."""

    __slots__ = ("charge", "context", "failure", "over", "result", "stepping", "steps", "task")

    def __init__(self, steps: Steps[Any], charge: float) -> None:
        self.steps = steps
        self.charge = charge
        self.task: trio.lowlevel.Task | None = trio.lowlevel.current_task()
        """None once it is cancelled."""
        self.context = self.task.context
        self.over = False
        self.stepping = False
        self.result: Any = None
        self.failure: BaseException | None = None

    def step(self) -> None:
        """Go on to the next place that gives way; what is raised is kept for the task that waits."""
        self.stepping = True
        try:
            next(self.steps)
        except StopIteration as stopped:
            self.over, self.result = True, stopped.value
        except BaseException as failure:
            self.over, self.failure = True, failure
        self.stepping = False

    def outcome(self) -> Any:
        """What came of it."""
        if self.failure is not None:
            raise self.failure
        return self.result


class Turns:
    """Gives turns. `seconds` may be changed at any time."""

    def __init__(self, seconds: float, monotonic: Callable[[], float]) -> None:
        self.seconds = seconds
        self.statistics = TurnStatistics()
        self._monotonic = monotonic
        self._room = seconds
        """Left in this pass; negative after a step that took too long."""
        self._circle: OrderedDict[Hashable, deque[_Work]] = OrderedDict()
        """Work that waits, by owner; the first owner is the next."""
        self._used = trio.Event()
        """Set when a pass has given turns, so that the next one begins with fresh room."""
        self._running = False

    @property
    def waiting(self) -> int:
        """Turns that wait for a later pass."""
        return sum(map(len, self._circle.values()))

    def charge(self, seconds: float) -> None:
        """Note what the turn under way costs elsewhere, such as the writing of what it has queued."""
        self._use()
        self._spend(seconds)

    async def call(self, owner: Hashable, function: Callable[[], T], charge: float = 0.0) -> T:
        """Call a function in a turn of `owner`: at once if there is room, else in a later pass.

        Args:
            charge: seconds that it costs elsewhere, in addition to those that it takes itself.
        """
        if self._circle or self._room <= 0.0 or not self._running:
            return await self.run(owner, _once(function), charge)
        self._use()
        began = self._monotonic()
        try:
            return function()
        finally:
            self._spend(self._monotonic() - began + charge)

    async def run(self, owner: Hashable, steps: Steps[T], charge: float = 0.0) -> T:
        """Do the steps in turns of `owner`."""
        if not self._running:
            return await _alone(steps)
        work = _Work(steps, charge)
        self._circle.setdefault(owner, deque()).append(work)
        self._use()

        def abort(_: Any) -> trio.lowlevel.Abort:
            self._withdraw(owner, work)
            return trio.lowlevel.Abort.SUCCEEDED

        await trio.lowlevel.wait_task_rescheduled(abort)
        return work.outcome()  # type: ignore[no-any-return]

    async def serve(self) -> None:
        """Give turns, pass by pass, until cancelled."""
        self._running = True
        try:
            while True:
                if not self._circle and self._room >= self.seconds:
                    self._used = trio.Event()
                    await self._used.wait()
                else:
                    await trio.lowlevel.checkpoint()
                self._room = min(self.seconds, self._room + self.seconds)
                while self._circle and self._room > 0.0:
                    self._next()
                self.statistics.postponed += len(self._circle)
        finally:
            self._running = False

    def _next(self) -> None:
        """One step of the first owner in the circle, who then goes to its end."""
        owner, works = next(iter(self._circle.items()))
        work = works[0]  # it stays there meanwhile: a step may cancel what else its owner waits for
        began = self._monotonic()
        work.context.run(work.step)
        self._spend(self._monotonic() - began + work.charge)
        work.charge = 0.0
        works.popleft()
        if work.task is None:
            work.steps.close()  # a step may end the very task that waits for it
        elif work.over:
            trio.lowlevel.reschedule(work.task)
        else:
            works.append(work)
        if works:
            self._circle.move_to_end(owner)
        else:
            del self._circle[owner]

    def _use(self) -> None:
        self._used.set()

    def _spend(self, seconds: float) -> None:
        self.statistics.taken += 1
        self.statistics.seconds += seconds
        self._room = max(self._room - seconds, -DEBT_PASSES_MAX * self.seconds)

    def _withdraw(self, owner: Hashable, work: _Work) -> None:
        """The task that waited is cancelled."""
        work.task = None
        if work.stepping:
            return
        works = self._circle[owner]
        works.remove(work)
        if not works:
            del self._circle[owner]
        work.steps.close()


def _once(function: Callable[[], T]) -> Steps[T]:
    return function()
    yield


def finish(steps: Steps[T]) -> T:
    """Do all the steps at once: for work that is known to be short."""
    while True:
        try:
            next(steps)
        except StopIteration as stopped:
            return stopped.value  # type: ignore[no-any-return]


async def _alone(steps: Steps[T]) -> T:
    """Do steps where nobody gives turns, giving way between them."""
    while True:
        try:
            next(steps)
        except StopIteration as stopped:
            return stopped.value  # type: ignore[no-any-return]
        await trio.lowlevel.checkpoint()


_current: ContextVar[tuple[Turns, Hashable] | None] = ContextVar("turns", default=None)


def belong_to(turns: Turns, owner: Hashable) -> None:
    """From here on this task, and those started from it, work in turns of `owner`."""
    _current.set((turns, owner))


async def in_turns(steps: Steps[T]) -> T:
    """Do steps in turns of whom this task belongs to; where it belongs to nobody, just giving way."""
    current = _current.get()
    if current is None:
        return await _alone(steps)
    turns, owner = current
    return await turns.run(owner, steps)


async def in_a_turn(function: Callable[[], T], charge: float = 0.0) -> T:
    """Call a function in a turn of whom this task belongs to; see `Turns.call`."""
    current = _current.get()
    if current is None:
        return function()
    turns, owner = current
    return await turns.call(owner, function, charge)


async def pay(seconds: float) -> None:
    """Wait for a turn that is used elsewhere: by code that cannot be told to give way."""
    await in_a_turn(_nothing, seconds)


def _nothing() -> None:
    pass
