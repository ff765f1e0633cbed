"""A market source for reliability runs: trades at a steady rate that carry the time they were due.

Installed beside a daemon by `lib_steady.install`; runs in the daemon's process. The id of each trade of the
steady instruments is the time at which it was due, in microseconds of the monotonic clock, which is the same
in all processes of a machine: a reader subtracts it, and a source that falls behind hides nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import trio

from zenithd.domain.events import (
    BookCleared,
    MarketEvent,
    OrderAdded,
    OrderChanged,
    OrderRemoved,
    TradeReported,
    TradingDayStarted,
)
from zenithd.domain.identifiers import InstrumentId, MarketId, instrument_id
from zenithd.domain.instrument import Instrument, MarketDefinition
from zenithd.domain.market_data import FeedStatus, Side
from zenithd.plugin import MarketSource, PluginConfig, hookimpl

API_VERSION = 1
MARKET = MarketId("LOAD")
PROBE_MARKET = MarketId("PROBE")
PROBE = instrument_id("PROBE", PROBE_MARKET)
ORDERS = 20
"""In each small book."""
NANOSECONDS = 1_000_000_000
PAST_DAYS = 5
PAST_TRADES = 4_000
TODAY_TRADES = 9_000
BOOK_ORDERS = 4_000
PASS_LIMITS = (0.0005, 0.001, 0.0015, 0.002, 0.003, 0.005, 0.01, 0.05)
"""Seconds of processor time: passes of the event loop are counted by these."""


class SteadyConfig(PluginConfig, frozen=True):
    """How much of everything."""

    instruments: int = 5_000
    """Listed; `S0001` and on."""
    steady: int = 20
    """Of those, the first ones are traded."""
    trades_per_second: float = 500.0
    books: int = 0
    """So many instruments, from the first on, have books that change; see `changes_per_second`."""
    changes_per_second: float = 2_000.0
    """Of all books together."""
    probes_per_second: float = 0.0
    """Trades of an instrument of another market whose price is the time they were due, as the reader of
    `zenithd bench` wants it."""
    begin: str = ""
    """Things move as long as this file exists; "" for always."""
    day_seconds: float = 0.0
    """A new trading day begins so often; 0: none does."""
    crash: str = ""
    """The source fails when this file appears, and removes it."""
    history: bool = True
    """Whether the first instrument has past days, a long tape and a deep book."""
    passes: str = ""
    """A file to which the processor time of the loop's passes is written every half second."""


class Passes(trio.abc.Instrument):
    """How much processor time each pass of the event loop takes: that long everybody waits at worst."""

    def __init__(self) -> None:
        self._began = time.thread_time()
        self.clear()

    def clear(self) -> None:
        self.busy = self.longest = 0.0
        self.counts = [0] * (len(PASS_LIMITS) + 1)

    def after_io_wait(self, timeout: float) -> None:
        self._began = time.thread_time()

    def before_io_wait(self, timeout: float) -> None:
        spent = time.thread_time() - self._began
        self.busy += spent
        self.longest = max(self.longest, spent)
        place = sum(spent > limit for limit in PASS_LIMITS)
        self.counts[place] += 1


class Source(MarketSource[SteadyConfig]):
    """Declares the market, fills one instrument with history and a deep book, and trades steadily."""

    Config = SteadyConfig
    holds_readiness = True

    async def run(self) -> None:
        """Trade until cancelled."""
        today = datetime.fromtimestamp(self.context.clock.now() / NANOSECONDS, UTC).date()
        self.context.declare_market(
            MarketDefinition(id=MARKET, name="Steady load", simulated=True),
            [_instrument(number) for number in range(1, self.config.instruments + 1)],
        )
        await self.context.publish([TradingDayStarted(market=MARKET, trading_date=self._day(today))])
        if self.config.history:
            await self._fill(instrument_id("S0001", MARKET), today)
        self.context.set_status(MARKET, FeedStatus.ACTIVE)
        self.context.declare_market(
            MarketDefinition(id=PROBE_MARKET), [Instrument(code="PROBE", market=PROBE_MARKET, price_scale=0)]
        )
        self.context.set_status(PROBE_MARKET, FeedStatus.ACTIVE)
        async with trio.open_nursery() as nursery:
            if self.config.passes:
                nursery.start_soon(_write_passes, Path(self.config.passes))
            if self.config.begin:
                await _wait_exists(trio.Path(self.config.begin), exists=True)
                nursery.start_soon(_cancel_when_gone, nursery.cancel_scope, trio.Path(self.config.begin))
            if self.config.day_seconds:
                nursery.start_soon(self._begin_days, today)
            if self.config.crash:
                nursery.start_soon(_fail_when_told, trio.Path(self.config.crash))
            names = _names(self.config.steady)
            if names:
                make = lambda number, due: [_trade(names[number % len(names)], due)]  # noqa: E731
                nursery.start_soon(self._publish, self.config.trades_per_second, make)
            if self.config.books:
                books = Books(_names(self.config.books))
                await self.context.publish(books.opening())
                nursery.start_soon(self._publish, self.config.changes_per_second, books.change)
            if self.config.probes_per_second:
                nursery.start_soon(self._publish, self.config.probes_per_second, _probe)

    def _day(self, today: date) -> date:
        """The trading date now: later ones than today as time passes, also after a failure."""
        if not self.config.day_seconds:
            return today
        return today + timedelta(days=int(time.monotonic() / self.config.day_seconds))

    async def _begin_days(self, today: date) -> None:
        begun = self._day(today)
        while True:
            await trio.sleep(self.config.day_seconds / 10)
            if self._day(today) != begun:
                begun = self._day(today)
                await self.context.publish([TradingDayStarted(market=MARKET, trading_date=begun)])

    async def _fill(self, deep: InstrumentId, today: date) -> None:
        for day in range(PAST_DAYS, 0, -1):
            await self.context.backfill(deep, *_past(deep, today - timedelta(days=day)))
        await self.context.publish(_book(deep))
        await self.context.publish(_trades_before(deep))

    async def _publish(self, per_second: float, make: Callable[[int, float], Sequence[MarketEvent]]) -> None:
        """Publish what is due, `per_second` times; what is late is published together."""
        due, number = time.monotonic(), 0
        while True:
            await trio.sleep(max(0.0, due - time.monotonic()))
            now = time.monotonic()
            batch: list[MarketEvent] = []
            while due <= now:
                batch.extend(make(number, due))
                number += 1
                due += 1.0 / per_second
            if batch:
                await self.context.publish(batch)


class Books:
    """Small books of which, in turn, an order changes, leaves or comes."""

    def __init__(self, names: Sequence[InstrumentId]) -> None:
        self._names = names
        self._next = dict.fromkeys(names, ORDERS)

    def opening(self) -> list[MarketEvent]:
        """The books as they begin."""
        orders = [self._added(name, number) for name in self._names for number in range(ORDERS)]
        return [*(BookCleared(name) for name in self._names), *orders]

    def change(self, number: int, due: float) -> list[MarketEvent]:
        """One change; every fourth of a book replaces its oldest order by a new one."""
        turn, place = divmod(number, len(self._names))
        name = self._names[place]
        following = self._next[name]
        if turn % 4:
            order = self._added(name, following - 1 - turn % ORDERS)
            quantity = 1 + turn % 1_000
            return [OrderChanged(name, order.order_id, order.price, quantity, order.position)]
        self._next[name] = following + 1
        return [OrderRemoved(name, f"{following - ORDERS}"), self._added(name, following)]

    def _added(self, name: InstrumentId, number: int) -> OrderAdded:
        side, price = (Side.BID, 9_000 + number % 7) if number % 2 else (Side.ASK, 11_000 + number % 7)
        return OrderAdded(name, f"{number}", side, price, 100, number)


def _names(count: int) -> list[InstrumentId]:
    return [instrument_id(f"S{number:04}", MARKET) for number in range(1, count + 1)]


def _probe(number: int, due: float) -> list[MarketEvent]:
    return [TradeReported(PROBE, number + 1, int(due * 1e6), 1, time.time_ns())]


async def _wait_exists(path: trio.Path, *, exists: bool) -> None:
    while await path.exists() is not exists:  # noqa: ASYNC110  (nobody tells)
        await trio.sleep(0.05)


async def _fail_when_told(path: trio.Path) -> None:
    await _wait_exists(path, exists=True)
    await path.unlink()
    raise RuntimeError("told to fail")


async def _cancel_when_gone(scope: trio.CancelScope, path: trio.Path) -> None:
    await _wait_exists(path, exists=False)
    scope.cancel()


async def _write_passes(path: Path) -> None:
    passes = Passes()
    trio.lowlevel.add_instrument(passes)
    while True:
        await trio.sleep(0.5)
        counts = " ".join(map(str, passes.counts))
        with path.open("a") as file:
            file.write(f"{time.monotonic():.3f} {passes.busy:.6f} {passes.longest:.6f} {counts}\n")
        passes.clear()


def _instrument(number: int) -> Instrument:
    return Instrument(
        code=f"S{number:04}",
        market=MARKET,
        name=f"Steady instrument of the number {number} Limited",
        alternates={"Ticker": f"TICK{number}", "ISIN": f"XX{number:010}", "UID": f"{number * 7919:012}"},
        attributes={"Sector": f"Sector {number % 11}", "Country": f"Country {number % 97}"},
        categories=(f"{number % 5}", f"{number % 7}"),
        lot_size=Decimal(1 + number % 3),
    )


def _trade(instrument: InstrumentId, due: float) -> TradeReported:
    return TradeReported(
        instrument=instrument,
        trade_id=int(due * 1e6),
        price=10_000 + int(due * 10) % 100,
        quantity=100,
        time=time.time_ns(),
    )


def _past(instrument: InstrumentId, day: date) -> tuple[date, Sequence[TradeReported]]:
    opening = int(datetime(day.year, day.month, day.day, 1, tzinfo=UTC).timestamp()) * NANOSECONDS
    return day, [
        TradeReported(
            instrument=instrument,
            trade_id=1 + number,
            price=10_000 + number % 50,
            quantity=10,
            time=opening + number * 15 * NANOSECONDS,
        )
        for number in range(PAST_TRADES)
    ]


def _trades_before(instrument: InstrumentId) -> list[MarketEvent]:
    first = int(time.monotonic() * 1e6) - TODAY_TRADES - 1_000_000
    return [
        TradeReported(
            instrument=instrument, trade_id=first + number, price=10_000, quantity=10, time=time.time_ns()
        )
        for number in range(TODAY_TRADES)
    ]


def _book(instrument: InstrumentId) -> list[MarketEvent]:
    return [
        OrderAdded(
            instrument=instrument,
            order_id=f"order-{number}",
            side=Side.BID if number % 2 else Side.ASK,
            price=9_000 - number if number % 2 else 11_000 + number,
            quantity=100,
            position=number,
        )
        for number in range(BOOK_ORDERS)
    ]


@hookimpl
def zenithd_market_sources() -> list[Any]:
    """The source."""
    return [Source]
