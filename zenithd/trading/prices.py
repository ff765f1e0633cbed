"""Prices for orders that wait for them (stop orders): every trade counts, not only the last of a batch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from zenithd.controllers.directory import MarketDirectory
from zenithd.domain.identifiers import InstrumentId, instrument_id, market_of
from zenithd.domain.market_data import Affects
from zenithd.market.changes import Changes, InstrumentChanges
from zenithd.market.view import InstrumentView, MarketView
from zenithd.oms.commands import Prices
from zenithd.oms.model.events import OrderChanged
from zenithd.trading.desk import OrderDesk, Told

PRICED = frozenset({"last", "best_bid", "best_ask"})
"""Fields of a security that conditions look at."""


class PriceWatch:
    """Gives the order task the prices of symbols for which orders wait; costs a look-up for all others.

    A listener of the order task: what orders wait for is wanted at its venues, as if a client listened.
    """

    def __init__(self, desk: OrderDesk, markets: MarketDirectory) -> None:
        self._desk = desk
        self._markets = markets
        self._wanted: set[InstrumentId] = set()

    def observe(self, market: MarketView, changes: Changes) -> None:
        """Take the changes of one batch of a market."""
        for identifier, change in changes.instruments.items():
            if not (change.trades or change.security_full) and change.security.isdisjoint(PRICED):
                continue
            listed = market.instruments.get(identifier)
            if listed is None:
                continue
            instrument = listed.instrument
            if self._desk.waits_for_prices(instrument.issuer, instrument.code):
                for prices in _prices(market, listed, change):
                    self._desk.post(prices)

    # As listener

    def begin(self) -> None:
        """Orders may wait that waited before."""
        self._want()

    def publish(self, told: Sequence[Told]) -> None:
        """An order may wait now, or no longer."""
        if any(isinstance(event, OrderChanged) for each in told for event in each.events):
            self._want()

    def feed_status(self) -> None:
        """Orders wait on."""

    def _want(self) -> None:
        symbols = self._desk.symbols_waited_for()
        if not symbols and not self._wanted:
            return
        exchanges = self._desk.state.exchanges
        wanted = {
            instrument_id(code, market_of(destination.ex_destination))
            for exchange, code in symbols
            if exchange in exchanges
            for destination in exchanges[exchange].destinations
        }
        for instrument in sorted(wanted - self._wanted):
            self._markets.want(instrument)
        for instrument in sorted(self._wanted - wanted):
            self._markets.unwant(instrument)
        self._wanted = wanted


def _prices(market: MarketView, listed: InstrumentView, change: InstrumentChanges) -> Iterator[Prices]:
    instrument, security = listed.instrument, listed.security
    scale = -instrument.price_scale
    bid, ask = _scaled(security.best_bid, scale), _scaled(security.best_ask, scale)
    own = [each for each in instrument.trading_markets if market_of(each) == market.definition.id]
    traded: list[int | None] = [
        each.trade.trade.price
        for each in change.trades
        if each.trade is not None and Affects.PRICE in each.trade.trade.affects
    ]
    for last in traded or [security.last]:
        for trading_market in own:
            yield Prices(instrument.issuer, instrument.code, trading_market, _scaled(last, scale), bid, ask)


def _scaled(ticks: int | None, scale: int) -> Decimal | None:
    return None if ticks is None else Decimal(ticks).scaleb(scale)
