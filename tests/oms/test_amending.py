"""Amendments, cancellations and moves, also where a fill, a loss or a repetition comes in between."""

from __future__ import annotations

import pytest

from tests.oms.desk import FEED, OPEN, XS1, XS2, D, Desk, X, accepted, amendment, new, refused, replace
from zenithd.oms.commands import FeedAnswer
from zenithd.oms.model.orders import OrderType, OrderUpdate, Side
from zenithd.oms.model.orders import OrderUpdateReason as R
from zenithd.oms.model.requests import (
    ClientRequest,
    ClientRequestUpdate,
    OrderAmend,
    OrderCancel,
    OrderMove,
    RequestStatus,
)
from zenithd.oms.model.updates import OrderUpdated


def on_market(desk: Desk, **changes: object) -> str:
    order_id = desk.placed(**changes)
    desk.reported(order_id)
    desk.sends.clear()
    return order_id


def test_an_amendment_reserves_the_greater_need_until_it_is_decided() -> None:
    desk = Desk()
    order_id = on_market(desk)
    answer = accepted(desk.amend(order_id, quantity=D(200))).answer
    assert answer is not None and answer.order_id == order_id
    assert desk.trading() == D(9_700)
    assert desk.order(order_id).quantity == 100
    [sent] = desk.sends
    assert isinstance(sent.request.body, OrderAmend) and sent.request.body.prev_request_id == "P1"
    desk.reported(order_id, R.REPLACE, request_id="A1", quantity=D(200))
    assert desk.status("A1") is RequestStatus.COMPLETED
    assert desk.order(order_id).quantity == 200 and desk.trading() == D(9_700)


def test_a_smaller_amendment_frees_money_only_when_the_exchange_has_made_it() -> None:
    desk = Desk()
    order_id = on_market(desk)
    desk.amend(order_id, quantity=D(50))
    assert desk.trading() == D(9_850)
    desk.reported(order_id, R.REPLACE, request_id="A1", quantity=D(50))
    assert desk.trading() == D(9_925)


def test_what_an_order_reserves_already_counts_for_its_amendment() -> None:
    desk = Desk()
    order_id = on_market(desk, quantity=D(6_000))
    accepted(desk.amend(order_id, quantity=D(6_600)))
    desk.reported(order_id, R.REPLACE, request_id="A1", quantity=D(6_600))
    assert refused(desk.amend(order_id, "A2", quantity=D(6_700))).errors == ("TotalValue.Balance",)


def test_a_carried_out_amendment_reserves_what_was_estimated_for_it() -> None:
    desk = Desk()
    order_id = on_market(desk, order_type=OrderType.MARKET, price=None)
    assert desk.trading() == D(9_780)
    desk.amend(order_id, quantity=D(200))
    assert desk.trading() == D(9_560)
    desk.listing.markets["XS01", X] = replace(OPEN, last_or_close=D(90))
    desk.reported(order_id, R.REPLACE, request_id="A1", quantity=D(200))
    assert desk.status("A1") is RequestStatus.COMPLETED and desk.trading() == D(9_560)


def test_a_refused_amendment_leaves_the_order_and_its_reserve() -> None:
    desk = Desk()
    order_id = on_market(desk)
    desk.amend(order_id, quantity=D(200))
    desk.decided("A1", RequestStatus.REJECTED, "Order.Status")
    assert desk.order(order_id).quantity == 100 and desk.trading() == D(9_850)


def test_a_word_that_an_amendment_is_done_keeps_the_reserve_until_its_action_comes() -> None:
    desk = Desk()
    order_id = on_market(desk)
    desk.amend(order_id, quantity=D(200), values={"HiddenQuantity": D(50)})
    desk.decided("A1", RequestStatus.COMPLETED)
    assert desk.trading() == D(9_700)
    desk.reported(order_id, R.REPLACE, request_id="A1", quantity=D(200))
    order = desk.order(order_id)
    assert (order.quantity, order.values["HiddenQuantity"]) == (200, 50)
    assert desk.trading() == D(9_700)


def test_what_only_the_hub_knows_of_an_amended_order_follows_the_amendment() -> None:
    desk = Desk()
    order_id = on_market(desk, properties={"Instructions": "Best"}, values={"HiddenQuantity": D(20)})
    desk.amend(order_id, values={"MinimumQuantity": D(10)}, properties={"Validity": "AllOrNone"})
    told = replace(desk.order(order_id), request_id="A1", values={}, properties={})
    desk.tell(OrderUpdated(order=told, update=OrderUpdate(reason=R.REPLACE)))
    order = desk.order(order_id)
    assert order.values == {"MinimumQuantity": D(10)}
    assert order.properties == {"Algorithm": "Market", "Validity": "AllOrNone"}


def test_a_fill_that_overtakes_an_amendment() -> None:
    desk = Desk()
    order_id = on_market(desk)
    desk.amend(order_id, quantity=D(200))
    desk.fill(order_id, D(60), D("1.50"), "T1")
    assert desk.trading() == D(10_000) - D(90) - D(140) * D("1.50")
    desk.fill(order_id, D(40), D("1.50"), "T2")
    assert desk.order(order_id).is_completed and desk.trading() == D(9_850)
    desk.decided("A1", RequestStatus.REJECTED, "Order.Status")
    assert desk.status("A1") is RequestStatus.REJECTED and desk.trading() == D(9_850)


def test_a_cancellation_that_a_fill_overtakes_is_rejected() -> None:
    desk = Desk()
    order_id = on_market(desk)
    accepted(desk.cancel(order_id))
    desk.fill(order_id, D(100), D("1.50"), "T1")
    assert desk.status("C1") is RequestStatus.SUBMITTED  # its answer is on its way
    desk.wait(31)
    assert desk.status("C1") is RequestStatus.REJECTED
    assert desk.state.finished[XS1]["C1"].errors == ("Order.Status",)


def test_a_cancellation_frees_what_is_left() -> None:
    desk = Desk()
    order_id = on_market(desk)
    desk.fill(order_id, D(30), D("1.50"), "T1")
    accepted(desk.cancel(order_id))
    [sent] = desk.sends
    assert isinstance(sent.request.body, OrderCancel)
    desk.reported(order_id, R.CANCEL, "Cancelled", request_id="C1", is_completed=True)
    assert desk.status("C1") is RequestStatus.COMPLETED and desk.trading() == D(9_955)


def test_one_change_at_a_time() -> None:
    desk = Desk()
    order_id = on_market(desk)
    desk.amend(order_id, quantity=D(200))
    assert refused(desk.amend(order_id, "A2", quantity=D(300))).errors == ("Retry",)
    accepted(desk.cancel(order_id))
    assert refused(desk.cancel(order_id, "C2")).errors == ("Retry",)


def test_another_cancellation_may_follow_one_that_was_lost() -> None:
    desk = Desk()
    order_id = on_market(desk)
    desk.cancel(order_id)
    desk.wait(31)
    assert desk.status("C1") is RequestStatus.UNKNOWN
    accepted(desk.cancel(order_id, "C2"))
    desk.reported(order_id, R.CANCEL, "Cancelled", request_id="C2", is_completed=True)
    assert desk.status("C2") is RequestStatus.COMPLETED
    assert desk.status("C1") is RequestStatus.REJECTED  # the order is over: it changed nothing


def test_an_order_on_its_way_may_be_changed_in_a_moment() -> None:
    desk = Desk()
    order_id = desk.placed()
    assert refused(desk.amend(order_id, quantity=D(200))).errors == ("Retry",)
    assert refused(desk.cancel(order_id)).errors == ("Retry",)
    desk.reported(order_id)
    accepted(desk.cancel(order_id))


@pytest.mark.parametrize("status", ["Unknown", "Filled"])
def test_what_a_status_does_not_allow(status: str) -> None:
    desk = Desk()
    order_id = desk.placed()
    if status == "Filled":
        desk.fill(order_id, D(100), D("1.50"), "T1")
    elif status == "Unknown":
        desk.wait(31)
    assert desk.order(order_id).status == status
    assert refused(desk.amend(order_id, quantity=D(200))).errors[0] == "Order.Status"
    assert refused(desk.cancel(order_id)).errors == ("Order.Status",)


def test_an_amendment_based_on_an_older_picture_is_rejected() -> None:
    desk = Desk()
    order_id = on_market(desk)
    desk.amend(order_id, quantity=D(200))
    desk.reported(order_id, R.REPLACE, request_id="A1", quantity=D(200))
    assert refused(desk.amend(order_id, "A2", prev_request_id="P1")).errors == ("Order.Status",)
    accepted(desk.amend(order_id, "A3", prev_request_id="A1", quantity=D(300)))


def test_a_move_is_checked_on_its_destination_and_follows_the_exchange() -> None:
    desk = Desk()
    order_id = on_market(desk)
    body = OrderMove(order_id=order_id, prev_account=XS1, code="XS01", exchange="XSX", side=Side.BUY)
    accepted(desk.submit(ClientRequest(request_id="M1", account=XS2, body=body)))
    assert len(desk.sends) == 1
    order = replace(desk.order(order_id), account=XS2, request_id="M1")
    desk.tell(OrderUpdated(order=order, update=OrderUpdate(reason=R.REPLACE, previous_account=XS1)))
    assert desk.state.order(XS1, order_id) is None
    assert desk.trading(XS1) == D(10_000) and desk.trading(XS2) == D(9_850)
    assert desk.status("M1", XS2) is RequestStatus.COMPLETED
    again = accepted(desk.submit(ClientRequest(request_id="M1", account=XS2, body=body))).answer
    assert again is not None and again.order_id == order_id


def test_a_move_that_the_destination_cannot_bear_is_refused() -> None:
    desk = Desk()
    order_id = on_market(desk)
    desk.deposit(XS2, D(-9_900))
    body = OrderMove(order_id=order_id, prev_account=XS1, code="XS01", exchange="XSX", side=Side.BUY)
    outcome = refused(desk.submit(ClientRequest(request_id="M1", account=XS2, body=body)))
    assert outcome.errors == ("TotalValue.Balance",)


def test_a_repeated_amendment_is_one_amendment() -> None:
    desk = Desk()
    order_id = on_market(desk)
    request = amendment(desk.order(order_id), quantity=D(200))
    for _ in range(3):
        accepted(desk.submit(request))
    assert len(desk.sends) == 1 and desk.trading() == D(9_700)


def test_only_the_feed_that_has_a_request_answers_it() -> None:
    desk = Desk()
    desk.placed()
    update = ClientRequestUpdate(request_id="P1", account=XS1, status=RequestStatus.REJECTED)
    assert refused(desk.do(FeedAnswer("Other", update))).errors == ("Route",)
    accepted(desk.do(FeedAnswer(FEED, update)))
    assert desk.status("P1") is RequestStatus.REJECTED


def test_an_order_of_an_unlisted_symbol_can_still_be_cancelled() -> None:
    desk = Desk()
    order_id = on_market(desk)
    desk.listing.symbols.clear()
    assert refused(desk.amend(order_id, quantity=D(50))).errors == ("Symbol",)
    accepted(desk.cancel(order_id))


def test_new_is_new() -> None:
    """The helper's defaults are a valid order."""
    assert accepted(Desk().submit(new())).answer is not None
