"""The door for commands: what is meant comes through exactly, everything else is refused with its reason."""

from __future__ import annotations

import math
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from prodigy_support import BID, Playground

from zenithd_prodigy.engine import commands as c
from zenithd_prodigy.engine.decoding import COMMAND_BYTES_MAX, decode_command, scales_of
from zenithd_prodigy.engine.refusals import Reason, Refused
from zenithd_prodigy.model.orders import TimeInForce

PLACE: dict[str, Any] = {
    "type": "PlaceOrder",
    "market": "M",
    "symbol": "S",
    "side": "Bid",
    "quantity": 5,
    "price": 1.25,
}


def decoded(source: Any, entity: str = "A") -> c.Command | Refused:
    return decode_command(source, scales_of(Playground().model), entity)


def reason(source: Any) -> Reason | None:
    found = decoded(source)
    return found.reason if isinstance(found, Refused) else None


@pytest.mark.parametrize("price", [1.25, "1.25", Decimal("1.25"), Decimal("1.250"), "1.2500"])
def test_prices_come_exactly(price: object) -> None:
    terms = {"time_in_force": "GTD", "expiry": "2026-01-09", "account": "x"}
    assert decoded({**PLACE, **terms, "price": price}) == c.PlaceOrder(
        market="M", symbol="S", entity="A", side=BID, quantity=5, price=125,
        time_in_force=TimeInForce.GTD, expiry=date(2026, 1, 9), account="x",
    )  # fmt: skip


@pytest.mark.parametrize(
    "number", [b"1e99999", b"1e999999999999999999999", b"-1e999999999999999999999", b"9" * 5_000]
)
def test_json_numbers_beyond_all_reckoning(number: bytes) -> None:
    assert reason(msgspec.json.encode(PLACE).replace(b"1.25", number)) in (Reason.PRICE, Reason.MALFORMED)


@pytest.mark.parametrize("digits", range(1, 30))
def test_large_numbers_are_exact(digits: int) -> None:
    number = int("123456789" * 4) // 10 ** (36 - digits)
    found = decoded({**PLACE, "price": Decimal(f"{number}.25")})
    assert isinstance(found, c.PlaceOrder)
    assert found.price == 100 * number + 25


def test_json_numbers_are_not_rounded_on_their_way() -> None:
    source = msgspec.json.encode(PLACE).replace(b"1.25", b"1.250000000000000000000000001")
    assert reason(source) is Reason.PRICE_PRECISION
    assert reason(source.replace(b"1.250000000000000000000000001", b"1.10")) is None


REFUSED: tuple[tuple[Reason, dict[str, Any]], ...] = (
    (Reason.PRICE, {"price": math.nan}),
    (Reason.PRICE, {"price": "NaN"}),
    (Reason.PRICE, {"price": math.inf}),
    (Reason.PRICE, {"price": Decimal("sNaN")}),
    (Reason.PRICE, {"price": 10**40}),
    (Reason.PRICE, {"price": Decimal("1e999999")}),
    (Reason.PRICE, {"price": 10**31}),
    (Reason.PRICE_PRECISION, {"price": Decimal("1" * 30 + ".001")}),
    (Reason.PRICE_PRECISION, {"price": 1.255}),
    (Reason.PRICE_PRECISION, {"price": Decimal("1e-999999")}),
    (Reason.MALFORMED, {"price": True}),
    (Reason.MALFORMED, {"price": [1]}),
    (Reason.MALFORMED, {"price": "1e9"}),
    (Reason.MALFORMED, {"price": "\uff11"}),
    (Reason.QUANTITY, {"quantity": math.nan}),
    (Reason.QUANTITY_PRECISION, {"quantity": 1.5}),
    (Reason.MALFORMED, {"quantity": None}),
    (Reason.MALFORMED, {"side": "Buy"}),
    (Reason.MALFORMED, {"side": 1}),
    (Reason.MALFORMED, {"surprise": 1}),
    (Reason.MALFORMED, {"entity": "B"}),
    (Reason.MALFORMED, {"expiry": "2026-02-30"}),
    (Reason.MALFORMED, {"account": "x" * 201}),
    (Reason.MALFORMED, {"account": "\ud800"}),
    (Reason.MALFORMED, {"command_id": "x" * 65}),
    (Reason.MALFORMED, {"market": 1}),
    (Reason.MALFORMED, {1: 2}),  # type: ignore[dict-item]
    (Reason.UNKNOWN_COMMAND, {"type": "Surprise"}),
    (Reason.UNKNOWN_COMMAND, {"type": None}),
    (Reason.UNKNOWN_MARKET, {"market": "X"}),
    (Reason.UNKNOWN_SYMBOL, {"symbol": "X"}),
)


@pytest.mark.parametrize(("expected", "change"), REFUSED)
def test_absurd_fields_are_refused(expected: Reason, change: dict[str, Any]) -> None:
    assert reason({**PLACE, **change}) is expected


@pytest.mark.parametrize("name", ["type", "market", "symbol", "side", "quantity"])
def test_every_required_field_is_required(name: str) -> None:
    expected = Reason.UNKNOWN_COMMAND if name == "type" else Reason.MALFORMED
    assert reason({key: value for key, value in PLACE.items() if key != name}) is expected


@pytest.mark.parametrize(
    "source",
    [b"", b"{", b"[]", b"null", b"\xff", b"[" * 10_000, b'{"type":NaN}', b" " * (COMMAND_BYTES_MAX + 1), 5],
)
def test_what_is_no_command_at_all(source: Any) -> None:
    assert reason(source) is Reason.MALFORMED


def test_nesting_and_size_are_bounded() -> None:
    deep: dict[str, Any] = {}
    for _ in range(20):
        deep = {"a": deep}
    assert reason({**PLACE, "context": deep}) is Reason.MALFORMED
    assert reason({**PLACE, "context": list(range(5_000))}) is Reason.MALFORMED


def test_every_command_has_its_name_and_comes_through() -> None:
    limits = decoded(
        {"type": "SetPriceLimits", "market": "M", "symbol": "S", "limits": {"low": "0.5", "high": 2}}, ""
    )
    assert isinstance(limits, c.SetPriceLimits)
    assert limits.limits is not None
    assert (limits.limits.low, limits.limits.high) == (50, 200)
    for command in (
        c.CreateMarket(market="M"),
        c.EndTradingDay(market="M"),
        c.RenameSymbol(market="M", symbol="S", new_code="T"),
    ):
        assert decoded(msgspec.json.encode(command), "") == command


def test_a_refusal_says_what_is_wrong_with_which_field() -> None:
    found = decoded({**PLACE, "side": "Buy"})
    assert isinstance(found, Refused)
    assert "side" in found.detail
    assert str(found).startswith("the command is not well formed (")
    assert len({each.value for each in Reason}) == len(Reason)
