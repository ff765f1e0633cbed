"""The demonstration: which markets there are, how they are founded, and who acts in them. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from zoneinfo import ZoneInfo

import msgspec

from zenithd.domain.identifiers import InstrumentId, MarketId
from zenithd.domain.instrument import Instrument, MarketDefinition
from zenithd_prodigy.engine import commands as c
from zenithd_prodigy.listings import (
    AGENTS,
    COMPANIES,
    CURRENCY,
    FIRST_MARKET,
    MARKET_MAKERS,
    OMS_BROKER,
    OMS_ENTITY,
    SECOND_MARKET,
    SECOND_MARKET_COMPANIES,
    TICK_TABLE,
    Company,
    instrument_of,
    market_definition,
)
from zenithd_prodigy.model.definitions import CLOSE_REFERENCE, Entity, MarketSettings, SymbolDefinition
from zenithd_prodigy.model.statuses import Status
from zenithd_prodigy.model.symbol import SymbolState
from zenithd_prodigy.participants import BUSY, PARTICIPANTS, QUIET, FlowStyle
from zenithd_prodigy.timetable.plan import round_the_clock
from zenithd_prodigy.trading_day import NANOSECONDS, trading_date_at

FOLLOWER_DIFFERENCE_TICKS = 0.5
"""How far the prices of the second market stray from those of the first: less than its wider spread, so
that the best prices of both, mixed, seldom cross."""

MARKET_NUMBER_BITS = 50
"""Order numbers of the second market differ from the first one's in this bit: both stand in mixed books."""


ORDER_NUMBER_BITS = 16
"""A market's order numbers begin at the second of its founding shifted by so many bits: above those that an
earlier life of it can have used."""


class DemonstrationMarket(msgspec.Struct, frozen=True):
    """One market of the demonstration."""

    definition: MarketDefinition
    companies: tuple[Company, ...]
    style: FlowStyle
    place: int
    """Among the markets, from 0."""

    @property
    def instruments(self) -> list[Instrument]:
        """What it lists, in the order of its companies."""
        return [instrument_of(company, self.definition.id) for company in self.companies]


class Beginning(msgspec.Struct, frozen=True):
    """Where trading of an instrument begins when its market is founded."""

    trade_id: int
    close: int | None = None
    """Of the day before."""


def demonstration_markets(time_zone: str, *, second_market: bool) -> tuple[DemonstrationMarket, ...]:
    """The first market, and the second if it is wanted."""
    first = DemonstrationMarket(
        market_definition(FIRST_MARKET, "XS Demonstration Exchange (simulated)", time_zone),
        COMPANIES,
        BUSY,
        0,
    )
    if not second_market:
        return (first,)
    second = DemonstrationMarket(
        market_definition(SECOND_MARKET, "XS Second Market (simulated)", time_zone),
        SECOND_MARKET_COMPANIES,
        QUIET,
        1,
    )
    return first, second


def decorated(definition: MarketDefinition, origin: str) -> MarketDefinition:
    """What is said of a demonstration market beside what its model knows, whatever its code is now."""
    if origin not in (FIRST_MARKET, SECOND_MARKET):
        return definition
    shown = market_definition(definition.id, definition.name, definition.time_zone or "UTC")
    return msgspec.structs.replace(
        definition,
        simulated=shown.simulated,
        readiness=shown.readiness,
        guarantees=shown.guarantees,
        brokers=shown.brokers,
    )


def founding(
    market: DemonstrationMarket,
    beginnings: Mapping[InstrumentId, Beginning],
    now: int,
    auction_at: str,
) -> Iterator[c.Command]:
    """The first commands of a market: open, and listing what it should, with the participants' firms."""
    code, definition = market.definition.id, market.definition
    timetable = round_the_clock(definition.time_zone or "UTC", auction_at)
    yield c.CreateMarket(
        market=code,
        name=definition.name,
        time_zone=timetable.time_zone,
        currency=CURRENCY,
        status=Status.OPEN,
        settings=MarketSettings(shows_parties=True),
        first_order=(now // NANOSECONDS << ORDER_NUMBER_BITS) + (market.place << MARKET_NUMBER_BITS),
    )
    yield c.SetTickTable(market=code, table=TICK_TABLE)
    for broker in (*MARKET_MAKERS, *AGENTS, OMS_BROKER):
        yield c.AddEntity(market=code, definition=Entity(broker.code, name=broker.name or ""))
    for each in market.instruments:
        beginning = beginnings[each.id]
        symbol = SymbolDefinition(
            code=each.code,
            name=each.name,
            currency=each.currency,
            cfi=each.cfi,
            price_scale=each.price_scale,
            tick_table=TICK_TABLE.code,
            exchange=each.exchange,
            alternates=each.alternates,
        )
        yield c.ListSymbol(market=code, definition=symbol, first_trade_id=beginning.trade_id)
        if beginning.close is not None:
            yield closing_price(code, each.code, beginning.close)
    yield c.StartTradingDay(market=code, trading_date=trading_date_at(now, ZoneInfo(timetable.time_zone)))
    yield c.SetTimetable(market=code, timetable=timetable)


def admission(market: MarketId, entities: Mapping[str, Entity]) -> Iterator[c.AddEntity]:
    """Let the firm of the order management system into a market that was founded before there was one."""
    if OMS_ENTITY not in entities:
        yield c.AddEntity(market=market, definition=Entity(OMS_ENTITY, name=OMS_BROKER.name or ""))


def closing_price(market: str, symbol: str, price: int) -> c.SetReference:
    """Yesterday's close, as the market keeps it."""
    return c.SetReference(market=market, symbol=symbol, name=CLOSE_REFERENCE, price=price)


def withdrawal(market: MarketId, symbols: Mapping[str, SymbolState]) -> Iterator[c.BulkCancel]:
    """Take out what the participants have in the books from before."""
    for code, symbol in sorted(symbols.items()):
        for entity in sorted({order.party.entity for order in symbol.orders.values()} & PARTICIPANTS):
            yield c.BulkCancel(market=market, symbol=code, of=entity)
