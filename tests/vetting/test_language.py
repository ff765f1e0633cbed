"""Every operator, object and form of the language, one by one (platform C.9)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from tests.vetting.lib_facts import FACTS, details, facts, holds, rules, vet
from zenithd.vetting import (
    AccountFacts,
    Facts,
    Level,
    MarketFacts,
    OrderFacts,
    RequestFacts,
    SymbolFacts,
    known,
)
from zenithd.vetting.properties import ALIASES, PROPERTIES, Kind

TRUE_OF_FACTS = [
    "order.side = 'Bid'", "order.side is Bid", "order.side IS 'Bid'", "order.side is Buy",
    "order.side <> 'Ask'", "order.side != 'Sell'", "order.side is not Ask", "details.side is Bid",
    "details.price > 9.99",
    "details.price >= 10", "details.price < 10.01", "details.price <= 10", "holding has quantity",
    "account HAS active", "symbol.attributes has Flags", "symbol.attributes missing Other",
    "account.attributes.VettingMode is Limited", "details.type in ['Limit', 'MarketToLimit']",
    "details.type in [Limit, MarketToLimit]", "'Ask' not in [order.side]", "'I' in symbol.attributes.Flags",
    "'Z' not in symbol.attributes.Flags", "not (order.side = 'Ask' and order.value > 100)",
    "order.value = 0 and balance.currency is AUD", "order.value > 0 or balance.currency is AUD",
    "order.value > 0 xor balance.currency is AUD", "account.active", "account.active = true", "true",
    "not false", "not symbol.isindex", "security.isindex = false", "security.code is XS01",
    "holding.shares = 1000", "details.limit = details.price", "details.visible + details.hidden = 100",
    "details.price * details.quantity = details.value", "details.value / details.quantity = 10",
    "details.quantity % 30 = 10", "details.quantity * 10 ^ 4 = 1000000", "-details.price = -10",
    "- -details.price = 10", "1 + 2 * 3 ^ 2 = 19", "-2 ^ 2 = -4", "2 ^ -1 = 0.5", "10 - 3 - 2 = 5",
    "2 - 3 + 1 = 0", "100 / 10 * 2 = 20", "7 % 4 = 3", "-7 % 4 = -3", "(1 + 2) * 3 = 9", "10 = 10.00",
    "1/3*3 <> 1",
    "request.time = '2026-11-21T10:30:00'", "request.time > '2026-11-21T10:30:00+11:00'",
    "request.time < '2026-11-21T21:30:01+11:00'", "request.time in ['2026-11-21T10:30:00Z']",
    "market.bestbid < market.last and market.last < market.bestask", "market.status is Open",
    "true or false and false", "not false and true", "true and true xor false", "5 in [1, 2 + 3]",
    "details.price in [market.bestbid, market.last]", "'it''s' = 'it''s'", "'#' = '#'", "'' is ''",
    "account.active = symbol.isindex xor true", "symbol.code is not AUD", "order.quantity is 0",
]  # fmt: skip


@pytest.mark.parametrize("condition", TRUE_OF_FACTS)
def test_true(condition: str) -> None:
    assert holds(condition) is True
    assert holds(f"not ({condition})") is False


@pytest.mark.parametrize(
    "text",
    [
        "fail if true",
        "FAIL IF TRUE",
        "Fail\nIf\r\n\tTrue # why",
        "# first\nfail#now\nif true",
        "fail",
        "FAIL WITH X",
    ],
)
def test_layout_and_case(text: str) -> None:
    assert vet(text).level is Level.FAIL


def test_the_worst_level_wins_with_all_its_codes() -> None:
    text = "PASS WITH P AUTH WITH A FAIL WITH F1 AUTH WITH B FAIL "
    text += "FAIL WITH [F2, 1.50, 'a b', true, request.time]"
    assert vet(text).codes == ("F1", "F2 1.5 a_b true 2026-11-21T10:30:00+00:00")
    assert vet(text).level is Level.FAIL
    assert vet("PASS WITH P AUTH WITH A AUTH WITH B PASS WITH P").codes == ("A", "B")
    assert vet("PASS WITH P PASS IF true PASS WITH P").codes == ("P",)
    assert (vet("PASS WITH P").level, vet("").level, vet("AUTH").codes) == (Level.PASS, Level.PASS, ())


def test_run_and_else() -> None:
    text = "RUN IF order.side is Bid { FAIL WITH Bid RUN IF false { FAIL } ELSE { FAIL WITH No } }"
    text += " ELSE { FAIL WITH Ask }"
    assert vet(text).codes == ("Bid", "No")
    assert vet(text, order=OrderFacts("Ask", "Limit")).codes == ("Ask",)
    assert vet("run if true {} run if false {} else {}").level is Level.PASS


FAULTS = [
    ("details.price / order.value > 1", "Vetting.Arithmetic"),
    ("details.price % order.value > 1", "Vetting.Arithmetic"),
    ("order.value ^ order.value = 1", "Vetting.Arithmetic"),
    ("(-details.price) ^ 0.5 > 1", "Vetting.Arithmetic"),
    ("details.price ^ 9999 > 1", "Vetting.Arithmetic"),
    ("order.price > 1", "Vetting.Missing order.price"),
    ("order.limit = 1", "Vetting.Missing order.limit"),
    ("not order.limit = 1", "Vetting.Missing order.limit"),
    ("order.limit <> 1", "Vetting.Missing order.limit"),
    ("order.limit in [1]", "Vetting.Missing order.limit"),
    ("1 in [order.limit]", "Vetting.Missing order.limit"),
    ("account.advisor in 'x'", "Vetting.Missing account.advisor"),
    ("symbol.attributes.Other is x", "Vetting.Missing symbol.attributes.Other"),
    ("false or order.limit > 1", "Vetting.Missing order.limit"),
    ("true xor order.limit > 1", "Vetting.Missing order.limit"),
]


@pytest.mark.parametrize(("condition", "code"), FAULTS)
@pytest.mark.parametrize("level", ["PASS", "AUTH", "FAIL"])
def test_what_cannot_be_evaluated_fails_the_order(level: str, condition: str, code: str) -> None:
    verdict = vet(f"{level} WITH Own IF {condition} PASS WITH Later")
    assert (verdict.level, verdict.codes) == (Level.FAIL, (code,))
    assert verdict.findings[0].is_fault
    assert vet(f"RUN IF {condition} {{ PASS }} ELSE {{ AUTH }} FAIL WITH Later").codes == (code, "Later")


def test_an_argument_that_cannot_be_evaluated_fails_the_order() -> None:
    assert vet("AUTH WITH [Own, 1, order.limit]").codes == ("Vetting.Missing order.limit",)
    assert vet("PASS WITH [Own, details.price / order.value]").codes == ("Vetting.Arithmetic",)


@pytest.mark.parametrize(
    "condition",
    ["true or order.limit > 1", "not (false and order.limit > 1)", "10 in [details.price, order.limit]",
     "10 in [order.limit, 10]", "order missing limit or order.limit > 1"],
)  # fmt: skip
def test_no_further_than_needed(condition: str) -> None:
    assert holds(condition) is True


def test_a_number_that_is_not_finite_is_missing() -> None:
    for text in ("NaN", "sNaN", "Infinity"):
        verdict = vet("FAIL IF market.last > 5", market=MarketFacts(last=Decimal(text)))
        assert verdict.codes == ("Vetting.Missing market.last",)


def test_arithmetic_does_not_depend_on_who_calls() -> None:
    import decimal

    with decimal.localcontext(decimal.Context(prec=2, traps=[decimal.Inexact])):
        assert holds("1234.5678 * details.price = 12345.678") is True
        assert decimal.getcontext().prec == 2


def test_a_float_is_a_bug_of_the_caller() -> None:
    with pytest.raises(TypeError, match=r"market\.last is 1\.5"):
        vet("FAIL IF market.last > 5", market=MarketFacts(last=1.5))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="no zone"):
        RequestFacts("R1", "Place", FACTS.request.time.replace(tzinfo=None))


def test_look_ups_are_called_once_and_only_if_a_rule_reads_them() -> None:
    calls: list[str] = []

    def watched(name: str) -> Any:
        def look_up() -> Any:
            calls.append(name)
            return getattr(FACTS, name)()

        return look_up

    names = ("account", "balance", "holding", "symbol", "market")
    seen: Facts = replace(FACTS, **{name: watched(name) for name in names})
    compiled = rules(
        "FAIL IF market.last > 50 FAIL IF market.bestask > 50 RUN IF false { FAIL IF balance.amount > 1 }"
    )
    assert compiled.vet(seen).level is Level.PASS
    assert calls == ["market"]
    compiled.vet(replace(seen, market=known(None)))
    assert calls == ["market"]


SAMPLES = {Kind.NUMBER: "> -1", Kind.TEXT: "<> '?'", Kind.FLAG: "<> (1 = 2)", Kind.TIME: "> '2000-01-01'"}


@pytest.mark.parametrize("path", [*PROPERTIES, *ALIASES])
def test_every_property_can_be_read(path: str) -> None:
    full = facts(
        account=AccountFacts("XS:0001", True, "A1", "B1", "C1"),
        order=OrderFacts("Bid", "Limit", Decimal(5), Decimal(2), Decimal(50), Decimal(9), Decimal(10)),
        symbol=SymbolFacts("XS01", "XSX", "XSX::XSX", "Market", True),
    )
    one = PROPERTIES[ALIASES.get(path, path)]
    test = SAMPLES[one.kind] if not one.values else f"in [{', '.join(one.values)}]"
    assert rules(f"FAIL WITH [Yes, {path}] IF {path} {test}").vet(full).codes[0].startswith("Yes ")
    holder, _, name = path.rpartition(".")
    assert rules(f"FAIL IF {holder} MISSING {name}").vet(full).level is Level.PASS


def test_details_of_a_cancel_are_missing() -> None:
    cancel = {"request": RequestFacts("R2", "Cancel", FACTS.request.time), "details": None}
    assert vet("FAIL IF details.price > 5", **cancel).codes == ("Vetting.Missing details.price",)
    assert vet("FAIL IF details has price", **cancel).level is Level.PASS
    assert vet("FAIL IF request.type is Cancel", details=details()).level is Level.PASS
