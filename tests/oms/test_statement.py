"""What an adapter cannot know stays as it is known."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from zenithd.oms.model.accounts import Account
from zenithd.oms.model.entity import Id
from zenithd.oms.model.orders import OrderState, OrderType, Side
from zenithd.oms.statement import completed_with

KNOWN = OrderState(
    order_id="o",
    account=Account(owner_id="XS", account_id="1"),
    code="C",
    exchange="E",
    currency="AUD",
    side=Side.SHORTSELL,
    order_type=OrderType.LIMIT,
    quantity=Decimal(5),
    price=Decimal(2),
    cfi_code="ESVUFR",
    group="g",
    additional_funds={"Brokerage": Decimal(9)},
    values={"ReservePrice": Decimal(3), "HiddenQuantity": Decimal(2)},
    properties={"Algorithm": "Market"},
    ids=(Id(name="x"),),
    fee_codes={"a": "b"},
    created=7,
    request_id="first",
    remove_after=99,
)


def told(**changes: object) -> OrderState:
    return OrderState(
        order_id="o",
        account=KNOWN.account,
        code="C",
        exchange="E",
        currency="",
        side=Side.SELL,
        order_type=OrderType.LIMIT,
        quantity=Decimal(4),
        price=Decimal(1),
        created=8,
        **changes,  # type: ignore[arg-type]
    )


def test_what_is_told_empty_stays() -> None:
    order = completed_with(told(), KNOWN)
    assert order == msgspec.structs.replace(KNOWN, quantity=Decimal(4), price=Decimal(1))


def test_what_is_told_counts() -> None:
    order = completed_with(told(values={"HiddenQuantity": Decimal(0)}, status="s", request_id="r"), KNOWN)
    assert (order.status, order.request_id) == ("s", "r")
    assert order.values == {"ReservePrice": Decimal(3), "HiddenQuantity": Decimal(0)}


@pytest.mark.parametrize(
    ("told_side", "known", "side"),
    [
        (Side.SELL, Side.SHORTSELL_EXEMPT, Side.SHORTSELL_EXEMPT),
        (Side.BUY, Side.SHORTSELL, Side.BUY),
        (Side.SELL, Side.BUY, Side.SELL),
    ],
)
def test_the_kind_of_a_sale_stays(told_side: Side, known: Side, side: Side) -> None:
    order = completed_with(
        msgspec.structs.replace(told(), side=told_side), msgspec.structs.replace(KNOWN, side=known)
    )
    assert order.side is side
