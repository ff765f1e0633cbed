"""Securities for the wire: full states and diffs (spec zenith-websocket 3.1.2, 6.6).

The dynamic fields are those of the market's security record, by name. Each has a wire name, a group
(decision record 010) and a way to write it. Fields of kind O, which clients never accept as null, are never
None in the record; of the trading state, which may be, a null is kept away here. The VWAP is in price units
and rounded already.
"""

from __future__ import annotations

import enum
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

_LIMITED: Final = Visibility.LIMITED
"""An attribute of an enumeration costs as much as a dict look-up and a call on Python 3.11."""


class _Unit(enum.Enum):
    """In what a number of the record is: ticks, units of quantity, or the products of both."""

    PRICE = enum.auto()
    QUANTITY = enum.auto()
    VALUE = enum.auto()


def _member(member: enum.Enum) -> Any:
    return member.value


class _Field(msgspec.Struct, frozen=True):
    """How a dynamic field is written: as it is, from a unit, or by `convert`."""

    wire: str
    group: Group
    unit: _Unit | None = None
    convert: Callable[[Any], Any] | None = None


_FIELDS: Final[Mapping[str, _Field]] = {
    "trading_state": _Field("TradingState", Group.STATE),
    "open": _Field("Open", Group.PRICING, _Unit.PRICE),
    "high": _Field("High", Group.PRICING, _Unit.PRICE),
    "low": _Field("Low", Group.PRICING, _Unit.PRICE),
    "close": _Field("Close", Group.PRICING, _Unit.PRICE),
    "settlement": _Field("Settlement", Group.PRICING, _Unit.PRICE),
    "last": _Field("Last", Group.PRICING, _Unit.PRICE),
    "trend": _Field("Trend", Group.PRICING, convert=_member),
    "best_ask": _Field("BestAsk", Group.PRICING, _Unit.PRICE),
    "ask_count": _Field("AskCount", Group.DEPTH_TOTALS),
    "ask_quantity": _Field("AskQuantity", Group.QUANTITIES, _Unit.QUANTITY),
    "ask_undisclosed": _Field("AskUndisclosed", Group.DEPTH_TOTALS),
    "best_bid": _Field("BestBid", Group.PRICING, _Unit.PRICE),
    "bid_count": _Field("BidCount", Group.DEPTH_TOTALS),
    "bid_quantity": _Field("BidQuantity", Group.QUANTITIES, _Unit.QUANTITY),
    "bid_undisclosed": _Field("BidUndisclosed", Group.DEPTH_TOTALS),
    "number_of_trades": _Field("NumberOfTrades", Group.AGGREGATES),
    "volume": _Field("Volume", Group.AGGREGATES, _Unit.QUANTITY),
    "value_traded": _Field("ValueTraded", Group.AGGREGATES, _Unit.VALUE),
    "vwap": _Field("VWAP", Group.AGGREGATES),
    "auction_price": _Field("AuctionPrice", Group.AUCTION, _Unit.PRICE),
    "auction_quantity": _Field("AuctionQuantity", Group.AUCTION, _Unit.QUANTITY),
    "auction_remainder": _Field("AuctionRemainder", Group.AUCTION, _Unit.QUANTITY),
    "open_interest": _Field("OpenInterest", Group.ISSUE),
    "share_issue": _Field("ShareIssue", Group.ISSUE),
    "status_note": _Field("StatusNote", Group.STATE, convert=list),
    "quotation_basis": _Field("QuotationBasis", Group.STATE, convert=list),
    "extended": _Field("Extended", Group.EXTENDED, convert=dict),
}

SECURITY_FIELDS: Final = frozenset(_FIELDS)
"""The names of all dynamic fields."""


Writer = tuple[str, int | None, Callable[[Any], Any] | None]
"""Wire name; by what a number is divided; how else the value is written."""


@cache
def _writers(price_scale: int, quantity_scale: int, is_limited: bool) -> dict[str, Writer]:
    """Writers of the visible dynamic fields. As many entries as there are pairs of scales."""
    groups = visible_groups(View(Visibility.LIMITED if is_limited else Visibility.FULL))
    scales = {
        None: 0,
        _Unit.PRICE: price_scale,
        _Unit.QUANTITY: quantity_scale,
        _Unit.VALUE: price_scale + quantity_scale,
    }
    return {
        name: (field.wire, DIVISORS[scales[field.unit]] if scales[field.unit] else None, field.convert)
        for name, field in _FIELDS.items()
        if field.group in groups
    }


def security_diff(
    instrument_view: InstrumentView, market: MarketView, changed: Iterable[str], view: View
) -> Payload:
    """Give the fields that changed, by the names of the security record; None becomes null.

    IsIndex is repeated for an index, since clients take its absence for false. Empty where nothing of what
    changed is visible: then there is nothing to send.
    """
    instrument = instrument_view.instrument
    writers = _writers(instrument.price_scale, instrument.quantity_scale, view.visibility is _LIMITED)
    security = instrument_view.security
    diff: Payload = {}
    for name in changed:
        writer = writers.get(name)
        if writer is None:
            continue
        wire, divisor, convert = writer
        value = getattr(security, name)
        if value is None:
            diff[wire] = None
        elif divisor is not None:
            diff[wire] = value / divisor
        else:
            diff[wire] = value if convert is None else convert(value)
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
