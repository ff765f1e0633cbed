"""What one batch of events changed: the input of everything that publishes (zenith-websocket 1.5, 3.1).

All records handed out here are frozen or fresh: they never change after they were emitted.
Prices and quantities are integers in the scales of the instrument that the view shows
(`InstrumentView.instrument`); in a mix that is the largest scale of its sources.
"""

from __future__ import annotations

import enum

import msgspec

from zenithd.domain.events import GapDetected, TradeReported
from zenithd.domain.identifiers import InstrumentId, MarketId
from zenithd.domain.instrument import Instrument
from zenithd.domain.market_data import Side, Trend


class Op(enum.Enum):
    """Kind of a change; the values are those of the short wire dialect.

    `letter` is the value as a plain attribute, a tenth of the cost of `value` on Python 3.11.
    """

    def __init__(self, letter: str) -> None:
        self.letter = letter

    ADD = "A"
    UPDATE = "U"
    REMOVE = "R"
    CLEAR = "C"
    """Everything before is void; the adds that follow are the whole new list."""
    INITIALISE = "I"
    """Trades only: a new tape begins."""


class BookOrder(msgspec.Struct, frozen=True, gc=False):
    """An order as it stands in the book (zenith-websocket 3.1.3)."""

    order_id: str
    side: Side
    price: int
    quantity: int | None
    """Visible quantity; None for an undisclosed order."""
    position: int
    """Ascending priority; unique within side and price."""
    has_undisclosed: bool = False
    broker: str | None = None
    cross_reference: str | None = None
    attributes: tuple[str, ...] = ()
    market: MarketId | None = None
    """The source market; only in a mix."""


class PriceLevel(msgspec.Struct, frozen=True, gc=False):
    """A price level as it stands in the book; one per side and price (zenith-websocket 3.1.4)."""

    id: str
    """Made from side and price: `B1050`, `A1051`."""
    side: Side
    price: int | None
    volume: int | None
    """Sum of the visible quantities."""
    count: int | None
    """Number of orders, undisclosed ones included; None if the venue does not tell."""
    has_undisclosed: bool | None
    market: MarketId | None = None
    """The source market; only in a mix, and only while a single source contributes."""


class TapeTrade(msgspec.Struct, frozen=True, gc=False):
    """A trade as it stands on the tape (zenith-websocket 3.1.5)."""

    trade: TradeReported
    trend: Trend = Trend.NONE
    """Against the price-affecting trade before it today; NONE if equal, first, or without such effect."""
    market: MarketId | None = None
    """The source market; only in a mix."""


class DepthChange(msgspec.Struct, frozen=True, gc=False):
    """A change of the order book: A, U, R with the order as it is now (R: as it was), C without."""

    op: Op
    order: BookOrder | None = None
    price_changed: bool = False
    """U: the price differs from the one emitted before."""
    position_changed: bool = False
    """U: the position differs from the one emitted before."""


class LevelChange(msgspec.Struct, frozen=True, gc=False):
    """A change of the price levels: A, U, R with the whole level (R: as it was), C without.

    At most one per level and batch: it carries the state after the batch.
    """

    op: Op
    level: PriceLevel | None = None


class TradeChange(msgspec.Struct, frozen=True, gc=False):
    """A change of the tape: I with `newest_id` (0: no trade yet), A and U with the trade."""

    op: Op
    newest_id: int | None = None
    trade: TapeTrade | None = None


class SymbolChange(msgspec.Struct, frozen=True):
    """A change of what the market lists: A, U, R with the definition (R: the last one)."""

    op: Op
    instrument: Instrument


class SourceFault(msgspec.Struct, frozen=True):
    """The source broke a rule; where a book was concerned it is empty until the next BookCleared."""

    instrument: InstrumentId | None
    """None: the event belongs to no instrument."""
    reason: str


class InstrumentChanges(msgspec.Struct, gc=False):
    """What a batch changed in one instrument."""

    depth: list[DepthChange] = []
    levels: list[LevelChange] = []
    trades: list[TradeChange] = []
    security: set[str] = set()
    """Names of the SecurityRecord fields that differ from before the batch."""
    security_full: bool = False
    """The whole security is to be sent: new day, new definition."""

    @property
    def is_empty(self) -> bool:
        """True if nothing changed."""
        return not (self.levels or self.security or self.depth or self.trades or self.security_full)


class Changes(msgspec.Struct, gc=False):
    """What a batch changed in a market."""

    instruments: dict[InstrumentId, InstrumentChanges] = {}
    symbols: list[SymbolChange] = []
    market: bool = False
    """Feed status, trading date, trading state or board states changed."""
    new_day: bool = False
    faults: list[SourceFault] = []
    gaps: list[GapDetected] = []
    duplicate_trades: int = 0
    """Trades left out because their id was on the tape already."""
