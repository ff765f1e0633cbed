"""From the client's wish to the exchange and back."""

from __future__ import annotations

from tests.oms.desk import XS1, D, Desk, accepted, new, refused
from zenithd.oms.model.orders import OrderType, Side
from zenithd.oms.model.orders import OrderUpdateReason as R
from zenithd.oms.model.requests import OrderNew, RequestStatus
from zenithd.oms.model.updates import OrderUpdated, Requested, RequestUpdated
from zenithd.oms.refusals import Result


def test_an_accepted_order_is_one_record_and_one_send() -> None:
    desk = Desk()
    outcome = accepted(desk.place())
    kinds = [type(kept.update) for kept in outcome.kept]
    assert kinds == [Requested, OrderUpdated, RequestUpdated]
    assert outcome.answer is not None and outcome.answer.order is not None
    assert outcome.answer.request_id == "P1"
    assert outcome.answer.value == D("150.00")
    assert outcome.answer.order.status == "Pending"
    assert desk.status("P1") is RequestStatus.SUBMITTED
    assert desk.trading() == D("9850.00")
    [sent] = desk.sends
    assert sent.feed == "Prodigy"
    assert isinstance(sent.request.body, OrderNew)
    assert sent.order is not None and sent.order.order_id == outcome.answer.order_id


def test_the_exchange_takes_fills_and_completes_an_order() -> None:
    desk = Desk()
    order_id = desk.placed()
    accepted(desk.reported(order_id, external_id="7"))
    assert desk.status("P1") is RequestStatus.COMPLETED
    accepted(desk.fill(order_id, D(40), D("1.40"), "T1"))
    assert desk.trading() == D(10_000) - D(40) * D("1.40") - D(60) * D("1.50")
    accepted(desk.fill(order_id, D(60), D("1.50"), "T2"))
    order = desk.order(order_id)
    assert order.is_completed and order.status == "Filled" and order.external_id == "7"
    assert desk.trading() == D(10_000) - D(56) - D(90)
    assert desk.available() == D(1_100)


def test_the_same_request_again_has_the_same_answer_and_no_second_order() -> None:
    desk = Desk()
    first = accepted(desk.place()).answer
    again = [accepted(desk.place()) for _ in range(50)]
    assert [each.answer for each in again] == [first] * 50
    assert all(not each.kept and not each.sends for each in again)
    assert len(desk.sends) == 1
    assert len(desk.state.orders[XS1]) == 1


def test_the_same_request_has_the_same_answer_after_a_restart_and_when_it_is_over() -> None:
    desk = Desk()
    order_id = desk.placed()
    desk.restart()
    answer = accepted(desk.place()).answer
    assert answer is not None and answer.order_id == order_id
    desk.reported(order_id)
    desk.fill(order_id, D(100), D("1.50"), "T1")
    answer = accepted(desk.place()).answer
    assert answer is not None and answer.order is not None
    assert (answer.request_id, answer.order.order_id) == ("P1", order_id)
    assert len(desk.sends) == 1


def test_another_body_under_a_known_id_is_refused() -> None:
    desk = Desk()
    desk.place()
    outcome = refused(desk.place(quantity=D(101)))
    assert (outcome.result, outcome.errors) == (Result.INVALID, ("Order RequestID",))


def test_a_refused_request_uses_up_neither_its_id_nor_money() -> None:
    desk = Desk()
    before = len(desk.log)
    assert refused(desk.place(quantity=D(10_000))).errors == ("TotalValue.Balance",)
    assert len(desk.log) == before and not desk.sends
    assert desk.trading() == D(10_000)
    accepted(desk.place())


def test_a_request_without_an_id_gets_one() -> None:
    desk = Desk()
    answer = accepted(desk.place(request_id="")).answer
    assert answer is not None and len(answer.request_id) == 22
    refusal = refused(desk.place(request_id="", code=""))
    assert len(refusal.request_id) == 22


def test_calculating_says_value_and_fees_and_keeps_nothing() -> None:
    desk = Desk()
    outcome = accepted(desk.place(is_validate=True))
    assert outcome.answer is not None and outcome.answer.value == D("150.00")
    assert not outcome.kept and not outcome.sends
    accepted(desk.place())


def test_a_rejected_order_gives_its_money_back_and_says_why() -> None:
    desk = Desk()
    order_id = desk.placed()
    desk.decided("P1", RequestStatus.REJECTED, "Symbol.Status")
    order = desk.order(order_id)
    assert (order.status, order.errors, order.is_completed) == ("Rejected", ("Symbol.Status",), True)
    assert desk.status("P1") is RequestStatus.REJECTED
    assert desk.trading() == D(10_000)


def test_a_rejection_by_an_action_ends_the_request_too() -> None:
    desk = Desk()
    order_id = desk.placed()
    desk.reported(order_id, R.REJECTED, "Rejected", is_completed=True, errors=("LimitPrice",))
    assert desk.status("P1") is RequestStatus.REJECTED
    assert desk.state.finished[XS1]["P1"].errors == ("LimitPrice",)
    assert desk.trading() == D(10_000)


def test_an_order_without_a_price_reserves_above_the_last_one() -> None:
    desk = Desk()
    outcome = accepted(desk.submit(new(order_type=OrderType.MARKET, price=None)))
    assert desk.trading() == D(10_000) - D(100) * D(2) * D("1.10")
    assert outcome.answer is not None and outcome.answer.value == D(220)


def test_a_sale_reserves_what_it_sells() -> None:
    desk = Desk()
    desk.placed(side=Side.SELL, quantity=D(600))
    assert desk.available() == D(400)
    again = refused(desk.place(request_id="P2", side=Side.SELL, quantity=D(500)))
    assert again.errors == ("TotalQuantity.Holdings",)
