"""What decisions about orders learn of the markets: implements `zenithd.oms.reference.Reference`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from zenithd.domain.identifiers import MarketId, instrument_id, market_of
from zenithd.domain.instrument import Instrument, MarketDefinition, SecurityClass
from zenithd.domain.market_data import Allows, TickStep, TradingState
from zenithd.market.view import InstrumentView, MarketView
from zenithd.oms.reference import EVERY_TYPE, Symbol
from zenithd.oms.reference import MarketView as OrderMarket

NANOSECONDS = 1_000_000_000
SYMBOLS_KEPT_MAX = 100_000
"""Symbols that are not made anew for each order."""
_PLACE, _AMEND = Allows.ORDER_PLACE.value, Allows.ORDER_AMEND.value
_CANCEL, _MATCH = Allows.ORDER_CANCEL.value, Allows.MATCH.value


class MarketReference:
    """Symbols, prices, statuses and days as subscribers see them now."""

    def __init__(
        self,
        find: Callable[[MarketId], MarketView | None],
        markets: Callable[[], Iterable[MarketView]],
        currency: str,
    ) -> None:
        """`currency`: of symbols that name none."""
        self._find = find
        self._markets = markets
        self._currency = currency
        self._symbols: dict[tuple[str, str], tuple[MarketDefinition, Instrument, Symbol]] = {}
        """Each with what it was made of: another definition or instrument makes another symbol."""

    def symbol(self, exchange: str, code: str) -> Symbol | None:
        """The symbol as the market of the exchange's own code lists it, else the first market that does."""
        found = self._listed(exchange, code)
        if found is None:
            return None
        definition, instrument = found[0].definition, found[1].instrument
        kept = self._symbols.get((exchange, code))
        if kept is not None and kept[0] is definition and kept[1] is instrument:
            return kept[2]
        symbol = self._symbol(exchange, *found)
        if len(self._symbols) < SYMBOLS_KEPT_MAX or kept is not None:
            self._symbols[exchange, code] = (definition, instrument, symbol)
        return symbol

    def market(self, symbol: Symbol, ex_destination: str) -> OrderMarket | None:
        """A symbol on the market to which a trading market belongs; None without a market that is there."""
        market = self._find(market_of(ex_destination))
        if market is None:
            return None
        listed = market.instruments.get(instrument_id(symbol.code, market.definition.id))
        return None if listed is None else order_market(market, listed, ex_destination)

    def trades(self, symbol: Symbol, ex_destination: str) -> bool:
        """Whether the market of a trading market lists the symbol there: each market says it for itself."""
        market = self._find(market_of(ex_destination))
        if market is None:
            return True
        listed = market.instruments.get(instrument_id(symbol.code, market.definition.id))
        if listed is None or listed.instrument.issuer != symbol.exchange:
            return False
        return not listed.instrument.trading_markets or ex_destination in listed.instrument.trading_markets

    def trading_date(self, exchange: str, now: int) -> date:
        """The trading date of the exchange's market; the day of the clock there, while it has none."""
        market = self._market_of_exchange(exchange)
        if market is not None and market.trading_date is not None:
            return market.trading_date
        return _local(now, self._zone(exchange)).date()

    def day_end(self, exchange: str, day: date) -> int:
        """Midnight after a trading date, in the exchange's time zone."""
        end = datetime.combine(day + timedelta(days=1), datetime.min.time(), self._zone(exchange))
        return int(end.timestamp()) * NANOSECONDS

    def next_day_end(self, exchange: str, now: int) -> int:
        """The end of the day after the trading date of `now`."""
        return self.day_end(exchange, self.trading_date(exchange, now) + timedelta(days=1))

    def _zone(self, exchange: str) -> ZoneInfo:
        market = self._market_of_exchange(exchange)
        return ZoneInfo("UTC" if market is None else market.definition.time_zone)

    def _market_of_exchange(self, exchange: str) -> MarketView | None:
        own = self._find(MarketId(exchange))
        if own is not None:
            return own
        for market in self._markets():
            if any(each.instrument.issuer == exchange for each in market.instruments.values()):
                return market
        return None

    def _listed(self, exchange: str, code: str) -> tuple[MarketView, InstrumentView] | None:
        own = self._find(MarketId(exchange))
        for market in [own] if own is not None else self._markets():
            listed = market.instruments.get(instrument_id(code, market.definition.id))
            if listed is not None and listed.instrument.issuer == exchange:
                return market, listed
        return None

    def _symbol(self, exchange: str, market: MarketView, listed: InstrumentView) -> Symbol:
        instrument = listed.instrument
        return Symbol(
            exchange=exchange,
            code=instrument.code,
            currency=instrument.currency or market.definition.currency or self._currency,
            is_managed_fund=instrument.security_class is SecurityClass.MANAGED_FUND,
            lot_size=instrument.lot_size or Decimal(1),
            tick_steps=_tick_steps(market, instrument),
            cfi_code=instrument.cfi,
        )


def _tick_steps(market: MarketView, instrument: Instrument) -> tuple[TickStep, ...]:
    for table in market.definition.tick_tables:
        if table.code == instrument.tick_table:
            return table.steps
    return ()


def order_market(market: MarketView, listed: InstrumentView, trading_market: str) -> OrderMarket:
    """What a market allows for one of its symbols now, and its prices."""
    state = _state(market, listed, trading_market)
    allows = (Allows.ALL if state is None else state.allows).value
    security, scale = listed.security, listed.instrument.price_scale
    last = _price(security.last, scale)
    return OrderMarket(
        status="" if state is None else state.name,
        can_place=bool(allows & _PLACE),
        can_amend=bool(allows & _AMEND),
        can_cancel=bool(allows & _CANCEL),
        is_continuous=bool(allows & _MATCH),
        order_types=EVERY_TYPE,
        last=last,
        last_or_close=last if last is not None else _price(security.close, scale),
        best_bid=_price(security.best_bid, scale),
        best_ask=_price(security.best_ask, scale),
    )


def _state(market: MarketView, listed: InstrumentView, trading_market: str) -> TradingState | None:
    """The state that holds for a symbol: its own, that of the trading market, that of the market."""
    name = (
        listed.security.trading_state or market.board_states.get(trading_market) or market.trading_state or ""
    )
    for each in market.definition.trading_states:
        if each.name == name:
            return each
    return None


def _price(ticks: int | None, scale: int) -> Decimal | None:
    return None if ticks is None else Decimal(ticks).scaleb(-scale)


def _local(now: int, zone: ZoneInfo) -> datetime:
    return datetime.fromtimestamp(now // NANOSECONDS, zone)
