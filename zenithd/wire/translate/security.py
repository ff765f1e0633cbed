"""Securities for the wire: full states and diffs (spec zenith-websocket 3.1.2, 6.6).

The dynamic fields are those of the market's security record, by name. Each has a wire name, a group
(decision record 010) and a way to write it. Fields of kind O, which clients never accept as null, are never
None in the record; of the trading state, which may be, a null is kept away here. The VWAP is in price units
and rounded already.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any, Final

import msgspec

from zenithd.authority.access import View, Visibility
from zenithd.domain.instrument import Instrument
from zenithd.wire.numbers import DIVISORS, number
from zenithd.wire.translate.flags import subscription_data_text
from zenithd.wire.translate.groups import Group, visible_data, visible_groups
from zenithd.wire.translate.shapes import InstrumentView, MarketView
from zenithd.wire.translate.symbols import legs

Payload = dict[str, Any]
Writer = Callable[[Any], Any]


class _Scales(msgspec.Struct, frozen=True):
    price: int
    quantity: int


def _price(scales: _Scales) -> Writer:
    return _unit(scales.price)


def _quantity(scales: _Scales) -> Writer:
    return _unit(scales.quantity)


def _value(scales: _Scales) -> Writer:
    return _unit(scales.price + scales.quantity)


def _unit(scale: int) -> Writer:
    if scale == 0:
        return _as_it_is
    divisor = DIVISORS[scale]
    return lambda ticks: None if ticks is None else ticks / divisor


def _plain(scales: _Scales) -> Writer:
    return _as_it_is


def _as_it_is(value: Any) -> Any:
    return value


def _member(scales: _Scales) -> Writer:
    return lambda member: member.value


def _names(scales: _Scales) -> Writer:
    return list


def _prices_by_name(scales: _Scales) -> Writer:
    return dict


class _Field(msgspec.Struct, frozen=True):
    """How a dynamic field is written."""

    wire: str
    group: Group
    kind: Callable[[_Scales], Writer]


_FIELDS: Final[Mapping[str, _Field]] = {
    "trading_state": _Field("TradingState", Group.STATE, _plain),
    "open": _Field("Open", Group.PRICING, _price),
    "high": _Field("High", Group.PRICING, _price),
    "low": _Field("Low", Group.PRICING, _price),
    "close": _Field("Close", Group.PRICING, _price),
    "settlement": _Field("Settlement", Group.PRICING, _price),
    "last": _Field("Last", Group.PRICING, _price),
    "trend": _Field("Trend", Group.PRICING, _member),
    "best_ask": _Field("BestAsk", Group.PRICING, _price),
    "ask_count": _Field("AskCount", Group.DEPTH_TOTALS, _plain),
    "ask_quantity": _Field("AskQuantity", Group.QUANTITIES, _quantity),
    "ask_undisclosed": _Field("AskUndisclosed", Group.DEPTH_TOTALS, _plain),
    "best_bid": _Field("BestBid", Group.PRICING, _price),
    "bid_count": _Field("BidCount", Group.DEPTH_TOTALS, _plain),
    "bid_quantity": _Field("BidQuantity", Group.QUANTITIES, _quantity),
    "bid_undisclosed": _Field("BidUndisclosed", Group.DEPTH_TOTALS, _plain),
    "number_of_trades": _Field("NumberOfTrades", Group.AGGREGATES, _plain),
    "volume": _Field("Volume", Group.AGGREGATES, _quantity),
    "value_traded": _Field("ValueTraded", Group.AGGREGATES, _value),
    "vwap": _Field("VWAP", Group.AGGREGATES, _plain),
    "auction_price": _Field("AuctionPrice", Group.AUCTION, _price),
    "auction_quantity": _Field("AuctionQuantity", Group.AUCTION, _quantity),
    "auction_remainder": _Field("AuctionRemainder", Group.AUCTION, _quantity),
    "open_interest": _Field("OpenInterest", Group.ISSUE, _plain),
    "share_issue": _Field("ShareIssue", Group.ISSUE, _plain),
    "status_note": _Field("StatusNote", Group.STATE, _names),
    "quotation_basis": _Field("QuotationBasis", Group.STATE, _names),
    "extended": _Field("Extended", Group.EXTENDED, _prices_by_name),
}

SECURITY_FIELDS: Final = frozenset(_FIELDS)
"""The names of all dynamic fields."""


@cache
def _writers(price_scale: int, quantity_scale: int, visibility: Visibility) -> dict[str, tuple[str, Writer]]:
    """Wire name and writer of each visible dynamic field. As many entries as there are pairs of scales."""
    groups = visible_groups(View(visibility))
    scales = _Scales(price_scale, quantity_scale)
    return {
        name: (field.wire, field.kind(scales)) for name, field in _FIELDS.items() if field.group in groups
    }


def security_diff(
    instrument_view: InstrumentView, market: MarketView, changed: Iterable[str], view: View
) -> Payload:
    """Give the fields that changed, by the names of the security record; None becomes null.

    IsIndex is repeated for an index, since clients take its absence for false. Empty where nothing of what
    changed is visible: then there is nothing to send.
    """
    instrument = instrument_view.instrument
    writers = _writers(instrument.price_scale, instrument.quantity_scale, view.visibility)
    security = instrument_view.security
    diff: Payload = {}
    for name in changed:
        writer = writers.get(name)
        if writer is not None:
            diff[writer[0]] = writer[1](getattr(security, name))
    if diff:
        if instrument.is_index:
            diff["IsIndex"] = True
        if diff.get("TradingState", "") is None:
            diff["TradingState"] = market.trading_state or UNKNOWN_STATE
    return diff


UNKNOWN_STATE: Final = "Unknown"
"""TradingState while the source has told none of the instrument nor of the market: it is never null."""


def security_full(instrument_view: InstrumentView, market: MarketView, view: View) -> Payload:
    """Give every visible field, also those that are null, so that nothing of an older state survives."""
    full = _fixed_fields(instrument_view.instrument, view)
    full.update(security_diff(instrument_view, market, _FIELDS, view))
    return full


def _fixed_fields(instrument: Instrument, view: View) -> Payload:
    """Give what the definition says. `Alternate` is what clients read, `Alternates` what is documented."""
    alternates = dict(instrument.alternates)
    return {
        "Code": instrument.code,
        "Market": instrument.market,
        "Exchange": instrument.issuer,
        "Name": instrument.name,
        "Class": instrument.security_class.value,
        "CFI": instrument.cfi,
        "SubscriptionData": subscription_data_text(visible_data(instrument, view)),
        "TradingMarkets": list(instrument.trading_markets),
        "IsIndex": instrument.is_index,
        "Currency": instrument.currency,
        "Board": instrument.board,
        "TickTable": instrument.tick_table,
        "ExpiryDate": instrument.expiry_date.isoformat() if instrument.expiry_date else None,
        "StrikePrice": _number_or_none(instrument.strike_price),
        "ExerciseType": instrument.exercise_type.value if instrument.exercise_type else None,
        "CallOrPut": instrument.call_or_put.value if instrument.call_or_put else None,
        "ContractSize": _number_or_none(instrument.contract_size),
        "LotSize": _number_or_none(instrument.lot_size),
        "Alternate": alternates,
        "Alternates": alternates,
        "Attributes": dict(instrument.attributes),
        "Legs": None if instrument.legs is None else legs(instrument.legs),
        "Categories": list(instrument.categories),
    }


def _number_or_none(value: Any) -> int | float | None:
    return None if value is None else number(value)
