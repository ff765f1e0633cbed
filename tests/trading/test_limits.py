"""How much is remembered: settings that may change between two starts over one journal."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
import trio.testing

from tests.oms.desk import Desk
from tests.oms.oms_support import (
    A,
    Books,
    answered,
    deposit,
    executed,
    order,
    placing,
    requested,
    traded,
    updated,
)
from tests.trading.world import A1, Journal, World, place
from zenithd.config import OrderSettings
from zenithd.oms.model.orders import OrderUpdateType
from zenithd.oms.model.requests import RequestStatus
from zenithd.oms.model.updates import OrderExpired
from zenithd.oms.oms import Oms
from zenithd.oms.rules import OmsRules
from zenithd.oms.state import Limits, OmsState
from zenithd.trading.service import limits, rules

FEW = OrderSettings(
    demonstration_accounts=1,
    finished_requests_max=2,
    removed_orders_max=2,
    transactions_max=2,
    transfers_max=2,
    checkpoint_records=100,
)
MANY = OrderSettings(demonstration_accounts=1)


def test_every_limit_and_rule_is_a_setting() -> None:
    """Each of them follows a setting of its own: other settings, other values everywhere."""
    changes: dict[str, Any] = {}
    for field in msgspec.structs.fields(OrderSettings):
        value = getattr(MANY, field.name)
        if isinstance(value, int | float) and not isinstance(value, bool):
            changes[field.name] = value + 1
        elif field.name in ("market_order_margin", "order_value_max", "order_quantity_max"):
            changes[field.name] = value + "1"
        elif field.name == "authorisation_queue":
            changes[field.name] = "Desk"
    other = msgspec.structs.replace(MANY, **changes)
    for made in (rules, limits):
        before, after = made(MANY), made(other)
        same = [
            name for name in type(before).__struct_fields__ if getattr(before, name) == getattr(after, name)
        ]
        assert same == []
    assert (rules(OrderSettings()), limits(OrderSettings())) == (OmsRules(), Limits())


def used_twice() -> Books:
    """What can happen where little is remembered: an id that is used again, an order that is said again."""
    books = Books(deposit(5_000), limits=Limits(finished_requests=1, removed_orders=1))
    for number in range(3):
        name = f"o{number}"
        books.apply(requested(placing(), f"r{number}", order_id=name), updated(order(order_id=name)))
        books.apply(answered(RequestStatus.COMPLETED, f"r{number}"))
        done = executed(order(order_id=name), 100)
        books.apply(traded(done, 100, 10, trade_id=name), OrderExpired(account=A, order_id=name))
    books.apply(requested(placing(), "r0", order_id="again"), updated(order(order_id="again")))
    said = traded(executed(order(), 50, order_id="o0"), 50, 10, trade_id="x", said=OrderUpdateType.RESTATE)
    books.apply(said)
    return books


def test_what_was_kept_with_smaller_limits_is_replayed_with_larger_ones() -> None:
    books = used_twice()
    oms = Oms(Desk().around)
    for kept in books.kept:
        oms.replay(kept)
    for view in ("cash", "assets", "orders", "requests", "update_id"):
        assert getattr(oms.state, view) == getattr(books.state, view), view
    assert oms.state.digest_of(A, "r0") == books.state.digest_of(A, "r0")
    assert set(oms.state.finished[A]) == {"r1", "r2"}
    assert set(oms.state.forgettable[A]) == {"r1", "r2"}


def test_a_checkpoint_of_larger_limits_is_cut_to_smaller_ones() -> None:
    books = Books(limits=Limits())
    for number in range(5):
        name = f"o{number}"
        books.apply(deposit(5_000, id=f"d{number}"))
        books.apply(requested(placing(), f"r{number}", order_id=name), updated(order(order_id=name)))
        books.apply(answered(RequestStatus.COMPLETED, f"r{number}"))
        books.apply(OrderExpired(account=A, order_id=name))
    few = Limits(finished_requests=2, removed_orders=2, transactions=3, transfers=1)
    cut = OmsState.restore(books.state.checkpoint(), few)
    assert (list(cut.finished[A]), list(cut.forgettable[A])) == (["r3", "r4"], ["r3", "r4"])
    assert list(cut.removed[A]) == ["o3", "o4"]
    assert (list(cut.transactions[A]), list(cut.transfers[A])) == (["d2", "d3", "d4"], ["d4"])
    assert cut.cash == books.state.cash


@pytest.mark.parametrize(("first", "then"), [(FEW, MANY), (MANY, FEW)])
async def test_a_daemon_with_other_limits_goes_on_from_the_same_journal(
    first: OrderSettings, then: OrderSettings, autojump_clock: trio.testing.MockClock
) -> None:
    journal = Journal()
    async with World(journal, first).run() as world:
        order_ids = [await world.placed(RequestID=f"P{number}", Quantity=10) for number in range(60)]
        for order_id in order_ids[:5]:
            await world.exchange.fill(order_id, 10, "1.5")
        world.now += 10 * 86_400 * 1_000_000_000
        await trio.sleep(5)
        assert len(world.state.orders[A1]) == 55
        before = world.state
    async with World(journal, then).run() as world:
        assert world.state.limits == limits(then)
        assert (world.state.cash, world.state.assets) == (before.cash, before.assets)
        assert world.state.orders == before.orders
        result = await world.result("PlaceOrder", place(RequestID="P59", Quantity=10))
        assert result["Order"]["ID"] == order_ids[59], "its order is held: it is recognised"
        assert len(world.state.removed[A1]) == 2, "what was forgotten stays forgotten"
        await world.placed(RequestID="next")
