"""What an update costs does not grow with what its account has: operations are counted, not time."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import msgspec
import pytest

from tests.oms.oms_support import (
    Books,
    amending,
    answered,
    deposit,
    executed,
    order,
    requested,
    traded,
    updated,
)
from zenithd.oms.model import updates as u
from zenithd.oms.model.orders import OrderTradeType, Side
from zenithd.oms.model.requests import RequestStatus
from zenithd.oms.state import Limits

FEW, MANY = 3, 3_000


def operations(call: Callable[[], Any]) -> int:
    """Operations of the interpreter, in every function of Python that is called; not in callbacks of garbage
    collection, which comes when it likes."""
    count = 0

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal count
        frame.f_trace_opcodes = True
        if event == "opcode":
            count += 1
        return trace

    before = sys.gettrace()
    gc.disable()
    sys.settrace(trace)
    try:
        call()
    finally:
        sys.settrace(before)
        gc.enable()
    return count


def full(orders: int) -> Books:
    """An account that has many of everything."""
    books = Books(deposit(10_000_000), limits=Limits(transactions=2, transfers=1))
    for number in range(orders):
        side = Side.BUY if number % 2 else Side.SELL
        one = order(100, 10, order_id=f"n{number}", side=side, code=f"C{number}", remove_after=10**6 + number)
        books.apply(
            requested(amending(100, 10, f"n{number}"), f"a{number}"),
            updated(one),
            traded(executed(one, 50), 50, 10, trade_id=f"t{number}"),
            requested(amending(110, 10, f"n{number}"), f"b{number}"),
            answered(RequestStatus.COMPLETED, f"a{number}"),
        )
    books.apply(updated(order()), traded(executed(order(), 10), 10, 10))
    return books


@pytest.fixture(scope="module")
def books() -> tuple[Books, Books]:
    return full(FEW), full(MANY)


PARTIAL = executed(order(), 20)
UPDATES: dict[str, list[u.AnyUpdate]] = {
    "update": [updated(PARTIAL)],
    "trade": [traded(PARTIAL, 10, 10, trade_id="new")],
    "correction": [traded(PARTIAL, 10, 9, type=OrderTradeType.CORRECTION)],
    "amendment": [requested(amending(120, 11)), answered(RequestStatus.REJECTED)],
    "completion": [updated(msgspec.structs.replace(order(), is_completed=True, remove_after=0))],
    "deposit": [deposit(1, id="more")],
}


@pytest.mark.parametrize("kind", UPDATES)
def test_the_cost_of_an_update_does_not_grow(books: tuple[Books, Books], kind: str) -> None:
    few, many = (
        [operations(lambda update=update, one=one: one.apply(update)) for update in UPDATES[kind]]
        for one in books
    )
    assert few == many
    assert max(few) < 5_000
