"""Owns one market at work: one command at a time, kept before anybody is told of it.

Commands that come while a commit runs are carried out together afterwards and share the next one. The
market's state is ahead of the journal meanwhile; when a commit fails the state is of no use any more, and
the market is made anew from what was kept (the error ends the source, which is started again).
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

import msgspec
import trio

from zenithd.domain.events import MarketEvent
from zenithd.domain.instrument import Instrument, MarketDefinition
from zenithd.plugin import JournalFeed, StateTooLarge
from zenithd.plugin.channels import send
from zenithd_prodigy.design import STANDARD, MarketDesign
from zenithd_prodigy.engine.refusals import Refused
from zenithd_prodigy.exchange import Market
from zenithd_prodigy.model.events import Event, MarketRemoved
from zenithd_prodigy.translator import EarlierTrade, redefines

NANOSECONDS = 1_000_000_000
REPLAY_STEP = 64
"""Records applied at a start before giving way."""

CLOSE_SECONDS_MAX = 5.0
"""How long keeping the state at the end may take."""

LOOK_SECONDS = 1.0
"""How often the timetable is looked at besides when it is due: wall clocks jump, timetables change."""


class KeeperSettings(msgspec.Struct, frozen=True):
    """Limits of one market's owner."""

    commands_waiting_max: int = 10_000
    """Commands that wait; who brings more waits for room."""
    commands_together_max: int = 256
    """Carried out before they are committed together."""
    checkpoint_records: int = 20_000
    """Records after which the state is kept, so that a restart need not replay more."""
    keep_days: float = 0.0
    """Older records of markets that operators did not found may go; 0: all stay."""


class Declared(msgspec.Struct, frozen=True):
    """The market as it is to be declared from here on."""

    definition: MarketDefinition
    instruments: list[Instrument]
    renamed_from: str | None = None
    """The code that it had before, if it has another one now: to subscribers it is another market."""
    snapshot: Sequence[MarketEvent] = ()
    """The whole market, where it has another code."""


class Ended(msgspec.Struct, frozen=True):
    """The market was removed; all that it listed was unlisted before."""

    definition: MarketDefinition


Told = list[MarketEvent] | Declared | Ended | EarlierTrade
"""What subscribers get, step by step."""


class KeeperStopped(Exception):
    """The market is not at work (any more): nothing is known of what came of the command."""


class Brought:
    """A command that waits in line, and what came of it."""

    __slots__ = ("command", "done", "outcome")

    def __init__(self, command: Any) -> None:
        self.command = command
        self.done = trio.Event()
        self.outcome: list[Event] | Refused | None = None

    async def wait(self) -> list[Event] | Refused:
        """What came of it, once that is kept, and told.

        Raises:
            KeeperStopped: the market stopped meanwhile.
        """
        await self.done.wait()
        if self.outcome is None:
            raise KeeperStopped
        return self.outcome


LOOK = None
"""In the place of a command: nothing is carried out, but it waits in line with the others."""


class Keeper:
    """One market and its feed. `restore`, then `run` until cancelled; `execute` from anywhere.

    Attributes:
        market: only to be read by others.
        observers: told of the events of each command at once, before they are kept: for participants who
            live in the same process and whose own commands come behind in the same feed.
    """

    def __init__(
        self,
        feed: JournalFeed,
        tell: Callable[[Sequence[Told]], Awaitable[None]],
        now: Callable[[], int],
        settings: KeeperSettings | None = None,
        design: MarketDesign = STANDARD,
    ) -> None:
        self.market = Market(design)
        self.observers: list[Callable[[list[Event]], None]] = []
        self._feed = feed
        self._tell = tell
        self._now = now
        self._settings = settings or KeeperSettings()
        self._design = design
        self._send: trio.MemorySendChannel[Brought]
        self._receive: trio.MemoryReceiveChannel[Brought]
        self._send, self._receive = trio.open_memory_channel(self._settings.commands_waiting_max)
        self._sequence = 0
        self._kept_sequence = 0
        self._ahead = False
        """True while the market's state has what may not be kept."""

    async def restore(self) -> None:
        """Make the market again from its kept state and what followed.

        Raises:
            JournalUnavailable: it cannot be read.
            ValueError: the kept state is none of this design.
        """
        kept = await self._feed.kept_state()
        if kept is not None:
            self.market = Market(self._design, kept.state)
            self._sequence = self._kept_sequence = kept.sequence
        records: list[bytes] = []
        async for sequence, body in self._feed.read(self._sequence + 1):
            records.append(body)
            self._sequence = sequence
            if len(records) == REPLAY_STEP:
                self.market.replay_encoded(records)
                records.clear()
                await trio.lowlevel.checkpoint()
        self.market.replay_encoded(records)

    async def prepare(self, commands: Iterable[Any], now: int | None = None) -> None:
        """Carry out commands before the market is at work and anybody is told of it: all, or none is kept.

        `now`: nanoseconds since the Unix epoch; None: what the clock says.

        Raises:
            ValueError: one of them was refused; the market has to be restored.
            JournalUnavailable: as well.
        """
        bodies = []
        self._ahead = True
        for command in commands:
            outcome = self.market.handle(command, self._now() if now is None else now)
            if isinstance(outcome, Refused):
                reason = f"{command}: {outcome}"
                raise ValueError(reason)  # noqa: TRY004  (its value is wrong for this market, not its type)
            if outcome:
                bodies.append(self._design.encode_events(outcome))
        if bodies:
            self._sequence = await self._feed.append(bodies)
        self._ahead = False

    async def catch_up(self) -> None:
        """Do what the timetable wants done by now, in its order, before anybody is told of the market.

        Raises:
            JournalUnavailable: the market has to be restored.
        """
        now = self._now()  # looked at once: what is due must not be refused because the clock went back since
        while due := self.market.engine.due(now):
            await self.prepare(due[: self._settings.commands_together_max], now)

    async def execute(self, command: Any) -> list[Event] | Refused:
        """Carry out a command; returns once its events are kept, and told.

        Raises:
            KeeperStopped: the market stopped meanwhile.
        """
        return await (await self.bring(command)).wait()

    async def bring(self, command: Any) -> Brought:
        """Put a command in line, behind what was brought before; it is carried out whoever waits for it.

        Raises:
            KeeperStopped: the market is not at work.
        """
        brought = Brought(command)
        try:
            await send(self._send, brought)
        except trio.BrokenResourceError:
            raise KeeperStopped from None
        return brought

    async def settle(self) -> None:
        """Return once everything that was brought before now is carried out, and kept.

        Raises:
            KeeperStopped: the market stopped meanwhile.
        """
        await self.execute(LOOK)

    async def run(self) -> None:
        """Carry out commands and the timetable until cancelled.

        Raises:
            JournalUnavailable: a commit failed; the market has to be restored.
        """
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._keep_time, name="timetable")
            try:
                while True:
                    await self._carry_out(await self._take())
            except trio.Cancelled:
                with trio.CancelScope(shield=True, deadline=trio.current_time() + CLOSE_SECONDS_MAX):
                    await self.keep()
                raise
            finally:
                self._give_up()  # before the channel closes: what waits in it is lost then
                self._receive.close()

    async def _take(self) -> list[Brought]:
        taken = [await self._receive.receive()]
        while len(taken) < self._settings.commands_together_max:
            try:
                taken.append(self._receive.receive_nowait())
            except trio.WouldBlock:
                break
        return taken

    async def _carry_out(self, orders: list[Brought]) -> None:
        bodies: list[bytes] = []
        told: list[Told] = []
        outcomes: list[list[Event] | Refused] = []
        try:
            self._ahead = True
            for order in orders:
                if order.command is LOOK:
                    outcomes.append([])
                    continue
                code = self.market.model.definition.code
                outcome = self.market.handle(order.command, self._now())
                outcomes.append(outcome)
                if isinstance(outcome, Refused) or not outcome:
                    continue
                bodies.append(self._design.encode_events(outcome))
                self._translate(outcome, code, told)
                for observer in self.observers:
                    observer(outcome)
            if bodies:
                self._sequence = await self._feed.append(bodies)
            self._ahead = False
            ended = any(isinstance(each, Ended) for each in told)
            if told:
                await self._tell(told)
            for order, outcome in zip(orders, outcomes, strict=True):
                order.outcome = outcome  # an answer is given for what is kept, and for nothing else
        finally:
            for order in orders:
                order.done.set()
        if self._sequence - self._kept_sequence >= self._settings.checkpoint_records or ended:
            await self.keep()

    def _translate(self, events: list[Event], code_before: str, told: list[Told]) -> None:
        translator = self.market.translator
        if any(redefines(event) for event in events):
            declared = Declared(translator.definition(), translator.instruments())
            if declared.definition.id != code_before:
                snapshot = translator.snapshot(with_trades=True)
                declared = msgspec.structs.replace(declared, renamed_from=code_before, snapshot=snapshot)
            told.append(declared)
        if batch := translator.translate(events):
            told.append(batch)
        told += translator.earlier_trades(events)
        if any(isinstance(event, MarketRemoved) for event in events):
            told.append(Ended(translator.definition()))

    async def keep(self) -> None:
        """Keep the state, so that the next start is quick; not one that the records may not lead to.

        Commands wait meanwhile, everything else does not. A state that is too large is not kept: the next
        start replays more. That is said where it is refused, and tried again after as many records.
        """
        if self._sequence <= self._kept_sequence or self._ahead:
            return
        pieces = []
        for piece in self.market.state.checkpoint_pieces():
            pieces.append(piece)
            await trio.lowlevel.checkpoint()
        with contextlib.suppress(StateTooLarge):
            await self._feed.keep_state(self._sequence, pieces)
        self._kept_sequence = self._sequence

    async def _keep_time(self) -> None:
        """Have done what the timetable says, what was missed first."""
        engine = self.market.engine
        while True:
            for command in engine.due(self._now()):
                await self.execute(command)
            due = engine.next_due()
            seconds = LOOK_SECONDS if due is None else (due - self._now()) / NANOSECONDS
            await trio.sleep(min(max(seconds, 0.0), LOOK_SECONDS))

    def _give_up(self) -> None:
        """Who waits is told that the market stopped."""
        while True:
            try:
                self._receive.receive_nowait().done.set()
            except (trio.WouldBlock, trio.EndOfChannel):
                return
