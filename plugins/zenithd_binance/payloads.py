"""What the venue sends, as typed structs, and their decoders. Pure; field names are the venue's own.

Fields that are not listed here are ignored: the venue adds some now and then.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

Id = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Milliseconds = Annotated[int, Meta(ge=0, le=9_000_000_000_000_000)]
"""Since the Unix epoch; microseconds where those were asked for, see `nanoseconds`."""
Levels = list[tuple[str, str]]
"""Price and quantity now; quantity 0 removes the level."""


class ControlError(msgspec.Struct, frozen=True):
    """Why a subscription was refused."""

    code: int = 0
    msg: str = ""


class Frame(msgspec.Struct, frozen=True, gc=False):
    """A message of a combined stream, or an answer to a SUBSCRIBE."""

    stream: str = ""
    data: msgspec.Raw = msgspec.Raw(b"")
    id: int | str | None = None
    error: ControlError | None = None
    code: int | None = None
    msg: str = ""


class DepthUpdate(msgspec.Struct, frozen=True, gc=False):
    """Changes of the book since the message before."""

    E: Milliseconds
    U: Id
    """First update in this message."""
    u: Id
    """Last update in this message."""
    b: Levels
    a: Levels
    pu: Id | None = None
    """Futures only: `u` of the message before."""


class BookTicker(msgspec.Struct, frozen=True, gc=False):
    """Best prices; a side without orders has quantity 0."""

    u: Id
    b: str
    B: str
    a: str
    A: str


class Trade(msgspec.Struct, frozen=True, gc=False):
    """One fill."""

    t: Id
    p: str
    q: str
    T: Milliseconds
    m: bool
    """The buyer was in the book: a sale."""
    X: str = "MARKET"
    """Futures only: MARKET; INSURANCE_FUND, ADL: a liquidation outside the book; NA: no trade at all."""


class AggregateTrade(msgspec.Struct, frozen=True, gc=False):
    """The fills of one incoming order at one price."""

    a: Id
    p: str
    q: str
    f: Id
    """First fill."""
    l: Id  # noqa: E741 (the venue's name)
    """Last fill."""
    T: Milliseconds
    m: bool


class DayBar(msgspec.Struct, frozen=True, gc=False):
    """Statistics of a UTC day so far."""

    t: Milliseconds
    """Midnight at which the day began."""
    L: int
    """Last trade that is counted; -1 before the first."""
    o: str
    h: str
    l: str  # noqa: E741 (the venue's name)
    c: str
    v: str
    q: str
    """Value traded, in the quote asset."""
    n: int


class Kline(msgspec.Struct, frozen=True, gc=False):
    """A message of the `kline_1d` stream."""

    k: DayBar


class Depth(msgspec.Struct, frozen=True, gc=False):
    """Answer of the REST depth endpoint."""

    lastUpdateId: Id  # noqa: N815 (the venue's name)
    bids: Levels
    asks: Levels


class Filter(msgspec.Struct, frozen=True, rename="camel"):
    """A trading rule of a symbol; of the many kinds only the two that describe prices are looked at."""

    filter_type: str
    tick_size: str | None = None
    step_size: str | None = None


class SymbolInformation(msgspec.Struct, frozen=True, rename="camel"):
    """A symbol in exchangeInfo, spot or futures."""

    symbol: str
    status: str
    base_asset: str
    quote_asset: str
    filters: list[Filter]
    contract_type: str | None = None
    """Futures only: PERPETUAL, CURRENT_QUARTER, …"""
    delivery_date: Milliseconds | None = None
    underlying_type: str | None = None
    price_precision: int | None = None
    """Futures only: decimals that the venue writes, at least those of the tick size."""
    quantity_precision: int | None = None


class ExchangeInformation(msgspec.Struct, frozen=True, rename="camel"):
    """Answer of the REST exchangeInfo endpoint."""

    symbols: list[SymbolInformation]


class KlineRow(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A row of the REST klines endpoint; what follows the number of trades is not needed."""

    begin: Milliseconds
    open: str
    high: str
    low: str
    close: str
    volume: str
    end: Milliseconds
    value: str
    trades: int


UNREADABLE = (msgspec.MsgspecError, UnicodeError, RecursionError)
"""What the decoders raise: wrong form, bytes that are no text, nesting without end."""

decode_frame = msgspec.json.Decoder(Frame).decode
decode_depth_update = msgspec.json.Decoder(DepthUpdate).decode
decode_book_ticker = msgspec.json.Decoder(BookTicker).decode
decode_trade = msgspec.json.Decoder(Trade).decode
decode_aggregate_trade = msgspec.json.Decoder(AggregateTrade).decode
decode_kline = msgspec.json.Decoder(Kline).decode
decode_depth = msgspec.json.Decoder(Depth).decode
decode_exchange_information = msgspec.json.Decoder(ExchangeInformation).decode
decode_klines = msgspec.json.Decoder(list[KlineRow]).decode

_MICROSECONDS_MIN = 10**14
"""As milliseconds a date in the year 5138, as microseconds one in 1973."""


def nanoseconds(time: int) -> int:
    """Nanoseconds since the epoch from the venue's milliseconds, or microseconds if those were asked for."""
    return time * (1_000_000 if time < _MICROSECONDS_MIN else 1_000)
