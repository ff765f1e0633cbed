"""Facts of an ordinary order, with whatever a test wants otherwise."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from msgspec.structs import replace

import zenithd.vetting
from zenithd.vetting import (
    AccountFacts,
    BalanceFacts,
    DetailsFacts,
    Facts,
    HoldingFacts,
    MarketFacts,
    OrderFacts,
    RequestFacts,
    RuleSets,
    Source,
    SymbolFacts,
    UserFacts,
    Verdict,
    known,
    load,
)

STOCK = Source("stock.vortex", Path(zenithd.vetting.__file__).with_name("stock.vortex").read_text())


def details(price: str | None = "10", quantity: int = 100, **others: Any) -> DetailsFacts:
    """The details of an order for `quantity`, worth price times quantity."""
    limit = None if price is None else Decimal(price)
    value = None if limit is None else limit * quantity
    return DetailsFacts(
        **{"type": "Limit", "visible": Decimal(quantity), "price": limit, "value": value, **others}
    )


FACTS = Facts(
    RequestFacts("R1", "Place", datetime(2026, 11, 21, 10, 30, tzinfo=UTC)),
    UserFacts("demo"),
    OrderFacts("Bid", "Limit"),
    details(),
    known(AccountFacts("XS:0001", attributes={"VettingMode": "Limited"})),
    known(BalanceFacts("AUD", Decimal(9000), Decimal(8000))),
    known(HoldingFacts(Decimal(1000), Decimal(900), Decimal(9), Decimal(9000))),
    known(SymbolFacts("XS01", "XSX", "XSX::XSX", "Market", False, {"Flags": "IX"})),
    known(MarketFacts(Decimal("9.8"), Decimal("10.2"), Decimal(10), Decimal("9.5"), Decimal("9.7"), "Open")),
)
"""demo buys 100 XS01 at 10.00; it has 8,000 AUD to trade with and 900 XS01 that are free."""


def facts(**changes: Any) -> Facts:
    """FACTS with objects replaced; a look-up may be given as the object itself, or None."""
    looked_up = {"account", "balance", "holding", "symbol", "market"}
    return replace(FACTS, **{name: known(it) if name in looked_up else it for name, it in changes.items()})


def rules(text: str, *others: Source) -> RuleSets:
    """The rules of a text."""
    return load([*others, Source("test.vortex", text)])


def vet(text: str, **changes: Any) -> Verdict:
    """The verdict of a text's rules on `facts(**changes)`."""
    return rules(text).vet(facts(**changes))


def holds(condition: str, **changes: Any) -> bool | None:
    """Whether a condition is true of `facts(**changes)`; None if it cannot be evaluated."""
    verdict = vet(f"AUTH IF {condition}", **changes)
    return {0: False, 1: True, 2: None}[verdict.level]
