"""The demonstration: the exchange with its simulated participants, as batches of market events. Pure."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from itertools import groupby

import msgspec

from zenithd.domain.events import BookCleared, MarketEvent, SecurityChanged
from zenithd.domain.identifiers import InstrumentId
from zenithd.domain.instrument import Instrument, MarketDefinition
from zenithd_prodigy.exchange import Exchange, Listing, MarketListing
from zenithd_prodigy.listings import (
    COMPANIES,
    FIRST_MARKET,
    OPEN,
    SECOND_MARKET,
    SECOND_MARKET_COMPANIES,
    Company,
    instrument_of,
    market_definition,
)
from zenithd_prodigy.orders import Command, ExchangeEvent, StartTradingDay, Traded, TradingDayBegan
from zenithd_prodigy.participants import BUSY, QUIET, FlowStyle, InstrumentFlow
from zenithd_prodigy.reference_price import FollowingPrice, ReferencePrice, WanderingPrice
from zenithd_prodigy.translator import Translator

FOLLOWER_DIFFERENCE_TICKS = 0.5
"""How far the prices of the second market stray from those of the first: less than its wider spread, so
that the best prices of both, mixed, seldom cross."""


class DemonstrationMarket(msgspec.Struct, frozen=True):
    """One market of the demonstration."""

    definition: MarketDefinition
    companies: tuple[Company, ...]
    style: FlowStyle

    @property
    def instruments(self) -> list[Instrument]:
        """What it lists, in the order of its companies."""
        return [instrument_of(company, self.definition.id) for company in self.companies]


class Beginning(msgspec.Struct, frozen=True):
    """Where live trading of an instrument begins."""

    price: int
    trade_id: int


def demonstration_markets(time_zone: str, *, second_market: bool) -> tuple[DemonstrationMarket, ...]:
    """The first market, and the second if it is wanted."""
    first = DemonstrationMarket(
        market_definition(FIRST_MARKET, "XS Demonstration Exchange (simulated)", time_zone), COMPANIES, BUSY
    )
    if not second_market:
        return (first,)
    second = DemonstrationMarket(
        market_definition(SECOND_MARKET, "XS Second Market (simulated)", time_zone),
        SECOND_MARKET_COMPANIES,
        QUIET,
    )
    return first, second


class Demonstration:
    """Owns the exchange and the participants of every instrument.

    Every method that makes events is given `now` (nanoseconds since the Unix epoch) and returns batches to
    be published in their order. The same arguments and calls give the same events.
    """

    def __init__(
        self,
        markets: Sequence[DemonstrationMarket],
        beginnings: Mapping[InstrumentId, Beginning],
        first_order_number: int,
        seed: str,
    ) -> None:
        self.last_prices = {instrument: beginning.price for instrument, beginning in beginnings.items()}
        """Price of each instrument's newest trade."""
        self.newest_trade_id = max((beginning.trade_id for beginning in beginnings.values()), default=1) - 1
        """The highest trade id that was used in any instrument."""
        self._markets = tuple(market.definition.id for market in markets)
        self._exchange = Exchange(
            [
                MarketListing(
                    market.definition,
                    tuple(
                        Listing(instrument, beginnings[instrument.id].trade_id)
                        for instrument in market.instruments
                    ),
                    OPEN,
                )
                for market in markets
            ],
            first_order_number,
        )
        self._translator = Translator({market.definition.id: market.definition.boards for market in markets})
        self._flows: dict[InstrumentId, InstrumentFlow] = {}
        self._add_flows(markets, seed)

    def _add_flows(self, markets: Sequence[DemonstrationMarket], seed: str) -> None:
        leaders: dict[str, ReferencePrice] = {}
        for market in markets:
            for company, instrument in zip(market.companies, market.instruments, strict=True):
                source = random.Random(f"{seed}/{instrument.id}")
                ladder = self._exchange.ladder(instrument.id)
                reference: ReferencePrice
                if company.code in leaders:
                    difference = FOLLOWER_DIFFERENCE_TICKS * ladder.size_at(company.price)
                    reference = FollowingPrice(leaders[company.code], difference, source)
                else:
                    reference = WanderingPrice(company.price, self.last_prices[instrument.id], source)
                    leaders[company.code] = reference
                self._flows[instrument.id] = InstrumentFlow(
                    self._exchange.engine(instrument.id),
                    ladder,
                    market.style,
                    company.activity,
                    reference,
                    source,
                )

    @property
    def step_seconds(self) -> dict[InstrumentId, float]:
        """Simulated time between two steps of each instrument."""
        return {instrument: flow.step_seconds for instrument, flow in self._flows.items()}

    def begin(self, trading_date: date, now: int) -> Iterator[list[MarketEvent]]:
        """The trading day and the state of each market, a batch each; before anything else."""
        for market in self._markets:
            events = self._exchange.handle(StartTradingDay(market, trading_date))
            yield [*self._translator.translate(events, now), self._translator.market_state(market, OPEN)]

    def opening(self, now: int, closes: Mapping[InstrumentId, int]) -> Iterator[list[MarketEvent]]:
        """The opening book of every instrument, a batch each, with yesterday's close where it is known."""
        for instrument, flow in self._flows.items():
            close = closes.get(instrument)
            batch: list[MarketEvent] = [BookCleared(instrument)]
            if close is not None:
                batch.append(SecurityChanged(instrument=instrument, close=close))
            yield batch + self._carry_out(flow, flow.fill(), now)

    def step(self, instrument: InstrumentId, now: int) -> list[MarketEvent]:
        """What the participants of an instrument do next."""
        flow = self._flows[instrument]
        return self._carry_out(flow, flow.step(), now)

    def start_day(self, trading_date: date, now: int) -> Iterator[list[MarketEvent]]:
        """A new trading day: a batch per market, then one per instrument whose day orders expired, in
        which the makers quote anew, so that no book is seen with an empty side."""
        for market in self._markets:
            events = self._exchange.handle(StartTradingDay(market, trading_date))
            yield self._translator.translate([e for e in events if isinstance(e, TradingDayBegan)], now)
            expiries = [event for event in events if not isinstance(event, TradingDayBegan)]
            for instrument, expired in groupby(expiries, key=lambda event: event.instrument):
                if instrument is not None:
                    flow = self._flows[instrument]
                    yield self._tell(flow, list(expired), now) + self._carry_out(flow, flow.fill(), now)

    def _carry_out(self, flow: InstrumentFlow, commands: Iterable[Command], now: int) -> list[MarketEvent]:
        batch: list[MarketEvent] = []
        for command in commands:
            batch += self._tell(flow, self._exchange.handle(command), now)
        return batch

    def _tell(self, flow: InstrumentFlow, events: list[ExchangeEvent], now: int) -> list[MarketEvent]:
        flow.observe(events)
        for event in events:
            if isinstance(event, Traded):
                self.last_prices[event.instrument] = event.price
                self.newest_trade_id = max(self.newest_trade_id, event.trade_id)
        return self._translator.translate(events, now)
