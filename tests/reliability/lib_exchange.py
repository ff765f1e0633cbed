"""The exchange's markets over a real journal, at a clock that a script sets, and everything compared.

Deterministic: the store's calls run in the event loop, the timetable is looked at in trio's time.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import trio
from trio.testing import wait_all_tasks_blocked

from tests.reliability.lib_stores import LoopThread
from tests.reliability.lib_trading_days import Step
from zenithd.domain.events import MarketEvent
from zenithd.journal import Journal, JournalSettings
from zenithd.journal.store import Store
from zenithd.journal_feeds import PluginFeed
from zenithd.plugin import Clock, JournalFeed
from zenithd.testing.daemon import MemoryDaemon
from zenithd_prodigy.design import STANDARD
from zenithd_prodigy.engine import commands as c
from zenithd_prodigy.engine.refusals import Reason, Refused
from zenithd_prodigy.exchange import Market
from zenithd_prodigy.floor import REGISTER, Floor, Registered
from zenithd_prodigy.keeper import LOOK_SECONDS, Keeper, KeeperSettings
from zenithd_prodigy.model.events import Event


class ScriptClock:
    """A wall clock that stands where it is put. Implements `zenithd.plugin.Clock`."""

    def __init__(self, now: int) -> None:
        self.wall = now

    def now(self) -> int:
        """Nanoseconds since the Unix epoch."""
        return self.wall

    def monotonic(self) -> float:
        """Trio's time."""
        return trio.current_time()


class Replica:
    """What a feed's acknowledged records make, beside the market that wrote them.

    Attributes:
        digests: of the state after every record, if they are wanted.
        bodies: the acknowledged ones.
    """

    def __init__(self, notes_digests: bool = True) -> None:
        self.market = Market()
        self.digests = [self.digest]
        self._notes_digests = notes_digests
        self.bodies: list[bytes] = []

    @property
    def digest(self) -> str:
        """Of the state as it is now."""
        return digest_of(self.market)

    def add(self, body: bytes) -> None:
        """A record was acknowledged."""
        self.market.replay_encoded([body])
        self.bodies.append(body)
        if self._notes_digests:
            self.digests.append(self.digest)


class WatchedFeed(PluginFeed):
    """A feed whose acknowledged records go to a replica too."""

    def __init__(self, journal: Journal, name: str, now: Callable[[], int], replica: Replica) -> None:
        super().__init__(journal, name, now)
        self._replica = replica

    async def append(self, bodies: Sequence[bytes]) -> int:
        """Append, and note it once it is acknowledged."""
        sequence = await super().append(bodies)
        for body in bodies:
            self._replica.add(body)
        assert sequence == len(self._replica.bodies), "a record more or less than was acknowledged"
        return sequence


class JournalDaemon(MemoryDaemon):
    """A daemon in memory whose journal is a real one; it checks that nothing is told before it is kept.

    Attributes:
        replicas: by the name of the feed.
        found: how many records each feed had at the start.
    """

    def __init__(self, journal: Journal, clock: Clock, notes_digests: bool = True) -> None:
        super().__init__("prodigy", clock=clock)
        self.replicas: dict[str, Replica] = {}
        self.found: dict[str, int] = {}
        self.floor: Floor | None = None
        self._real = journal
        self._notes_digests = notes_digests

    def journal(self, feed: str) -> JournalFeed:
        """A feed of the journal, watched if it is a market's."""
        if feed == REGISTER:
            return self.bare_feed(feed)
        replica = self.replicas.setdefault(feed, Replica(self._notes_digests))
        return WatchedFeed(self._real, f"{self.name}/{feed}", self.clock.now, replica)

    def bare_feed(self, feed: str) -> PluginFeed:
        """A feed as it is."""
        return PluginFeed(self._real, f"{self.name}/{feed}", self.clock.now)

    async def publish(self, events: Sequence[MarketEvent]) -> None:
        """Before anything of a market is told, the journal has acknowledged all that the market is."""
        assert self.floor is not None
        acknowledged = {
            (model.definition.code, model.sequence)
            for model in (replica.market.model for replica in self.replicas.values())
        }
        for market in {_market_of(event) for event in events}:
            keeper = self.floor.find(market)
            if keeper is not None and (market, keeper.market.model.sequence) not in acknowledged:
                raise AssertionError(f"something of {market} is told that is not in the journal")
        await super().publish(events)

    async def read_replicas(self) -> None:
        """Make the replicas from the journal's records alone, from the first one on."""
        async for _, entry in self.bare_feed(REGISTER).read():
            feed = f"market {msgspec.msgpack.decode(entry, type=Registered).number}"
            self.replicas[feed] = Replica(self._notes_digests)
            async for _, body in self.bare_feed(feed).read():
                self.replicas[feed].add(body)
        self.found = {feed: len(replica.bodies) for feed, replica in self.replicas.items()}


class Exchange:
    """The floor at work. `carry_out` gives it what a step says.

    Attributes:
        answered: what every command came to, by its id.
    """

    def __init__(
        self, daemon: JournalDaemon, clock: ScriptClock, thread: LoopThread, settings: KeeperSettings
    ):
        self.daemon = daemon
        self.answered: dict[str, list[Event] | Refused] = {}
        self.floor = daemon.floor = Floor(daemon, settings, lambda definition, _: definition)
        self._nursery: trio.Nursery | None = None
        self._clock = clock
        self._thread = thread

    async def start(self, nursery: trio.Nursery) -> None:
        """As the plugin does it."""
        self._nursery = nursery
        await self.daemon.read_replicas()
        await self.floor.open()
        for keeper in self.floor:
            await keeper.catch_up()
            await self.floor.show(keeper, lambda _: [])
        for keeper in self.floor:
            self.floor.start(keeper, nursery)
            self.floor.open_to_all(keeper)

    async def carry_out(self, step: Step) -> None:
        """Put the clock where the step says, let the timetable be followed, give the commands together."""
        self._clock.wall = step.at
        while any(keeper.market.engine.due(step.at) for keeper in self.floor):  # noqa: ASYNC110
            await trio.sleep(LOOK_SECONDS)
        await wait_all_tasks_blocked()
        self._thread.held = True  # what comes while the first one is committed shares the next commit
        async with trio.open_nursery() as nursery:
            for command in step.commands:
                nursery.start_soon(self._ask, command)
                await wait_all_tasks_blocked()
            self._thread.release()

    async def give(self, command: Any) -> list[Event] | Refused:
        """Give one command and wait for what it comes to."""
        return await self._outcome(command)

    async def _ask(self, command: Any) -> None:
        outcome = await self._outcome(command)
        if not isinstance(outcome, Refused):
            body = STANDARD.encode_events(outcome)
            if not any(body in replica.bodies for replica in self.daemon.replicas.values()):
                raise AssertionError(f"{command} is confirmed and not in the journal")
        self.answered[command.command_id] = outcome

    async def _outcome(self, command: Any) -> list[Event] | Refused:
        if isinstance(command, c.CreateMarket):
            refused = await self._create(command)
            return refused or STANDARD.decode_events(self._replica_of(command.market).bodies[0])
        keeper = self.floor.find(command.market)
        if keeper is None:
            return Refused(Reason.UNKNOWN_MARKET)
        if isinstance(command, c.RenameMarket):
            return await self.floor.rename(keeper, command)
        return await keeper.execute(command)

    async def _create(self, command: c.CreateMarket) -> Refused | None:
        if list(self.floor):
            return await self.floor.create(STANDARD.name, command)
        assert self._nursery is not None
        keeper = await self.floor.found([command])  # as the plugin does at its first start
        await self.floor.show(keeper, lambda _: [])
        self.floor.start(keeper, self._nursery)
        return None

    def _replica_of(self, code: str) -> Replica:
        for replica in self.daemon.replicas.values():
            if replica.market.model.exists and replica.market.model.definition.code == code:
                return replica
        raise AssertionError(f"no market {code} is in the journal")

    def check(self) -> None:
        """Every market at rest is what its acknowledged records make."""
        acknowledged = {replica.digest for replica in self.daemon.replicas.values()}
        for keeper in self.floor:
            assert digest_of(keeper.market) in acknowledged, "a market is not what the journal says"

    def states(self) -> dict[str, str]:
        """The digests of all markets by their codes."""
        return {_code(keeper): digest_of(keeper.market) for keeper in self.floor}

    def records(self) -> dict[str, list[bytes]]:
        """All records of every market, also of those that were removed, by their digest in the end."""
        return {replica.digest: replica.bodies for replica in self.daemon.replicas.values() if replica.bodies}

    def seen(self) -> dict[str, object]:
        """What a subscriber has of every symbol: the book, and how it trades."""
        return {
            str(view.instrument.id): (self.daemon.prices(view.instrument.id), market.trading_date)
            for keeper in self.floor
            for market in [self.daemon.markets[_code(keeper)]]  # type: ignore[index]
            for view in market.instruments.values()
        }


@asynccontextmanager
async def at_work(
    store: Store, clock: ScriptClock | int, checkpoint_records: int = 40
) -> AsyncIterator[Exchange]:
    """An exchange over a store, at a clock or at one that stands at a time."""
    clock = ScriptClock(clock) if isinstance(clock, int) else clock
    thread = LoopThread()
    journal = Journal(store, JournalSettings(), thread, LoopThread())
    await journal.open()
    assert journal.reason == "", journal.reason
    daemon = JournalDaemon(journal, clock)
    exchange = Exchange(daemon, clock, thread, KeeperSettings(checkpoint_records=checkpoint_records))
    async with daemon.http, trio.open_nursery() as nursery:
        nursery.start_soon(journal.run)
        async with trio.open_nursery() as markets:
            await exchange.start(markets)
            yield exchange
            markets.cancel_scope.cancel()
        nursery.cancel_scope.cancel()


def digest_of(market: Market) -> str:
    """The digest of a market's state."""
    digest: str = market.model.digest()
    return digest


def digest_of_records(records: dict[str, list[bytes]]) -> str:
    """One digest of all that was recorded."""
    whole = hashlib.blake2b(digest_size=16)
    for state, bodies in sorted(records.items()):
        whole.update(state.encode() + b"".join(bodies))
    return whole.hexdigest()


def _code(keeper: Keeper) -> str:
    return str(keeper.market.model.definition.code)


def _market_of(event: MarketEvent) -> str:
    instrument = getattr(event, "instrument", None)
    return str(instrument.partition(".")[2] if instrument is not None else event.market)  # type: ignore[union-attr]
