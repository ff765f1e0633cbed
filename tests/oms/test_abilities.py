"""What an exchange can never carry out is refused at once: not after its client was told of success."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.oms.desk import EXCHANGE, D, Desk, accepted, refused, replace
from zenithd.oms.commands import Define
from zenithd.oms.model.orders import Lifetime, OrderType
from zenithd.oms.model.orders import OrderUpdateReason as R
from zenithd.oms.model.updates import ExchangeDefined
from zenithd.oms.refusals import Result
from zenithd.oms.rules import NANOSECONDS

NOTHING = {"Amends": "", "Instructions": ""}
DATE = int(datetime(2026, 11, 25, tzinfo=UTC).timestamp()) * NANOSECONDS
DATED = {"lifetime": Lifetime.GOOD_TILL_DATE, "expiry_date": DATE}
CHANGES: list[tuple[str, dict[str, Any]]] = [
    ("OrderType", {"order_type": OrderType.MARKET, "price": None}),
    ("Validity", {"lifetime": Lifetime.DAY}),
    ("Validity", {"properties": {"Validity": "AllOrNone"}}),
    ("ExpiryDate", DATED),
    ("MinimumQuantity", {"values": {"MinimumQuantity": D(10)}}),
]


def desk_with(metadata: dict[str, str]) -> Desk:
    desk = Desk()
    desk.do(Define(ExchangeDefined(details=replace(EXCHANGE, metadata=metadata))))
    return desk


def resting(desk: Desk, **changes: Any) -> str:
    order_id = desk.placed(lifetime=Lifetime.GOOD_TILL_CANCEL, **changes)
    desk.reported(order_id, R.NEW, request_id="R1")
    return order_id


@pytest.mark.parametrize(("code", "changes"), CHANGES)
def test_what_cannot_be_amended_on_an_exchange(code: str, changes: dict[str, Any]) -> None:
    desk = desk_with(NOTHING)
    outcome = refused(desk.amend(resting(desk), **changes))
    assert (outcome.result, outcome.errors) == (Result.REJECTED, (code,))


@pytest.mark.parametrize(("code", "changes"), CHANGES)
@pytest.mark.parametrize("metadata", [{}, {"Amends": "OrderType Validity ExpiryDate MinimumQuantity"}])
def test_an_exchange_that_can_or_says_nothing_is_asked(
    code: str, changes: dict[str, Any], metadata: dict[str, str]
) -> None:
    desk = desk_with(metadata)
    accepted(desk.amend(resting(desk), **changes))


def test_price_and_quantities_can_be_amended() -> None:
    desk = desk_with(NOTHING)
    accepted(desk.amend(resting(desk), price=D("1.40"), quantity=D(120), values={"HiddenQuantity": D(20)}))


def test_what_the_hub_holds_can_be_amended_in_everything() -> None:
    desk = desk_with(NOTHING)
    order_id = desk.placed(properties={"Condition": "StopLoss", "Condition.Stop": "3"})
    accepted(desk.amend(order_id, **DATED))
    assert desk.order(order_id).expiry_date == DATE


def test_a_market_to_limit_order_that_rests_has_a_price_to_amend() -> None:
    desk = desk_with(NOTHING)
    order_id = resting(desk, order_type=OrderType.MARKET_TO_LIMIT, price=None)
    desk.reported(order_id, R.STATUS, price=D("1.50"))
    assert refused(desk.amend(order_id, price=D("-1"))).errors == ("LimitPrice",)
    accepted(desk.amend(order_id, price=D("1.40"), quantity=D(120)))


def test_instructions_must_be_known() -> None:
    desk = desk_with({"Instructions": "Best Sweep"})
    accepted(desk.place(properties={"Instructions": "Best Sweep"}))
    outcome = refused(desk.place(request_id="R2", properties={"Instructions": "Best OnClose"}))
    assert (outcome.result, outcome.errors) == (Result.REJECTED, ("Details Instructions",))


def test_instructions_that_an_exchange_does_not_have() -> None:
    desk = desk_with(NOTHING)
    order_id = resting(desk)
    assert refused(desk.amend(order_id, properties={"Instructions": "Best"})).errors == (
        "Details Instructions",
    )
