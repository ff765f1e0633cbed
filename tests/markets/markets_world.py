"""The daemon's markets with everything around them but sockets: sources publish, subscribers read frames."""

from __future__ import annotations

import json
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

import httpx2
import structlog
import trio
import trio.testing

from zenithd.authority.access import Access, MarketGrant, View
from zenithd.bus import Bus, Flusher, Outbox, Subscription
from zenithd.controllers.interface import Opened
from zenithd.controllers.market import MarketController
from zenithd.domain.events import (
    MarketEvent,
    MarketStateChanged,
    OrderAdded,
    TradeReported,
    TradingDayStarted,
)
from zenithd.domain.identifiers import InstrumentId, MarketId
from zenithd.domain.instrument import Instrument, MarketDefinition
from zenithd.domain.market_data import Allows, FeedStatus, Side, TradingState
from zenithd.history.store import HistorySettings, HistoryStore
from zenithd.markets.context import Host, SourceContext
from zenithd.markets.directory import Markets, MarketSettings
from zenithd.metrics import Metrics
from zenithd.plugin.http import HttpRoute
from zenithd.plugin.shared import SharedByPlugin
from zenithd.supervisor import Attempt
from zenithd.testing import FakeClock
from zenithd.testing.memory_feed import MemoryFeed
from zenithd.wire.codec import Encoding, codecs
from zenithd.wire.errors import SYMBOL_NOT_FOUND, with_suffix

T = TypeVar("T")

XSX, XSY, XSZ = MarketId("XSX"), MarketId("XSY"), MarketId("XSZ")
MONDAY, TUESDAY = date(2026, 1, 5), date(2026, 1, 6)
SECOND = 10**9
EVERYTHING = Access(user="all", grants=(MarketGrant("*", View(brokers=True, cross_references=True)),))
CODEC = codecs(64)[Encoding.JSON]
LOG = structlog.stdlib.get_logger("test")


class MemoryFeeds:
    """Feeds that nobody keeps."""

    def feed(self, plugin: str, name: str) -> MemoryFeed:
        return MemoryFeed()


class NoOffers:
    """Where nobody asks for routes."""

    def offer(self, owner: str, routes: Sequence[HttpRoute]) -> None: ...

    def withdraw(self, owner: str) -> None: ...


class InLoop:
    """Runs the store's calls in the event loop, since a clock that jumps does not wait for threads."""

    def __init__(self) -> None:
        self.gate = trio.Event()
        self.gate.set()

    async def __call__(self, call: Callable[[], T], *, abandon_on_cancel: bool) -> T:
        await trio.lowlevel.checkpoint()
        await self.gate.wait()
        return call()


class Subscriber:
    """One connection's outbox: gives the data messages by topic, as a client gets them."""

    def __init__(self, bus: Bus, controller: MarketController) -> None:
        self.ended: list[tuple[str, str]] = []
        """Topics that the server ended, with the reasons."""
        self._bus = bus
        self._controller = controller
        self._outbox = Outbox(None, 1 << 30, bus.flusher, bus.flusher.outbox_statistics)
        self._subscriptions: dict[str, Subscription] = {}
        self._data: dict[str, list[Any]] = {}

    def subscribe(self, topic: str) -> list[Any]:
        """Subscribe as a connection does it; return the data of the snapshot."""
        name, _, argument = topic.partition("!")
        opened = self._controller.open(name, argument or None, EVERYTHING)
        assert isinstance(opened, Opened), opened
        if opened.opened is not None:
            opened.opened()
        self._subscriptions[topic] = self._bus.subscribe(
            self._outbox,
            CODEC,
            controller="Market",
            name=opened.topic,
            wire_topic=topic,
            entitlement=opened.entitlement,
            snapshot=opened.snapshot,
            closed=opened.closed,
            ended=self._end,
        )
        return self.read(topic)

    def unsubscribe(self, topic: str) -> None:
        self._bus.unsubscribe(self._subscriptions.pop(topic))

    def _end(self, subscription: Subscription, reason: str) -> None:
        topic = subscription.group.wire_topic
        self.ended.append((topic, reason))
        self.unsubscribe(topic)

    def read(self, topic: str) -> list[Any]:
        """The data of a topic that came since the last look."""
        self._outbox.flush()
        data = b"".join(self._outbox.take() for _ in range(len(self._outbox.waiting)))
        while data:
            length, start = data[1], 2
            if length >= 126:
                start = 4 if length == 126 else 10
                length = int.from_bytes(data[2:start], "big")
            message = json.loads(data[start : start + length])
            self._data.setdefault(message["Topic"], []).append(message["Data"])
            data = data[start + length :]
        return self._data.pop(topic, [])


class World:
    """Markets, their history, a controller, and sources that a test plays."""

    def __init__(self, folder: Path, settings: MarketSettings, clock: FakeClock, pending_max: int) -> None:
        self.clock = clock
        self.thread = InLoop()
        self.flusher = Flusher(1.0, lambda: 0.0)
        self.bus = Bus(self.flusher)
        self.history = HistoryStore(
            folder / "history.db",
            HistorySettings(pending_trades_max=pending_max),
            clock.now,
            LOG,
            self.thread,
        )
        self.metrics = Metrics()
        self.markets = Markets(settings, self.bus, self.history, self.metrics, clock.now, LOG)
        self.markets.on_unlisted = self._unlisted
        self.controller = MarketController(self.markets, self.history)
        self._folder = folder
        self._nursery: trio.Nursery | None = None

    def _unlisted(self, instrument: InstrumentId) -> None:
        for kind in ("Depth", "Levels", "Security", "Trades"):
            self.bus.end("Market", f"{kind}!{instrument}", with_suffix(SYMBOL_NOT_FOUND, instrument))

    def subscriber(self) -> Subscriber:
        return Subscriber(self.bus, self.controller)

    def source(self, name: str) -> SourceContext:
        """The context of a new source, whose market task runs."""
        assert self._nursery is not None
        feed = self.markets.add_source(name)
        self._nursery.start_soon(feed.run)
        return self.attempt(name, 1)

    def attempt(self, name: str, number: int) -> SourceContext:
        """The context of another attempt, as the supervisor and the composition root make it."""
        feed = self.markets.feeds[name]
        if number > 1:
            feed.restarted()
        attempt = Attempt(number, lambda: None)
        http = httpx2.AsyncClient()
        directory = self._folder / name
        host = Host(self.history, self.clock, http, NoOffers(), MemoryFeeds(), SharedByPlugin())
        return SourceContext(name, feed, attempt, host, random.Random(1), directory)

    async def run(self, nursery: trio.Nursery) -> None:
        """Start the services as the composition root does."""
        self._nursery = nursery
        await self.history.open()
        nursery.start_soon(self.history.run)
        nursery.start_soon(self.markets.run_delayed)
        nursery.start_soon(self.markets.run_housekeeping)


@asynccontextmanager
async def world(
    folder: Path, *, start: str = "2026-01-05T10:00:00+00:00", pending_max: int = 100_000, **settings: Any
) -> AsyncIterator[World]:
    """Markets that run while the block does; what is stored in the folder stays for the next ones."""
    made = World(folder, MarketSettings(**settings), FakeClock(start), pending_max)
    async with trio.open_nursery() as nursery:
        await made.run(nursery)
        yield made
        nursery.cancel_scope.cancel()


def definition(market: MarketId) -> MarketDefinition:
    return MarketDefinition(
        id=market,
        trading_states=(TradingState("Open", allows=Allows.ALL), TradingState("Closed")),
        boards=(f"{market}::A",),
    )


def instrument(code: str, market: MarketId, **more: Any) -> Instrument:
    return Instrument(code=code, market=market, exchange="XSX", **more)


def order(order_id: str, price: int, market: MarketId = XSX, side: Side = Side.BID) -> OrderAdded:
    return OrderAdded(InstrumentId(f"XS01.{market}"), order_id, side, price, 5, int(order_id))


def trade(trade_id: int, time: int, price: int = 100, market: MarketId = XSX) -> TradeReported:
    return TradeReported(InstrumentId(f"XS01.{market}"), trade_id, price, 10, time)


async def begin(
    source: SourceContext,
    market: MarketId = XSX,
    events: Sequence[MarketEvent] = (),
    *,
    day: date | None = MONDAY,
    codes: Sequence[str] = ("XS01", "XS02"),
) -> None:
    """Declare a market, tell its day and state and some more, and be Active."""
    source.declare_market(definition(market), [instrument(code, market) for code in codes])
    opening: list[MarketEvent] = [MarketStateChanged(market, "Open", {f"{market}::A": "Open"})]
    if day is not None:
        opening.insert(0, TradingDayStarted(market, day))
    await source.publish([*opening, *events])
    source.set_status(market, FeedStatus.ACTIVE)
    await settle()


async def settle() -> None:
    """Let everything happen that needs no time."""
    await trio.testing.wait_all_tasks_blocked()


def ids(changes: Sequence[Any]) -> list[str]:
    """What depth changes say, in short: "+1" an order added, "-1" removed, "C" the book cleared."""
    signs = {"A": "+", "R": "-", "U": "~", "C": "C"}
    return [signs[change["O"]] + change.get("Order", {}).get("ID", "") for data in changes for change in data]
