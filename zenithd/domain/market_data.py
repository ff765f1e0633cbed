"""The nouns of market data that are not instruments: sides, statuses, tick tables, bars."""

from __future__ import annotations

import enum
from decimal import Decimal

import msgspec


class Side(enum.Enum):
    """A side of an order book; as an aggressor side, the side of the incoming order."""

    BID = "Bid"
    ASK = "Ask"


class FeedStatus(enum.Enum):
    """State of a feed as subscribers see it (zenith-websocket 2.4)."""

    INITIALISING = "Initialising"
    ACTIVE = "Active"
    CLOSED = "Closed"
    INACTIVE = "Inactive"
    IMPAIRED = "Impaired"
    EXPIRED = "Expired"


class Trend(enum.Enum):
    """Direction of a price against the one before it."""

    NONE = "None"
    UP = "Up"
    DOWN = "Down"


class TradeFlag(enum.Enum):
    """Marks of a trade (zenith-websocket 3.1.5)."""

    CANCEL = "Cancel"
    OFF_MARKET = "OffMarket"
    PLACE_HOLDER = "PlaceHolder"


class Affects(enum.Flag):
    """Which statistics a trade counts in; PRICE is open, high, low and last."""

    NONE = 0
    PRICE = enum.auto()
    VOLUME = enum.auto()
    VWAP = enum.auto()
    ALL = PRICE | VOLUME | VWAP


class DataKind(enum.Flag):
    """What can be subscribed to for an instrument (zenith-websocket 3.1: SubscriptionData)."""

    NONE = 0
    ASSET = enum.auto()
    TRADES = enum.auto()
    DEPTH_FULL = enum.auto()
    DEPTH_SHORT = enum.auto()
    DEPTH = DEPTH_FULL | DEPTH_SHORT
    ALL = ASSET | TRADES | DEPTH_FULL | DEPTH_SHORT


class Allows(enum.Flag):
    """What a trading state permits (zenith-websocket 3.1.7)."""

    NONE = 0
    ORDER_PLACE = enum.auto()
    ORDER_AMEND = enum.auto()
    ORDER_MOVE = enum.auto()
    ORDER_CANCEL = enum.auto()
    MATCH = enum.auto()
    REPORT_CANCEL = enum.auto()
    ORDERS_ONLY = ORDER_PLACE | ORDER_AMEND | ORDER_MOVE | ORDER_CANCEL
    ALL = ORDERS_ONLY | MATCH | REPORT_CANCEL


class StateReason(enum.Enum):
    """Why a market or instrument is in a trading state."""

    UNKNOWN = "Unknown"
    NORMAL = "Normal"
    SUSPEND = "Suspend"
    TRADING_HALT = "TradingHalt"
    NEWS_RELEASE = "NewsRelease"


class TradingState(msgspec.Struct, frozen=True):
    """A named trading state of a market."""

    name: str
    reason: StateReason = StateReason.NORMAL
    allows: Allows = Allows.NONE


class TickStep(msgspec.Struct, frozen=True):
    """Prices in [low, high) are multiples of size."""

    low: Decimal
    high: Decimal
    size: Decimal


class TickTable(msgspec.Struct, frozen=True):
    """A named list of price steps, ascending."""

    code: str
    steps: tuple[TickStep, ...]


class Broker(msgspec.Struct, frozen=True):
    """A broker of a market; `code` stands in orders and trades."""

    code: str
    name: str | None = None
    id: int | None = None


class Bar(msgspec.Struct, frozen=True, array_like=True):
    """What was traded in one period that begins at `time`.

    `time` is nanoseconds since the Unix epoch, prices and volume are integers in the instrument's scales.
    """

    time: int
    open: int
    high: int
    low: int
    close: int
    volume: int
    trades: int | None = None
