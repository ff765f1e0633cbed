"""The exchange: markets, their instruments, trading states and days. Pure: commands in, events out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

import msgspec

from zenithd.domain.identifiers import InstrumentId, MarketId
from zenithd.domain.instrument import Instrument, MarketDefinition
from zenithd.domain.market_data import Allows, TradingState
from zenithd_prodigy.matching_engine import MatchingEngine
from zenithd_prodigy.orders import (
    AmendOrder,
    CancelOrder,
    Command,
    ExchangeEvent,
    PlaceOrder,
    Rejected,
    RejectReason,
    SetTradingState,
    StartTradingDay,
    TradingDayBegan,
    TradingStateChanged,
)
from zenithd_prodigy.tick_ladder import TickLadder

_ID_DIGITS = "0123456789ABCDEFGHJKLMNPQRSTUVWXYZ"


class Listing(msgspec.Struct, frozen=True):
    """An instrument as the exchange is to trade it."""

    instrument: Instrument
    first_trade_id: int = 1


class MarketListing(msgspec.Struct, frozen=True):
    """A market as the exchange is to run it; its definition has the tick tables that listings name."""

    definition: MarketDefinition
    listings: tuple[Listing, ...]
    trading_state: str


class _Market:
    """State of one market."""

    __slots__ = ("definition", "instruments", "states", "trading_date", "trading_state")

    def __init__(self, listing: MarketListing) -> None:
        self.definition = listing.definition
        self.states = {state.name: state for state in listing.definition.trading_states}
        self.trading_state = self.states[listing.trading_state]
        if _gathers_orders(self.trading_state):
            raise ValueError(f"{listing.definition.id} cannot begin in {listing.trading_state}")
        self.trading_date: date | None = None
        self.instruments = tuple(entry.instrument.id for entry in listing.listings)


class _Listed:
    """State of one instrument."""

    __slots__ = ("engine", "ladder", "market", "own_state")

    def __init__(self, listing: Listing, market: _Market, ladders: Mapping[str, TickLadder]) -> None:
        instrument = listing.instrument
        if instrument.tick_table is None:
            raise ValueError(f"{instrument.id} has no tick table")
        self.market = market
        self.ladder = ladders[instrument.tick_table]
        self.engine = MatchingEngine(instrument.id, listing.first_trade_id)
        self.own_state: TradingState | None = None

    @property
    def trading_state(self) -> TradingState:
        """Its own state, or that of its market."""
        return self.own_state or self.market.trading_state


class Exchange:
    """Takes commands one at a time; each gives the events that follow from it, in their order.

    `first_order_number` must be above every number that an earlier exchange of the same markets used:
    order ids are never used twice.

    Raises:
        ValueError: an instrument without a tick table, a tick table that is none, or a first trading state
            that needs an auction.
        KeyError: a tick table or a trading state that the market does not define.
    """

    def __init__(self, markets: Sequence[MarketListing], first_order_number: int = 1) -> None:
        self._markets: dict[MarketId, _Market] = {}
        self._listed: dict[InstrumentId, _Listed] = {}
        self._next_order_number = first_order_number
        for listing in markets:
            market = self._markets[listing.definition.id] = _Market(listing)
            for entry in listing.listings:
                scale = entry.instrument.price_scale
                ladders = {table.code: TickLadder(table, scale) for table in listing.definition.tick_tables}
                self._listed[entry.instrument.id] = _Listed(entry, market, ladders)

    def handle(self, command: Command) -> list[ExchangeEvent]:
        """Carry out one command. A refusal is one `Rejected`, and nothing has changed."""
        match command:
            case PlaceOrder():
                return self._place(command)
            case AmendOrder():
                return self._amend(command)
            case CancelOrder():
                return self._cancel(command)
            case SetTradingState():
                return self._set_trading_state(command)
            case StartTradingDay():
                return self._start_trading_day(command)

    def engine(self, instrument: InstrumentId) -> MatchingEngine:
        """The book of an instrument, to be read only. Raises KeyError if it is not listed."""
        return self._listed[instrument].engine

    def ladder(self, instrument: InstrumentId) -> TickLadder:
        """The prices an instrument may have. Raises KeyError if it is not listed."""
        return self._listed[instrument].ladder

    def trading_state(self, instrument: InstrumentId) -> TradingState:
        """The state that holds for an instrument. Raises KeyError if it is not listed."""
        return self._listed[instrument].trading_state

    def trading_date(self, market: MarketId) -> date | None:
        """The trading date of a market; None before its first day. Raises KeyError if unknown."""
        return self._markets[market].trading_date

    def _place(self, command: PlaceOrder) -> list[ExchangeEvent]:
        listed = self._listed.get(command.instrument)
        if listed is None:
            return [Rejected(RejectReason.UNKNOWN_INSTRUMENT, command.instrument)]
        if Allows.ORDER_PLACE not in listed.trading_state.allows:
            return [Rejected(RejectReason.TRADING_STATE, command.instrument)]
        if command.price is not None and not listed.ladder.allows(command.price):
            return [Rejected(RejectReason.PRICE_STEP, command.instrument)]
        order_id = order_id_text(self._next_order_number)
        self._next_order_number += 1
        return [*listed.engine.place(order_id, command)]

    def _amend(self, command: AmendOrder) -> list[ExchangeEvent]:
        listed = self._listed.get(command.instrument)
        if listed is None:
            return [Rejected(RejectReason.UNKNOWN_INSTRUMENT, command.instrument, command.order_id)]
        if Allows.ORDER_AMEND not in listed.trading_state.allows:
            return [Rejected(RejectReason.TRADING_STATE, command.instrument, command.order_id)]
        if command.price is not None and not listed.ladder.allows(command.price):
            return [Rejected(RejectReason.PRICE_STEP, command.instrument, command.order_id)]
        return [*listed.engine.amend(command)]

    def _cancel(self, command: CancelOrder) -> list[ExchangeEvent]:
        listed = self._listed.get(command.instrument)
        if listed is None:
            return [Rejected(RejectReason.UNKNOWN_INSTRUMENT, command.instrument, command.order_id)]
        if Allows.ORDER_CANCEL not in listed.trading_state.allows:
            return [Rejected(RejectReason.TRADING_STATE, command.instrument, command.order_id)]
        return [*listed.engine.cancel(command.order_id)]

    def _set_trading_state(self, command: SetTradingState) -> list[ExchangeEvent]:
        market = self._markets.get(command.market)
        if market is None:
            return [Rejected(RejectReason.UNKNOWN_MARKET, command.instrument)]
        if command.instrument is not None and command.instrument not in market.instruments:
            return [Rejected(RejectReason.UNKNOWN_INSTRUMENT, command.instrument)]
        state = None if command.state is None else market.states.get(command.state)
        if state is None and (command.state is not None or command.instrument is None):
            return [Rejected(RejectReason.TRADING_STATE_UNKNOWN, command.instrument)]
        if state is not None and _gathers_orders(state):
            return [Rejected(RejectReason.TRADING_STATE_NEEDS_AUCTION, command.instrument)]
        if command.instrument is not None:
            self._listed[command.instrument].own_state = state
        elif state is not None:
            market.trading_state = state
        return [TradingStateChanged(command.market, command.state, command.instrument)]

    def _start_trading_day(self, command: StartTradingDay) -> list[ExchangeEvent]:
        market = self._markets.get(command.market)
        if market is None:
            return [Rejected(RejectReason.UNKNOWN_MARKET)]
        if market.trading_date is not None and command.trading_date <= market.trading_date:
            return [Rejected(RejectReason.TRADING_DATE)]
        is_first = market.trading_date is None
        market.trading_date = command.trading_date
        events: list[ExchangeEvent] = [TradingDayBegan(command.market, command.trading_date)]
        if not is_first:
            for instrument in market.instruments:
                events += self._listed[instrument].engine.expire_day_orders()
        return events


def _gathers_orders(state: TradingState) -> bool:
    """True where orders are taken and not matched: the book would cross, and continuous matching has no
    rule for the price at which to uncross it."""
    return Allows.ORDER_PLACE in state.allows and Allows.MATCH not in state.allows


def order_id_text(number: int) -> str:
    """An order id as people read it out: capitals and digits without the easily confused I and O."""
    digits: list[str] = []
    while number:
        number, digit = divmod(number, len(_ID_DIGITS))
        digits.append(_ID_DIGITS[digit])
    return "".join(reversed(digits)) or "0"
