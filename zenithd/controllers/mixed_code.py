"""QueryMixedMarket: the best code for a set of markets (spec zenith-websocket 1.7, 3.1.7)."""

from __future__ import annotations

from typing import Any

from zenithd.authority.access import Access
from zenithd.controllers.interface import Answer, Refusal
from zenithd.controllers.lookup import Lookup, refuse
from zenithd.domain.identifiers import InvalidIdentifier, MarketCode, MixedMarketCode, parse_market
from zenithd.wire import errors
from zenithd.wire.requests import MixedMarketRequest, decode

STRATEGIES = ("Default",)
"""Known strategies (4.H). The default one is never written into a code: with and without are the same."""


def query_mixed_market(lookup: Lookup, data: Any, access: Access) -> Answer:
    """Combine those markets that the user sees; one alone is its own code, none is null.

    The order given does not matter to the only strategy there is.
    """
    request = decode(data, MixedMarketRequest)
    if request.strategy and request.strategy not in STRATEGIES:
        return Answer(None, refuse(errors.STRATEGY, request.strategy).errors)
    codes: set[MarketCode] = set()
    for text in request.markets:
        try:
            code = parse_market(text)
        except InvalidIdentifier:
            return Answer(None, refuse(errors.MARKET_ERROR, text).errors)
        if isinstance(code, MixedMarketCode):
            return Answer(None, refuse(errors.MARKET_ERROR, text).errors)
        if not isinstance(lookup.market(code.id, access), Refusal):
            codes.add(code)
    if len({code.tag for code in codes}) > 1:
        return Answer(None, (errors.MARKET_TAG,))
    if len(codes) <= 1:
        return Answer(next((code.id for code in codes), None))
    mixed = MixedMarketCode(tuple(sorted(codes, key=_untagged))).id
    if isinstance(lookup.market(mixed, access), Refusal):
        return Answer(None, refuse(errors.MARKET_ERROR, mixed).errors)
    return Answer(mixed)


def _untagged(code: MarketCode) -> str:
    return str(MarketCode(code.exchange, code.alternative))
