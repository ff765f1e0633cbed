"""Market events: what a source publishes and what recordings hold. Frozen, tagged, cheap.

Conventions of every event: `instrument` is `<code>.<market>`; prices and quantities are integers in the
instrument's scales; times are nanoseconds since the Unix epoch, UTC. A list of events published together is
one batch: it is applied whole before subscribers see any of it.
"""

from __future__ import annotations

import enum
from datetime import date

import msgspec
from msgspec import UNSET, UnsetType

from zenithd.domain.identifiers import InstrumentId, MarketId
from zenithd.domain.instrument import Instrument
from zenithd.domain.market_data import Affects, Side, TradeFlag


class OrderAdded(msgspec.Struct, frozen=True, omit_defaults=True, gc=False, tag="OA"):
    """An order entered the book. Adding an id that is in the book is a fault of the source."""

    instrument: InstrumentId
    order_id: str
    side: Side
    price: int
    quantity: int | None
    """Visible quantity; None for an undisclosed order."""
    position: int
    """Ascending priority within side and price; unique there; gaps allowed."""
    has_undisclosed: bool = False
    broker: str | None = None
    cross_reference: str | None = None
    attributes: tuple[str, ...] = ()


class OrderChanged(msgspec.Struct, frozen=True, omit_defaults=True, gc=False, tag="OC"):
    """The order's values now, all of them; what did not change is repeated."""

    instrument: InstrumentId
    order_id: str
    price: int
    quantity: int | None
    position: int
    has_undisclosed: bool = False


class OrderRemoved(msgspec.Struct, frozen=True, omit_defaults=True, gc=False, tag="OR"):
    """The order left the book: filled, cancelled or expired."""

    instrument: InstrumentId
    order_id: str


class LevelChanged(msgspec.Struct, frozen=True, omit_defaults=True, gc=False, tag="LC"):
    """A price level of a venue that shows no orders; quantity 0 removes the level."""

    instrument: InstrumentId
    side: Side
    price: int
    quantity: int
    count: int | None = None
    has_undisclosed: bool | None = None


class BookCleared(msgspec.Struct, frozen=True, omit_defaults=True, gc=False, tag="BC"):
    """The book is empty; a snapshot is BookCleared followed by its orders or levels in one batch."""

    instrument: InstrumentId


class BestPricesChanged(msgspec.Struct, frozen=True, omit_defaults=True, gc=False, tag="BP"):
    """Top of the book where the market's best prices come from events. None: that side is empty."""

    instrument: InstrumentId
    bid: int | None
    bid_quantity: int
    ask: int | None
    ask_quantity: int
    bid_count: int = 0
    ask_count: int = 0


class TradeReported(msgspec.Struct, frozen=True, omit_defaults=True, gc=False, tag="TR"):
    """A trade. Ids are unique and ascending within the instrument, not gapless."""

    instrument: InstrumentId
    trade_id: int
    price: int
    quantity: int
    time: int
    aggressor_side: Side | None = None
    affects: Affects = Affects.ALL
    flags: tuple[TradeFlag, ...] = ()
    codes: tuple[str, ...] = ()
    buy_order_id: str | None = None
    sell_order_id: str | None = None
    buy_broker: str | None = None
    sell_broker: str | None = None
    buy_cross_reference: str | None = None
    sell_cross_reference: str | None = None
    related_id: int | None = None
    attributes: tuple[str, ...] = ()


class TradeAmended(msgspec.Struct, frozen=True, omit_defaults=True, gc=False, tag="TA"):
    """`trade` replaces the one with the same id (a correction; with TradeFlag.CANCEL a cancellation)."""

    trade: TradeReported

    @property
    def instrument(self) -> InstrumentId:
        """The instrument of the trade."""
        return self.trade.instrument


class SecurityChanged(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, tag="SC"):
    """Values that only the venue knows or knows better. UNSET: unchanged; None: no longer set.

    A statistic given here (open … open_interest) wins over the one zenithd derives from the trades, for
    the rest of the trading day.
    """

    instrument: InstrumentId
    trading_state: str | UnsetType | None = UNSET
    """A name of MarketDefinition.trading_states; None: the board's state again."""
    open: int | UnsetType | None = UNSET
    high: int | UnsetType | None = UNSET
    low: int | UnsetType | None = UNSET
    last: int | UnsetType | None = UNSET
    close: int | UnsetType | None = UNSET
    """Yesterday's close."""
    settlement: int | UnsetType | None = UNSET
    """Today's close."""
    volume: int | UnsetType = UNSET
    value_traded: float | UnsetType = UNSET
    number_of_trades: int | UnsetType = UNSET
    vwap: float | UnsetType | None = UNSET
    auction_price: int | UnsetType | None = UNSET
    auction_quantity: int | UnsetType | None = UNSET
    auction_remainder: int | UnsetType | None = UNSET
    open_interest: int | UnsetType | None = UNSET
    share_issue: int | UnsetType | None = UNSET
    status_note: tuple[str, ...] | UnsetType = UNSET
    quotation_basis: tuple[str, ...] | UnsetType = UNSET
    extended: dict[str, float] | UnsetType = UNSET
    """Market-specific named prices, whole: replaces what was there."""


class InstrumentListed(msgspec.Struct, frozen=True, omit_defaults=True, tag="IL"):
    """A new instrument, or the whole new definition of a known one."""

    definition: Instrument

    @property
    def instrument(self) -> InstrumentId:
        """The listed instrument."""
        return self.definition.id


class InstrumentUnlisted(msgspec.Struct, frozen=True, omit_defaults=True, tag="IU"):
    """The instrument is gone; its subscribers are told and unsubscribed."""

    instrument: InstrumentId


class MarketStateChanged(msgspec.Struct, frozen=True, omit_defaults=True, tag="MS"):
    """Trading states of the market and of those boards that are named."""

    market: MarketId
    trading_state: str
    boards: dict[str, str] = {}


class TradingDayStarted(msgspec.Struct, frozen=True, omit_defaults=True, tag="TD"):
    """A new trading day: tapes and day statistics begin anew, last prices become closes."""

    market: MarketId
    trading_date: date


class Stream(enum.Enum):
    """The streams of an instrument in which a source can notice a gap."""

    BOOK = "book"
    TRADES = "trades"


class GapDetected(msgspec.Struct, frozen=True, omit_defaults=True, tag="GD"):
    """Updates were lost. A book is emptied until its next snapshot; a tape is marked as interrupted."""

    instrument: InstrumentId
    stream: Stream
    reason: str


MarketEvent = (
    OrderAdded
    | OrderChanged
    | OrderRemoved
    | LevelChanged
    | BookCleared
    | BestPricesChanged
    | TradeReported
    | TradeAmended
    | SecurityChanged
    | InstrumentListed
    | InstrumentUnlisted
    | MarketStateChanged
    | TradingDayStarted
    | GapDetected
)
"""Any market event; `msgspec.msgpack` encodes and decodes it as a tagged map."""
