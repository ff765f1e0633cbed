"""Moves in flight: what an order needs is reserved where it is to go, whoever decides when."""

from __future__ import annotations

import msgspec
import pytest

from tests.oms.desk import XS1, XS2, D, Desk, accepted, new, refused, replace
from tests.oms.oms_support import A, B, Books, answered, deposit, executed, order, requested, traded, updated
from zenithd.oms.commands import Outcome
from zenithd.oms.model.accounts import Account
from zenithd.oms.model.orders import OrderUpdate, OrderUpdateReason, Side
from zenithd.oms.model.requests import (
    ClientQueue,
    ClientQueueReplace,
    ClientQueueUpdate,
    ClientRequest,
    ClientRequestUpdate,
    OrderMove,
    RequestStatus,
)
from zenithd.oms.model.transforms import AccountRename
from zenithd.oms.model.updates import OrderUpdated, Transformed, decode_updates, encode_updates
from zenithd.oms.reference import Level, Verdict
from zenithd.oms.state import OmsState, as_at

COMPLETED, REJECTED = RequestStatus.COMPLETED, RequestStatus.REJECTED
QUEUE = ClientQueue(queue_id="desk", reason="Value")
C = Account(owner_id="XS", account_id="0003")


def moving(order_id: str = "o", side: Side = Side.BUY) -> OrderMove:
    return OrderMove(order_id=order_id, prev_account=A, code="BHP", exchange="XSX", side=side)


def test_a_move_reserves_at_its_destination_too_until_it_is_denied() -> None:
    books = Books(updated(order(funds={"Fee": 5})), requested(moving(), account=B))
    assert books.cash(A) == books.cash(B) == {"R": -1_005}
    books.apply(answered(REJECTED, account=B))
    assert (books.cash(A), books.cash(B)) == ({"R": -1_005}, {})
    assert books.state.moves == {}


@pytest.mark.parametrize("arrives_first", [True, False])
def test_the_reserve_of_an_order_that_arrives_replaces_that_of_its_move(arrives_first: bool) -> None:
    books = Books(updated(order(side=Side.SELL)), requested(moving(side=Side.SELL), account=B))
    assert books.assets(B) == {"S": 100}
    arrives = updated(order(side=Side.SELL, account=B), previous_account=A)
    words = [arrives, answered(COMPLETED, account=B)]
    books.apply(*(words if arrives_first else words[::-1]))
    assert (books.assets(A), books.assets(B)) == ({}, {"S": 100})


def test_what_a_move_reserves_follows_its_order() -> None:
    books = Books(updated(order()), requested(moving(), account=B))
    books.apply(traded(executed(order(), 40), 40, 10))
    assert books.cash(B) == {"R": -600}
    books.apply(updated(executed(order(200, 11), 40)))
    assert books.cash(B) == {"R": -1_760}
    books.apply(updated(executed(order(200, 11), 40, is_completed=True)))
    assert books.cash(B) == {}


def test_two_moves_of_one_order_to_one_account_reserve_once() -> None:
    books = Books(updated(order()), requested(moving(), account=B), requested(moving(), "s", account=B))
    assert books.cash(B) == {"R": -1_000}
    books.apply(answered(REJECTED, account=B))
    assert books.cash(B) == {"R": -1_000}
    books.apply(answered(REJECTED, "s", account=B))
    assert books.cash(B) == {}


def test_a_queued_move_with_another_body_reserves_for_that() -> None:
    books = Books(updated(order()), updated(order(30, order_id="p")))
    books.apply(requested(moving(), account=B, queue=QUEUE))
    books.apply(requested(ClientQueueReplace(request_id="r", body=moving("p")), "s", account=B))
    assert books.cash(B) == {"R": -300}


@pytest.mark.parametrize("renamed", [A, B])
def test_what_a_move_reserves_goes_with_an_account_that_is_renamed(renamed: Account) -> None:
    books = Books(updated(order()), requested(moving(), account=B))
    books.apply(Transformed(transform=AccountRename(transform_id="t", account=renamed, new_account=C)))
    assert books.cash(C) == {"R": -1_000}
    books.apply(answered(REJECTED, account=C if renamed == B else B))
    assert books.cash(B) == {}
    assert books.cash(C if renamed == A else A) == {"R": -1_000}


def test_a_checkpoint_has_what_moves_reserve() -> None:
    books = Books(updated(order()), requested(moving(), account=B))
    books.state = OmsState.restore(books.state.checkpoint())
    books.apply(answered(REJECTED, account=B))
    assert (books.cash(A), books.cash(B)) == ({"R": -1_000}, {})


def test_a_checkpoint_from_before_moves_reserved_is_brought_up_to_date() -> None:
    """Version 1 had the request in flight, and nothing for it in the destination's position."""
    books = Books(deposit(5_000, account=B), updated(order()), requested(moving(), account=B))
    older = msgspec.msgpack.decode(books.state.checkpoint())
    [theirs] = [cash for cash in older["cash"] if cash["Account"]["AccountID"] == B.account_id]
    assert theirs.pop("UnfilledBuys") == "-1000"
    restored = OmsState.restore(msgspec.msgpack.encode(older | {"version": 1}))
    assert restored.digest() == books.state.digest() == as_at(None, books.kept).digest()
    assert as_at(restored.checkpoint(), []).balance(B, "AUD").unfilled_buys == -1_000


def test_records_of_a_move_from_before_moves_reserved_are_read() -> None:
    """What is kept of a move is as it was: the reserve follows from it."""
    books = Books(updated(order()), requested(moving(), account=B), answered(REJECTED, account=B))
    again = as_at(None, decode_updates(encode_updates(books.kept)))
    assert again.balance(B, "AUD").unfilled_buys == 0


# Decisions.


def on_market(desk: Desk, request_id: str = "P1", **changes: object) -> str:
    order_id = desk.placed(request_id=request_id, **changes)
    desk.reported(order_id)
    return order_id


def ask(desk: Desk, order_id: str, request_id: str = "M1", side: Side = Side.BUY) -> Outcome:
    body = OrderMove(order_id=order_id, prev_account=XS1, code="XS01", exchange="XSX", side=side)
    return desk.submit(ClientRequest(request_id=request_id, account=XS2, body=body))


def test_two_moves_together_cannot_exceed_what_their_destination_has() -> None:
    desk = Desk()
    first, second = (on_market(desk, name, quantity=D(3_000)) for name in ("P1", "P2"))
    desk.deposit(XS2, D(-4_000))
    accepted(ask(desk, first))
    assert desk.trading(XS2) == D(1_500)
    assert refused(ask(desk, second, "M2")).errors == ("TotalValue.Balance",)


def test_a_move_and_a_new_order_cannot_exceed_what_the_destination_holds() -> None:
    desk = Desk()
    order_id = on_market(desk, side=Side.SELL, quantity=D(700))
    accepted(ask(desk, order_id, side=Side.SELL))
    sale = new(request_id="P2", account=XS2, side=Side.SELL, quantity=D(400))
    assert refused(desk.submit(sale)).errors == ("TotalQuantity.Holdings",)
    desk.decided("M1", REJECTED, "Order.Status", account=XS2)
    accepted(desk.submit(sale))


def test_a_word_that_a_move_is_done_keeps_the_reserve_until_its_action_comes() -> None:
    desk = Desk()
    order_id = on_market(desk)
    accepted(ask(desk, order_id))
    there = replace(desk.order(order_id), account=XS2, request_id="M1", properties={}, cfi_code="")
    known = desk.order(order_id)
    desk.decided("M1", COMPLETED, account=XS2)
    assert (desk.trading(XS1), desk.trading(XS2)) == (D(10_000), D(9_850))
    desk.tell(OrderUpdated(order=there, update=_moved_from(XS1)))
    assert (desk.trading(XS1), desk.trading(XS2)) == (D(10_000), D(9_850))
    order = desk.order(order_id, XS2)
    assert order.properties == known.properties, "what only the hub knows of it came along"
    assert desk.status("M1", XS2) is COMPLETED


def test_nothing_else_changes_an_order_while_it_is_being_moved() -> None:
    desk = Desk()
    order_id = on_market(desk)
    accepted(ask(desk, order_id))
    assert refused(desk.amend(order_id, quantity=D(200))).errors == ("Retry",)
    assert refused(desk.cancel(order_id)).errors == ("Retry",)
    assert refused(ask(desk, order_id, "M2")).errors == ("Retry",)


def test_a_move_whose_order_is_cancelled_is_denied_and_releases() -> None:
    desk = Desk()
    order_id = on_market(desk)
    accepted(ask(desk, order_id))
    desk.away()
    assert desk.status("M1", XS2) is RequestStatus.UNKNOWN
    desk.reported(order_id, OrderUpdateReason.CANCEL, "Cancelled", is_completed=True)
    assert desk.status("M1", XS2) is REJECTED
    assert desk.trading(XS2) == D(10_000)


def test_a_move_of_an_order_that_was_filled_meanwhile_stays_open() -> None:
    """What is filled may be moved: only its exchange knows."""
    desk = Desk()
    order_id = on_market(desk)
    accepted(ask(desk, order_id))
    desk.away()
    desk.fill(order_id, D(100), D("1.50"), "T1")
    assert desk.status("M1", XS2) is RequestStatus.UNKNOWN
    assert desk.trading(XS2) == D(10_000)
    order = replace(desk.order(order_id), account=XS2, request_id="M1")
    desk.tell(OrderUpdated(order=order, update=_moved_from(XS1)))
    assert desk.status("M1", XS2) is COMPLETED


def test_a_request_finds_its_order_where_it_went() -> None:
    """A cancellation is overtaken by a move, and the order ends in its new account."""
    desk = Desk()
    order_id = on_market(desk)
    accepted(ask(desk, order_id))
    desk.away()
    accepted(desk.cancel(order_id))
    desk.online()
    order = replace(desk.order(order_id), account=XS2, request_id="M1")
    desk.tell(OrderUpdated(order=order, update=_moved_from(XS1)))
    desk.reported(order_id, OrderUpdateReason.CANCEL, "Cancelled", account=XS2, is_completed=True)
    assert desk.status("C1") is RequestStatus.SUBMITTED
    desk.away()
    assert desk.status("C1") is REJECTED


def test_a_queued_move_reserves_and_is_sent_when_it_is_released() -> None:
    desk = Desk()
    order_id = on_market(desk)
    desk.sends.clear()
    desk.verdict = lambda case: Verdict(Level.AUTH, ("OrderValue.Exceed",))
    accepted(ask(desk, order_id))
    assert (desk.sends, desk.trading(XS2)) == ([], D(9_850))
    update = ClientRequestUpdate(request_id="M1", account=XS2, target=ClientQueue())
    release = ClientRequest(request_id="Q1", account=XS2, body=ClientQueueUpdate(update=update))
    accepted(desk.submit(release))
    assert [send.request.request_id for send in desk.sends] == ["M1"]
    assert desk.status("M1", XS2) is RequestStatus.SUBMITTED


def test_a_queued_move_cannot_be_replaced_by_one_from_elsewhere() -> None:
    desk = Desk()
    order_id = on_market(desk)
    desk.verdict = lambda case: Verdict(Level.AUTH, ("OrderValue.Exceed",))
    accepted(ask(desk, order_id))
    other = OrderMove(order_id=order_id, prev_account=XS2, code="XS01", exchange="XSX", side=Side.BUY)
    body = ClientQueueReplace(request_id="M1", body=other)
    outcome = desk.submit(ClientRequest(request_id="Q1", account=XS2, body=body))
    assert refused(outcome).errors == ("Operation",)


def test_an_account_cannot_release_what_another_one_wants_of_its_order() -> None:
    """A queued move is the destination's: the order's account does not decide it by naming the order."""
    desk = Desk()
    order_id = on_market(desk)
    desk.verdict = lambda case: Verdict(Level.AUTH, ("OrderValue.Exceed",))
    accepted(ask(desk, order_id))
    update = ClientRequestUpdate(request_id="", order_id=order_id, account=XS1, target=ClientQueue())
    release = ClientRequest(request_id="Q1", account=XS1, body=ClientQueueUpdate(update=update))
    assert refused(desk.submit(release)).errors == ("Order.Status",)
    assert desk.status("M1", XS2) is RequestStatus.QUEUED


def _moved_from(account: Account) -> OrderUpdate:
    return OrderUpdate(reason=OrderUpdateReason.REPLACE, previous_account=account)
