"""Events of the standard market: what happened, whole enough to make the state again. Pure.

They are encoded as arrays: fields are only ever added, at the end and with a default, so that what older
versions wrote stays readable. `time` is never before that of the event before. A `command_id` stands in the
first event of the command that brought it about.
"""

from __future__ import annotations

import enum
from datetime import date

import msgspec

from zenithd.domain.market_data import Side, TickTable
from zenithd_prodigy.model.definitions import (
    Entity,
    MarketDefinition,
    PriceLimits,
    SymbolDefinition,
)
from zenithd_prodigy.model.orders import CloseReason, OrderType, Party, Standing, TimeInForce
from zenithd_prodigy.model.statuses import Status
from zenithd_prodigy.timetable.due import Place
from zenithd_prodigy.timetable.plan import Timetable


class OrderPlaced(msgspec.Struct, frozen=True, array_like=True, gc=False, tag="OP"):
    """An order was accepted. Where `standing` is INCOMING, what follows from it follows as events."""

    time: int
    symbol: str
    order: int
    side: Side
    order_type: OrderType
    price: int | None
    quantity: int
    display: int | None
    visible: int
    minimum: int
    all_or_none: bool
    time_in_force: TimeInForce
    expiry: date | None
    priority: int
    standing: Standing
    party: Party
    command_id: str = ""


class OrderAmended(msgspec.Struct, frozen=True, array_like=True, gc=False, tag="OA"):
    """The values now of an order that was amended, or reduced instead of trading with its own entity."""

    time: int
    symbol: str
    order: int
    side: Side
    price: int | None
    quantity: int
    display: int | None
    leaves: int
    visible: int
    priority: int
    standing: Standing
    stood: Standing
    """Where it was before. From BOOK to INCOMING: it left the book to be matched."""
    party: Party
    command_id: str = ""


class OrderRested(msgspec.Struct, frozen=True, array_like=True, gc=False, tag="OR"):
    """What is left of an order now stands in the book, or waits beside it for its condition."""

    time: int
    symbol: str
    order: int
    side: Side
    price: int
    leaves: int
    visible: int
    priority: int
    standing: Standing
    party: Party


class OrderClosed(msgspec.Struct, frozen=True, array_like=True, gc=False, tag="OC"):
    """The order is out of the market. (One that is filled is out without it.)"""

    time: int
    symbol: str
    order: int
    side: Side
    leaves: int
    """What was not executed."""
    stood: Standing
    reason: CloseReason
    party: Party
    command_id: str = ""


class Fill(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One order of a trade, as it is after it."""

    order: int
    price: int | None
    leaves: int
    """0: the order is filled, and out of the market."""
    visible: int
    priority: int
    standing: Standing
    """Where it stood when it traded."""
    party: Party


class TradeStatus(enum.Enum):
    """Whether a trade still stands as it was made."""

    TRADED = "T"
    CORRECTED = "C"
    CANCELLED = "X"


class Traded(msgspec.Struct, frozen=True, array_like=True, gc=False, tag="TR"):
    """Two orders traded: at the price of the resting one, or in an auction at the auction's."""

    time: int
    symbol: str
    trade_id: int
    price: int
    quantity: int
    aggressor: Side | None
    """The side of the incoming order; None in an auction."""
    buy: Fill
    sell: Fill
    status: TradeStatus = TradeStatus.TRADED


class TradeChanged(msgspec.Struct, frozen=True, array_like=True, gc=False, tag="TC"):
    """A trade was cancelled or corrected; orders and last prices stay as they are."""

    time: int
    trade: Traded
    """As it counts now."""
    command_id: str = ""


class IndicativeChanged(msgspec.Struct, frozen=True, array_like=True, gc=False, tag="IC"):
    """What an auction would bring now. Price None: nothing."""

    time: int
    symbol: str
    price: int | None
    quantity: int
    surplus: int
    """What would be left at that price: positive of buyers, negative of sellers."""


class StatusChanged(msgspec.Struct, frozen=True, array_like=True, gc=False, tag="SC"):
    """The status of the market, or with `symbol` of a symbol (None: that of the market again)."""

    time: int
    status: Status | None
    symbol: str | None = None
    command_id: str = ""


class PhaseReached(msgspec.Struct, frozen=True, array_like=True, gc=False, tag="PH"):
    """The timetable is past this place; what it brings follows."""

    time: int
    place: Place
    command_id: str = ""


class TimetableSet(msgspec.Struct, frozen=True, array_like=True, tag="TT"):
    """The market has this timetable from here on; None: only operators change its phases."""

    time: int
    timetable: Timetable | None
    place: Place | None
    command_id: str = ""


class TradingDayStarted(msgspec.Struct, frozen=True, array_like=True, gc=False, tag="DS"):
    """The market is in a new trading day."""

    time: int
    trading_date: date
    command_id: str = ""


class TradingDayEnded(msgspec.Struct, frozen=True, array_like=True, gc=False, tag="DE"):
    """The trading day is over; what was valid for it has expired."""

    time: int
    trading_date: date
    command_id: str = ""


class MarketCreated(msgspec.Struct, frozen=True, array_like=True, tag="MC"):
    """The first event of a market."""

    time: int
    definition: MarketDefinition
    status: Status
    first_order: int = 1
    """Orders are numbered from here: above every number that the market used before."""
    command_id: str = ""
    first_trade: int = 1
    """The trades of every symbol are numbered from here: above those of an earlier market of this code."""


class MarketChanged(msgspec.Struct, frozen=True, array_like=True, tag="MD"):
    """The whole new definition of the market; with another code it was renamed."""

    time: int
    definition: MarketDefinition
    command_id: str = ""


class MarketRemoved(msgspec.Struct, frozen=True, array_like=True, gc=False, tag="MR"):
    """The last event of a market."""

    time: int
    command_id: str = ""


class SymbolListed(msgspec.Struct, frozen=True, array_like=True, tag="SL"):
    """A new symbol."""

    time: int
    definition: SymbolDefinition
    number: int
    """Never used again, whatever becomes of the code: history follows it."""
    status: Status | None = None
    first_trade_id: int = 1
    command_id: str = ""


class SymbolChanged(msgspec.Struct, frozen=True, array_like=True, tag="SD"):
    """The whole new definition of a symbol; with another code than `symbol` it was renamed."""

    time: int
    symbol: str
    definition: SymbolDefinition
    command_id: str = ""


class SymbolUnlisted(msgspec.Struct, frozen=True, array_like=True, gc=False, tag="SU"):
    """The symbol is gone; its orders were closed before."""

    time: int
    symbol: str
    command_id: str = ""


class TickTableSet(msgspec.Struct, frozen=True, array_like=True, tag="TS"):
    """A tick table was added or replaced. Orders with other prices stay."""

    time: int
    table: TickTable
    command_id: str = ""


class TickTableRemoved(msgspec.Struct, frozen=True, array_like=True, gc=False, tag="TX"):
    """A tick table is gone."""

    time: int
    code: str
    command_id: str = ""


class ReferenceSet(msgspec.Struct, frozen=True, array_like=True, gc=False, tag="RS"):
    """A named reference price of a symbol. Price None: it is gone."""

    time: int
    symbol: str
    name: str
    price: int | None
    command_id: str = ""


class PriceLimitsSet(msgspec.Struct, frozen=True, array_like=True, gc=False, tag="PL"):
    """Between which prices orders of the symbol are taken from here on; None: any."""

    time: int
    symbol: str
    limits: PriceLimits | None
    command_id: str = ""


class EntitySet(msgspec.Struct, frozen=True, array_like=True, gc=False, tag="ES"):
    """An entity was added or its values changed."""

    time: int
    entity: Entity
    command_id: str = ""


class EntityRenamed(msgspec.Struct, frozen=True, array_like=True, gc=False, tag="ER"):
    """An entity has a new code; its orders bear it. Past trades keep the old one."""

    time: int
    code: str
    new_code: str
    command_id: str = ""


class EntityRemoved(msgspec.Struct, frozen=True, array_like=True, gc=False, tag="EX"):
    """An entity without orders is gone."""

    time: int
    code: str
    command_id: str = ""


OrderEvent = (
    OrderPlaced | OrderAmended | OrderRested | OrderClosed | Traded | TradeChanged | IndicativeChanged
)

Event = (
    OrderPlaced
    | OrderAmended
    | OrderRested
    | OrderClosed
    | Traded
    | TradeChanged
    | IndicativeChanged
    | StatusChanged
    | PhaseReached
    | TimetableSet
    | TradingDayStarted
    | TradingDayEnded
    | MarketCreated
    | MarketChanged
    | MarketRemoved
    | SymbolListed
    | SymbolChanged
    | SymbolUnlisted
    | TickTableSet
    | TickTableRemoved
    | ReferenceSet
    | PriceLimitsSet
    | EntitySet
    | EntityRenamed
    | EntityRemoved
)
"""Any event of the standard market."""

_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(Event)
_LIST_DECODER = msgspec.msgpack.Decoder(list[Event])


def encode_event(event: Event) -> bytes:
    """As the journal keeps it."""
    return _ENCODER.encode(event)


def decode_event(encoded: bytes) -> Event:
    """The event again. Raises msgspec.DecodeError if it is none of this or an older version."""
    event: Event = _DECODER.decode(encoded)
    return event


def encode_events(events: list[Event]) -> bytes:
    """All events of one command together: they are kept together or not at all."""
    return _ENCODER.encode(events)


def decode_events(encoded: bytes) -> list[Event]:
    """The events again. Raises msgspec.DecodeError as `decode_event` does."""
    events: list[Event] = _LIST_DECODER.decode(encoded)
    return events
