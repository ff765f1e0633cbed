"""The exchange's vocabulary: orders, commands in, events out. Pure.

Quantities: `quantity` is the whole of an order (visible and hidden, executed and not), `leaves_quantity`
what is still to be executed, `visible_quantity` the part of it that the book shows. Prices and quantities
are integers in the instrument's scales.
"""

from __future__ import annotations

import enum
from datetime import date

import msgspec

from zenithd.domain.identifiers import InstrumentId, MarketId
from zenithd.domain.market_data import Side

CONTRA = {Side.BID: Side.ASK, Side.ASK: Side.BID}
"""The side against which an order of a side is matched."""


class OrderType(enum.Enum):
    """How an order is priced."""

    LIMIT = "Limit"
    MARKET = "Market"
    """Takes the best prices there are; what finds no contra order is cancelled, it never rests."""


class TimeInForce(enum.Enum):
    """How long an order rests."""

    DAY = "Day"
    """Until the trading day of its market ends."""
    GTC = "GTC"
    """Until it is cancelled."""


class RejectReason(enum.Enum):
    """Why a command was refused. A refused command has changed nothing."""

    UNKNOWN_INSTRUMENT = "the exchange does not list this instrument"
    UNKNOWN_MARKET = "the exchange has no such market"
    UNKNOWN_ORDER = "no such order rests in the book"
    DUPLICATE_ORDER = "an order with this id rests in the book"
    TRADING_STATE = "the trading state does not allow this"
    TRADING_STATE_UNKNOWN = "no such trading state"
    TRADING_STATE_NEEDS_AUCTION = "orders gathered in this state could only be matched by an auction"
    TRADING_DATE = "the trading date must be later than the current one"
    PRICE = "a limit order needs a price above zero, a market order has none"
    PRICE_STEP = "the price is no step of the tick table"
    QUANTITY = "the quantity must be positive, and above what is executed already"
    DISPLAY_QUANTITY = "the display quantity must be positive and at most the whole quantity"


class FinishReason(enum.Enum):
    """Why an order is finished."""

    FILLED = "filled"
    CANCELLED = "cancelled by its owner"
    EXPIRED = "its time in force ended"
    UNFILLED = "a market order found no more contra orders"


class Party(msgspec.Struct, frozen=True):
    """Whose order it is: the broker's code and the broker's own reference of its client."""

    broker: str | None = None
    cross_reference: str | None = None


NO_PARTY = Party()


class PlaceOrder(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Enter an order. The exchange gives it an id."""

    instrument: InstrumentId
    side: Side
    quantity: int
    """Visible and hidden together."""
    order_type: OrderType = OrderType.LIMIT
    price: int | None = None
    display_quantity: int | None = None
    """Most that the book shows at a time; None shows all."""
    time_in_force: TimeInForce = TimeInForce.GTC
    party: Party = NO_PARTY


class AmendOrder(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Change a resting order; None leaves a value as it is.

    A smaller quantity at the same price keeps the priority, every other change loses it. `quantity` is
    the new whole quantity, that already executed included. An amended price may match at once.
    """

    instrument: InstrumentId
    order_id: str
    price: int | None = None
    quantity: int | None = None


class CancelOrder(msgspec.Struct, frozen=True, gc=False):
    """Take a resting order out of the book."""

    instrument: InstrumentId
    order_id: str


class SetTradingState(msgspec.Struct, frozen=True, gc=False):
    """Change the state of a market or, with `instrument`, of one of its instruments.

    `state` None returns an instrument to the state of its market.
    """

    market: MarketId
    state: str | None
    instrument: InstrumentId | None = None


class StartTradingDay(msgspec.Struct, frozen=True, gc=False):
    """End the trading day, expire its DAY orders and begin the next one."""

    market: MarketId
    trading_date: date


Command = PlaceOrder | AmendOrder | CancelOrder | SetTradingState | StartTradingDay


class Accepted(msgspec.Struct, frozen=True, gc=False):
    """The order was entered or amended; what follows from it follows as further events."""

    instrument: InstrumentId
    order_id: str


class Rejected(msgspec.Struct, frozen=True, gc=False):
    """The command was refused. `order_id` is None for an order that got no id."""

    reason: RejectReason
    instrument: InstrumentId | None = None
    order_id: str | None = None


class Rested(msgspec.Struct, frozen=True, gc=False):
    """The order, or what is left of it, rests in the book."""

    instrument: InstrumentId
    order_id: str
    side: Side
    price: int
    leaves_quantity: int
    visible_quantity: int
    priority: int
    """Ascending within the instrument: the smaller comes first at the same price."""
    time_in_force: TimeInForce
    party: Party


class Restated(msgspec.Struct, frozen=True, gc=False):
    """The values now of an order that rests: partly filled, refreshed or amended."""

    instrument: InstrumentId
    order_id: str
    price: int
    leaves_quantity: int
    visible_quantity: int
    priority: int


class Traded(msgspec.Struct, frozen=True, gc=False):
    """An incoming order met a resting one, at the price of the resting one."""

    instrument: InstrumentId
    trade_id: int
    price: int
    quantity: int
    aggressor_side: Side
    """The side of the incoming order."""
    buy_order_id: str
    sell_order_id: str
    buy_party: Party
    sell_party: Party


class Finished(msgspec.Struct, frozen=True, gc=False):
    """The order is out of the market."""

    instrument: InstrumentId
    order_id: str
    reason: FinishReason
    leaves_quantity: int
    """What was not executed."""
    rested: bool
    """True if it stood in the book, where its removal must be shown."""


class TradingStateChanged(msgspec.Struct, frozen=True, gc=False):
    """The state of a market, or of one instrument (None: that of its market again)."""

    market: MarketId
    state: str | None
    instrument: InstrumentId | None = None


class TradingDayBegan(msgspec.Struct, frozen=True, gc=False):
    """The market is in a new trading day."""

    market: MarketId
    trading_date: date


OrderEvent = Accepted | Rejected | Rested | Restated | Traded | Finished
"""What the matching engine tells of one instrument."""

ExchangeEvent = OrderEvent | TradingStateChanged | TradingDayBegan
