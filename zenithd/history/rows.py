"""How trades and minutes lie in the tables of the store."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from zenithd.domain.events import TradeReported
from zenithd.domain.identifiers import InstrumentId
from zenithd.domain.market_data import Affects, Side, TradeFlag
from zenithd.market.chart import MINUTE_NS, Minute

STORED_MAX: Final = 2**62
"""Larger numbers are not stored; sums stop here. Two of these still add up within 64 bits."""

_SIDE_BITS: Final[dict[Side | None, int]] = {None: 0, Side.BID: 1, Side.ASK: 2}
_SIDES: Final = (None, Side.BID, Side.ASK)
_AFFECTS_SHIFT: Final = 2
_FLAG_BITS: Final = {TradeFlag.CANCEL: 32, TradeFlag.OFF_MARKET: 64, TradeFlag.PLACE_HOLDER: 128}
_FLAG_SETS: Final = tuple(
    tuple(flag for flag, bit in _FLAG_BITS.items() if marks & bit) for marks in range(256)
)

TradeRow = tuple[int, int, int, int, int, int, int, bytes | None]
"""series, day, id, time, price, quantity, marks, rest"""


class _Rest(msgspec.Struct, array_like=True, frozen=True):
    """What many trades do not have; trailing fields without a value are not stored."""

    buy_order_id: str | None = None
    sell_order_id: str | None = None
    codes: tuple[str, ...] | None = None
    buy_broker: str | None = None
    sell_broker: str | None = None
    buy_cross_reference: str | None = None
    sell_cross_reference: str | None = None
    related_id: int | None = None
    attributes: tuple[str, ...] | None = None


_EMPTY: Final = _Rest()
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Rest).decode


class Unstorable(ValueError):
    """A trade with numbers or texts that no column holds. Blame: its source."""


def trade_row(
    trade: TradeReported, series: int, day: int, price_factor: int, quantity_factor: int
) -> TradeRow:
    """Lay a trade out as a row; the factors bring it to the scales of the series."""
    price, quantity = trade.price * price_factor, trade.quantity * quantity_factor
    if not (
        -STORED_MAX < trade.trade_id < STORED_MAX
        and -STORED_MAX < trade.time < STORED_MAX
        and -STORED_MAX < price < STORED_MAX
        and -STORED_MAX < quantity < STORED_MAX
    ):
        raise Unstorable(f"trade {trade.trade_id} of {trade.instrument}: a number is too large")
    marks = _SIDE_BITS[trade.aggressor_side] | (Affects.ALL.value ^ trade.affects.value) << _AFFECTS_SHIFT
    for flag in trade.flags:
        marks |= _FLAG_BITS[flag]
    return series, day, trade.trade_id, trade.time, price, quantity, marks, _rest(trade)


def _rest(trade: TradeReported) -> bytes | None:
    rest = [
        trade.buy_order_id,
        trade.sell_order_id,
        trade.codes or None,
        trade.buy_broker,
        trade.sell_broker,
        trade.buy_cross_reference,
        trade.sell_cross_reference,
        trade.related_id,
        trade.attributes or None,
    ]
    while rest and rest[-1] is None:
        del rest[-1]
    if not rest:
        return None
    try:
        return _encode(rest)
    except (ValueError, OverflowError) as error:
        raise Unstorable(f"trade {trade.trade_id} of {trade.instrument}: {error}") from None


def row_trade(instrument: InstrumentId, row: Any, price: int, quantity: int) -> TradeReported:
    """Read a trade from `id, time, marks, rest` and its numbers in the scales that are wanted."""
    trade_id, time, marks, content = row
    rest = _EMPTY if content is None else _decode(content)
    return TradeReported(
        instrument,
        trade_id,
        price,
        quantity,
        time,
        aggressor_side=_SIDES[marks & 3],
        affects=Affects(Affects.ALL.value ^ (marks >> _AFFECTS_SHIFT & Affects.ALL.value)),
        flags=_FLAG_SETS[marks & 0xE0],
        codes=rest.codes or (),
        buy_order_id=rest.buy_order_id,
        sell_order_id=rest.sell_order_id,
        buy_broker=rest.buy_broker,
        sell_broker=rest.sell_broker,
        buy_cross_reference=rest.buy_cross_reference,
        sell_cross_reference=rest.sell_cross_reference,
        related_id=rest.related_id,
        attributes=rest.attributes or (),
    )


MinuteRow = tuple[int, int, int, int, int, int | None, int | None, int | None, int | None, int, int]
"""series, day, time, opened, closed, open, high, low, close, volume, trades"""


def minute_row(minute: Minute, series: int, day: int) -> MinuteRow:
    """Lay a minute out as a row; its numbers are in the scales of the series."""
    start = minute.time
    return (
        series,
        day,
        start // MINUTE_NS,
        minute.opened - start if minute.opened else 0,
        minute.closed - start if minute.closed else 0,
        minute.open,
        minute.high,
        minute.low,
        minute.close,
        min(minute.volume, STORED_MAX),
        minute.trades,
    )


def row_minute(row: Any) -> Minute:
    """Read a minute from the columns after `day`, in the scales of the series."""
    time, opened, closed, *values = row
    start = time * MINUTE_NS
    return Minute(start, start + opened, start + closed, *values)
