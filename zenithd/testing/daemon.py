"""A daemon in memory: what a market source publishes stands in real markets that a test can look at."""

from __future__ import annotations

import random
import shutil
import tempfile
import weakref
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import structlog
import trio

from zenithd.domain.events import MarketEvent, MarketStateChanged, TradeReported, TradingDayStarted
from zenithd.domain.identifiers import InstrumentId, MarketId, split_instrument
from zenithd.domain.instrument import Instrument, MarketDefinition
from zenithd.domain.market_data import FeedStatus, Side
from zenithd.market.changes import SourceFault
from zenithd.market.venue import VenueMarket
from zenithd.market.view import InstrumentView
from zenithd.plugin.http import HttpRoute
from zenithd.plugin.interfaces import Clock, LastKnown, MarketSource, MarketSourceContext, PluginConfig
from zenithd.plugin.journal import JournalFeed
from zenithd.plugin.shared import Shared
from zenithd.testing.beside import nursery_beside
from zenithd.testing.clock import FakeClock
from zenithd.testing.memory_journal import MemoryJournal

WAIT_SECONDS_MAX = 60.0
"""How long the `wait_…` methods wait, in trio's time, before the test fails."""


class Status(msgspec.Struct, frozen=True):
    """A status that the source set."""

    market: MarketId
    status: FeedStatus
    reason: str


class MemoryDaemon:
    """Implements `MarketSourceContext`, and keeps everything that was done to it for assertions.

    Attributes:
        markets: the declared markets with their books, tapes and securities.
        batches: every published batch in order.
        statuses: every status that was set, in order.
        faults: rules of books and tapes that the source broke; [] in a good run.
        violations: rules of the interface that it broke; [] in a good run.
        gaps: number of GapDetected events.
        backfilled: trades handed to `backfill`, by instrument and trading date.
        known: what `last_known` answers; fill it before the source starts.
        publishing: calls of `publish` that are waiting now.
        kept: the journal with all feeds of the plugin.
        shared: what the source offered to the plugin's adapter.
        stores: what `stored` answers.
    """

    def __init__(
        self,
        name: str = "test",
        *,
        clock: Clock | None = None,
        seed: int = 1,
        directory: Path | None = None,
        wanted: Sequence[InstrumentId | str] = (),
        journal: MemoryJournal | None = None,
        shared: Shared | None = None,
    ) -> None:
        self.name = name
        self.clock: Clock = clock if clock is not None else FakeClock()
        self.random = random.Random(seed)
        self.log: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger("zenithd.testing").bind(
            plugin=name
        )
        self.http = httpx2.AsyncClient(trust_env=False)
        self._directory = directory
        self.wanted: frozenset[InstrumentId] = frozenset(InstrumentId(each) for each in wanted)
        self.markets: dict[MarketId, VenueMarket] = {}
        self.batches: list[Sequence[MarketEvent]] = []
        self.statuses: list[Status] = []
        self.faults: list[SourceFault] = []
        self.violations: list[str] = []
        self.gaps = 0
        self.backfilled: dict[tuple[InstrumentId, date], list[TradeReported]] = {}
        self.known: dict[InstrumentId, LastKnown] = {}
        self.kept = MemoryJournal() if journal is None else journal
        self.shared = Shared() if shared is None else shared
        self.routes: tuple[HttpRoute, ...] = ()
        self.publishing = 0
        self.stores = True
        self._changed = trio.Event()
        self._held: trio.Event | None = None

    # What a source sees

    @property
    def directory(self) -> Path:
        """A folder of the source's own, made on first use."""
        if self._directory is None:
            self._directory = Path(tempfile.mkdtemp(prefix=f"zenithd-{self.name}-"))
            weakref.finalize(self, shutil.rmtree, self._directory, ignore_errors=True)
        self._directory.mkdir(parents=True, exist_ok=True)
        return self._directory

    def declare_market(self, definition: MarketDefinition, instruments: Sequence[Instrument]) -> None:
        """Declare a market, or its new definition."""
        for instrument in instruments:
            if instrument.market != definition.id:
                raise ValueError(f"{instrument.id} does not belong to market {definition.id}")
        market = self.markets.get(definition.id)
        if market is None:
            market = self.markets[definition.id] = VenueMarket(definition)
        self.faults.extend(market.redefine(definition, instruments).faults)
        self._tell()

    async def publish(self, events: Sequence[MarketEvent]) -> None:
        """Apply one batch; waits while the daemon is `held`."""
        self.publishing += 1
        try:
            await trio.lowlevel.checkpoint()
            while self._held is not None:
                await self._held.wait()
        finally:
            self.publishing -= 1
        self.batches.append(events)
        for market_id, part in _by_market(events).items():
            self._apply(market_id, part)
        self._tell()

    async def wait_drained(self) -> None:
        """Return at once: batches are applied as they are published."""
        await trio.lowlevel.checkpoint()

    async def stored(self) -> bool:
        """Answer from `stores`."""
        await trio.lowlevel.checkpoint()
        return self.stores

    def set_status(self, market: MarketId, status: FeedStatus, reason: str = "") -> None:
        """Note a status and set it on the market."""
        self.statuses.append(Status(market, status, reason))
        if market in self.markets:
            self.markets[market].set_status(status)
        else:
            self.violations.append(f"set the status of {market}, which was not declared")
        self._tell()

    async def wait_wanted(self, known: frozenset[InstrumentId]) -> frozenset[InstrumentId]:
        """Return the wanted instruments as soon as they differ from `known`."""
        await trio.lowlevel.checkpoint()
        while self.wanted == known:
            await self._changed.wait()
        return self.wanted

    async def last_known(self, instrument: InstrumentId) -> LastKnown | None:
        """Answer from `known`."""
        await trio.lowlevel.checkpoint()
        return self.known.get(instrument)

    def journal(self, feed: str) -> JournalFeed:
        """A feed in memory, the same one whenever it is asked for: see `kept`."""
        return self.kept.feed(feed)

    def offer(self, thing: object) -> None:
        """Let the plugin's adapter have something."""
        self.shared.offer(thing)

    def serve_http(self, routes: Sequence[HttpRoute]) -> None:
        """Keep the routes in `routes`."""
        self.routes = tuple(routes)
        self._tell()

    async def backfill(
        self, instrument: InstrumentId, trading_date: date, trades: Sequence[TradeReported]
    ) -> None:
        """Keep the trades in `backfilled`; today's also go on the tape."""
        await trio.lowlevel.checkpoint()
        self.backfilled.setdefault((instrument, trading_date), []).extend(trades)
        market = self.markets.get(split_instrument(instrument)[1])
        if market is None:
            self.violations.append(f"backfilled {instrument}, whose market was not declared")
        elif market.trading_date == trading_date:
            market.restore_day(trading_date, {instrument: trades})
        self._tell()

    # What a test does

    def want(self, *instruments: InstrumentId | str) -> None:
        """Somebody wants these too."""
        self.wanted |= {InstrumentId(each) for each in instruments}
        self._tell()

    def unwant(self, *instruments: InstrumentId | str) -> None:
        """Nobody wants these any more, and the linger time is over."""
        self.wanted -= {InstrumentId(each) for each in instruments}
        self._tell()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Within this block the daemon is behind: `publish` waits."""
        released = self._held = trio.Event()
        try:
            yield
        finally:
            self._held = None
            released.set()

    def status(self, market: MarketId | str) -> FeedStatus | None:
        """The market's status now; None before it is declared."""
        declared = self.markets.get(MarketId(market))
        return declared.feed_status if declared is not None else None

    def view(self, instrument: InstrumentId | str) -> InstrumentView | None:
        """The instrument with its book, tape and security; None before it is listed."""
        market = self.markets.get(split_instrument(InstrumentId(instrument))[1])
        return market.instruments.get(InstrumentId(instrument)) if market is not None else None

    def prices(self, instrument: InstrumentId | str) -> tuple[dict[int, int], dict[int, int]]:
        """The visible volume by price, in ticks: of the bids and of the asks."""
        bids: dict[int, int] = {}
        asks: dict[int, int] = {}
        view = self.view(instrument)
        for level in view.levels() if view is not None else ():
            if level.price is not None and level.volume is not None:
                side = bids if level.side is Side.BID else asks
                side[level.price] = level.volume
        return bids, asks

    def trade_ids(self, instrument: InstrumentId | str) -> list[int]:
        """Ids of the trades on today's tape, oldest first."""
        view = self.view(instrument)
        trades = view.tape.select(None, None, None) if view is not None else []
        return [each.trade.trade_id for each in trades]

    def events(self, kind: type[Any] | None = None) -> list[MarketEvent]:
        """Every published event in order, or those of one class."""
        return [event for batch in self.batches for event in batch if kind is None or isinstance(event, kind)]

    async def wait_until(self, condition: Callable[[], bool], what: str = "the condition") -> None:
        """Return as soon as `condition()` holds; it is looked at whenever the source did something.

        Raises:
            AssertionError: it did not hold within WAIT_SECONDS_MAX.
        """
        with trio.move_on_after(WAIT_SECONDS_MAX):
            while not condition():
                await self._changed.wait()
            return
        last = self.statuses[-1] if self.statuses else None
        raise AssertionError(f"{what} did not come within {WAIT_SECONDS_MAX:g} s; last status: {last}")

    async def wait_status(self, market: MarketId | str, status: FeedStatus) -> None:
        """Return as soon as the market has this status."""
        await self.wait_until(lambda: self.status(market) is status, f"status {status.value} of {market}")

    async def wait_book(self, instrument: InstrumentId | str) -> None:
        """Return as soon as the instrument's book has both sides."""
        await self.wait_until(lambda: all(self.prices(instrument)), f"a book of {instrument} with two sides")

    def _apply(self, market_id: MarketId, events: list[MarketEvent]) -> None:
        market = self.markets.get(market_id)
        if market is None:
            self.violations.append(f"published to {market_id}, which was not declared")
            return
        changes = market.apply(events, self.clock.now())
        self.faults.extend(changes.faults)
        self.gaps += len(changes.gaps)

    def _tell(self) -> None:
        self._changed.set()
        self._changed = trio.Event()


def _by_market(events: Sequence[MarketEvent]) -> Mapping[MarketId, list[MarketEvent]]:
    parts: dict[MarketId, list[MarketEvent]] = {}
    for event in events:
        if isinstance(event, MarketStateChanged | TradingDayStarted):
            market = event.market
        else:
            market = split_instrument(event.instrument)[1]
        parts.setdefault(market, []).append(event)
    return parts


@asynccontextmanager
async def run_source(
    source: Callable[[Any, MarketSourceContext], MarketSource[Any]],
    config: PluginConfig | None = None,
    daemon: MemoryDaemon | None = None,
) -> AsyncIterator[MemoryDaemon]:
    """Run a source beside the block, and cancel it at the end. What it raises fails the block.

        async with run_source(MySource, MyConfig(speed=10)) as daemon:
            await daemon.wait_book("ABC.XMY")
            assert daemon.faults == []

    Args:
        source: the class, or any callable that makes the object from config and context.
        config: None: the class's `Config` with its defaults.
        daemon: None: a new one.
    """
    if config is None:
        config = getattr(source, "Config", PluginConfig)()
    if daemon is None:
        daemon = MemoryDaemon()
    async with daemon.http, nursery_beside() as nursery:
        nursery.start_soon(source(config, daemon).run)
        yield daemon
