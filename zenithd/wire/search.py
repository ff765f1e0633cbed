"""Symbol searches: from a request to a test of symbols and the page to answer (spec zenith-websocket 3.1.8).

A search is made once per request; finding is a linear pass over symbols whose texts were folded before.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from operator import attrgetter

import msgspec

from zenithd.domain.instrument import Instrument
from zenithd.wire.conditions import all_of, any_of, condition_cost, conditions_test
from zenithd.wire.criteria import parse_criteria
from zenithd.wire.requests import (
    Condition,
    ConditionField,
    QuerySymbolsRequest,
    ScanSymbolsRequest,
    SearchRequest,
    SearchSymbolsRequest,
)
from zenithd.wire.symbol_keys import Placement, Predicate, SymbolKeys, cfi_matches

_order = attrgetter("order")

SYMBOLS_MAX = 1_000
"""Most symbols of one answer."""


class Search(msgspec.Struct, frozen=True, kw_only=True):
    """A search ready to run."""

    test: Predicate
    exact: Predicate | None = None
    """If some of what was found passes this, only that is answered."""
    cost: int
    """Comparisons per symbol, at least 1: what a caller budgets time by."""
    ordered: bool
    """Alphabetical by code, then market; else in any order."""
    start: int
    count: int

    def find(self, symbols: Iterable[SymbolKeys]) -> list[SymbolKeys]:
        """Give those symbols that pass."""
        test = self.test
        return [keys for keys in symbols if test(keys)]

    def is_satisfied(self, found: int) -> bool:
        """Tell whether so many found symbols are enough, whatever else there is to find."""
        return found >= self.count and not self.ordered and self.exact is None

    def page(self, found: Sequence[SymbolKeys]) -> list[Instrument]:
        """Give the part of all found symbols that is the answer."""
        if self.exact is not None:
            found = [keys for keys in found if self.exact(keys)] or found
        if self.ordered:
            found = sorted(found, key=_order)
        return [keys.instrument for keys in found[self.start : self.start + self.count]]


def _search(
    request: SearchRequest, tests: Sequence[Predicate], cost: int, exact: Predicate | None = None
) -> Search:
    return Search(
        test=all_of(tests),
        exact=exact,
        cost=max(1, cost),
        ordered=request.count is not None or request.start_index is not None,
        start=request.start_index or 0,
        count=SYMBOLS_MAX if request.count is None else min(request.count, SYMBOLS_MAX),
    )


def search_symbols(request: SearchSymbolsRequest) -> Search:
    """Make the search of SearchSymbols."""
    tests = _shared_tests(request.exchange, request.cfi) + _definition_tests(request)
    cost = len(tests) + sum(map(condition_cost, request.conditions))
    exact = None
    if request.conditions:
        tests.append(conditions_test(request.conditions))
        if request.prefer_exact:
            exact = conditions_test(request.conditions, Placement.EXACT)
    return _search(request, tests, cost, exact)


def query_symbols(request: QuerySymbolsRequest) -> Search:
    """Make the search of QuerySymbols. Of days gone by, only what expired before is known."""
    tests = _shared_tests(request.exchange, request.cfi)
    if request.target_date is not None:
        target = request.target_date
        tests.append(
            lambda keys: keys.instrument.expiry_date is None or keys.instrument.expiry_date >= target
        )
    conditions = [_field_condition(name, request) for name in request.field]
    tests.append(any_of([conditions_test([condition]) for condition in conditions]))
    exact = None
    if request.prefer_exact:
        exact = any_of([conditions_test([condition], Placement.EXACT) for condition in conditions])
    return _search(request, tests, len(tests) + len(conditions), exact)


def _field_condition(name: str, request: QuerySymbolsRequest) -> Condition:
    known = {"Code": ConditionField.CODE, "Name": ConditionField.NAME}
    field = known.get(name, ConditionField.ALTERNATE)
    return Condition(
        text=request.search_text,
        field=frozenset((field,)),
        key=name,
        is_case_sensitive=request.is_case_sensitive,
        placement=Placement.ANYWHERE if request.is_partial else Placement.EXACT,
    )


def scan_symbols(request: ScanSymbolsRequest) -> Search:
    """Make the search of ScanSymbols.

    Raises:
        InvalidCriteria: see `parse_criteria`.
    """
    if request.criteria is None:
        return _search(request, [], 1)
    criteria = parse_criteria(request.criteria)
    return _search(request, [criteria.holds], criteria.nodes)


def _shared_tests(exchange: str | None, cfi: str | None) -> list[Predicate]:
    tests: list[Predicate] = []
    if exchange:
        tests.append(lambda keys: keys.instrument.issuer == exchange)
    if cfi:
        tests.append(lambda keys: cfi_matches(keys.instrument.cfi, cfi))
    return tests


def _definition_tests(request: SearchSymbolsRequest) -> list[Predicate]:
    tests: list[Predicate] = []
    if request.security_class is not None:
        wanted = request.security_class
        tests.append(lambda keys: keys.instrument.security_class is wanted)
    if request.index is not None:
        index = request.index
        tests.append(lambda keys: keys.instrument.is_index is index)
    if request.combination_leg is not None:
        leg_code = request.combination_leg
        tests.append(lambda keys: any(leg.code == leg_code for leg in keys.instrument.legs or ()))
    if request.expiry_date_min is not None or request.expiry_date_max is not None:
        tests.append(_expiry_test(request.expiry_date_min or date.min, request.expiry_date_max or date.max))
    if request.strike_price_min is not None or request.strike_price_max is not None:
        tests.append(_strike_test(request.strike_price_min, request.strike_price_max))
    return tests


def _expiry_test(low: date, high: date) -> Predicate:
    return lambda keys: (expiry := keys.instrument.expiry_date) is not None and low <= expiry <= high


def _strike_test(low: Decimal | None, high: Decimal | None) -> Predicate:
    return lambda keys: (
        (strike := keys.instrument.strike_price) is not None
        and (low is None or strike >= low)
        and (high is None or strike <= high)
    )
