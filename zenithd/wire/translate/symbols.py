"""Symbols for the wire: SymbolDetail and the changes of a symbol list (spec zenith-websocket 3.1.8)."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from typing import Any

from zenithd.authority.access import View
from zenithd.domain.instrument import Instrument, Leg
from zenithd.wire.numbers import number
from zenithd.wire.translate.flags import subscription_data_text
from zenithd.wire.translate.groups import visible_data
from zenithd.wire.translate.shapes import SymbolChange

Payload = dict[str, Any]


class Detail(enum.Enum):
    """How much of a symbol is told."""

    BASIC = enum.auto()
    BASIC_WITH_ALTERNATES = enum.auto()
    """What QuerySymbols calls basic."""
    FULL = enum.auto()


def symbol_detail(instrument: Instrument, view: View, detail: Detail = Detail.FULL) -> Payload:
    """Give a symbol; what has no value or its default is left out unless the protocol requires it."""
    symbol: Payload = {
        "Market": instrument.market,
        "Code": instrument.code,
        "Name": instrument.name or None,
        "Class": instrument.security_class.value,
        "SubscriptionData": subscription_data_text(visible_data(instrument, view)),
        "TradingMarkets": list(instrument.trading_markets),
    }
    if instrument.issuer != instrument.market:
        symbol["Exchange"] = instrument.issuer
    if detail is not Detail.BASIC and instrument.alternates:
        symbol["Alternate"] = dict(instrument.alternates)
    if detail is Detail.FULL:
        _put_extended(symbol, instrument)
    return symbol


def _put_extended(symbol: Payload, instrument: Instrument) -> None:
    symbol["CFI"] = instrument.cfi
    if instrument.attributes:
        symbol["Attributes"] = dict(instrument.attributes)
    if instrument.categories:
        symbol["Categories"] = list(instrument.categories)
    if instrument.call_or_put is not None:
        symbol["CallOrPut"] = instrument.call_or_put.value
    if instrument.contract_size is not None:
        symbol["ContractSize"] = number(instrument.contract_size)
    if instrument.ask_below_bid:
        symbol["DepthDirection"] = "AskBelowBid"
    if instrument.exercise_type is not None:
        symbol["ExerciseType"] = instrument.exercise_type.value
    if instrument.expiry_date is not None:
        symbol["ExpiryDate"] = instrument.expiry_date.isoformat()
    if instrument.is_index:
        symbol["IsIndex"] = True
    if instrument.legs is not None:
        symbol["Legs"] = legs(instrument.legs)
    if instrument.lot_size is not None:
        symbol["LotSize"] = number(instrument.lot_size)
    if instrument.strike_price is not None:
        symbol["StrikePrice"] = number(instrument.strike_price)


def legs(legs: Iterable[Leg]) -> list[Payload]:
    """Give the legs of a combination."""
    return [{"Code": leg.code, "Side": leg.side.value, "Ratio": number(leg.ratio)} for leg in legs]


def symbol_snapshot(instruments: Iterable[Instrument], view: View) -> list[Payload]:
    """Give a whole symbol list: a clear, then an add for each."""
    payload: list[Payload] = [{"O": "C"}]
    payload += [{"O": "A", "Symbol": symbol_detail(instrument, view)} for instrument in instruments]
    return payload


def symbol_changes(changes: Iterable[SymbolChange], view: View) -> list[Payload]:
    """Give changes of a symbol list; adds and updates in full form, removals by Market and Code."""
    payload: list[Payload] = []
    for change in changes:
        instrument, letter = change.instrument, change.op.letter
        if letter == "R":
            symbol: Payload = {"Market": instrument.market, "Code": instrument.code}
        else:
            symbol = symbol_detail(instrument, view)
        payload.append({"O": letter, "Symbol": symbol})
    return payload
