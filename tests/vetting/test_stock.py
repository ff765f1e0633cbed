"""The stock rules do what platform C.9 says of them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.vetting.lib_facts import FACTS, STOCK, details, facts
from zenithd.vetting import (
    AccountFacts,
    BalanceFacts,
    HoldingFacts,
    Level,
    MarketFacts,
    OrderFacts,
    RequestFacts,
    load,
)

STOCK_RULES = load([STOCK])
ASK = OrderFacts("Ask", "Limit")
TIME = FACTS.request.time


def balance(trading: str) -> BalanceFacts:
    return BalanceFacts("AUD", Decimal(trading), Decimal(trading))


CASES: list[tuple[dict[str, Any], tuple[str, ...]]] = [
    ({}, ()),
    ({"account": AccountFacts("XS:0001", active=False)}, ("Account.Inactive",)),
    ({"account": AccountFacts("XS:0001", active=None)}, ()),
    ({"balance": balance("1000")}, ()),
    ({"balance": balance("999.99")}, ("Balance.Exceed 999.99",)),
    ({"balance": None}, ("Balance.Exceed 0",)),
    ({"balance": balance("100"), "order": OrderFacts("Bid", "Limit", value=Decimal(900))}, ()),
    (
        {"balance": balance("99"), "order": OrderFacts("Bid", "Limit", value=Decimal(900))},
        ("Balance.Exceed 99",),
    ),
    ({"order": ASK, "details": details(quantity=900)}, ()),
    ({"order": ASK, "details": details(quantity=901)}, ("Quantity.Insufficient 900",)),
    ({"order": ASK, "holding": None}, ("Quantity.Insufficient 0",)),
    ({"order": ASK, "holding": HoldingFacts(Decimal(100), Decimal(50))}, ("Quantity.Insufficient 50",)),
    (
        {
            "order": OrderFacts("Ask", "Limit", quantity=Decimal(50)),
            "holding": HoldingFacts(Decimal(100), Decimal(50)),
        },
        (),
    ),
    ({"details": details("0")}, ("OrderPrice.Invalid",)),
    ({"details": details("-1")}, ("OrderPrice.Invalid",)),
    ({"details": details("11")}, ()),
    ({"details": details("11.001")}, ("OrderPrice.TooFarAbove 10.0%",)),
    ({"details": details("9"), "order": ASK}, ()),
    ({"details": details("8.999"), "order": ASK}, ("OrderPrice.TooFarBelow -10.0%",)),
    ({"details": details("1")}, ()),
    ({"details": details("60"), "market": MarketFacts()}, ()),
    ({"details": details("11"), "market": None}, ()),
    (
        {"details": details("10.5"), "market": MarketFacts(close=Decimal("9.5"))},
        ("OrderPrice.TooFarAbove 10.0%",),
    ),
    ({"details": details("11", 90910), "balance": balance("9999999")}, ("OrderValue.Exceed 1000000",)),
    ({"details": details("200", 10), "market": None}, ()),
    ({"details": details("200.01", 10), "market": None}, ("OrderPrice.Exceed 200",)),
    (
        {"details": details("0.01", 5_000_001), "balance": balance("100000")},
        ("OrderQuantity.Exceed 5000000",),
    ),
    ({"details": details(None), "order": OrderFacts("Bid", "Market")}, ()),
    (
        {
            "order": OrderFacts("Bid", "Market"),
            "details": details(None, type="Market", value=Decimal("8000.5")),
        },
        ("Balance.Exceed 8000",),
    ),
    (
        {"details": details("300", 5_000_001)},
        (
            "Balance.Exceed 8000",
            "OrderPrice.TooFarAbove 10.0%",
            "OrderValue.Exceed 1000000",
            "OrderPrice.Exceed 200",
            "OrderQuantity.Exceed 5000000",
        ),
    ),
]


@pytest.mark.parametrize("request_type", ["Place", "Amend"])
@pytest.mark.parametrize(("changes", "codes"), CASES)
def test_new_and_amended_orders(changes: dict[str, Any], codes: tuple[str, ...], request_type: str) -> None:
    request = RequestFacts("R1", request_type, TIME)
    verdict = STOCK_RULES.vet(facts(request=request, **changes))
    assert verdict.codes == codes
    assert verdict.level is (Level.FAIL if codes else Level.PASS)


@pytest.mark.parametrize("changes", [changes for changes, _ in CASES if "account" not in changes])
def test_orders_can_always_be_cancelled(changes: dict[str, Any]) -> None:
    request = RequestFacts("R1", "Cancel", TIME)
    assert STOCK_RULES.vet(facts(**{**changes, "request": request, "details": None})).level is Level.PASS
