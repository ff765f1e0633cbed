"""The demonstration: the exchange with its simulated participants, as batches of market events. Pure."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from itertools import groupby
from typing import TypeGuard

import msgspec

from zenithd.domain.events import BookCleared, MarketEvent, SecurityChanged
from zenithd.domain.identifiers import InstrumentId, instrument_id, split_instrument
from zenithd.domain.instrument import Instrument, MarketDefinition
from zenithd_prodigy.engine import commands as c
from zenithd_prodigy.engine.refusals import Refused
from zenithd_prodigy.exchange import Market
from zenithd_prodigy.listings import (
    AGENTS,
    COMPANIES,
    CURRENCY,
    FIRST_MARKET,
    MARKET_MAKERS,
    PRICE_SCALE,
    SECOND_MARKET,
    SECOND_MARKET_COMPANIES,
    TICK_TABLE,
    Company,
    instrument_of,
    market_definition,
)
from zenithd_prodigy.model.definitions import Entity, MarketSettings, SymbolDefinition
from zenithd_prodigy.model.events import (
    Event,
    OrderAmended,
    OrderClosed,
    OrderPlaced,
    OrderRested,
    Traded,
)
from zenithd_prodigy.model.statuses import Status
from zenithd_prodigy.participants import BUSY, QUIET, FlowStyle, InstrumentFlow
from zenithd_prodigy.reference_price import FollowingPrice, ReferencePrice, WanderingPrice
from zenithd_prodigy.tick_ladder import TickLadder

FOLLOWER_DIFFERENCE_TICKS = 0.5
"""How far the prices of the second market stray from those of the first: less than its wider spread, so
that the best prices of both, mixed, seldom cross."""

MARKET_NUMBER_BITS = 50
"""Order numbers of the second market differ from the first one's in this bit: both stand in mixed books."""


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
        self._markets = {
            market.definition.id: _listed(
                market, beginnings, first_order_number + (place << MARKET_NUMBER_BITS)
            )
            for place, market in enumerate(markets)
        }
        self._flows: dict[InstrumentId, InstrumentFlow] = {}
        self._add_flows(markets, seed)

    def _add_flows(self, markets: Sequence[DemonstrationMarket], seed: str) -> None:
        leaders: dict[str, ReferencePrice] = {}
        ladder = TickLadder(TICK_TABLE, PRICE_SCALE)
        for market in markets:
            for company, instrument in zip(market.companies, market.instruments, strict=True):
                source = random.Random(f"{seed}/{instrument.id}")
                reference: ReferencePrice
                if company.code in leaders:
                    difference = FOLLOWER_DIFFERENCE_TICKS * ladder.size_at(company.price)
                    reference = FollowingPrice(leaders[company.code], difference, source)
                else:
                    reference = WanderingPrice(company.price, self.last_prices[instrument.id], source)
                    leaders[company.code] = reference
                self._flows[instrument.id] = InstrumentFlow(
                    instrument.id,
                    self._markets[market.definition.id].model.symbols[instrument.code],
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
        for code, market in self._markets.items():
            events = _done(market, c.StartTradingDay(market=code, trading_date=trading_date), now)
            yield [*market.translator.translate(events), market.translator.market_state()]

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
        for code, market in self._markets.items():
            events = _done(market, c.StartTradingDay(market=code, trading_date=trading_date), now)
            yield market.translator.translate([event for event in events if not _is_of_order(event)])
            for symbol, expired in groupby(filter(_is_of_order, events), key=lambda event: event.symbol):
                flow = self._flows[instrument_id(symbol, code)]
                yield self._tell(flow, market, list(expired)) + self._carry_out(flow, flow.fill(), now)

    def _carry_out(
        self, flow: InstrumentFlow, commands: Iterable[c.OrderCommand], now: int
    ) -> list[MarketEvent]:
        market = self._markets[split_instrument(flow.instrument)[1]]
        batch: list[MarketEvent] = []
        for command in commands:
            outcome = market.handle(command, now)
            if not isinstance(outcome, Refused):
                batch += self._tell(flow, market, outcome)
        return batch

    def _tell(self, flow: InstrumentFlow, market: Market, events: list[Event]) -> list[MarketEvent]:
        flow.observe(events)
        for event in events:
            if isinstance(event, Traded):
                self.last_prices[flow.instrument] = event.price
                self.newest_trade_id = max(self.newest_trade_id, event.trade_id)
        return market.translator.translate(events)


def _listed(market: DemonstrationMarket, beginnings: Mapping[InstrumentId, Beginning], first: int) -> Market:
    """A market that is open and lists what it should, with the brokers as its entities."""
    code, definition = market.definition.id, market.definition
    made = Market()
    commands: list[c.Command] = [
        c.CreateMarket(
            market=code,
            name=definition.name,
            time_zone=definition.time_zone,
            currency=CURRENCY,
            status=Status.OPEN,
            settings=MarketSettings(shows_parties=True),
            first_order=first,
        ),
        c.SetTickTable(market=code, table=TICK_TABLE),
    ]
    commands += [
        c.AddEntity(market=code, definition=Entity(broker.code, name=broker.name or ""))
        for broker in MARKET_MAKERS + AGENTS
    ]
    commands += [
        c.ListSymbol(
            market=code,
            definition=SymbolDefinition(
                code=each.code,
                name=each.name,
                currency=each.currency,
                cfi=each.cfi,
                price_scale=each.price_scale,
                tick_table=TICK_TABLE.code,
                exchange=each.exchange,
                alternates=each.alternates,
            ),
            first_trade_id=beginnings[each.id].trade_id,
        )
        for each in market.instruments
    ]
    for command in commands:
        _done(made, command, 0)
    return made


def _done(market: Market, command: c.Command, now: int) -> list[Event]:
    """The events of a command that cannot be refused."""
    outcome = market.handle(command, now)
    assert not isinstance(outcome, Refused), f"{command}: {outcome}"
    return outcome


def _is_of_order(event: Event) -> TypeGuard[OrderPlaced | OrderAmended | OrderRested | OrderClosed | Traded]:
    return isinstance(event, OrderPlaced | OrderAmended | OrderRested | OrderClosed | Traded)
