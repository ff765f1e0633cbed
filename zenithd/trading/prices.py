"""Prices for orders that wait for them (stop orders): every trade counts, not only the last of a batch."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from zenithd.domain.market_data import Affects
from zenithd.market.changes import Changes, InstrumentChanges
from zenithd.market.view import InstrumentView, MarketView
from zenithd.oms.commands import Prices
from zenithd.trading.desk import OrderDesk

PRICED = frozenset({"last", "best_bid", "best_ask"})
"""Fields of a security that conditions look at."""


class PriceWatch:
    """Gives the order task the prices of symbols for which orders wait; costs a look-up for all others."""

    def __init__(self, desk: OrderDesk) -> None:
        self._desk = desk

    def observe(self, market: MarketView, changes: Changes) -> None:
        """Take the changes of one batch of a market."""
        for identifier, change in changes.instruments.items():
            if not change.security_full and change.security.isdisjoint(PRICED):
                continue
            listed = market.instruments.get(identifier)
            if listed is None:
                continue
            instrument = listed.instrument
            if self._desk.waits_for_prices(instrument.issuer, instrument.code):
                for prices in _prices(listed, change):
                    self._desk.post(prices)


def _prices(listed: InstrumentView, change: InstrumentChanges) -> Iterator[Prices]:
    instrument, security = listed.instrument, listed.security
    scale = -instrument.price_scale
    bid, ask = _scaled(security.best_bid, scale), _scaled(security.best_ask, scale)
    traded: list[int | None] = [
        each.trade.trade.price
        for each in change.trades
        if each.trade is not None and Affects.PRICE in each.trade.trade.affects
    ]
    for last in traded or [security.last]:
        for trading_market in instrument.trading_markets:
            yield Prices(instrument.issuer, instrument.code, trading_market, _scaled(last, scale), bid, ask)


def _scaled(ticks: int | None, scale: int) -> Decimal | None:
    return None if ticks is None else Decimal(ticks).scaleb(scale)
