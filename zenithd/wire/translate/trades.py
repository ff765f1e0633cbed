"""Trades for the wire (spec zenith-websocket 3.1.5, 6.6)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from zenithd.authority.access import View
from zenithd.domain.events import TradeReported
from zenithd.domain.instrument import Instrument
from zenithd.domain.market_data import Affects, Side, Trend
from zenithd.wire.numbers import DIVISORS
from zenithd.wire.translate.flags import affects_text
from zenithd.wire.translate.shapes import Trade, TradeChange
from zenithd.wire.translate.times import time_text

Payload = dict[str, Any]

# An attribute of an enumeration costs as much as a dict look-up and a call on Python 3.11.
_BID: Final = Side.BID
_UP: Final = Trend.UP
_NO_TREND: Final = Trend.NONE
_AFFECTS_ALL: Final = Affects.ALL


def trade_snapshot(newest_id: int) -> list[Payload]:
    """Give the start of a tape: the id that QueryTrades takes as LastTradeID; 0 where there is no trade."""
    return [{"O": "I", "ID": newest_id}]


def trade_changes(
    changes: Iterable[TradeChange], instrument: Instrument, zone: str, view: View
) -> list[Payload]:
    """Give changes of a tape; times are on the clock of `zone`."""
    payload: list[Payload] = []
    for change in changes:
        if change.trade is None:
            payload.append({"O": change.op.letter, "ID": change.newest_id or 0})
        else:
            record = trade_record(change.trade, instrument, zone, view)
            payload.append({"O": change.op.letter, "Trade": record})
    return payload


def trade_records(trades: Iterable[Trade], instrument: Instrument, zone: str, view: View) -> list[Payload]:
    """Give past trades: adds, in the order given."""
    return [{"O": "A", "Trade": trade_record(trade, instrument, zone, view)} for trade in trades]


def trade_record(taped: Trade, instrument: Instrument, zone: str, view: View) -> Payload:
    """Give one trade; what it does not have, and what is the default, is left out."""
    trade = taped.trade
    price_scale, quantity_scale = instrument.price_scale, instrument.quantity_scale
    record: Payload = {
        "ID": trade.trade_id,
        "Price": trade.price / DIVISORS[price_scale] if price_scale else trade.price,
        "Quantity": trade.quantity / DIVISORS[quantity_scale] if quantity_scale else trade.quantity,
    }
    time = time_text(trade.time, zone)
    if time is not None:
        record["Time"] = time
    if taped.trend is not _NO_TREND:
        record["Trend"] = "Up" if taped.trend is _UP else "Down"
    if trade.aggressor_side is not None:
        record["Side"] = "Bid" if trade.aggressor_side is _BID else "Ask"
    if trade.affects is not _AFFECTS_ALL:
        record["Affects"] = affects_text(trade.affects)
    if trade.flags:
        record["Flags"] = ",".join(flag.value for flag in trade.flags)
    if trade.buy_order_id is not None:
        record["Buy"] = trade.buy_order_id
    if trade.sell_order_id is not None:
        record["Sell"] = trade.sell_order_id
    if taped.market is not None:
        record["Market"] = taped.market
    _put_rare(record, trade)
    if view.brokers:
        _put_brokers(record, trade)
    if view.cross_references:
        _put_cross_references(record, trade)
    return record


def _put_rare(record: Payload, trade: TradeReported) -> None:
    if trade.codes:
        record["Codes"] = " ".join(trade.codes)
    if trade.related_id is not None:
        record["RelatedID"] = trade.related_id
    if trade.attributes:
        record["Attributes"] = list(trade.attributes)


def _put_brokers(record: Payload, trade: TradeReported) -> None:
    if trade.buy_broker is not None:
        record["BuyBroker"] = trade.buy_broker
    if trade.sell_broker is not None:
        record["SellBroker"] = trade.sell_broker


def _put_cross_references(record: Payload, trade: TradeReported) -> None:
    if trade.buy_cross_reference is not None:
        record["BuyCrossRef"] = trade.buy_cross_reference
    if trade.sell_cross_reference is not None:
        record["SellCrossRef"] = trade.sell_cross_reference
