"""Queues: hold, release, refuse, replace, extend, expire."""

from __future__ import annotations

import pytest

from tests.oms.desk import XS1, D, Desk, X, Y, accepted, amendment, new, refused
from zenithd.oms.commands import Outcome, Prices
from zenithd.oms.model.orders import Side
from zenithd.oms.model.requests import (
    ClientQueue,
    ClientQueueReplace,
    ClientQueueUpdate,
    ClientRequest,
    ClientRequestUpdate,
    OrderAmend,
    OrderCancel,
    OrderNew,
    RequestStatus,
)
from zenithd.oms.reference import Level, Verdict
from zenithd.oms.rules import NANOSECONDS

AUTH = Verdict(Level.AUTH, ("OrderValue.Exceed",))


def authorising(**changes: object) -> tuple[Desk, str]:
    """A desk whose vetting wants everything authorised, and a queued order."""
    desk = Desk()
    desk.verdict = lambda case: AUTH
    return desk, desk.placed(**changes)


def say(desk: Desk, own_id: str = "Q1", **update: object) -> Outcome:
    """A queue operation on P1, or on what `update` names."""
    named = {"account": XS1, "request_id": "P1", **update}
    body = ClientQueueUpdate(update=ClientRequestUpdate(**named))  # type: ignore[arg-type]
    return desk.submit(ClientRequest(request_id=own_id, account=XS1, body=body))


def release(desk: Desk, own_id: str = "Q1", **named: object) -> Outcome:
    return say(desk, own_id, target=ClientQueue(), **named)


def test_an_order_that_needs_authorising_is_queued_with_the_reason() -> None:
    desk, order_id = authorising()
    state = desk.state.request(XS1, "P1")
    assert state.status is RequestStatus.QUEUED and desk.order(order_id).status == "Queued"
    assert state.request.queue.reason == "OrderValue.Exceed"
    assert desk.trading() == D(9_850) and not desk.sends


@pytest.mark.parametrize("by", [{"request_id": "P1"}, {"request_id": "", "order_id": "the order"}])
def test_a_released_order_is_sent(by: dict[str, str]) -> None:
    desk, order_id = authorising()
    if "order_id" in by:
        by = by | {"order_id": order_id}
    answer = accepted(release(desk, **by)).answer
    assert answer is not None and answer.order_id == order_id
    assert desk.status("P1") is RequestStatus.SUBMITTED and len(desk.sends) == 1
    assert desk.order(order_id).status == "Pending" and desk.status("Q1") is RequestStatus.COMPLETED
    assert accepted(release(desk, **by)).answer == answer
    assert refused(release(desk, "Q2", **by)).errors == ("Order.Status",)
    assert len(desk.sends) == 1


def test_a_refused_order_is_rejected_with_what_was_said() -> None:
    desk, order_id = authorising()
    accepted(say(desk, status=RequestStatus.REJECTED, is_completed=True, text="too large"))
    assert desk.order(order_id).errors == ("Authority",) and desk.trading() == D(10_000)
    assert desk.state.finished[XS1]["P1"].status is RequestStatus.REJECTED


def test_a_queued_order_expires() -> None:
    desk, order_id = authorising(queue=ClientQueue(queue_id="Desk"))
    desk.wait(8 * 3600 - 1)
    assert desk.status("P1") is RequestStatus.QUEUED
    desk.wait(2)
    assert desk.order(order_id).errors == ("Timeout",) and desk.trading() == D(10_000)


def test_a_queue_that_its_client_names_holds_without_vetting_asking() -> None:
    desk = Desk()
    desk.placed(queue=ClientQueue(queue_id="Desk", expire_after=desk.now + NANOSECONDS))
    assert desk.state.request(XS1, "P1").request.queue.queue_id == "Desk"
    desk.wait(1)
    assert desk.status("P1") is RequestStatus.REJECTED


def test_a_queued_request_goes_to_another_queue_and_stays_longer() -> None:
    desk, _ = authorising()
    longer = desk.now + 40 * 3600 * NANOSECONDS
    accepted(say(desk, target=ClientQueue(queue_id="Senior", expire_after=longer)))
    desk.wait(9 * 3600)
    state = desk.state.request(XS1, "P1")
    assert state.status is RequestStatus.QUEUED and state.request.queue.queue_id == "Senior"


def test_a_released_request_has_its_whole_time_to_be_sent() -> None:
    desk, order_id = authorising()
    desk.wait(3600)
    desk.away()
    release(desk)
    desk.wait(29)
    assert desk.status("P1") is RequestStatus.PENDING
    desk.online()
    assert len(desk.sends) == 1 and desk.order(order_id).status == "Pending"


def test_a_queued_order_gets_another_body() -> None:
    desk, order_id = authorising()
    body = new(quantity=D(40)).body
    assert isinstance(body, OrderNew)
    replacing = ClientQueueReplace(request_id="P1", body=body)
    accepted(desk.submit(ClientRequest(request_id="Q1", account=XS1, body=replacing)))
    assert desk.trading() == D(9_940) and desk.order(order_id).status == "Queued"
    release(desk, "Q2")
    [sent] = desk.sends
    assert isinstance(sent.request.body, OrderNew) and sent.request.body.quantity == 40
    answer = accepted(desk.place()).answer  # what the client sent is still the same request
    assert answer is not None and answer.order_id == order_id


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"quantity": D(40_000)}, "TotalValue.Balance"),
        ({"side": Side.SELL}, "Operation"),
        ({"price": D(0)}, "LimitPrice"),
    ],
)
def test_a_replaced_body_is_checked(changes: dict[str, object], error: str) -> None:
    desk, _ = authorising()
    body = new(**changes).body
    assert isinstance(body, OrderNew)
    replacing = ClientQueueReplace(request_id="P1", body=body)
    outcome = refused(desk.submit(ClientRequest(request_id="Q1", account=XS1, body=replacing)))
    assert outcome.errors == (error,)


def test_the_client_takes_a_queued_order_back_or_changes_it() -> None:
    desk, order_id = authorising()
    accepted(desk.amend(order_id, quantity=D(300)))
    assert desk.trading() == D(9_550) and desk.order(order_id).status == "Queued"
    accepted(desk.cancel(order_id))
    assert desk.order(order_id).status == "Cancelled" and desk.trading() == D(10_000)
    assert desk.status("P1") is RequestStatus.REJECTED
    assert refused(release(desk)).errors == ("Order",)


def test_a_queued_amendment_reserves_and_is_sent_when_released() -> None:
    desk = Desk()
    order_id = desk.placed()
    desk.reported(order_id)
    desk.verdict = lambda case: AUTH
    accepted(desk.amend(order_id, quantity=D(200)))
    assert desk.status("A1") is RequestStatus.QUEUED and desk.trading() == D(9_700)
    assert len(desk.sends) == 1
    accepted(_released(desk, "A1"))
    assert desk.status("A1") is RequestStatus.SUBMITTED and len(desk.sends) == 2


def test_a_queued_amendment_gets_another_body_and_reserves_for_that() -> None:
    desk = Desk()
    order_id = desk.placed()
    desk.reported(order_id)
    desk.verdict = lambda case: AUTH
    desk.amend(order_id, quantity=D(200))
    other = amendment(desk.order(order_id), quantity=D(150), price=D(2)).body
    assert isinstance(other, OrderAmend)
    replacing = ClientQueueReplace(request_id="A1", body=other)
    accepted(desk.submit(ClientRequest(request_id="Q0", account=XS1, body=replacing)))
    assert desk.trading() == D(9_700)
    accepted(_released(desk, "A1"))
    sent = desk.sends[-1].request.body
    assert isinstance(sent, OrderAmend) and (sent.quantity, sent.price) == (150, 2)


def test_an_order_that_is_over_takes_its_queued_amendment_with_it() -> None:
    desk = Desk()
    order_id = desk.placed()
    desk.reported(order_id)
    desk.verdict = lambda case: AUTH
    desk.amend(order_id, quantity=D(200))
    desk.fill(order_id, D(100), D("1.50"), "T1")
    assert desk.status("A1") is RequestStatus.REJECTED and desk.trading() == D(9_850)


def test_a_released_order_still_waits_for_its_condition() -> None:
    desk, order_id = authorising(
        side=Side.SELL, properties={"Condition": "StopLoss", "Condition.Stop": "1.90"}
    )
    release(desk)
    assert desk.order(order_id).status == "Held" and not desk.sends
    desk.do(Prices("XSX", "XS01", X, D("1.90")))
    assert len(desk.sends) == 1


def test_the_best_market_is_chosen_when_the_order_is_released() -> None:
    desk, order_id = authorising(properties={"Algorithm": "BestMarket"}, ex_destination="")
    view = type(desk.listing.markets["XS01", Y])
    desk.listing.markets["XS01", Y] = view(best_ask=D("1.00"))
    release(desk)
    assert desk.order(order_id).ex_destination == Y


def test_an_order_whose_way_is_gone_when_it_is_released_is_rejected() -> None:
    desk, order_id = authorising()
    desk.listing.symbols.clear()
    accepted(release(desk))
    assert desk.order(order_id).status == "Rejected" and desk.trading() == D(10_000)


@pytest.mark.parametrize(
    ("update", "error"),
    [
        ({"request_id": "", "target": ClientQueue()}, "Order"),
        ({"request_id": "X", "target": ClientQueue()}, "Order"),
        ({}, "Operation"),
        ({"status": RequestStatus.COMPLETED}, "Operation"),
        ({"account": type(XS1)(owner_id="XS", account_id="0002")}, "Account"),
    ],
)
def test_queue_operations_that_cannot_be(update: dict[str, object], error: str) -> None:
    desk, _ = authorising()
    assert error in refused(say(desk, **update)).errors


def test_a_queued_cancellation_is_sent_when_released() -> None:
    desk = Desk()
    order_id = desk.placed()
    desk.reported(order_id)
    desk.verdict = lambda case: AUTH
    accepted(desk.cancel(order_id))
    assert desk.status("C1") is RequestStatus.QUEUED
    accepted(_released(desk, "C1"))
    assert isinstance(desk.sends[-1].request.body, OrderCancel)


def _released(desk: Desk, request_id: str) -> Outcome:
    update = ClientRequestUpdate(account=XS1, request_id=request_id, target=ClientQueue())
    body = ClientQueueUpdate(update=update)
    return desk.submit(ClientRequest(request_id="Q1", account=XS1, body=body))
