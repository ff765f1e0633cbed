"""The matching types of the scan language that ask about symbols (spec zenith-websocket 4.J2)."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

from zenithd.domain.instrument import CallOrPut, ExerciseType, SecurityClass
from zenithd.domain.market_data import DataKind
from zenithd.wire.criteria_parameters import (
    InvalidCriteria,
    read_date,
    read_folded_texts,
    read_match,
    read_named,
    read_nothing,
    read_number,
    read_one,
    read_range,
    read_text,
    read_texts,
)
from zenithd.wire.symbol_keys import Predicate, SymbolKeys, cfi_matches

DATA_KINDS: Final = {
    "Asset": DataKind.ASSET,
    "Trades": DataKind.TRADES,
    "Depth": DataKind.DEPTH,
    "DepthFull": DataKind.DEPTH_FULL,
    "DepthShort": DataKind.DEPTH_SHORT,
    "All": DataKind.ALL,
}
"""SubscriptionData names of the wire (spec 3.1)."""


def _alternate(parameters: Sequence[Any]) -> Predicate:
    return _named_text(parameters, lambda keys: keys.instrument.alternates, lambda keys: keys.alternates)


def _attribute(parameters: Sequence[Any]) -> Predicate:
    return _named_text(parameters, lambda keys: keys.instrument.attributes, lambda keys: keys.attributes)


_Texts = Callable[[SymbolKeys], Mapping[str, str]]


def _named_text(parameters: Sequence[Any], plain: _Texts, folded: _Texts) -> Predicate:
    name, rest = read_named(parameters)
    if not rest:
        return lambda keys: name in plain(keys)
    match = read_match(rest)
    test, texts = match.test, folded if match.ignore_case else plain
    return lambda keys: (value := texts(keys).get(name)) is not None and test(value)


def _code(parameters: Sequence[Any]) -> Predicate:
    match = read_match(parameters)
    test = match.test
    if match.ignore_case:
        return lambda keys: test(keys.code)
    return lambda keys: test(keys.instrument.code)


def _name(parameters: Sequence[Any]) -> Predicate:
    match = read_match(parameters)
    test = match.test
    if match.ignore_case:
        return lambda keys: test(keys.name)
    return lambda keys: test(keys.instrument.name)


_Member = TypeVar("_Member", bound=enum.Enum)


def _member(kind: type[_Member], value: Any) -> _Member:
    try:
        return kind(read_text(value))
    except ValueError:
        raise InvalidCriteria(f"not a {kind.__name__}") from None


def _call_or_put(parameters: Sequence[Any]) -> Predicate:
    if not parameters:
        return lambda keys: keys.instrument.call_or_put is not None
    wanted = _member(CallOrPut, read_one(parameters))
    return lambda keys: keys.instrument.call_or_put is wanted


def _exercise_type(parameters: Sequence[Any]) -> Predicate:
    if not parameters:
        return lambda keys: keys.instrument.exercise_type is not None
    wanted = _member(ExerciseType, read_one(parameters))
    return lambda keys: keys.instrument.exercise_type is wanted


def _security_class(parameters: Sequence[Any]) -> Predicate:
    wanted = _member(SecurityClass, read_one(parameters))
    return lambda keys: keys.instrument.security_class is wanted


def _category(parameters: Sequence[Any]) -> Predicate:
    wanted = read_texts(parameters)
    return lambda keys: not wanted.isdisjoint(keys.instrument.categories)


def _cfi(parameters: Sequence[Any]) -> Predicate:
    mask = read_text(read_one(parameters))
    return lambda keys: cfi_matches(keys.instrument.cfi, mask)


def _contract_size(parameters: Sequence[Any]) -> Predicate:
    within = read_range(parameters, read_number)
    return lambda keys: within(keys.instrument.contract_size)


def _lot_size(parameters: Sequence[Any]) -> Predicate:
    within = read_range(parameters, read_number)
    return lambda keys: within(keys.instrument.lot_size)


def _expiry_date(parameters: Sequence[Any]) -> Predicate:
    within = read_range(parameters, read_date)
    return lambda keys: within(keys.instrument.expiry_date)


def _data(parameters: Sequence[Any]) -> Predicate:
    wanted = DATA_KINDS.get(read_text(read_one(parameters)))
    if wanted is None:
        raise InvalidCriteria("not a data type")
    return lambda keys: wanted in keys.instrument.subscription_data


def _named_date(parameters: Sequence[Any]) -> Predicate:
    """Read a market-specific date. No market has any so far: it is missing everywhere."""
    _, rest = read_named(parameters)
    read_range(rest, read_date)
    return lambda keys: False


def _exchange(parameters: Sequence[Any]) -> Predicate:
    wanted = read_folded_texts(parameters)
    return lambda keys: keys.instrument.issuer.casefold() in wanted


def _market(parameters: Sequence[Any]) -> Predicate:
    wanted = read_folded_texts(parameters)
    return lambda keys: keys.instrument.market.casefold() in wanted


def _trading_market(parameters: Sequence[Any]) -> Predicate:
    wanted = read_folded_texts(parameters)
    return lambda keys: any(market.casefold() in wanted for market in keys.instrument.trading_markets)


def _is_index(parameters: Sequence[Any]) -> Predicate:
    wanted = read_one(parameters) if parameters else True
    if not isinstance(wanted, bool):
        raise InvalidCriteria("IsIndex is true or false")
    return lambda keys: keys.instrument.is_index is wanted


def _leg(parameters: Sequence[Any]) -> Predicate:
    wanted = read_text(read_one(parameters))
    return lambda keys: any(leg.code == wanted for leg in keys.instrument.legs or ())


def _everything(parameters: Sequence[Any]) -> Predicate:
    read_nothing(parameters)
    return lambda keys: True


def _nothing(parameters: Sequence[Any]) -> Predicate:
    read_nothing(parameters)
    return lambda keys: False


SYMBOL_TYPES: Final[Mapping[str, Callable[[Sequence[Any]], Predicate]]] = {
    "All": _everything,
    "AltCode": _alternate,
    "Attribute": _attribute,
    "CFI": _cfi,
    "CallOrPut": _call_or_put,
    "Category": _category,
    "Class": _security_class,
    "Code": _code,
    "ContractSize": _contract_size,
    "Data": _data,
    "Date": _named_date,
    "Exchange": _exchange,
    "ExerciseType": _exercise_type,
    "ExpiryDate": _expiry_date,
    "IsIndex": _is_index,
    "Leg": _leg,
    "LotSize": _lot_size,
    "Market": _market,
    "Name": _name,
    "None": _nothing,
    "TradingMarket": _trading_market,
}
"""What makes the predicate of each type from its parameters; raises InvalidCriteria."""

_ASSET_RANGES = (
    "Auction AuctionLast AuctionQuantity BestAskCount BestAskPrice BestAskQuantity BestBidCount BestBidPrice "
    "BestBidQuantity ClosePrice HighPrice LastPrice LowPrice OpenInterest OpenPrice Price PreviousClose "
    "Remainder ShareIssue StrikePrice Trades ValueTraded Volume VWAP"
)
_ASSET_TEXTS = "Board Currency QuotationBasis State StateAllows StatusNote"
_ASSET_COMPARISONS = "= != > >= < <="

ASSET_TYPES: Final = frozenset(f"{_ASSET_RANGES} {_ASSET_TEXTS} {_ASSET_COMPARISONS}".split())
"""Types that ask about prices and states: known to the language, and refused where symbols are searched."""
