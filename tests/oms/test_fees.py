"""Estimated fees, what is reserved for them, and what trades are charged."""

from __future__ import annotations

import pytest

from tests.oms.desk import XS1, D, Desk, accepted, amendment, refused, replace
from zenithd.oms.fees import FeeRates, FeeTable
from zenithd.oms.model.orders import OrderTrade, OrderTradeType, OrderUpdate, Side
from zenithd.oms.model.orders import OrderUpdateReason as R
from zenithd.oms.model.requests import (
    ClientQueue,
    ClientQueueReplace,
    ClientQueueUpdate,
    ClientRequest,
    ClientRequestUpdate,
    OrderAmend,
)
from zenithd.oms.model.updates import OrderTraded
from zenithd.oms.reference import Level, Verdict

TABLE = FeeTable(
    {
        "": FeeRates(brokerage_rate=D("0.01"), brokerage_minimum=D(1), tax_rate=D("0.10")),
        "Free": FeeRates(),
    }
)


@pytest.mark.parametrize(
    ("schedule", "value", "fees"),
    [
        ("", D(150), {"Brokerage": D("1.50"), "Tax": D("0.15")}),
        ("", D(10), {"Brokerage": D(1), "Tax": D("0.10")}),
        ("", D("100.5"), {"Brokerage": D("1.01"), "Tax": D("0.10")}),
        ("", D(0), {}),
        ("Free", D(150), {}),
        ("gone", D(150), {"Brokerage": D("1.50"), "Tax": D("0.15")}),
    ],
)
def test_fees(schedule: str, value: D, fees: dict[str, D]) -> None:
    assert TABLE.fees(schedule, value) == fees


def test_a_purchase_reserves_its_fees_and_is_told_them() -> None:
    desk = Desk(fees=TABLE)
    answer = accepted(desk.place()).answer
    assert answer is not None
    assert answer.fees == {"Brokerage": D("1.50"), "Tax": D("0.15")} and answer.value == 150
    assert desk.trading() == D(10_000) - D("151.65")


def test_an_amendment_is_told_the_estimates_of_the_order_as_it_would_be() -> None:
    """EstimatedFees and EstimatedValue of the answer (OrderResult), also if it is repeated."""
    desk = Desk(fees=TABLE)
    order_id = desk.placed()
    desk.reported(order_id)
    request = amendment(desk.order(order_id), quantity=D(300), price=D(2))
    for _ in range(2):
        answer = accepted(desk.submit(request)).answer
        assert answer is not None and answer.order == desk.order(order_id)
        assert (answer.value, answer.fees) == (600, {"Brokerage": D(6), "Tax": D("0.60")})
    desk.reported(order_id, R.REPLACE, request_id="A1", quantity=D(300), price=D(2))
    answer = accepted(desk.submit(request)).answer
    assert answer is not None and (answer.value, answer.order) == (600, desk.order(order_id))


def test_a_queued_amendment_that_is_changed_or_released_is_told_its_own_estimates() -> None:
    desk = Desk(fees=TABLE)
    order_id = desk.placed()
    desk.reported(order_id)
    desk.verdict = lambda case: Verdict(Level.AUTH, ("OrderValue.Exceed",))
    accepted(desk.amend(order_id, quantity=D(300)))
    other = amendment(desk.order(order_id), quantity=D(400)).body
    assert isinstance(other, OrderAmend)
    replacing = ClientQueueReplace(request_id="A1", body=other)
    answer = accepted(desk.submit(ClientRequest(request_id="Q1", account=XS1, body=replacing))).answer
    assert answer is not None and answer.value == 600
    update = ClientRequestUpdate(request_id="A1", account=XS1, target=ClientQueue())
    release = ClientRequest(request_id="Q2", account=XS1, body=ClientQueueUpdate(update=update))
    answer = accepted(desk.submit(release)).answer
    assert answer is not None and answer.value == 600


def test_fees_count_in_what_an_account_lacks() -> None:
    desk = Desk(fees=TABLE)
    desk.deposit(XS1, D(-9_850))
    assert refused(desk.place()).errors == ("TotalValue.Balance",)
    accepted(desk.place(properties={"BrokerageSchedule": "Free"}))


def test_trades_together_are_charged_what_the_order_costs() -> None:
    desk = Desk(fees=TABLE)
    order_id = desk.placed()
    desk.fill(order_id, D(10), D("1.50"), "T1")
    assert desk.order(order_id).executed_additional_funds == {"Brokerage": D(1), "Tax": D("0.10")}
    desk.fill(order_id, D(50), D("1.50"), "T2")
    assert desk.trading() == D(10_000) - D("151.65")
    desk.fill(order_id, D(40), D("1.40"), "T3")
    assert desk.order(order_id).executed_additional_funds == {"Brokerage": D("1.46"), "Tax": D("0.15")}
    assert desk.trading() == D(10_000) - D(146) - D("1.61")


def test_a_sale_pays_its_fees_from_what_it_brings() -> None:
    desk = Desk(fees=TABLE)
    order_id = desk.placed(side=Side.SELL)
    desk.fill(order_id, D(100), D("1.50"), "T1")
    assert desk.trading() == D(10_000) + D(150) - D("1.65")


@pytest.mark.parametrize(
    ("kind", "charged"), [(OrderTradeType.CORRECTION, "2.20"), (OrderTradeType.CANCEL, "0")]
)
def test_corrections_and_cancellations_take_their_fees_along(kind: OrderTradeType, charged: str) -> None:
    desk = Desk(fees=TABLE)
    order_id = desk.placed()
    desk.fill(order_id, D(100), D("1.50"), "T1")
    corrected = kind is OrderTradeType.CORRECTION
    order = replace(
        desk.order(order_id),
        executed_value=D(200) if corrected else D(0),
        executed_quantity=D(100) if corrected else D(0),
    )
    reason = R.TRADE_CORRECTION if corrected else R.TRADE_CANCEL
    trade = OrderTrade(trade_id="T1", price=D(2), quantity=D(100), type=kind)
    accepted(desk.tell(OrderTraded(order=order, update=OrderUpdate(reason=reason), trade=trade)))
    value = D(200) if corrected else D(0)
    assert desk.trading() == D(10_000) - value - D(charged)
    assert sum(desk.order(order_id).executed_additional_funds.values()) == D(charged)


def test_fees_that_a_feed_names_come_first() -> None:
    desk = Desk(fees=TABLE)
    order_id = desk.placed()
    order = replace(
        desk.order(order_id),
        executed_quantity=D(100),
        executed_value=D(150),
        executed_additional_funds={"Brokerage": D(7)},
        is_completed=True,
        status="Filled",
    )
    trade = OrderTrade(trade_id="T1", price=D("1.50"), quantity=D(100), additional_funds={"Brokerage": D(7)})
    desk.tell(OrderTraded(order=order, update=OrderUpdate(reason=R.TRADE), trade=trade))
    assert desk.trading() == D(10_000) - D(157)
