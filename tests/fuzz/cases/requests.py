"""Kept inputs of requests, searches and scan criteria."""

from __future__ import annotations

from typing import Any

from zenithd.wire.criteria import CRITERIA_NESTING_MAX, CRITERIA_NODES_MAX


def _deep(levels: int) -> Any:
    tree: Any = ["All"]
    for _ in range(levels - 1):
        tree = ["Not", tree]
    return tree


SEARCH: dict[str, tuple[Any, str]] = {
    "found: half a million fields held the loop for six seconds": (
        ("QuerySymbols", {"SearchText": "x", "Field": "A+" * 500_000}),
        "QuerySymbols refused",
    ),
    "a condition with a field again and again": (
        ("SearchSymbols", {"Conditions": [{"Text": "a", "Field": "Code," * 500_000}]}),
        "SearchSymbols refused",
    ),
    "a million conditions": (
        ("SearchSymbols", {"Conditions": [{"Text": ""}] * 1_000_000}),
        "SearchSymbols refused",
    ),
    "a text of a megabyte that changes its length with its case": (
        ("SearchSymbols", {"Conditions": [{"Text": "\u0130" * 500_000}]}),
        "SearchSymbols answered",
    ),
    "markets that nobody has, each an error": (
        ("SearchSymbols", {"Markets": [f"M{n}" for n in range(100)]}),
        "SearchSymbols refused",
    ),
    "a strike price of which only the exponent is large": (
        ("SearchSymbols", {"StrikePriceMin": "1e999999999", "StrikePriceMax": "-1e-999999999"}),
        "SearchSymbols answered",
    ),
    "a count as a float that no integer type holds": (
        ("SearchSymbols", {"Count": 1e308}),
        "SearchSymbols refused",
    ),
    "a page behind the end": (("ScanSymbols", {"StartIndex": 2**31 - 1, "Count": 0}), "ScanSymbols answered"),
    "no Data at all": (("ScanSymbols", None), "ScanSymbols answered"),
    "a market that is not text": (("QuerySymbols", {"SearchText": "", "Market": 5}), "QuerySymbols refused"),
}

REQUEST: dict[str, tuple[Any, str]] = {
    "a chart from the first year on": (
        ("QueryChartHistory", {"Market": "XSX", "Code": "XS01", "FromDate": "0001-01-01T00:00:00+14:00"}),
        "QueryChartHistory answered",
    ),
    "a chart of minutes up to the last year": (
        (
            "QueryChartHistory",
            {"Market": "XSX", "Code": "XS01", "Period": "00:01:00", "ToDate": "9999-12-31T23:59:59-14:00"},
        ),
        "QueryChartHistory answered",
    ),
    "a chart that ends before it begins": (
        (
            "QueryChartHistory",
            {"Market": "XSX", "Code": "XS01", "FromDate": "2026-11-20", "ToDate": "2020-01-01"},
        ),
        "QueryChartHistory answered",
    ),
    "trades by the largest and the smallest id": (
        (
            "QueryTrades",
            {"Market": "XSX", "Code": "XS01", "FirstTradeID": -(2**63), "LastTradeID": 2**63 - 1},
        ),
        "QueryTrades answered",
    ),
    "an id beyond 64 bits": (
        ("QueryTrades", {"Market": "XSX", "Code": "XS01", "FirstTradeID": 2**63}),
        "QueryTrades refused",
    ),
    "a mix of tags": (("QueryMixedMarket", {"Markets": ["XSX", "XSX[Delayed]"]}), "QueryMixedMarket refused"),
    "a mix of nothing": (("QueryMixedMarket", {"Markets": []}), "QueryMixedMarket answered"),
    "a fragment with a name that is a list": (
        ("QueryFragments", {"Market": "XSX", "Code": "XS01", "Fragments": [{"Name": []}]}),
        "QueryFragments refused",
    ),
    "a surrogate in a code": (
        ("QuerySecurity", {"Market": "XSX", "Code": "\ud800"}),
        "QuerySecurity refused",
    ),
}

CRITERIA: dict[str, tuple[Any, str]] = {
    "as deep as may be": (_deep(CRITERIA_NESTING_MAX), "parsed"),
    "one deeper": (_deep(CRITERIA_NESTING_MAX + 1), "refused"),
    "far deeper than Python calls": (_deep(20_000), "refused"),
    "as many nodes as may be": (["Or", *["All"] * (CRITERIA_NODES_MAX - 1)], "parsed"),
    "one more": (["Or", *["All"] * CRITERIA_NODES_MAX], "refused"),
    "a million nodes": (["And", *["All"] * 1_000_000], "refused"),
    "nothing": ([], "refused"),
    "And of nothing holds, Or of nothing does not": (["Xor", ["And"], ["Or"]], "parsed"),
    "a value that signals when it is compared": (["LotSize", "sNaN"], "refused"),
    "only the exponent is large": (["LotSize", "1e999999999", None], "parsed"),
    "a week is a date of ten characters elsewhere": (["ExpiryDate", "2026-W01-1"], "refused"),
    "At beside Min": (["LotSize", {"At": 1, "Min": 0}], "refused"),
    "a boolean is no number": (["LotSize", True], "refused"),
    "one is not true": (["IsIndex", 1], "refused"),
    "about prices, which only scans know": (["And", ["LastPrice", 1, 2]], "refused"),
    "a type that is a map": ([{}], "refused"),
    "a text that would be a regular expression of exponential time": (
        ["Name", "(a+)+$", {"IgnoreCase": True}],
        "parsed",
    ),
}

CASES = {"search": SEARCH, "request": REQUEST, "criteria": CRITERIA}
