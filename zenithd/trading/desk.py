"""The one task that owns the orders: a command at a time, kept before anybody is told of it.

Commands that come while a commit runs are carried out together afterwards and share the next one. The state
is ahead of the journal meanwhile; when a commit fails it is of no use any more and is made again from what
was kept. Orders are refused until then, and nobody is told that something failed which may have been kept:
those who wait learn that nobody knows.
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol, TypeVar

import msgspec
import structlog
import trio

from zenithd.controllers.trading.desk import DeskClosed
from zenithd.domain.market_data import FeedStatus
from zenithd.oms.commands import Accepted, Command, FallDue, Inquire, Outcome, Restarted, Send, Submit
from zenithd.oms.model.accounts import Account
from zenithd.oms.model.events import (
    BalanceChanged,
    HoldingChanged,
    OrderChanged,
    RequestChanged,
    TransactionMade,
    ViewEvent,
)
from zenithd.oms.model.requests import ClientRequest
from zenithd.oms.model.updates import Kept, decode_updates, encode_updates
from zenithd.oms.oms import Oms
from zenithd.oms.state import Limits, OmsState
from zenithd.oms.turn import Surroundings
from zenithd.plugin.journal import JournalFeed, JournalUnavailable, StateTooLarge
from zenithd.trading.stages import Stages

NANOSECONDS = 1_000_000_000
RETRY = "Retry"
"""Order error (4.E): nothing was done, it may be tried again."""
SUBMITTED = "Submitted"
"""Order error (4.E): it may have been done."""

LOOK_SECONDS = 1.0
"""How often it is looked at what is due, besides when it is: wall clocks jump."""
REPLAY_STEP = 64
"""Records applied at a start before giving way."""
CLOSE_SECONDS_MAX = 5.0
"""How long keeping the state at the end may take."""

T = TypeVar("T")

log: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(__name__)


class DeskSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Limits of the order task."""

    commands_waiting_max: int = 10_000
    """Commands that wait; a client's that comes beyond is told to try again."""
    commands_together_max: int = 256
    """Carried out before they are committed together."""
    checkpoint_records: int = 20_000
    """Records after which the state is kept, so that a restart need not replay more."""
    restore_retry_seconds: float = 1.0
    """Between attempts to make the state again while the journal refuses."""
    limits: Limits = Limits()
    """How much the state remembers of what is over."""


class Told(msgspec.Struct, frozen=True, gc=False):
    """What one update changed."""

    update_id: int
    time: int
    events: Sequence[ViewEvent]


class Listener(Protocol):
    """Who is told what was kept; must not block."""

    def begin(self) -> None:
        """The state was made anew: what was told before may not be all there is."""
        ...

    def publish(self, told: Sequence[Told]) -> None:
        """What some updates changed, in their order."""
        ...

    def feed_status(self) -> None:
        """Orders are taken from now on, or no longer."""
        ...


class _Waiting:
    """A command that waits, and who is told what came of it."""

    __slots__ = ("command", "error", "outcome", "taken", "then")

    def __init__(
        self,
        command: Command,
        then: Callable[[Outcome | DeskClosed], None],
        taken: float | None = None,
    ) -> None:
        self.command = command
        self.then = then
        self.taken = taken
        """When a client's was; None: it is none of a client."""
        self.outcome: Outcome | None = None
        self.error = RETRY

    def end(self) -> None:
        """Tell it."""
        self.then(DeskClosed(self.error) if self.outcome is None else self.outcome)


class _Reading:
    """Somebody who waits to see what is kept."""

    __slots__ = ("done", "found", "take")

    def __init__(self, take: Callable[[], object]) -> None:
        self.take = take
        self.done = trio.Event()
        self.found: list[object] = []
        """Empty: the state is of no use."""


class OrderDesk:
    """Owns the orders. `run` until cancelled; everything else from anywhere on the loop.

    Attributes:
        listeners: told after the commit, in this order.
        deliver: gives a feed a request, or asks it what became of one; must not block.
        settled: called when everything that was kept together has been told.
        took: told how many seconds a client's command took until it was kept.
        stages: where the time of clients' requests went.
        unkept: accounts of which the state has what is being kept just now.
    """

    def __init__(
        self,
        feed: JournalFeed,
        around: Surroundings,
        now: Callable[[], int],
        settings: DeskSettings | None = None,
    ) -> None:
        self.listeners: list[Listener] = []
        self.deliver: Callable[[Send | Inquire], None] = _lost
        self.settled: Callable[[], None] = _settled
        self.took: Callable[[float], None] = _uncounted
        self.stages = Stages()
        self.unkept: frozenset[Account] = frozenset()
        self._feed = feed
        self._around = around
        self._now = now
        self._settings = settings or DeskSettings()
        self._oms = Oms(around, OmsState(self._settings.limits))
        self._waiting: deque[_Waiting] = deque()
        self._arrived = trio.Event()
        self._left = trio.Event()
        """Set when there is room again."""
        self._readings: list[_Reading] = []
        self._committing = False
        """True while the state is ahead of the journal."""
        self._serving = False
        self._was_read = trio.Event()
        self._refusal = "the orders have not been read yet"
        self._sequence = 0
        self._kept_sequence = 0
        self._changed = trio.Event()
        """Set when something may have become due sooner."""

    @property
    def state(self) -> OmsState:
        """Only to be read."""
        return self._oms.state

    @property
    def refusal(self) -> str:
        """Why orders are not taken; empty if they are."""
        return "" if self._serving else self._refusal

    def is_kept(self, account: Account) -> bool:
        """Whether all that the state has of an account is kept: only then may it be told."""
        return self._serving and account not in self.unkept

    async def read(self, account: Account | None, take: Callable[[], T]) -> T:
        """What `take` finds in the state when all that the state has of an account is kept; None: of all.

        `take` raises nothing.

        Raises:
            DeskClosed: the state is of no use now (`Retry`).
        """
        await trio.lowlevel.checkpoint()
        if self.is_kept(account) if account is not None else self._serving and not self._committing:
            return take()
        if not self._serving:
            raise DeskClosed(RETRY)
        reading = _Reading(take)
        self._readings.append(reading)
        await reading.done.wait()
        if not reading.found:
            raise DeskClosed(RETRY)
        found: T = reading.found[0]  # type: ignore[assignment]  # what `take` gave
        return found

    def waits_for_prices(self, exchange: str, code: str) -> bool:
        """Whether an order waits for prices of a symbol."""
        return self._oms.waits_for_prices(exchange, code)

    def symbols_waited_for(self) -> frozenset[tuple[str, str]]:
        """Exchange and code of the symbols for whose prices orders wait."""
        return self._oms.symbols_waited_for()

    def feed_status(self) -> FeedStatus:
        """Of the Trading feed."""
        return FeedStatus.ACTIVE if self._serving else FeedStatus.IMPAIRED

    def calculate(self, request: ClientRequest, user: str) -> Outcome:
        """What would come of a request; nothing does.

        Raises:
            DeskClosed: the state is of no use now (`Retry`).
        """
        if not self._serving:
            raise DeskClosed(RETRY)
        checked = msgspec.structs.replace(request, is_validate=True)
        return self._oms.handle(Submit(checked, user), self._now())

    async def execute(self, command: Command) -> Outcome:
        """Carry out a command; returns once what came of it is kept and told.

        Raises:
            DeskClosed: it was not carried out (`Retry`), or nobody knows (`Submitted`).
        """
        done = trio.Event()
        found: list[Outcome | DeskClosed] = []

        def end(outcome: Outcome | DeskClosed) -> None:
            found.append(outcome)
            done.set()

        self._take_in(_Waiting(command, end))
        await done.wait()
        outcome = found[0]
        if isinstance(outcome, DeskClosed):
            raise outcome
        return outcome

    def submit(self, command: Command, then: Callable[[Outcome | DeskClosed], None]) -> None:
        """Carry out a client's command; `then` is told what came of it once that is kept and told.

        `then` gets a DeskClosed where it was not carried out (`Retry`), or nobody knows (`Submitted`).

        Raises:
            DeskClosed: it is not carried out (`Retry`).
        """
        began = trio.current_time()

        def end(outcome: Outcome | DeskClosed) -> None:
            self.took(trio.current_time() - began)
            then(outcome)

        self._take_in(_Waiting(command, end, began))

    def _take_in(self, waiting: _Waiting) -> None:
        if not self._serving or len(self._waiting) >= self._settings.commands_waiting_max:
            raise DeskClosed(RETRY)
        self._put(waiting)

    def post(self, command: Command, then: Callable[[Outcome | DeskClosed], None] | None = None) -> None:
        """Carry out a command of a feed, in the order in which they are given.

        `then` is called with what came of it once that is kept and told; with a DeskClosed if the state had
        to be made anew. Whoever posts much waits for `wait_room` in between.
        """
        if self._serving:
            self._put(_Waiting(command, then or _nobody))
        elif then is not None:
            then(DeskClosed(RETRY))

    async def wait_read(self) -> None:
        """Return when the state has been made from the journal once: before, feeds have no positions."""
        await self._was_read.wait()

    async def wait_room(self) -> None:
        """Return when not too much waits."""
        while len(self._waiting) >= self._settings.commands_waiting_max:
            await self._left.wait()

    def _put(self, waiting: _Waiting) -> None:
        self._waiting.append(waiting)
        self._arrived.set()

    async def run(self) -> None:
        """Carry out commands until cancelled; begin again from the journal when a commit failed."""
        try:
            while True:
                await self._restore()
                with contextlib.suppress(JournalUnavailable):
                    await self._serve()
                # A journal that can be read may still refuse to keep anything: reading it costs.
                await trio.sleep(self._settings.restore_retry_seconds)
        finally:
            self._stop("the daemon ends")

    # From the journal

    async def _restore(self) -> None:
        """Make the state from what was kept; waits for a journal that refuses."""
        while True:
            try:
                await self._read()
                break
            except JournalUnavailable as error:
                self._refusal = str(error)
                log.warning("orders cannot be read", reason=str(error))
                await trio.sleep(self._settings.restore_retry_seconds)

    async def _read(self) -> None:
        kept = await self._feed.kept_state()
        limits = self._settings.limits
        state = OmsState(limits) if kept is None else OmsState.restore(kept.state, limits)
        oms = Oms(self._around, state)
        self._sequence = self._kept_sequence = 0 if kept is None else kept.sequence
        applied = 0
        async for sequence, body in self._feed.read(self._sequence + 1):
            for update in decode_updates(body):
                oms.replay(update)
            self._sequence = sequence
            applied += 1
            if applied % REPLAY_STEP == 0:
                await trio.lowlevel.checkpoint()
        self._oms = oms
        self._committing = False
        self.unkept = frozenset()

    # At work

    async def _serve(self) -> None:
        """Carry out commands; ends by JournalUnavailable, the state is of no use then.

        Raises:
            JournalUnavailable: a commit failed.
        """
        try:
            async with trio.open_nursery() as nursery:
                await self._carry_out([_Waiting(Restarted(), _nobody)])
                self._serving = True
                for listener in self.listeners:
                    listener.begin()
                    listener.feed_status()
                self._was_read.set()
                nursery.start_soon(self._keep_time, name="orders: what is due")
                try:
                    while True:
                        await self._carry_out(await self._take())
                except trio.Cancelled:
                    with trio.CancelScope(shield=True, deadline=trio.current_time() + CLOSE_SECONDS_MAX):
                        await self._keep()
                    raise
                finally:
                    nursery.cancel_scope.cancel()
        except* JournalUnavailable as group:
            reason = str(group.exceptions[0])
            log.warning("orders are refused: the journal failed", reason=reason)
            self._stop(reason)
            raise JournalUnavailable(reason) from None

    async def _take(self) -> list[_Waiting]:
        while not self._waiting:
            self._arrived = trio.Event()
            await self._arrived.wait()
        waiting = self._waiting
        taken = [waiting.popleft() for _ in range(min(len(waiting), self._settings.commands_together_max))]
        if self._left.statistics().tasks_waiting:
            self._left.set()
            self._left = trio.Event()
        return taken

    async def _carry_out(self, taken: Sequence[_Waiting]) -> None:
        bodies: list[bytes] = []
        told: list[Told] = []
        outcomes: list[Outcome] = []
        began = trio.current_time()
        try:
            for waiting in taken:
                outcome = self._oms.handle(waiting.command, self._now())
                outcomes.append(outcome)
                if isinstance(outcome, Accepted):
                    waiting.error = SUBMITTED  # a refusal has done nothing, whatever becomes of the others
                    if outcome.kept:
                        told += self._apply(outcome.kept)
                        bodies.append(encode_updates(list(outcome.kept)))
            decided = trio.current_time()
            if bodies:
                self.unkept = frozenset(accounts_of(told))
                self._committing = True
                self._sequence = await self._feed.append(bodies)
                self._committing = False
                self.unkept = frozenset()
            kept = trio.current_time()
            for waiting, outcome in zip(taken, outcomes, strict=True):
                waiting.outcome = outcome  # an answer is given for what is kept, and for nothing else
            self._tell(told, outcomes)
        finally:
            for waiting in taken:
                waiting.end()
        self.settled()
        clients = [waiting.taken for waiting in taken if waiting.taken is not None]
        self.stages.count(clients, began, decided, kept, trio.current_time())
        for reading in self._readings:
            reading.found.append(reading.take())
        self._end_readings()
        if self._sequence - self._kept_sequence >= self._settings.checkpoint_records:
            await self._keep()

    def _apply(self, updates: Iterable[Kept]) -> list[Told]:
        oms = self._oms
        told = []
        for kept in updates:
            events = oms.apply(kept)
            told.append(Told(oms.state.update_id, kept.time, events))
        return told

    def _end_readings(self) -> None:
        ended, self._readings = self._readings, []
        for reading in ended:
            reading.done.set()

    def _tell(self, told: Sequence[Told], outcomes: Sequence[Outcome]) -> None:
        if told:
            if self._serving:  # else everybody gets everything in a moment: `begin`
                for listener in self.listeners:
                    listener.publish(told)
            self._changed.set()
        for outcome in outcomes:
            if isinstance(outcome, Accepted):
                for send in outcome.sends:
                    self.deliver(send)

    async def _keep(self) -> None:
        """Keep the state, so that the next start is quick; not one that is ahead of the journal."""
        if self._sequence > self._kept_sequence and not self._committing:
            with contextlib.suppress(StateTooLarge):  # told where it is kept; the next start takes longer
                await self._feed.keep_state(self._sequence, [self._oms.checkpoint()])
            self._kept_sequence = self._sequence

    async def _keep_time(self) -> None:
        """Have done what falls due, one batch after the other: what is not done yet is due again."""
        before: list[FallDue] = []
        while True:
            self._changed = trio.Event()
            due = self._oms.next_due()
            seconds = LOOK_SECONDS if due is None or before else (due - self._now()) / NANOSECONDS
            with trio.move_on_after(min(max(seconds, 0.0), LOOK_SECONDS)):
                await self._changed.wait()
            due, now = self._oms.next_due(), self._now()
            commands = self._oms.due(now) if due is not None and due <= now else []
            if commands:
                done = trio.Event()
                for command in commands[:-1]:
                    self.post(command)
                self.post(commands[-1], lambda outcome, done=done: done.set())  # type: ignore[misc]
                await done.wait()
            # What stays due although it was tried is tried again when something changed, or in a while.
            before = commands if commands and commands == self._oms.due(self._now()) else []

    def _stop(self, reason: str) -> None:
        """Who waits is told to try again; those whose commands were being kept, that nobody knows."""
        self._refusal = reason
        if self._serving:
            self._serving = False
            for listener in self.listeners:
                listener.feed_status()
        self._end_readings()
        waiting, self._waiting = self._waiting, deque()
        for each in waiting:
            each.end()
        self._left.set()
        self._left = trio.Event()


def _lost(send: Send | Inquire) -> None:
    """No feed is connected yet: whoever connects asks for what waits."""


def accounts_of(told: Iterable[Told]) -> Iterator[Account]:
    """The accounts that something is told of."""
    for each in told:
        for event in each.events:
            match event:
                case OrderChanged(order, _, previous):
                    yield order.account
                    if previous is not None:
                        yield previous
                case BalanceChanged(position) | HoldingChanged(position):
                    yield position.account
                case RequestChanged(state):
                    yield state.request.account
                case TransactionMade(transaction):
                    yield transaction.details.account
                case _:
                    pass


def _uncounted(seconds: float) -> None:
    """Nobody counts."""


def _nobody(outcome: Outcome | DeskClosed) -> None:
    """Nobody waits for it."""


def _settled() -> None:
    """Nobody waits for it."""
