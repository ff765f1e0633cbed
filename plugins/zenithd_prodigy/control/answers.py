"""How markets and symbols are described to operators. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from zenithd.domain.market_data import Side
from zenithd_prodigy.control.bodies import (
    EntityAnswer,
    MarketAnswer,
    MarketConfig,
    MarketData,
    MarketState,
    PriceLimits,
    SymbolAnswer,
    SymbolData,
    SymbolState,
    TickRate,
)
from zenithd_prodigy.model.state import MarketState as Model
from zenithd_prodigy.model.symbol import SymbolState as Symbol
from zenithd_prodigy.timetable.due import NANOSECONDS, next_due


def market_answer(model: Model, *, with_state: bool) -> MarketAnswer:
    """A market, with how it stands if that is wanted."""
    definition = model.definition
    return MarketAnswer(
        code=definition.code,
        config=MarketConfig(time_zone=definition.time_zone, settings=definition.settings),
        data=MarketData(status=model.status, name=definition.name, currency=definition.currency),
        symbols=tuple(sorted(model.symbols)),
        tick_tables={
            code: tuple(TickRate(low=step.low, high=step.high, tick=step.size) for step in table.steps)
            for code, table in sorted(model.tick_tables.items())
        },
        timetable=model.timetable,
        state=_market_state(model) if with_state else None,
    )


def _market_state(model: Model) -> MarketState:
    following = None
    if model.timetable is not None and model.place is not None:
        following = next_due(model.timetable, model.place)
    return MarketState(
        trading_date=model.trading_date,
        orders=model.order_count,
        sequence=model.sequence,
        next_phase=None if following is None else f"{following.phase.kind.value} at {_time(following.at)}",
    )


def symbol_answer(model: Model, symbol: Symbol, *, with_state: bool) -> SymbolAnswer:
    """A symbol, with how it stands if that is wanted."""
    definition = symbol.definition
    return SymbolAnswer(
        code=definition.code,
        market=model.definition.code,
        data=SymbolData(
            name=definition.name,
            currency=definition.currency,
            class_=definition.cfi,
            attributes=definition.attributes,
            alternates=definition.alternates,
            status=symbol.status,
            tick_table=definition.tick_table,
            price_scale=definition.price_scale,
            quantity_scale=definition.quantity_scale,
            lot_size=Decimal(definition.lot_size).scaleb(-definition.quantity_scale),
        ),
        state=_symbol_state(model, symbol) if with_state else None,
    )


def _symbol_state(model: Model, symbol: Symbol) -> SymbolState:
    def price(ticks: int | None) -> Decimal | None:
        return None if ticks is None else Decimal(ticks).scaleb(-symbol.definition.price_scale)

    limits = symbol.limits
    return SymbolState(
        status=symbol.status or model.status,
        orders=len(symbol.orders),
        best_bid=price(symbol.best_price(Side.BID)),
        best_ask=price(symbol.best_price(Side.ASK)),
        last_price=price(symbol.last_price),
        price_limits=None if limits is None else PriceLimits(low=price(limits.low), high=price(limits.high)),
        references={name: price(ticks) or Decimal(0) for name, ticks in sorted(symbol.references.items())},
    )


def entity_answers(model: Model) -> list[EntityAnswer]:
    """The executing firms, by code."""
    return [
        EntityAnswer(code=code, name=entity.name, type_=entity.entity_type, can_trade=entity.can_trade)
        for code, entity in sorted(model.entities.items())
    ]


def _time(nanoseconds: int) -> str:
    return datetime.fromtimestamp(nanoseconds / NANOSECONDS, UTC).isoformat()
