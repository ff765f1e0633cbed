"""Two venues with life in them, their mix, a delayed market, and a history in memory."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from zenithd.authority.access import Access, MarketGrant, View, Visibility
from zenithd.controllers.interface import Answer, Opened
from zenithd.controllers.market import MarketController
from zenithd.domain.events import (
    MarketEvent,
    MarketStateChanged,
    OrderAdded,
    TradeReported,
    TradingDayStarted,
)
from zenithd.domain.identifiers import InstrumentId, MarketCode, MarketId, MixedMarketCode, parse_market
from zenithd.domain.instrument import Instrument, MarketDefinition, SecurityClass
from zenithd.domain.market_data import (
    Allows,
    Bar,
    Broker,
    DataKind,
    FeedStatus,
    Side,
    TickStep,
    TickTable,
    TradingState,
)
from zenithd.history.bars import BarQuery, join_minutes
from zenithd.history.store import HistoryUnavailable
from zenithd.market.changes import TapeTrade
from zenithd.market.chart import Minute, MinuteBars
from zenithd.market.mixed_market import MixedMarket
from zenithd.market.trade_effect import trade_effect
from zenithd.market.trade_tape import TradeTape
from zenithd.market.venue import VenueMarket
from zenithd.market.view import MarketView
from zenithd.wire.long_lists import LongList

TODAY = date(2026, 11, 20)
SECOND = 10**9
MINUTE = 60 * SECOND


def midnight(day: date) -> int:
    """Give the start of a day in UTC."""
    return (day - date(1970, 1, 1)).days * 86_400 * SECOND


NOON = midnight(TODAY) + 12 * 60 * MINUTE
SEES_ALL = View(brokers=True, cross_references=True)
EVERYTHING = Access(user="all", grants=(MarketGrant("*", SEES_ALL),))
PLAIN = Access(user="plain", grants=(MarketGrant("*", View()),))
LIMITED = Access(user="limited", grants=(MarketGrant("*", View(Visibility.LIMITED)),))
ONLY_XSX = Access(user="one", grants=(MarketGrant("XSX", View()),))
NOBODY = Access()


def definition(market: str, zone: str = "UTC") -> MarketDefinition:
    return MarketDefinition(
        id=MarketId(market),
        time_zone=zone,
        trading_states=(TradingState("Open", allows=Allows.ALL),),
        tick_tables=(TickTable("T", (TickStep(Decimal(0), Decimal(10), Decimal("0.01")),)),),
        brokers=(Broker("B1", "One"),),
    )


def trade(code: str, market: str, trade_id: int, price: int, time: int, **more: Any) -> TradeReported:
    return TradeReported(
        InstrumentId(f"{code}.{market}"), trade_id, price, more.pop("quantity", 100), time, **more
    )


def order(code: str, market: str, order_id: str, side: Side, price: int) -> OrderAdded:
    return OrderAdded(
        InstrumentId(f"{code}.{market}"),
        order_id,
        side,
        price,
        300,
        int(order_id),
        broker="B1",
        cross_reference="X",
    )


def venue(
    market: str, instruments: Sequence[Instrument], events: Sequence[MarketEvent] = (), **more: Any
) -> VenueMarket:
    """Make a venue that is up, on its day, with events applied."""
    tape = more.pop("tape_trades_max", 1_000)
    made = VenueMarket(definition(market, **more), tape)
    made.redefine(made.definition, instruments)
    made.set_status(FeedStatus.ACTIVE)
    made.apply(
        [TradingDayStarted(MarketId(market), TODAY), MarketStateChanged(MarketId(market), "Open")], NOON
    )
    changes = made.apply(events, NOON)
    assert not changes.faults
    return made


def sample_markets() -> list[VenueMarket]:
    """XSX with five kinds of symbols, XSY which lists XS01 of XSX."""
    xsx = MarketId("XSX")
    first = venue(
        "XSX",
        [
            Instrument(code="XS01", market=xsx, name="Example One", alternates={"RIC": "XS01.X"}),
            Instrument(code="XS02", market=xsx, name="Example Two", subscription_data=DataKind.ASSET),
            Instrument(code="XS.03", market=xsx, name="Dotted"),
            Instrument(code="FUND", market=xsx, security_class=SecurityClass.MANAGED_FUND),
            Instrument(code="LEVELS", market=xsx, subscription_data=DataKind.ASSET | DataKind.DEPTH_SHORT),
        ],
        [
            order("XS01", "XSX", "1", Side.BID, 1000),
            order("XS01", "XSX", "2", Side.ASK, 1010),
            trade("XS01", "XSX", 1, 1000, NOON, buy_broker="B1"),
            trade("XS01", "XSX", 2, 1005, NOON + SECOND),
            trade("XS01", "XSX", 3, 1005, NOON + MINUTE),
        ],
    )
    second = venue(
        "XSY",
        [Instrument(code="XS01", market=MarketId("XSY"), exchange="XSX", price_scale=3)],
        [
            order("XS01", "XSY", "7", Side.BID, 9990),
            trade("XS01", "XSY", 1, 10020, NOON + 30 * SECOND),
        ],
    )
    return [first, second]


class Delayed:
    """A delayed market as far as controllers can tell: an older state under a code of its own."""

    def __init__(self, source: VenueMarket, trading_date: date | None) -> None:
        code = parse_market(source.definition.id)
        assert isinstance(code, MarketCode)
        identifier = MarketCode(code.exchange, code.alternative, "Delayed").id
        instruments = [
            Instrument(code=view.instrument.code, market=identifier, exchange=source.definition.id)
            for view in source.instruments.values()
        ]
        self._shown = VenueMarket(definition(identifier))
        self._shown.redefine(self._shown.definition, instruments)
        self._shown.set_status(FeedStatus.ACTIVE)
        if trading_date is not None:
            self._shown.apply([TradingDayStarted(identifier, trading_date)], NOON)
        self.delay_ns = 20 * MINUTE

    def __getattr__(self, name: str) -> Any:
        return getattr(self._shown, name)


class Directory:
    """Markets by code; counts who wants what."""

    def __init__(self, markets: Sequence[MarketView]) -> None:
        self.markets: dict[MarketId, MarketView] = {market.definition.id: market for market in markets}
        self.wanted: list[InstrumentId] = []
        self.touched: list[InstrumentId] = []

    def find(self, market: MarketId) -> MarketView | None:
        if market not in self.markets and "+" in market:
            code = parse_market(market)
            assert isinstance(code, MixedMarketCode)
            sources = [self.markets.get(source.id) for source in code.sources]
            found = [source for source in sources if source is not None]
            if len(found) == len(sources):
                self.markets[market] = MixedMarket(code, found)
        return self.markets.get(market)

    def visible(self, access: Access) -> list[MarketView]:
        return [market for market in self.markets.values() if access.view(market.definition.id) is not None]

    def origin(self, market: MarketId) -> MarketId:
        return MarketId(market.replace("[Delayed]", ""))

    def want(self, instrument: InstrumentId) -> None:
        self.wanted.append(instrument)
        self.touched.append(instrument)

    def unwant(self, instrument: InstrumentId) -> None:
        self.wanted.remove(instrument)

    def now(self) -> int:
        return NOON + 60 * MINUTE


class History:
    """The store's interface over trades in memory."""

    def __init__(self) -> None:
        self.days_of: dict[InstrumentId, dict[date, list[TradeReported]]] = {}
        self.is_broken = False
        self.calls: list[tuple[Any, ...]] = []

    def put(self, day: date, *trades: TradeReported) -> None:
        for one in trades:
            self.days_of.setdefault(one.instrument, {}).setdefault(day, []).append(one)

    def _check(self, *call: Any) -> None:
        self.calls.append(call)
        if self.is_broken:
            raise HistoryUnavailable("the disk is gone")

    async def trades(
        self,
        instrument: Instrument,
        trading_date: date,
        count: int | None = None,
        first: int | None = None,
        last: int | None = None,
    ) -> list[TapeTrade]:
        self._check("trades", instrument.id, trading_date, count, first, last)
        tape = TradeTape(10_000, trading_date)
        for one in self.days_of.get(instrument.id, {}).get(trading_date, []):
            tape.add(one)
        return tape.select(count, first, last)

    async def newest_day(self, instrument: InstrumentId) -> date | None:
        self._check("newest_day", instrument)
        return max(self.days_of.get(instrument, {}), default=None)

    def _minutes(self, instrument: InstrumentId, before: date | None) -> dict[date, list[Minute]]:
        found = {}
        for day, trades in sorted(self.days_of.get(instrument, {}).items()):
            if before is None or day < before:
                bars = MinuteBars()
                for one in trades:
                    bars.add(one, trade_effect(one))
                found[day] = bars.minutes()
        return found

    async def minutes(self, instrument: Instrument, query: BarQuery) -> list[Minute]:
        self._check("minutes", instrument.id, query)
        minutes = [one for day in self._minutes(instrument.id, query.before_day).values() for one in day]
        return picked(minutes, query)

    async def days(self, instrument: Instrument, query: BarQuery) -> list[Minute]:
        self._check("days", instrument.id, query)
        days = self._minutes(instrument.id, query.before_day)
        return picked([join_minutes(midnight(day), minutes) for day, minutes in days.items()], query)


def picked(minutes: list[Minute], query: BarQuery) -> list[Minute]:
    found = [
        one
        for one in minutes
        if (query.start is None or one.time >= query.start) and (query.end is None or one.time < query.end)
    ]
    return found[: query.count] if query.from_oldest else found[max(0, len(found) - query.count) :]


class Remote:
    """A history source that knows some bars."""

    def __init__(self, bars: Sequence[Bar] = ()) -> None:
        self.bars = bars
        self.asked: list[tuple[InstrumentId, int, int | None, int | None, int]] = []

    async def __call__(
        self, instrument: Instrument, period_seconds: int, start: int | None, end: int | None, count: int
    ) -> Sequence[Bar]:
        self.asked.append((instrument.id, period_seconds, start, end, count))
        return self.bars


class World:
    """A controller over all of it."""

    def __init__(self, markets: Sequence[MarketView] | None = None, remote: Remote | None = None) -> None:
        self.directory = Directory(sample_markets() if markets is None else markets)
        self.history = History()
        self.remote = remote or Remote()
        self.controller = MarketController(self.directory, self.history, self.remote)

    async def ask(self, topic: str, data: Any, access: Access = EVERYTHING) -> Answer:
        answer = self.controller.query(topic, data, access)
        if inspect.isawaitable(answer):
            answer = await answer
        data = answer.data.whole() if isinstance(answer.data, LongList) else answer.data
        return Answer(data, answer.errors)

    def open(self, topic: str, access: Access = EVERYTHING) -> Opened:
        opened = self.try_open(topic, access)
        assert isinstance(opened, Opened), opened
        return opened

    def try_open(self, topic: str, access: Access = EVERYTHING) -> Any:
        name, mark, argument = topic.partition("!")
        return self.controller.open(name, argument if mark else None, access)


def yesterday(days: int = 1) -> date:
    """Give a date before today."""
    return TODAY - timedelta(days=days)
