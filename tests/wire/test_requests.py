"""Request bodies: what is accepted as clients send it, and the code for everything else."""

from __future__ import annotations

import math
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zenithd.domain.instrument import SecurityClass
from zenithd.wire.answer import ABSENT
from zenithd.wire.requests import (
    ChartRequest,
    ConditionField,
    CustomFragmentsRequest,
    FragmentDefinition,
    FragmentsRequest,
    InvalidRequest,
    MarketRequest,
    MixedMarketRequest,
    QuerySymbolsRequest,
    Request,
    ScanSymbolsRequest,
    SearchSymbolsRequest,
    SymbolRequest,
    TradesRequest,
    decode,
)
from zenithd.wire.symbol_keys import Placement

SYMBOL = {"Market": "XSX", "Code": "XS01"}
KINDS: tuple[type[Request], ...] = (
    MarketRequest,
    SymbolRequest,
    TradesRequest,
    ChartRequest,
    MixedMarketRequest,
    SearchSymbolsRequest,
    QuerySymbolsRequest,
    ScanSymbolsRequest,
    FragmentsRequest,
    CustomFragmentsRequest,
)


def codes(data: Any, kind: type[Request]) -> tuple[str, ...]:
    with pytest.raises(InvalidRequest) as caught:
        decode(data, kind)
    return caught.value.codes


@pytest.mark.parametrize("kind", KINDS)
def test_no_body_and_no_map(kind: type[Request]) -> None:
    assert codes(None, kind) == ("Data",)
    assert codes(ABSENT, kind) == ("Data",)
    for data in ("text", 5, True, [], [SYMBOL], 1.5):
        assert codes(data, kind) == ("Data.Deserialise",)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({}, ("Market", "Code")),
        ({"Market": "XSX"}, ("Code",)),
        ({"Code": "XS01"}, ("Market",)),
        ({"Market": None, "Code": ""}, ("Market", "Code")),
        ({"Market": 5, "Code": "XS01"}, ("Data.Deserialise",)),
        ({"Market": "XSX", "Code": ["XS01"]}, ("Data.Deserialise",)),
    ],
)
def test_market_and_code(data: dict[str, Any], expected: tuple[str, ...]) -> None:
    assert codes(data, SymbolRequest) == expected


def test_trades_as_the_real_client_asks() -> None:
    request = decode({**SYMBOL, "LastTradeID": 17, "TradingDate": "2026-11-17T00:00:00.000Z"}, TradesRequest)
    assert (request.last_trade_id, request.trading_date, request.count) == (17, date(2026, 11, 17), None)


def test_nulls_are_absent_and_unknown_fields_ignored() -> None:
    request = decode({**SYMBOL, "Count": None, "TradingDate": None, "Extra": {"a": 1}}, TradesRequest)
    assert (request.count, request.trading_date) == (None, None)


def test_whole_floats_are_integers() -> None:
    request = decode({**SYMBOL, "Count": 5.0, "FirstTradeID": -0.0}, TradesRequest)
    assert (request.count, request.first_trade_id) == (5, 0)


@pytest.mark.parametrize(
    "value", [1.5, -1, math.nan, math.inf, 2**31, 10**300, 1e300, "5", True, [], {}, "", "2026-13-01"]
)
@pytest.mark.parametrize("field", ["Count", "TradingDate"])
def test_odd_numbers_and_dates_are_refused(field: str, value: Any) -> None:
    assert codes({**SYMBOL, field: value}, TradesRequest) == ("Data.Deserialise",)


@pytest.mark.parametrize("text", ["12026-11-17", "0000-01-01", "2026-02-30", "2026-11-17T25:00:00Z\n", "x"])
def test_dates_that_no_calendar_has_are_refused(text: str) -> None:
    assert codes({**SYMBOL, "TradingDate": text}, TradesRequest) == ("Data.Deserialise",)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("00:01:00", 60),
        ("0:5", 300),
        ("00:15:00.000", 900),
        ("00:30:00", 1800),
        ("1.00:00:00", 86_400),
        ("1.0:0:0", 86_400),
    ],
)
def test_chart_periods(text: str, seconds: int) -> None:
    assert decode({**SYMBOL, "Period": text}, ChartRequest).period == seconds


@pytest.mark.parametrize("value", ["00:02:00", "00:00:60", "00:01:00.5", "2.00:00:00", "x", 60, None])
def test_other_periods(value: Any) -> None:
    if value is None:
        assert decode({**SYMBOL, "Period": value}, ChartRequest).period == 86_400
    else:
        assert codes({**SYMBOL, "Period": value}, ChartRequest) == ("Data.Deserialise",)


def test_a_search_as_the_real_client_sends_it() -> None:
    request = decode(
        {
            "Conditions": [
                {
                    "Field": "Code",
                    "Group": "--Common%%",
                    "IsCaseSensitive": True,
                    "Match": "Exact",
                    "Text": "XS01",
                }
            ],
            "FullSymbol": False,
            "Markets": ["XSX"],
            "PreferExact": True,
        },
        SearchSymbolsRequest,
    )
    (condition,) = request.conditions
    assert condition.field == {ConditionField.CODE}
    assert condition.group == "--Common%%"
    assert condition.placement is Placement.EXACT
    assert condition.is_case_sensitive
    assert (request.full_symbol, request.markets, request.prefer_exact) == (False, ["XSX"], True)


def test_defaults_of_the_searches() -> None:
    search = decode({}, SearchSymbolsRequest)
    assert (search.full_symbol, search.prefer_exact, search.count, search.conditions) == (
        True,
        False,
        None,
        [],
    )
    query = decode({"SearchText": "x"}, QuerySymbolsRequest)
    assert (query.field, query.is_partial, query.is_case_sensitive) == (["Code"], True, False)
    assert query.show_full is False
    assert decode({}, ScanSymbolsRequest).full_symbol is True


@pytest.mark.parametrize(
    ("match", "placement"),
    [
        ("", Placement.ANYWHERE),
        (None, Placement.ANYWHERE),
        ("FromStart", Placement.FROM_START),
        ("FromEnd", Placement.FROM_END),
        ("Exact", Placement.EXACT),
        ("FromStart,FromEnd", Placement.EXACT),
        (" FromEnd , FromStart ", Placement.EXACT),
        ("FromStart,Exact", Placement.EXACT),
    ],
)
def test_match(match: str | None, placement: Placement) -> None:
    request = decode({"Conditions": [{"Text": "a", "Match": match}]}, SearchSymbolsRequest)
    assert request.conditions[0].placement is placement


def test_fields_of_conditions_and_queries() -> None:
    search = decode({"Conditions": [{"Text": "a", "Field": "Code, Alternate"}]}, SearchSymbolsRequest)
    assert search.conditions[0].field == {ConditionField.CODE, ConditionField.ALTERNATE}
    query = decode({"SearchText": "a", "Field": "Code+RIC"}, QuerySymbolsRequest)
    assert query.field == ["Code", "RIC"]


@pytest.mark.parametrize(
    "data",
    [
        {"Conditions": {}},
        {"Conditions": ["a"]},
        {"Conditions": [{}]},
        {"Conditions": [{"Text": 5}]},
        {"Conditions": [{"Text": "a", "Field": "Ticker"}]},
        {"Conditions": [{"Text": "a", "Match": "Middle"}]},
        {"Conditions": [{"Text": "a", "Match": 5}]},
        {"Conditions": [{"Text": "a", "IsCaseSensitive": "yes"}]},
        {"Conditions": [{"Text": "a"}] * 1001},
        {"Markets": "XSX"},
        {"Markets": [5]},
        {"Markets": ["XSX"] * 1001},
        {"Count": -1},
        {"StartIndex": -1},
        {"StartIndex": 0.5},
        {"Class": "Equity"},
        {"Index": "true"},
        {"StrikePriceMin": "abc"},
        {"StrikePriceMin": math.nan},
        {"StrikePriceMax": True},
        {"StrikePriceMax": "9" * 5000},
        {"ExpiryDateMin": 5},
        {"ExpiryDateMax": "17/11/2026"},
        {"FullSymbol": "no"},
        {"CFI": 5},
    ],
)
def test_searches_that_are_refused(data: dict[str, Any]) -> None:
    assert codes(data, SearchSymbolsRequest) == ("Data.Deserialise",)


def test_values_of_a_search() -> None:
    request = decode(
        {
            "Class": "ManagedFund",
            "CFI": "OC",
            "Index": False,
            "StrikePriceMin": "42.05",
            "StrikePriceMax": 43.1,
            "ExpiryDateMin": "2026-11-17T00:00:00.000Z",
            "ExpiryDateMax": "20261231",
        },
        SearchSymbolsRequest,
    )
    assert request.security_class is SecurityClass.MANAGED_FUND
    assert (request.strike_price_min, request.strike_price_max) == (Decimal("42.05"), Decimal("43.1"))
    assert (request.expiry_date_min, request.expiry_date_max) == (date(2026, 11, 17), date(2026, 12, 31))


def test_fragments() -> None:
    request = decode(
        {**SYMBOL, "Fragments": [{"Name": "A"}, {"Name": "B", "Source": "S"}, {"Name": "C", "Data": "D"}]},
        FragmentsRequest,
    )
    assert request.fragments == [
        FragmentDefinition("A", "A"),
        FragmentDefinition("B", "S"),
        FragmentDefinition("C", "D"),
    ]
    assert codes({**SYMBOL}, FragmentsRequest) == ("Data.Deserialise",)
    assert codes({**SYMBOL, "Fragments": [{}]}, FragmentsRequest) == ("Data.Deserialise",)
    assert codes({"Target": {}, "Fragments": []}, CustomFragmentsRequest) == ("Source",)


scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(("XSX", "XSX+XSY", "XS01", "Code", "2026-11-17", "00:01:00", "1" * 50)),
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
FIELDS = sorted({name for kind in KINDS for name in kind.__struct_encode_fields__})


@settings(max_examples=500, deadline=None)
@given(st.sampled_from(KINDS), st.dictionaries(st.sampled_from(FIELDS), values))
def test_any_body_is_read_or_refused_with_a_code(kind: type[Request], data: dict[str, Any]) -> None:
    try:
        decode(data, kind)
    except InvalidRequest as invalid:
        assert set(invalid.codes) <= {"Market", "Code", "Source", "Data.Deserialise"}
        assert invalid.codes
