"""Symbol searches: wildcards of markets, every filter, pages, and a second implementation to compare with."""

from __future__ import annotations

import csv
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.wire import symbol_samples as samples
from tests.wire.symbol_samples import INDEX, OPTION, PLAIN
from zenithd.domain.identifiers import InvalidIdentifier, MarketCode, MarketId, MixedMarketCode
from zenithd.domain.instrument import Instrument
from zenithd.wire.market_pattern import parse_market_pattern
from zenithd.wire.requests import QuerySymbolsRequest, ScanSymbolsRequest, SearchSymbolsRequest, decode
from zenithd.wire.search import SYMBOLS_MAX, Search, query_symbols, scan_symbols, search_symbols
from zenithd.wire.symbol_keys import SymbolKeys, cfi_matches

MARKETS = [
    MarketCode("ASX"),
    MarketCode("ASX", "PM"),
    MarketCode("ASX", "", "Demo"),
    MarketCode("ASX", "PM", "Demo"),
    MarketCode("CXA"),
]


@pytest.mark.parametrize(
    ("text", "matching"),
    [
        ("ASX", [0, 1, 2, 3]),
        ("ASX:PM", [1, 3]),
        ("ASX[]", [0, 1]),
        ("ASX[Demo]", [2, 3]),
        ("ASX:PM[Demo]", [3]),
        ("ASX:PM[]", [1]),
        ("ASX:[]", [0]),
        ("ASX:[Demo]", [2]),
        ("ASX:", [0, 2]),
        ("CXA", [4]),
        ("NZX", []),
        ("legacy!ASX:[]", [0]),
    ],
)
def test_omitted_parts_of_a_market_are_wildcards(text: str, matching: list[int]) -> None:
    pattern = parse_market_pattern(text)
    assert not isinstance(pattern, MixedMarketCode)
    assert [n for n, market in enumerate(MARKETS) if pattern.matches(market)] == matching


def test_a_mix_is_meant_exactly_and_nonsense_is_refused() -> None:
    assert isinstance(parse_market_pattern("ASX+CXA"), MixedMarketCode)
    for text in ("", "*", "ASX*", "A B", "CXA+ASX", "ASX[", "x" * 1000):
        with pytest.raises(InvalidIdentifier):
            parse_market_pattern(text)


@pytest.mark.parametrize(
    ("mask", "matches"),
    [("", True), ("O", True), ("OC", True), ("O_A", True), (" CA", True), ("OCASPS", True), ("______", True),
     ("P", False), ("OCASPX", False), ("OCASPS_", False)],
)  # fmt: skip
def test_classification_masks(mask: str, matches: bool) -> None:
    assert cfi_matches("OCASPS", mask) is matches


EVERYTHING = [OPTION, PLAIN, INDEX]


def search(data: dict[str, Any], instruments: list[Instrument] | None = None) -> list[str]:
    return run(search_symbols(decode(data, SearchSymbolsRequest)), instruments)


def query(data: dict[str, Any], instruments: list[Instrument] | None = None) -> list[str]:
    return run(query_symbols(decode(data, QuerySymbolsRequest)), instruments)


def run(search: Search, instruments: list[Instrument] | None) -> list[str]:
    keys = [SymbolKeys.of(one) for one in (EVERYTHING if instruments is None else instruments)]
    return [one.code for one in search.page(search.find(keys))]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({}, ["OPT1", "XS01", "XIX"]),
        ({"Exchange": "XSX"}, ["XS01"]),
        ({"Exchange": "XIS"}, ["OPT1"]),
        ({"CFI": "O"}, ["OPT1"]),
        ({"Class": "ManagedFund"}, []),
        ({"Index": True}, ["XIX"]),
        ({"Index": False}, ["OPT1", "XS01"]),
        ({"CombinationLeg": "XS01"}, ["OPT1"]),
        ({"StrikePriceMin": 42.05}, ["OPT1"]),
        ({"StrikePriceMax": 42.04}, []),
        ({"ExpiryDateMin": "2026-06-15", "ExpiryDateMax": "2026-06-15"}, ["OPT1"]),
        ({"ExpiryDateMin": "2026-06-16"}, []),
        ({"Conditions": []}, ["OPT1", "XS01", "XIX"]),
        ({"Conditions": [{"Text": "example"}]}, ["OPT1", "XS01"]),
        ({"Conditions": [{"Text": "example", "IsCaseSensitive": True}]}, []),
        ({"Conditions": [{"Text": "x", "Match": "FromStart", "Field": "Code"}]}, ["XS01", "XIX"]),
        ({"Conditions": [{"Text": "1", "Match": "FromEnd", "Field": "Code"}]}, ["OPT1", "XS01"]),
        ({"Conditions": [{"Text": "XS01", "Match": "Exact", "IsCaseSensitive": True}]}, ["XS01"]),
        ({"Conditions": [{"Text": "AU0", "Field": "Alternate"}]}, ["OPT1"]),
        ({"Conditions": [{"Text": "AU0", "Field": "Alternate", "Key": "RIC"}]}, []),
        ({"Conditions": [{"Text": "1234", "Field": "Attribute", "Key": "Sector"}]}, ["OPT1"]),
        ({"Conditions": [{"Text": "x"}, {"Text": "one"}]}, ["XS01"]),
        ({"Conditions": [{"Text": "opt", "Group": "g"}, {"Text": "xix", "Group": "g"}]}, ["OPT1", "XIX"]),
        (
            {"Conditions": [{"Text": "opt", "Group": "g"}, {"Text": "x", "Group": "g"}, {"Text": "one"}]},
            ["XS01"],
        ),
        ({"Conditions": [{"Text": "opt", "Group": ""}, {"Text": "xix", "Group": ""}]}, []),
        ({"Count": 2}, ["OPT1", "XIX"]),
        ({"StartIndex": 1}, ["XIX", "XS01"]),
        ({"StartIndex": 1, "Count": 1}, ["XIX"]),
        ({"StartIndex": 3}, []),
        ({"Count": 0}, []),
    ],
)  # fmt: skip
def test_search_symbols(data: dict[str, Any], expected: list[str]) -> None:
    assert search(data) == expected


def test_prefer_exact_gives_the_exact_ones_if_there_are_any() -> None:
    listed = [Instrument(code=code, market=MarketId("XSX")) for code in ("AB", "ABC", "ab")]
    conditions = [{"Text": "ab", "Field": "Code", "Match": "FromStart"}]
    assert search({"Conditions": conditions, "PreferExact": True}, listed) == ["AB", "ab"]
    assert search({"Conditions": conditions}, listed) == ["AB", "ABC", "ab"]
    longer = [{"Text": "abc", "Match": "FromStart", "IsCaseSensitive": True}]
    assert search({"Conditions": longer, "PreferExact": True}, listed) == []


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"SearchText": "XS"}, ["XS01"]),
        ({"SearchText": "xs"}, ["XS01"]),
        ({"SearchText": "xs", "IsCaseSensitive": True}, []),
        ({"SearchText": "XS", "IsPartial": False}, []),
        ({"SearchText": "xs01", "IsPartial": False}, ["XS01"]),
        ({"SearchText": "call", "Field": "Name"}, ["OPT1"]),
        ({"SearchText": "au00", "Field": "Code+ISIN"}, ["OPT1"]),
        ({"SearchText": "au00", "Field": "RIC"}, []),
        ({"SearchText": "", "CFI": "OC"}, ["OPT1"]),
        ({"SearchText": "", "Exchange": "XIS"}, ["OPT1"]),
        ({"SearchText": "OPT1", "TargetDate": "2026-06-15"}, ["OPT1"]),
        ({"SearchText": "OPT1", "TargetDate": "2026-06-16"}, []),
        ({"SearchText": "", "Count": 1, "StartIndex": 2}, ["XS01"]),
    ],
)
def test_query_symbols(data: dict[str, Any], expected: list[str]) -> None:
    assert query(data) == expected


def test_query_symbols_prefers_the_exact_one() -> None:
    listed = [Instrument(code=code, market=MarketId("XSX")) for code in ("AB", "ABC")]
    assert query({"SearchText": "ab", "PreferExact": True}, listed) == ["AB"]
    assert query({"SearchText": "a", "PreferExact": True}, listed) == ["AB", "ABC"]


def test_scan_symbols() -> None:
    assert run(scan_symbols(decode({}, ScanSymbolsRequest)), None) == ["OPT1", "XS01", "XIX"]
    criteria = ["Or", "IsIndex", ["Code", "OPT"]]
    scan = scan_symbols(decode({"Criteria": criteria, "Count": 5}, ScanSymbolsRequest))
    assert run(scan, None) == ["OPT1", "XIX"]


def test_an_answer_has_at_most_a_thousand_symbols() -> None:
    listed = [Instrument(code=f"A{n:04}", market=MarketId("XSX")) for n in range(1500)]
    assert len(search({}, listed)) == SYMBOLS_MAX
    assert len(search({"Count": 5000}, listed)) == SYMBOLS_MAX
    assert search({"Count": 2, "StartIndex": 1400}, listed) == ["A1400", "A1401"]


def test_equal_codes_are_in_the_order_of_their_markets() -> None:
    listed = [Instrument(code="A", market=MarketId(market)) for market in ("XSY", "XSX", "XSX:PM")]
    found = search_symbols(decode({"Count": 9}, SearchSymbolsRequest))
    page = found.page([SymbolKeys.of(one) for one in listed])
    assert [one.market for one in page] == ["XSX", "XSX:PM", "XSY"]


# --- a second implementation ----------------------------------------------------------------------------

conditions = st.fixed_dictionaries(
    {"Text": samples.texts},
    optional={
        "Field": st.lists(st.sampled_from(("Code", "Name", "Alternate", "Attribute"))).map(",".join),
        "Key": st.sampled_from(samples.KEYS),
        "Group": st.sampled_from(("--Common%%", "g", "")),
        "IsCaseSensitive": st.booleans(),
        "Match": st.lists(st.sampled_from(("FromStart", "FromEnd", "Exact"))).map(",".join),
    },
)
requests = st.fixed_dictionaries(
    {},
    optional={
        "Conditions": st.lists(conditions, max_size=4),
        "Exchange": st.sampled_from(("XSX", "XIS")),
        "CFI": st.sampled_from(("O", "_S", "E XXXX")),
        "Class": st.sampled_from(("Market", "ManagedFund")),
        "Index": st.booleans(),
        "CombinationLeg": st.sampled_from(("a", "Ab")),
        "StrikePriceMin": st.sampled_from((0.5, 1)),
        "StrikePriceMax": st.sampled_from((1, 100)),
        "ExpiryDateMin": st.sampled_from(("2026-05-15", "2026-06-01")),
        "ExpiryDateMax": st.sampled_from(("2026-06-15", "2026-01-01")),
    },
)


def naive(data: dict[str, Any], one: Instrument) -> bool:
    checks = [naive_definition(data, one)]
    groups: dict[str, list[bool]] = {}
    for condition in data.get("Conditions", []):
        result = naive_condition(condition, one)
        if condition.get("Group"):
            groups.setdefault(condition["Group"], []).append(result)
        else:
            checks.append(result)
    return all(checks) and all(any(group) for group in groups.values())


def naive_definition(data: dict[str, Any], one: Instrument) -> bool:
    def between(value: Any, low: Any, high: Any) -> bool:
        return (low is None and high is None) or (
            value is not None and (low is None or value >= low) and (high is None or value <= high)
        )

    def read(name: str, kind: Any) -> Any:
        return kind(data[name]) if name in data else None

    return all(
        (
            data.get("Exchange", one.exchange or one.market) == (one.exchange or one.market),
            all(m in ("_", " ", c) for m, c in zip(data.get("CFI", ""), one.cfi, strict=False)),
            data.get("Class", one.security_class.value) == one.security_class.value,
            data.get("Index", one.is_index) == one.is_index,
            "CombinationLeg" not in data or data["CombinationLeg"] in [leg.code for leg in one.legs or ()],
            between(one.strike_price, read("StrikePriceMin", Decimal), read("StrikePriceMax", Decimal)),
            between(
                one.expiry_date,
                read("ExpiryDateMin", date.fromisoformat),
                read("ExpiryDateMax", date.fromisoformat),
            ),
        )
    )


def naive_condition(condition: dict[str, Any], one: Instrument) -> bool:
    fields = [name for name in condition.get("Field", "").split(",") if name] or ["Code", "Name"]
    values = []
    for name in fields:
        if name in ("Code", "Name"):
            values.append(one.code if name == "Code" else one.name)
        else:
            entries = one.alternates if name == "Alternate" else one.attributes
            values += [value for key, value in entries.items() if condition.get("Key", key) == key]
    text, match = condition["Text"], set(condition.get("Match", "").split(",")) - {""}
    if not condition.get("IsCaseSensitive", False):
        text, values = text.casefold(), [value.casefold() for value in values]
    if "Exact" in match or match == {"FromStart", "FromEnd"}:
        return text in values
    if match:
        test = str.startswith if "FromStart" in match else str.endswith
        return any(test(value, text) for value in values)
    return any(text in value for value in values)


@settings(max_examples=400, deadline=None)
@given(requests, st.lists(samples.instruments, max_size=6))
def test_two_implementations_agree(data: dict[str, Any], instruments: list[Instrument]) -> None:
    found = search_symbols(decode(data, SearchSymbolsRequest)).find(SymbolKeys.of(one) for one in instruments)
    assert [keys.instrument for keys in found] == [one for one in instruments if naive(data, one)]


@settings(max_examples=200, deadline=None)
@given(
    st.lists(samples.instruments, max_size=12),
    st.none() | st.integers(0, 15),
    st.none() | st.integers(0, 15),
    st.booleans(),
)
def test_a_page_is_a_part_of_what_was_found(
    instruments: list[Instrument], count: int | None, start: int | None, prefer_exact: bool
) -> None:
    data = {"Count": count, "StartIndex": start, "PreferExact": prefer_exact, "Conditions": [{"Text": "a"}]}
    search = search_symbols(decode(data, SearchSymbolsRequest))
    found = search.find(SymbolKeys.of(one) for one in instruments)
    page = search.page(found)
    assert len(page) <= (SYMBOLS_MAX if count is None else count)
    assert all(one in [keys.instrument for keys in found] for one in page)
    if count is not None or start is not None:
        order = [(one.code, one.market) for one in page]
        assert order == sorted(order)


def test_real_names_are_found_by_a_key_stroke() -> None:
    path = Path(__file__).parents[2] / "../shared/data/asx/securities.csv"
    if not path.exists():
        pytest.skip("recorded data is absent")
    with path.open(newline="") as file:
        listed = [
            Instrument(
                code=row["symbol"].removesuffix(".AX"),
                market=MarketId("ASX"),
                name=row["name"],
                alternates={"ISIN": row["isin"]} if row["isin"] else {},
            )
            for row in csv.DictReader(file)
        ]
    assert len(listed) > 2_000
    typed = {"Conditions": [{"Group": "--Common%%", "Match": "FromStart", "Text": "bhp"}]}
    assert "BHP" in search(typed, listed)
    exact = {"Conditions": [{"Text": "bhp", "Match": "Exact", "Field": "Code"}], "PreferExact": True}
    assert search(exact, listed) == ["BHP"]
    (bhp,) = [one for one in listed if one.code == "BHP"]
    assert "BHP" in query({"SearchText": bhp.alternates.get("ISIN", "BHP"), "Field": "Code+ISIN"}, listed)
