"""Requests in the state: amendments in flight, what is kept of what is over, and for how long."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from tests.oms.oms_support import (
    A,
    B,
    Books,
    amending,
    answered,
    deposit,
    executed,
    order,
    placing,
    requested,
    traded,
    updated,
)
from zenithd.oms.model import updates as u
from zenithd.oms.model.events import OrderChanged, RequestChanged
from zenithd.oms.model.orders import OrderUpdateType, Side
from zenithd.oms.model.requests import (
    ClientAuthority,
    ClientCashTransfer,
    ClientQueue,
    ClientQueueReplace,
    ClientRequest,
    OrderNew,
    RequestStatus,
)
from zenithd.oms.state import Limits, check, request_digest

COMPLETED, REJECTED = RequestStatus.COMPLETED, RequestStatus.REJECTED
QUEUE = ClientQueue(queue_id="desk", reason="Value")
TRANSFER = ClientCashTransfer(currency="AUD", value=Decimal(1))
replace = msgspec.structs.replace


# Amendments in flight reserve the greater of old and new.


@pytest.mark.parametrize(
    ("quantity", "price", "reserved"), [(200, 10, -2_000), (100, 12, -1_200), (50, 9, -1_000)]
)
def test_the_greater_of_old_and_new_is_reserved(quantity: int, price: int, reserved: int) -> None:
    books = Books(updated(order()), requested(amending(quantity, price)))
    assert books.cash() == {"R": reserved}
    books.apply(answered(REJECTED))
    assert books.cash() == {"R": -1_000}


def test_an_accepted_amendment_leaves_what_the_order_then_needs() -> None:
    books = Books(updated(order()), requested(amending(50, 9)))
    books.apply(updated(order(50, 9, request_id="r")))
    assert books.cash() == {"R": -450}
    books.apply(answered(COMPLETED))
    assert books.cash() == {"R": -450}
    assert books.state.amendments == {}


def test_a_fill_that_races_an_amendment_leaves_enough_for_either() -> None:
    books = Books(updated(order()), requested(amending(120, 11)))
    books.apply(traded(executed(order(), 40), 40, 10))
    assert books.cash() == {"U": -400, "R": -880}
    books.apply(updated(executed(order(120, 11, request_id="r"), 40)), answered(COMPLETED))
    assert books.cash() == {"U": -400, "R": -880}


def test_a_fill_that_wins_over_an_amendment_releases_all() -> None:
    books = Books(updated(order()), requested(amending(120, 11)), traded(executed(order(), 100), 100, 10))
    assert books.cash() == {"U": -1_000}
    books.apply(answered(REJECTED, errors=("Order.Status",)))
    assert books.cash() == {"U": -1_000}


def test_several_amendments_reserve_the_most_of_all() -> None:
    books = Books(updated(order()), requested(amending(150, 10), "r"), requested(amending(130, 10), "s"))
    assert books.cash() == {"R": -1_500}
    books.apply(answered(REJECTED, "r"))
    assert books.cash() == {"R": -1_300}


def test_amendments_of_a_sale_reserve_units() -> None:
    books = Books(updated(order(side=Side.SELL)), requested(amending(150, 10, side=Side.SELL)))
    assert books.assets() == {"S": 150}


def test_an_amendment_has_estimates_of_its_own() -> None:
    books = Books(updated(order(funds={"Fee": 5})))
    estimates = {"reserve_price": Decimal(13), "additional_funds": {"Fee": Decimal(8)}}
    books.apply(requested(amending(100, None), **estimates))
    assert books.cash() == {"R": -1_308}
    books.apply(answered(REJECTED))
    assert books.cash() == {"R": -1_005}


def test_an_amendment_counts_while_the_order_is_in_its_account() -> None:
    books = Books(updated(order()), requested(amending(150, 10)))
    books.apply(updated(order(account=B), previous_account=A))
    assert books.cash(A) == {}
    assert books.cash(B) == {"R": -1_000}
    books.apply(answered(REJECTED))
    assert books.state.amendments == {}


# What becomes of requests.


def test_a_request_is_pending_or_queued() -> None:
    books = Books(requested(placing(), order_id="o"), requested(placing(), "q", queue=QUEUE))
    assert books.state.requests[A]["r"].status is RequestStatus.PENDING
    assert books.state.requests[A]["r"].order_id == "o"
    assert books.state.requests[A]["q"].status is RequestStatus.QUEUED
    assert books.state.orders_created == 2


def test_a_request_tells_the_requests_view_alone() -> None:
    books = Books()
    assert books.told(requested(placing())) == {"requests"}
    assert books.told(answered(RequestStatus.SUBMITTED, route="XSX")) == {"requests"}
    (event,) = books.apply(answered(COMPLETED))
    assert isinstance(event, RequestChanged)
    assert event.removed
    assert event.state.route == "XSX"
    assert books.state.requests == {}


def test_what_an_update_leaves_out_stays() -> None:
    first = ClientAuthority(identity="User:1")
    second = ClientAuthority(identity="User:2")
    books = Books(requested(placing(), queue=QUEUE, authorities={"User": first}))
    books.apply(
        answered(
            RequestStatus.QUEUED,
            errors=("Value",),
            text="wait",
            external_id="x",
            authorities={"Operator": second},
        )
    )
    books.apply(answered(RequestStatus.PENDING, order_id="o", target=ClientQueue()))
    held = books.state.requests[A]["r"]
    assert (held.errors, held.text, held.external_id, held.order_id) == (("Value",), "wait", "x", "o")
    assert held.request.queue is None
    assert held.request.authorities == {"User": first, "Operator": second}
    assert held.timestamp == books.state.time


def test_a_queued_request_gets_another_body_and_stays_the_same_wish() -> None:
    books = Books(updated(order()), requested(amending(200, 10), queue=QUEUE))
    digest = books.state.digest_of(A, "r")
    replacing = ClientQueueReplace(request_id="r", body=amending(150, 10))
    books.apply(requested(replacing, "operation"))
    assert books.state.requests[A]["r"].request.body == amending(150, 10)
    assert books.state.requests[A]["r"].request.queue == QUEUE
    assert books.state.digest_of(A, "r") == digest
    assert books.cash() == {"R": -1_500}
    books.apply(answered(COMPLETED, "operation"), answered(REJECTED))
    assert books.cash() == {"R": -1_000}
    assert "active" in str(check(requested(replacing, "late"), books.state))


# Idempotence and retention.


def test_a_finished_request_is_still_known() -> None:
    request = requested(placing(), order_id="o")
    books = Books(request, updated(order()), answered(REJECTED, errors=("LimitPrice",)))
    finished = books.state.finished[A]["r"]
    assert finished.digest == request_digest(request.request) == books.state.digest_of(A, "r")
    assert (finished.status, finished.order_id, finished.errors) == (REJECTED, "o", ("LimitPrice",))
    assert check(request, books.state) == "Request.RequestID: r was used already"
    assert books.state.digest_of(B, "r") is None


def test_the_digest_is_of_what_the_client_wants() -> None:
    request = ClientRequest(request_id="r", account=A, body=placing())
    again = replace(
        request, timestamp=9, queue=QUEUE, authorities={"User": ClientAuthority(identity="User:1")}
    )
    assert request_digest(again) == request_digest(request)
    others = (
        replace(request, body=placing(99)),
        replace(request, is_validate=True),
        replace(request, values={"HiddenQuantity": Decimal(1)}),
        replace(request, properties={"Algorithm": "Market"}),
    )
    assert len({request_digest(other) for other in (request, *others)}) == 5
    ordered = replace(request, properties={"a": "1", "b": "2"})
    reordered = replace(request, properties={"b": "2", "a": "1"})
    assert request_digest(ordered) == request_digest(reordered)


def test_requests_are_known_for_as_long_as_their_orders_and_then_up_to_a_limit() -> None:
    books = Books(limits=Limits(finished_requests=2))
    books.apply(requested(placing(), "place", order_id="o"), updated(order()), answered(COMPLETED, "place"))
    for number in range(9):
        books.apply(
            requested(amending(100 + number, 10), f"amend{number}"), answered(COMPLETED, f"amend{number}")
        )
    for number in range(5):
        books.apply(requested(TRANSFER, f"transfer{number}"), answered(COMPLETED, f"transfer{number}"))
    assert len(books.state.finished[A]) == 10 + 2
    books.apply(u.OrderExpired(account=A, order_id="o"))
    assert list(books.state.finished[A]) == ["amend7", "amend8"]
    assert books.state.requests_of_order == {}


def test_a_request_that_outlives_its_order_is_forgettable_at_once() -> None:
    books = Books(limits=Limits(finished_requests=0))
    books.apply(requested(amending(1, 1)), answered(REJECTED))
    assert books.state.finished == {}


def test_orders_are_removed_when_their_time_has_come() -> None:
    books = Books(
        updated(order(order_id="a", is_completed=True, remove_after=50)),
        updated(order(order_id="b", is_completed=True, remove_after=40)),
        updated(order(order_id="c", is_completed=True, remove_after=45)),
        updated(order(order_id="c", is_completed=True, remove_after=60)),
        updated(order(order_id="d", is_completed=True, remove_after=0)),
        updated(order(order_id="e", is_completed=True)),
    )
    state = books.state
    assert sorted(state.orders[A]) == ["a", "b", "c", "e"]
    assert state.next_removal() == 40
    assert state.removable(39) == []
    assert state.removable(50) == state.removable(50) == [(A, "b"), (A, "a")]
    (event,) = books.apply(u.OrderExpired(account=A, order_id="b"))
    assert isinstance(event, OrderChanged)
    assert event.removed
    assert state.next_removal() == 50
    books.apply(u.OrderExpired(account=A, order_id="a"), u.OrderExpired(account=A, order_id="c"))
    assert state.next_removal() is None


def test_an_order_removed_while_open_releases_its_reserve() -> None:
    books = Books(updated(order()), u.OrderExpired(account=A, order_id="o"))
    assert books.cash() == {}
    books.apply(updated(order()), updated(order(remove_after=0)))
    assert books.cash() == {}
    assert books.state.orders == {}


def test_what_is_said_again_of_a_removed_order_is_no_news() -> None:
    done = executed(order(), 100)
    restated = OrderUpdateType.RESTATE
    again = traded(done, 100, 10, said=restated)
    expired = u.OrderExpired(account=A, order_id="o")
    books = Books(traded(done, 100, 10), expired, limits=Limits(removed_orders=1))
    assert check(again, books.state) == "Order.OrderID: o was removed"
    said = updated(done)
    said = replace(said, update=replace(said.update, type=restated))
    assert check(said, books.state) == "Order.OrderID: o was removed"
    assert check(updated(order()), books.state) is None
    books.apply(updated(order(order_id="p")), updated(order(order_id="p", account=B), previous_account=A))
    assert list(books.state.removed[A]) == ["p"]
    books.apply(updated(order(order_id="p"), previous_account=B))
    assert A not in books.state.removed
    assert check(again, books.state) is None


def test_the_newest_transactions_are_kept() -> None:
    books = Books(limits=Limits(transactions=2))
    for number in range(4):
        done = executed(order(order_id=f"o{number}"), 100)
        books.apply(traded(done, 100, 10))
    assert list(books.state.transactions[A]) == ["o2/t", "o3/t"]


def test_transfers_are_known_for_longer_than_trades() -> None:
    books = Books(deposit(1, id="first"), limits=Limits(transactions=2, transfers=2))
    for number in range(4):
        books.apply(traded(executed(order(order_id=f"o{number}"), 100), 100, 10))
    assert list(books.state.transfers[A]) == ["first"]
    books.apply(deposit(1, id="second"), deposit(1, id="third"))
    assert list(books.state.transfers[A]) == ["second", "third"]


def test_an_order_is_new_with_every_request_for_one() -> None:
    assert isinstance(placing(), OrderNew)
    books = Books(requested(placing(), "1"), requested(TRANSFER, "2"), requested(amending(1, 1), "3"))
    assert books.state.orders_created == 1
