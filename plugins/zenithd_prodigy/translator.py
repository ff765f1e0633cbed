"""The standard translator: what subscribers get to see of a market's events. Pure.

Orders that wait beside the book (without a price, or for a condition) are not shown; what they would do to an
auction is, in its indicative values. Who is behind an order is shown only if the market's settings say so.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from zoneinfo import ZoneInfo

import msgspec
from msgspec import UNSET

from zenithd.domain import events as public
from zenithd.domain.identifiers import InstrumentId, MarketId, instrument_id
from zenithd.domain.instrument import Instrument, MarketDefinition
from zenithd.domain.market_data import Affects, Broker, TradeFlag
from zenithd_prodigy.model import events as e
from zenithd_prodigy.model.definitions import CLOSE_REFERENCE
from zenithd_prodigy.model.orders import Order, Party, Standing, order_id_text
from zenithd_prodigy.model.state import MarketState
from zenithd_prodigy.model.statuses import TRADING_STATES, Status
from zenithd_prodigy.model.symbol import SymbolState
from zenithd_prodigy.trading_day import trading_date_at

BOOK = Standing.BOOK

AUCTION_CODE = "AU"
"""Condition code of a trade without an aggressor: two gathered orders met at one price."""

CORRECTED_CODE = "CO"
"""Condition code of a trade that counts with another price or quantity than it was made with."""


class EarlierTrade(msgspec.Struct, frozen=True):
    """A trade of an earlier trading day as it counts now: no tape has it, only the history."""

    trading_date: date
    trade: public.TradeReported


class StandardTranslator:
    """Turns the events of one command into the market events of one batch.

    `model` is the market's state right after them: it is asked for what events do not hold (settings, scales,
    and the book of a symbol that was renamed). So events are translated before the next command is carried
    out, also where subscribers are told later.
    """

    def __init__(self, model: MarketState) -> None:
        self._model = model

    def translate(self, events: Iterable[e.Event]) -> list[public.MarketEvent]:
        """What subscribers are told; what concerns only an order's owner is left out."""
        batch: list[public.MarketEvent] = []
        for event in events:
            self._translate(event, batch)
        return batch

    def definition(self) -> MarketDefinition:
        """The market as it is declared to the daemon; to be declared again when `redefines` says so."""
        model = self._model
        market = MarketId(model.definition.code)
        return MarketDefinition(
            id=market,
            name=model.definition.name,
            time_zone=model.definition.time_zone,
            currency=model.definition.currency,
            trading_states=TRADING_STATES,
            boards=(board_of(market),),
            tick_tables=tuple(table for _, table in sorted(model.tick_tables.items())),
            brokers=tuple(
                Broker(code, entity.name or None) for code, entity in sorted(model.entities.items())
            ),
        )

    def instruments(self) -> list[Instrument]:
        """Everything listed, by code."""
        return [self._instrument(symbol) for _, symbol in sorted(self._model.symbols.items())]

    def snapshot(self, *, with_trades: bool = False) -> list[public.MarketEvent]:
        """The whole market as it is: for the start, and after it was declared under another code.

        Args:
            with_trades: also those of the day, as far as they are kept.
        """
        model = self._model
        market = MarketId(model.definition.code)
        batch: list[public.MarketEvent] = []
        if model.trading_date is not None:
            batch.append(public.TradingDayStarted(market, model.trading_date))
        batch.append(self._market_state(model.status))
        for _, symbol in sorted(model.symbols.items()):
            self._symbol_snapshot(symbol, batch)
            if with_trades:
                batch += self.trades(symbol.definition.code, symbol.day_first_trade - 1)
        return batch

    def trades(self, code: str, after: int) -> list[public.TradeReported]:
        """The trades of a symbol that are still kept and have higher ids than `after`, oldest first."""
        return [self._trade(trade) for trade in self._kept(code) if trade.trade_id > after]

    def changed_trades(self, code: str, up_to: int) -> tuple[list[public.TradeAmended], list[EarlierTrade]]:
        """The trades up to an id that were cancelled or corrected, as far as they are kept: of today, and
        of earlier days. They are told again at a start, as nobody knows whether it was stored."""
        symbol = self._model.symbols[code]
        today: list[public.TradeAmended] = []
        earlier: list[EarlierTrade] = []
        for trade in self._kept(code):
            if trade.trade_id > up_to or trade.status is e.TradeStatus.TRADED:
                continue
            if symbol.is_of_today(trade.trade_id):
                today.append(public.TradeAmended(self._trade(trade)))
            else:
                earlier += self._earlier(trade)
        return today, earlier

    def earlier_trades(self, events: Iterable[e.Event]) -> list[EarlierTrade]:
        """What events changed of trades that are not on today's tape: it is not in `translate`."""
        return [
            earlier
            for event in events
            if isinstance(event, e.TradeChanged) and not self._is_on_tape(event.trade)
            for earlier in self._earlier(event.trade)
        ]

    def _kept(self, code: str) -> list[e.Traded]:
        """The trades of a symbol that are kept, oldest first, under the code that it has now."""
        kept = self._model.symbols[code].trades
        found = {**kept.previous, **kept.current}
        several = (found[trade_id] for trade_id in sorted(found))
        return [t if t.symbol == code else msgspec.structs.replace(t, symbol=code) for t in several]

    def _is_on_tape(self, trade: e.Traded) -> bool:
        symbol = self._model.symbols.get(trade.symbol)
        return symbol is not None and symbol.is_of_today(trade.trade_id)

    def _earlier(self, trade: e.Traded) -> list[EarlierTrade]:
        """Nothing for a trade of today that was made while its symbol had another code."""
        model = self._model
        day = trading_date_at(trade.time, ZoneInfo(model.definition.time_zone))
        if model.trading_date is None or day >= model.trading_date:
            return []
        return [EarlierTrade(day, self._trade(trade))]

    def market_state(self) -> public.MarketStateChanged:
        """The status that the market and its board have now."""
        return self._market_state(self._model.status)

    def _symbol_snapshot(self, symbol: SymbolState, batch: list[public.MarketEvent]) -> None:
        instrument = self._id(symbol.definition.code)
        batch.append(public.BookCleared(instrument))
        batch.append(
            public.SecurityChanged(
                instrument=instrument,
                trading_state=None if symbol.status is None else symbol.status.value,
                auction_price=symbol.indicative.price,
                auction_quantity=symbol.indicative.quantity if symbol.indicative.price is not None else None,
                auction_remainder=symbol.indicative.surplus if symbol.indicative.price is not None else None,
                close=symbol.references.get(CLOSE_REFERENCE),
                extended=self._references(symbol),
            )
        )
        for side in (symbol.bids, symbol.asks):
            batch.extend(self._added(instrument, order) for order in side)

    def _translate(self, event: e.Event, batch: list[public.MarketEvent]) -> None:
        match event:
            case e.OrderPlaced():
                if event.standing is BOOK:
                    batch.append(self._placed(event))
            case e.OrderAmended():
                self._amended(event, batch)
            case e.OrderRested():
                if event.standing is BOOK:
                    batch.append(self._rested(event))
            case e.OrderClosed():
                if event.stood is BOOK:
                    instrument = self._id(event.symbol)
                    batch.append(public.OrderRemoved(instrument, order_id_text(event.order)))
            case e.Traded():
                self._traded(event, batch)
            case _:
                self._translate_market(event, batch)

    def _translate_market(self, event: e.Event, batch: list[public.MarketEvent]) -> None:
        match event:
            case e.TradeChanged():
                if self._is_on_tape(event.trade):
                    batch.append(public.TradeAmended(self._trade(event.trade)))
            case e.IndicativeChanged():
                batch.append(self._indicative(event))
            case e.StatusChanged():
                batch.append(self._status(event))
            case e.TradingDayStarted():
                market = MarketId(self._model.definition.code)
                batch.append(public.TradingDayStarted(market, event.trading_date))
            case e.ReferenceSet():
                symbol = self._model.symbols.get(event.symbol)
                if symbol is not None:
                    instrument = self._id(event.symbol)
                    close = event.price if event.name == CLOSE_REFERENCE else UNSET
                    batch.append(
                        public.SecurityChanged(
                            instrument=instrument, close=close, extended=self._references(symbol)
                        )
                    )
            case e.SymbolListed():
                batch.append(public.InstrumentListed(self._instrument_of(event.definition.code)))
            case e.SymbolChanged():
                self._symbol_changed(event, batch)
            case e.MarketRemoved():
                batch.append(self._market_state(self._model.status))
            case e.SymbolUnlisted():
                batch.append(public.InstrumentUnlisted(self._id(event.symbol)))
            case _:
                pass  # owners', operators' or the daemon's business; see `redefines`

    def _symbol_changed(self, event: e.SymbolChanged, batch: list[public.MarketEvent]) -> None:
        """With another code it is another instrument to subscribers: it comes with its book and its day."""
        renamed = event.definition.code != event.symbol
        if renamed:
            batch.append(public.InstrumentUnlisted(self._id(event.symbol)))
        batch.append(public.InstrumentListed(self._instrument_of(event.definition.code)))
        if renamed:
            symbol = self._model.symbols[event.definition.code]
            self._symbol_snapshot(symbol, batch)
            batch += self.trades(event.definition.code, symbol.day_first_trade - 1)

    def _placed(self, event: e.OrderPlaced) -> public.OrderAdded:
        assert event.price is not None  # it stands in the book
        broker, reference = self._shown(event.party)
        return public.OrderAdded(
            self._id(event.symbol),
            order_id_text(event.order),
            event.side,
            event.price,
            event.visible,
            event.priority,
            event.quantity > event.visible,
            broker,
            reference,
        )

    def _rested(self, event: e.OrderRested) -> public.OrderAdded:
        broker, reference = self._shown(event.party)
        return public.OrderAdded(
            self._id(event.symbol),
            order_id_text(event.order),
            event.side,
            event.price,
            event.visible,
            event.priority,
            event.leaves > event.visible,
            broker,
            reference,
        )

    def _added(self, instrument: InstrumentId, order: Order) -> public.OrderAdded:
        assert order.price is not None  # it stands in the book
        broker, reference = self._shown(order.party)
        return public.OrderAdded(
            instrument,
            order_id_text(order.number),
            order.side,
            order.price,
            order.visible,
            order.priority,
            order.leaves > order.visible,
            broker,
            reference,
        )

    def _amended(self, event: e.OrderAmended, batch: list[public.MarketEvent]) -> None:
        if event.stood is not BOOK:
            return
        instrument, order_id = self._id(event.symbol), order_id_text(event.order)
        if event.standing is not BOOK:
            batch.append(public.OrderRemoved(instrument, order_id))
            return
        assert event.price is not None  # it stands in the book
        hides = event.leaves > event.visible
        batch.append(
            public.OrderChanged(instrument, order_id, event.price, event.visible, event.priority, hides)
        )

    def _traded(self, event: e.Traded, batch: list[public.MarketEvent]) -> None:
        batch.append(self._trade(event))
        for fill in (event.buy, event.sell):
            if fill.standing is not BOOK:
                continue
            instrument, order_id = self._id(event.symbol), order_id_text(fill.order)
            if not fill.leaves:
                batch.append(public.OrderRemoved(instrument, order_id))
                continue
            assert fill.price is not None  # it stands in the book
            hides = fill.leaves > fill.visible
            batch.append(
                public.OrderChanged(instrument, order_id, fill.price, fill.visible, fill.priority, hides)
            )

    def _trade(self, trade: e.Traded) -> public.TradeReported:
        buy_broker, buy_reference = self._shown(trade.buy.party)
        sell_broker, sell_reference = self._shown(trade.sell.party)
        cancelled = trade.status is e.TradeStatus.CANCELLED
        return public.TradeReported(
            self._id(trade.symbol),
            trade.trade_id,
            trade.price,
            trade.quantity,
            trade.time,
            trade.aggressor,
            affects=Affects.NONE if cancelled else Affects.ALL,
            flags=(TradeFlag.CANCEL,) if cancelled else (),
            codes=_condition_codes(trade),
            buy_order_id=order_id_text(trade.buy.order),
            sell_order_id=order_id_text(trade.sell.order),
            buy_broker=buy_broker,
            sell_broker=sell_broker,
            buy_cross_reference=buy_reference,
            sell_cross_reference=sell_reference,
        )

    def _indicative(self, event: e.IndicativeChanged) -> public.SecurityChanged:
        nothing = event.price is None
        return public.SecurityChanged(
            instrument=self._id(event.symbol),
            auction_price=event.price,
            auction_quantity=None if nothing else event.quantity,
            auction_remainder=None if nothing else event.surplus,
        )

    def _status(self, event: e.StatusChanged) -> public.MarketEvent:
        if event.symbol is not None:
            state = None if event.status is None else event.status.value
            return public.SecurityChanged(instrument=self._id(event.symbol), trading_state=state)
        assert event.status is not None  # only a symbol can be without a status
        return self._market_state(event.status)

    def _market_state(self, status: Status) -> public.MarketStateChanged:
        """The market's board always has the status of the market."""
        market = MarketId(self._model.definition.code)
        return public.MarketStateChanged(market, status.value, {board_of(market): status.value})

    def _references(self, symbol: SymbolState) -> dict[str, float]:
        unit = 10**symbol.definition.price_scale
        return {name: price / unit for name, price in sorted(symbol.references.items())}

    def _instrument_of(self, code: str) -> Instrument:
        symbol = self._model.symbols.get(code)
        if symbol is None:  # gone again within the same command
            return Instrument(code=code, market=MarketId(self._model.definition.code))
        return self._instrument(symbol)

    def _instrument(self, symbol: SymbolState) -> Instrument:
        definition, market = symbol.definition, MarketId(self._model.definition.code)
        return Instrument(
            code=definition.code,
            market=market,
            name=definition.name,
            exchange=definition.exchange,
            cfi=definition.cfi,
            currency=definition.currency or self._model.definition.currency,
            price_scale=definition.price_scale,
            quantity_scale=definition.quantity_scale,
            trading_markets=(board_of(market),),
            board=board_of(market),
            tick_table=definition.tick_table or None,
            lot_size=Decimal(definition.lot_size).scaleb(-definition.quantity_scale),
            alternates=definition.alternates,
            attributes=definition.attributes,
        )

    def _shown(self, party: Party) -> tuple[str | None, str | None]:
        if not self._model.definition.settings.shows_parties:
            return None, None
        return party.entity, party.account

    def _id(self, code: str) -> InstrumentId:
        return instrument_id(code, self._model.definition.code)


def _condition_codes(trade: e.Traded) -> tuple[str, ...]:
    if trade.aggressor is not None and trade.status is not e.TradeStatus.CORRECTED:
        return ()
    auction = () if trade.aggressor is not None else (AUCTION_CODE,)
    return (*auction, CORRECTED_CODE) if trade.status is e.TradeStatus.CORRECTED else auction


def redefines(event: e.Event) -> bool:
    """True for events after which the market has to be declared to the daemon again, with a snapshot."""
    return isinstance(
        event,
        e.MarketCreated
        | e.MarketChanged
        | e.TickTableSet
        | e.TickTableRemoved
        | e.EntitySet
        | e.EntityRenamed
        | e.EntityRemoved,
    )


def board_of(market: MarketId) -> str:
    """The one board of a market, which is its trading market as well."""
    return f"{market}::{market}"


def for_owner(event: e.Event, entity: str) -> e.Event | None:
    """An event as the executing firm `entity` may see it: of orders only its own, of trades its own side.

    None for what it may not see as a party; what everybody sees comes through the translator.
    """
    if isinstance(event, e.OrderPlaced | e.OrderAmended | e.OrderRested | e.OrderClosed):
        return event if event.party.entity == entity else None
    if isinstance(event, e.Traded):
        return _own_side(event, entity)
    if isinstance(event, e.TradeChanged):
        trade = _own_side(event.trade, entity)
        return None if trade is None else e.TradeChanged(event.time, trade)
    return None


_NOBODY = e.Fill(0, None, 0, 0, 0, Standing.INCOMING, Party(""))
"""Stands for the other side of a trade."""


def _own_side(trade: e.Traded, entity: str) -> e.Traded | None:
    buys, sells = trade.buy.party.entity == entity, trade.sell.party.entity == entity
    if not buys and not sells:
        return None
    return msgspec.structs.replace(
        trade, buy=trade.buy if buys else _NOBODY, sell=trade.sell if sells else _NOBODY
    )
