"""SearchSymbols, QuerySymbols, ScanSymbols and the Symbols subscription (spec zenith-websocket 3.1.8)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Sequence
from functools import partial
from typing import Any

import msgspec

from zenithd.authority.access import Access, View
from zenithd.controllers.directory import MarketDirectory
from zenithd.controllers.interface import Answer, Opened, Refusal
from zenithd.controllers.lookup import FoundMarket, Lookup, refuse
from zenithd.controllers.symbol_index import SymbolIndex
from zenithd.domain.identifiers import InvalidIdentifier, MarketCode, MarketId, MixedMarketCode, parse_market
from zenithd.domain.instrument import Instrument, SecurityClass
from zenithd.domain.market_data import FeedStatus
from zenithd.market.view import MarketView
from zenithd.turns import Steps, finish, in_turns
from zenithd.wire import errors, translate
from zenithd.wire.criteria_parameters import InvalidCriteria
from zenithd.wire.long_lists import LongList
from zenithd.wire.market_pattern import parse_market_pattern
from zenithd.wire.requests import (
    InvalidRequest,
    QuerySymbolsRequest,
    ScanSymbolsRequest,
    SearchRequest,
    SearchSymbolsRequest,
    decode,
)
from zenithd.wire.search import Search, query_symbols, scan_symbols, search_symbols
from zenithd.wire.symbol_keys import SymbolKeys
from zenithd.wire.translate import Detail

COMPARISONS_PER_SLICE = 500
"""Symbols times comparisons that are worked through before giving way: a tenth of a millisecond."""


class _Scope(msgspec.Struct, frozen=True):
    """The markets that a search goes through, and the errors about those it cannot."""

    markets: dict[MarketId, FoundMarket]
    faults: list[str]


class Symbols:
    """Answers the three searches."""

    def __init__(self, directory: MarketDirectory, lookup: Lookup) -> None:
        self._directory = directory
        self._lookup = lookup
        self._index = SymbolIndex()

    def search(self, data: Any, access: Access) -> Answer | Awaitable[Answer]:
        """Answer SearchSymbols."""
        request = decode(data, SearchSymbolsRequest)
        detail = Detail.FULL if request.full_symbol else Detail.BASIC
        return self._answer(self._scope(request, access), search_symbols(request), detail)

    def query(self, data: Any, access: Access) -> Answer | Awaitable[Answer]:
        """Answer QuerySymbols. No account is known here, so a search by account finds nothing."""
        request = decode(data, QuerySymbolsRequest)
        if request.account:
            return Answer(errors=refuse(errors.ACCOUNT_NOT_FOUND, request.account).errors)
        detail = Detail.FULL if request.show_full else Detail.BASIC_WITH_ALTERNATES
        return self._answer(self._scope(request, access), query_symbols(request), detail)

    def scan(self, data: Any, access: Access) -> Answer | Awaitable[Answer]:
        """Answer ScanSymbols."""
        request = decode({} if data is None else data, ScanSymbolsRequest)
        try:
            search = scan_symbols(request)
        except InvalidCriteria:
            raise InvalidRequest(errors.DATA_DESERIALISE) from None
        detail = Detail.FULL if request.full_symbol else Detail.BASIC
        return self._answer(self._scope(request, access), search, detail)

    # Which markets

    def _scope(self, request: SearchRequest, access: Access) -> _Scope:
        """Collect the markets of `Market` and of `Markets`; without either all that are visible, unmixed."""
        scope = _Scope({}, [])
        if request.market is not None:
            self._add_matching(request.market, access, scope)
        for text in request.markets or ():
            found = self._lookup.market(text, access)
            if isinstance(found, FoundMarket):
                scope.markets[found.id] = found
            else:
                scope.faults.append(refuse(errors.MARKET_NOT_FOUND, text).errors[0])
        if request.market is None and not request.markets:
            scope.markets.update({found.id: found for _, found in self._unmixed(access)})
        for found in list(scope.markets.values()):
            if _is_unavailable(found.market):
                del scope.markets[found.id]
                scope.faults.append(refuse(errors.MARKET_UNAVAILABLE, found.id).errors[0])
        return scope

    def _add_matching(self, text: str, access: Access, scope: _Scope) -> None:
        try:
            pattern = parse_market_pattern(text)
        except InvalidIdentifier:
            scope.faults.extend(refuse(errors.MARKET, text).errors)
            return
        if isinstance(pattern, MixedMarketCode):
            found = self._lookup.market(text, access)
            matching = {found.id: found} if isinstance(found, FoundMarket) else {}
        else:
            unmixed = self._unmixed(access)
            matching = {found.id: found for code, found in unmixed if pattern.matches(code)}
        scope.markets.update(matching)
        if not matching:
            scope.faults.extend(refuse(errors.MARKET_NOT_FOUND, text).errors)

    def _unmixed(self, access: Access) -> list[tuple[MarketCode, FoundMarket]]:
        visible = []
        for market in self._directory.visible(access):
            identifier = market.definition.id
            code, view = parse_market(identifier), access.view(identifier)
            if view is not None and isinstance(code, MarketCode):
                visible.append((code, FoundMarket(market, view)))
        return visible

    # Which symbols

    def _answer(self, scope: _Scope, search: Search, detail: Detail) -> Answer | Awaitable[Answer]:
        symbols = [keys for found in scope.markets.values() for keys in self._index.keys(found.market)]
        views = {market: found.view for market, found in scope.markets.items()}
        steps = _steps(symbols, search, partial(_details, views, detail), scope.faults)
        if len(symbols) * search.cost <= COMPARISONS_PER_SLICE:
            return finish(steps)  # nothing to give way for
        return in_turns(steps)


def _is_unavailable(market: MarketView) -> bool:
    """Tell whether what a market lists is not known yet; what an impaired one lists still is."""
    return market.feed_status is FeedStatus.INITIALISING and not market.instruments


def _steps(
    symbols: list[SymbolKeys],
    search: Search,
    details: Callable[[Sequence[Instrument]], list[Any]],
    faults: list[str],
) -> Steps[Answer]:
    """Find the symbols and make the page of them."""
    size = max(1, COMPARISONS_PER_SLICE // search.cost)
    found: list[SymbolKeys] = []
    for start in range(0, len(symbols), size):
        found += search.find(symbols[start : start + size])
        if search.is_satisfied(len(found)):
            break
        yield
    page = search.page(found)
    if faults and not page:
        return Answer(errors=tuple(faults))
    return Answer(LongList(page, details), tuple(faults))


def _details(views: dict[MarketId, View], detail: Detail, page: Sequence[Instrument]) -> list[Any]:
    return [translate.symbol_detail(one, views[one.market], detail) for one in page]


def open_symbols(
    directory: MarketDirectory, lookup: Lookup, argument: str, access: Access
) -> Opened | Refusal:
    """Open `Symbols!<Class>.<Market>`."""
    name, _, market = argument.partition(".")
    try:
        security_class = SecurityClass(name)
    except ValueError:
        return refuse(errors.SYMBOL, argument)
    found = lookup.market(market, access)
    if isinstance(found, Refusal):
        return found
    identifier = found.id

    def snapshot(entitlement: Hashable) -> list[Any]:
        listing = directory.find(identifier)
        if listing is None or not isinstance(entitlement, View):
            return []
        instruments = [
            view.instrument
            for view in listing.instruments.values()
            if view.instrument.security_class is security_class
        ]
        return [translate.symbol_snapshot(instruments, entitlement)]

    return Opened(f"Symbols!{name}.{identifier}", View(found.view.visibility), snapshot)
