"""What the exchange's records mean to the order management system: updates, numbered by their place. Pure.

The records of all markets, and the adapter's notes, come in the one order of the journal. So the same records
make the same updates with the same numbers, always: a feed is continued anywhere by making them again.

An order is told with what the exchange knows of it, and with the request that made it so: the evidence
that it was carried out. What the exchange does not know (fees, classification, how it was routed) is
left out; the order management system keeps that as it is. Of a refused request only that is told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, time
from decimal import Decimal
from typing import Any, Final

import msgspec

from zenithd.domain.market_data import Side as MarketSide
from zenithd.oms.model.accounts import Account
from zenithd.oms.model.directory import ExchangeDestination, ExchangeDetails
from zenithd.oms.model.entity import ZERO
from zenithd.oms.model.orders import (
    Lifetime,
    OrderState,
    OrderTrade,
    OrderTradeType,
    OrderType,
    OrderUpdate,
    OrderUpdateReason,
    OrderUpdateType,
    Side,
)
from zenithd.oms.model.requests import (
    ClientRequest,
    ClientRequestUpdate,
    OrderMove,
    RequestStatus,
)
from zenithd.oms.model.transforms import SymbolRename
from zenithd.oms.model.updates import (
    ExchangeDefined,
    ExchangeUndefined,
    OrderTraded,
    OrderUpdated,
    RequestUpdated,
    Transformed,
)
from zenithd.oms.streaming import FeedUpdate
from zenithd.oms.words import DEPTH_ORDER_ID
from zenithd_prodigy.model import events as e
from zenithd_prodigy.model import orders as exchange
from zenithd_prodigy.model.definitions import SymbolDefinition
from zenithd_prodigy.model.orders import order_id_text
from zenithd_prodigy.oms import codes, notes
from zenithd_prodigy.oms.intake import ALL_OR_NONE, HIDDEN, MINIMUM, VALIDITY
from zenithd_prodigy.oms.memory import Memory

MARKET_FEED: Final = "market "
"""Begins the names of the markets' feeds; a number follows."""

REQUESTS_KEPT: Final = 100_000
"""At least so many of the newest requests are remembered, as the markets remember their commands."""

CLOSED_KEPT: Final = 10_000
"""At least so many of the newest completed orders of each market are remembered."""

_NANOSECONDS: Final = 1_000_000_000
_TYPES: Final = {
    exchange.OrderType.LIMIT: OrderType.LIMIT,
    exchange.OrderType.MARKET: OrderType.MARKET,
    exchange.OrderType.MARKET_TO_LIMIT: OrderType.MARKET_TO_LIMIT,
}
_LIFETIMES: Final = {
    exchange.TimeInForce.DAY: Lifetime.DAY,
    exchange.TimeInForce.GTC: Lifetime.GOOD_TILL_CANCEL,
    exchange.TimeInForce.GTD: Lifetime.GOOD_TILL_DATE,
    exchange.TimeInForce.IOC: Lifetime.IMMEDIATE_OR_CANCEL,
    exchange.TimeInForce.FOK: Lifetime.FILL_OR_KILL,
}
_TRADE_CHANGES: Final = {
    e.TradeStatus.CORRECTED: (OrderTradeType.CORRECTION, OrderUpdateReason.TRADE_CORRECTION),
    e.TradeStatus.CANCELLED: (OrderTradeType.CANCEL, OrderUpdateReason.TRADE_CANCEL),
    e.TradeStatus.TRADED: (OrderTradeType.TRADE, OrderUpdateReason.TRADE),
}


class RecordsMissing(Exception):
    """Records of a market that should come next are not in the journal any more: nothing true can be told.

    Blame: the operator, who let go what was still to be told, or asks for what is gone.
    """


class ReportedOrder(msgspec.Struct):
    """An order of the firm as it was told last."""

    order: OrderState
    symbol: str
    """The code that the symbol has now in the market."""
    leaves: int


class ReportedMarket(msgspec.Struct):
    """What must be known of a market to tell of its orders."""

    entity: str
    sequence: int = 0
    """Of the last record of its feed."""
    code: str = ""
    symbols: dict[str, SymbolDefinition] = {}
    numbers: dict[str, int] = {}
    """Numbers of the symbols, which they keep whatever their code is."""
    orders: dict[int, ReportedOrder] = {}
    """Those that are in the market."""
    closed: Memory[int, ReportedOrder] = msgspec.field(default_factory=lambda: Memory(kept=CLOSED_KEPT))
    """Those that can still be moved, and whose trades can still be told of when they are changed."""

    @property
    def destination(self) -> str:
        """The trading market."""
        return f"{self.code}::{self.code}"

    def find(self, number: int) -> ReportedOrder | None:
        """An order, in the market or remembered."""
        return self.orders.get(number) or self.closed.get(number)


class Place(msgspec.Struct, array_like=True, frozen=True):
    """Where an order is."""

    market: int
    number: int


class Told(msgspec.Struct):
    """Everything that the records made; see `Reporter`."""

    version: int = 1
    position: int = 0
    """Of the journal."""
    sequence: int = 0
    """Of the feed: updates made so far."""
    markets: dict[int, ReportedMarket] = {}
    exchanges: dict[str, ExchangeDetails] = {}
    open: dict[str, Place] = {}
    """Orders in a market, by the order management system's id."""
    closed: Memory[str, Place] = msgspec.field(default_factory=lambda: Memory(kept=CLOSED_KEPT))
    requests: Memory[str, bool] = msgspec.field(default_factory=lambda: Memory(kept=REQUESTS_KEPT))
    """What became of each request: carried out, or refused."""
    named: Memory[str, tuple[Account, str]] = msgspec.field(
        default_factory=lambda: Memory(kept=REQUESTS_KEPT)
    )
    """Requests whose commands have other names than the usual ones."""


class _Checkpoint(msgspec.Struct, array_like=True, frozen=True):
    """What is known, in the pieces in which it is encoded."""

    rest: bytes
    markets: dict[int, bytes]


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(Told)
_MARKET_DECODER = msgspec.msgpack.Decoder(ReportedMarket)
_CHECKPOINT_DECODER = msgspec.msgpack.Decoder(_Checkpoint)


def request_text(account: Account, request_id: str) -> str:
    """A request's name in `Told.requests`."""
    return f"{account}/{request_id}"


class Reporter:
    """Makes updates of records. All it knows is in `told`, which records alone change."""

    def __init__(self, entity: str, told: Told | None = None) -> None:
        self.told = Told() if told is None else told
        self._entity = entity
        self._updates: list[FeedUpdate] = []
        self._place = ""
        """The record at hand, for the ids of updates."""
        self.missed: list[str] = []
        """What could not be told, because the order is not remembered any more."""

    def checkpoint(self) -> Iterator[bytes]:
        """All it knows, as the last of what is given: each piece takes some time.

        Nothing may be applied in between.
        """
        rest = _ENCODER.encode(msgspec.structs.replace(self.told, markets={}))
        yield rest
        markets = {}
        for number, market in self.told.markets.items():
            markets[number] = _ENCODER.encode(market)
            yield markets[number]
        yield _ENCODER.encode(_Checkpoint(rest, markets))

    @classmethod
    def restored(cls, entity: str, checkpoint: bytes) -> Reporter:
        """The reporter again.

        Raises:
            ValueError: the checkpoint is none, or one of another version.
        """
        pieces = _CHECKPOINT_DECODER.decode(checkpoint)
        told: Told = _DECODER.decode(pieces.rest)
        if told.version != Told().version:
            raise ValueError(f"a checkpoint of version {told.version}")
        told.markets = {number: _MARKET_DECODER.decode(each) for number, each in pieces.markets.items()}
        return cls(entity, told)

    def apply(self, feed: str, sequence: int, body: bytes) -> list[FeedUpdate]:
        """The updates that a record of one of the plugin's feeds means, in their order.

        Raises:
            RecordsMissing: it is not the next of its market.
        """
        self._updates = []
        if feed == notes.NOTES:
            self._place = f"{feed}/{sequence}"
            note = notes.decode_note(body)
            _NOTES[type(note)](self, note)
        elif feed.startswith(MARKET_FEED):
            number = int(feed.removeprefix(MARKET_FEED))
            self._place = f"{number}/{sequence}"
            market = self.told.markets.get(number)
            if market is None:
                market = self.told.markets[number] = ReportedMarket(self._entity)
            if sequence != market.sequence + 1:
                raise RecordsMissing(f"{feed}: record {market.sequence + 1} is gone, {sequence} is there")
            market.sequence = sequence
            for event in e.decode_events(body):
                handle = _EVENTS.get(type(event))
                if handle is not None:
                    handle(self, number, market, event)
        self.told.sequence += len(self._updates)
        return self._updates

    def find(self, order_id: str) -> tuple[ReportedMarket, int, ReportedOrder] | None:
        """An order by the order management system's id, with its market and number there."""
        place = self.told.open.get(order_id) or self.told.closed.get(order_id)
        if place is None:
            return None
        market = self.told.markets[place.market]
        reported = market.find(place.number)
        return None if reported is None else (market, place.number, reported)

    def find_market(self, code: str) -> ReportedMarket | None:
        """A market by the code that it has now."""
        return next((each for each in self.told.markets.values() if each.code == code), None)

    # Telling

    def _tell(self, update: FeedUpdate) -> None:
        self._updates.append(update)

    def _update(self, reason: OrderUpdateReason, **fields: Any) -> OrderUpdate:
        return OrderUpdate(reason=reason, update_id=f"{self._place}/{len(self._updates)}", **fields)

    def _carried_out(self, name: str, reported: ReportedOrder) -> None:
        """The request whose command this was is carried out: the order that bears its id tells so."""
        request = self._request(name)
        if request is not None:
            self.told.requests.add(request_text(*request), True, reported.order.timestamp)

    def _request(self, name: str) -> tuple[Account, str] | None:
        return self.told.named.get(name) or codes.request_of(name)

    def _request_id(self, name: str) -> str:
        request = self._request(name)
        return "" if request is None else request[1]

    # Orders

    def _placed(self, number: int, market: ReportedMarket, event: e.OrderPlaced) -> None:
        party = event.party
        account = codes.account_of(party.account)
        if party.entity != market.entity or account is None or party.context is None:
            return
        symbol = market.symbols[event.symbol]
        order = OrderState(
            order_id=party.context,
            account=account,
            external_id=order_id_text(event.order),
            request_id=self._request_id(event.command_id),
            code=symbol.code,
            exchange=symbol.exchange or market.code,
            currency=symbol.currency or "",
            side=Side.BUY if event.side is MarketSide.BID else Side.SELL,
            order_type=_TYPES[event.order_type],
            quantity=_decimal(event.quantity, symbol.quantity_scale),
            price=None if event.price is None else _decimal(event.price, symbol.price_scale),
            lifetime=_LIFETIMES[event.time_in_force],
            expiry_date=_midnight(event),
            ex_destination=market.destination,
            values=_values(event, symbol.quantity_scale),
            properties=_properties(event),
            created=event.time,
            timestamp=event.time,
            status=codes.ON_MARKET,
        )
        reported = market.orders[event.order] = ReportedOrder(order, event.symbol, event.quantity)
        self.told.open[order.order_id] = Place(number, event.order)
        self._tell(OrderUpdated(order=order, update=self._update(OrderUpdateReason.NEW)))
        self._carried_out(event.command_id, reported)

    def _amended(self, number: int, market: ReportedMarket, event: e.OrderAmended) -> None:
        reported = market.orders.get(event.order)
        if reported is None:
            return
        symbol = market.symbols[event.symbol]
        quantity = _decimal(event.quantity, symbol.quantity_scale)
        values = dict(reported.order.values)
        if event.display is not None or HIDDEN in values:
            shown = event.quantity if event.display is None else event.display
            values[HIDDEN] = _decimal(event.quantity - shown, symbol.quantity_scale)
        reported.leaves = event.leaves
        self._change(
            reported,
            event.time,
            quantity=quantity,
            price=None if event.price is None else _decimal(event.price, symbol.price_scale),
            values=values,
            request_id=self._request_id(event.command_id) or reported.order.request_id,
        )
        self._tell(OrderUpdated(order=reported.order, update=self._update(OrderUpdateReason.REPLACE)))
        self._carried_out(event.command_id, reported)

    def _rested(self, number: int, market: ReportedMarket, event: e.OrderRested) -> None:
        """It may have a price only now: one that takes the market's and rests there."""
        reported = market.orders.get(event.order)
        if reported is None:
            return
        price = _decimal(event.price, market.symbols[event.symbol].price_scale)
        if reported.order.price != price:
            self._change(reported, event.time, price=price)
            self._tell(OrderUpdated(order=reported.order, update=self._update(OrderUpdateReason.STATUS)))

    def _closed(self, number: int, market: ReportedMarket, event: e.OrderClosed) -> None:
        reported = market.orders.get(event.order)
        if reported is None:
            return
        status, reason = codes.CLOSED[event.reason]
        request_id = self._request_id(event.command_id) or reported.order.request_id
        self._change(reported, event.time, status=status, is_completed=True, request_id=request_id)
        self._put_away(number, market, event.order)
        update = self._update(reason, properties={"Reason": event.reason.value})
        self._tell(OrderUpdated(order=reported.order, update=update))
        self._carried_out(event.command_id, reported)

    def _traded(self, number: int, market: ReportedMarket, event: e.Traded) -> None:
        for fill, side in ((event.buy, "B"), (event.sell, "S")):
            if fill.order in market.orders and fill.party.entity == market.entity:
                self._filled(number, market, event, fill, side)

    def _filled(self, number: int, market: ReportedMarket, event: e.Traded, fill: e.Fill, side: str) -> None:
        reported = market.orders[fill.order]
        symbol, order = market.symbols[event.symbol], reported.order
        trade = self._trade(number, market, event, side, OrderTradeType.TRADE)
        reported.leaves = fill.leaves
        self._change(
            reported,
            event.time,
            price=order.price if fill.price is None else _decimal(fill.price, symbol.price_scale),
            executed_quantity=order.executed_quantity + trade.quantity,
            executed_value=order.executed_value + trade.price * trade.quantity,
            status=codes.PARTIAL_FILL if fill.leaves else codes.FILLED,
            is_completed=not fill.leaves,
        )
        if not fill.leaves:
            self._put_away(number, market, fill.order)
        update = self._update(OrderUpdateReason.TRADE)
        self._tell(OrderTraded(order=reported.order, update=update, trade=trade))

    def _trade_changed(self, number: int, market: ReportedMarket, event: e.TradeChanged) -> None:
        """Orders stay as they are: only what the trade moved is moved otherwise."""
        kind, reason = _TRADE_CHANGES[event.trade.status]
        for fill, side in ((event.trade.buy, "B"), (event.trade.sell, "S")):
            reported = market.find(fill.order)
            if reported is None or event.trade.symbol not in market.symbols:
                if fill.party.entity == market.entity:
                    self.missed.append(f"trade {event.trade.trade_id} of order {order_id_text(fill.order)}")
                continue
            trade = self._trade(number, market, event.trade, side, kind)
            self._tell(OrderTraded(order=reported.order, update=self._update(reason), trade=trade))

    def _trade(
        self, number: int, market: ReportedMarket, event: e.Traded, side: str, kind: OrderTradeType
    ) -> OrderTrade:
        symbol = market.symbols[event.symbol]
        return OrderTrade(
            # Both sides of a trade may be of one account; codes may be given to others later.
            trade_id=f"{number}/{market.numbers[event.symbol]}/{event.trade_id}/{side}",
            type=kind,
            price=_decimal(event.price, symbol.price_scale),
            quantity=_decimal(event.quantity, symbol.quantity_scale),
            ex_destination=market.destination,
        )

    def _change(self, reported: ReportedOrder, now: int, **fields: Any) -> None:
        reported.order = msgspec.structs.replace(reported.order, timestamp=now, **fields)

    def _put_away(self, number: int, market: ReportedMarket, order: int) -> None:
        """The order is out of the market."""
        reported = market.orders.pop(order)
        place = self.told.open.pop(reported.order.order_id)
        market.closed.add(order, reported, reported.order.timestamp)
        self.told.closed.add(reported.order.order_id, place, reported.order.timestamp)

    # Markets

    def _market_defined(
        self, number: int, market: ReportedMarket, event: e.MarketCreated | e.MarketChanged
    ) -> None:
        market.code = event.definition.code
        self._describe()

    def _market_removed(self, number: int, market: ReportedMarket, event: e.MarketRemoved) -> None:
        market.symbols.clear()
        self._describe()

    def _listed(self, number: int, market: ReportedMarket, event: e.SymbolListed) -> None:
        market.symbols[event.definition.code] = event.definition
        market.numbers[event.definition.code] = event.number
        self._describe()

    def _symbol_changed(self, number: int, market: ReportedMarket, event: e.SymbolChanged) -> None:
        code = event.definition.code
        market.symbols.pop(event.symbol)
        market.symbols[code] = event.definition
        market.numbers[code] = market.numbers.pop(event.symbol)
        if code != event.symbol:
            self._renamed(market, event)
        self._describe()

    def _renamed(self, market: ReportedMarket, event: e.SymbolChanged) -> None:
        """Orders stay in the market under the new code; where that is the symbol's everywhere, holdings and
        orders of all accounts follow it, in whichever market."""
        old, new = event.symbol, event.definition.code
        for reported in (*market.orders.values(), *market.closed.values()):
            if reported.symbol == old:
                reported.symbol = new
        issuer = event.definition.exchange or market.code
        if not self._gives_names(market, issuer, old):
            return
        for each in self.told.markets.values():
            for reported in (*each.orders.values(), *each.closed.values()):
                if (reported.order.exchange, reported.order.code) == (issuer, old):
                    reported.order = msgspec.structs.replace(reported.order, code=new)
        rename = SymbolRename(
            transform_id=f"{self._place}/{len(self._updates)}",
            exchange=issuer,
            code=old,
            new_code=new,
            text=f"renamed on {market.code}",
            timestamp=event.time,
        )
        self._tell(Transformed(transform=rename))

    def _gives_names(self, market: ReportedMarket, issuer: str, old: str) -> bool:
        """Whether a symbol of an issuer has another code everywhere when it has one in this market.

        That is so in the issuer's own market; without one, in the last market that has the old code.
        """
        if market.code == issuer or self.find_market(issuer) is not None:
            return market.code == issuer
        return not any(
            old in each.symbols and (each.symbols[old].exchange or each.code) == issuer
            for each in self.told.markets.values()
        )

    def _unlisted(self, number: int, market: ReportedMarket, event: e.SymbolUnlisted) -> None:
        del market.symbols[event.symbol]
        self._describe()

    def _entity_renamed(self, number: int, market: ReportedMarket, event: e.EntityRenamed) -> None:
        if market.entity == event.code:
            market.entity = event.new_code

    def _describe(self) -> None:
        """Tell of exchanges that are others than were told."""
        found = self._exchanges()
        for code, details in found.items():
            if self.told.exchanges.get(code) != details:
                self._tell(ExchangeDefined(details=details))
        for code in self.told.exchanges:
            if code not in found:
                self._tell(ExchangeUndefined(exchange=code))
        self.told.exchanges = found

    def _exchanges(self) -> dict[str, ExchangeDetails]:
        """An exchange for each issuer of symbols, with the markets that list them."""
        listing: dict[str, list[str]] = {}
        for market in self.told.markets.values():
            for symbol in market.symbols.values():
                codes_of = listing.setdefault(symbol.exchange or market.code, [])
                if market.code not in codes_of:
                    codes_of.append(market.code)
        return {
            code: ExchangeDetails(
                exchange=code,
                destinations=tuple(
                    ExchangeDestination(
                        ex_destination=f"{market}::{market}",
                        route=codes.FEED,
                        is_lit=True,
                        lit_source=market,
                    )
                    for market in markets
                ),
                metadata=codes.ABILITIES,
                order_statuses=codes.ORDER_STATUSES,
            )
            for code, markets in listing.items()
        }

    # Notes

    def _started(self, note: notes.AdapterStarted) -> None:
        for details in self.told.exchanges.values():
            self._tell(ExchangeDefined(details=details))
        for place in self.told.open.values():
            order = self.told.markets[place.market].orders[place.number].order
            update = self._update(OrderUpdateReason.RESTATED, type=OrderUpdateType.RESTATE)
            self._tell(OrderUpdated(order=order, update=update))

    def _named(self, note: notes.RequestNamed) -> None:
        key = (note.request.account, note.request.request_id)
        self.told.named.add(note.command_id, key, note.time)

    def _refused(self, note: notes.RequestRefused) -> None:
        request = note.request
        text = request_text(request.account, request.request_id)
        if self.told.requests.get(text) is not None:
            return  # it came twice at the same time: it is told once
        self.told.requests.add(text, False, note.time)
        self._reject(request, note.order_id, note.errors, note.text)

    def _reject(self, request: ClientRequest, order_id: str, errors: tuple[str, ...], text: str) -> None:
        self._tell(
            RequestUpdated(
                update=ClientRequestUpdate(
                    request_id=request.request_id,
                    account=request.account,
                    order_id=order_id,
                    status=RequestStatus.REJECTED,
                    errors=errors,
                    text=text or None,
                    is_completed=True,
                )
            )
        )

    def _move_taken(self, note: notes.OrderMoveTaken) -> None:
        request, body = note.request, note.request.body
        text = request_text(request.account, request.request_id)
        if self.told.requests.get(text) is not None or not isinstance(body, OrderMove):
            return
        found = self.find(body.order_id)
        reported = None if found is None else found[2]
        movable = reported is not None and _is_movable(reported.order, body.prev_account)
        self.told.requests.add(text, movable, note.time)
        if reported is None or not movable:
            self._reject(request, body.order_id, ("Order.Status",), "")
            return
        self._change(reported, note.time, account=request.account, request_id=request.request_id)
        update = self._update(OrderUpdateReason.REPLACE, previous_account=body.prev_account)
        self._tell(OrderUpdated(order=reported.order, update=update))


_EVENTS: Final[dict[type, Callable[[Reporter, int, ReportedMarket, Any], None]]] = {
    e.OrderPlaced: Reporter._placed,
    e.OrderAmended: Reporter._amended,
    e.OrderRested: Reporter._rested,
    e.OrderClosed: Reporter._closed,
    e.Traded: Reporter._traded,
    e.TradeChanged: Reporter._trade_changed,
    e.MarketCreated: Reporter._market_defined,
    e.MarketChanged: Reporter._market_defined,
    e.MarketRemoved: Reporter._market_removed,
    e.SymbolListed: Reporter._listed,
    e.SymbolChanged: Reporter._symbol_changed,
    e.SymbolUnlisted: Reporter._unlisted,
    e.EntityRenamed: Reporter._entity_renamed,
}
_NOTES: Final[dict[type, Callable[[Reporter, Any], None]]] = {
    notes.AdapterStarted: Reporter._started,
    notes.RequestNamed: Reporter._named,
    notes.RequestRefused: Reporter._refused,
    notes.OrderMoveTaken: Reporter._move_taken,
}


def _is_movable(order: OrderState, account: Account) -> bool:
    """An order that is filled can be moved too, one that was cancelled cannot."""
    return order.account == account and (not order.is_completed or order.status == codes.FILLED)


def _values(event: e.OrderPlaced, scale: int) -> dict[str, Decimal]:
    values = {}
    if event.display is not None:
        values[HIDDEN] = _decimal(event.quantity - event.display, scale)
    if event.minimum:
        values[MINIMUM] = _decimal(event.minimum, scale)
    return values


def _properties(event: e.OrderPlaced) -> dict[str, str]:
    properties = {DEPTH_ORDER_ID: order_id_text(event.order)}
    return properties | {VALIDITY: ALL_OR_NONE} if event.all_or_none else properties


def _midnight(event: e.OrderPlaced) -> int | None:
    """A date as the order management system has it: its midnight, UTC."""
    if event.expiry is None:
        return None
    return int(datetime.combine(event.expiry, time.min, UTC).timestamp()) * _NANOSECONDS


def _decimal(units: int, scale: int) -> Decimal:
    """Exactly, whatever the context of decimal arithmetic is."""
    return Decimal(f"{units}E-{scale}") if units else ZERO
