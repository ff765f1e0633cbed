"""Named invariants of the accounting, over random updates of every kind."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal, localcontext
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.reliability.lib_ledger_updates import Drawing
from tests.reliability.lib_naive_ledger import NaiveLedger
from zenithd.oms.model import updates as u
from zenithd.oms.model.accounts import Account
from zenithd.oms.model.events import TransactionMade, View, ViewEvent
from zenithd.oms.model.orders import OrderState, Side
from zenithd.oms.model.requests import OrderMove
from zenithd.oms.model.transactions import ClientTransaction, SettlementStatus
from zenithd.oms.model.transforms import CurrencyRename, SymbolRename
from zenithd.oms.numbers import EXACT
from zenithd.oms.reserves import reserve
from zenithd.oms.state import InvalidUpdate, Limits, OmsState, as_at, check

CHANCE = st.integers(0, 2**32).map(Random)
STEPS = st.integers(1, 120)
ZERO = Decimal(0)


class Story:
    """A state and the updates that made it."""

    def __init__(self, random: Random, limits: Limits | None = None) -> None:
        self.state = OmsState(limits)
        self.drawing = Drawing(random, self.state)
        self.kept: list[u.Kept] = []
        self.events: list[list[ViewEvent]] = []
        self.refused: list[u.Kept] = []

    def go_on(self) -> u.Kept | None:
        """Apply another update; None if the rules refuse it."""
        number = len(self.kept) + len(self.refused) + 1
        feed = self.drawing.random.choice(("oms", "exchange"))
        one = u.Kept(time=number, update=self.drawing.next(), feed=feed, sequence=number)
        if check(one.update, self.state) is not None:
            self.refused.append(one)
            return None
        self.events.append(self.state.apply(one))
        self.kept.append(one)
        return one

    def run(self, steps: int) -> Story:
        for _ in range(steps):
            self.go_on()
        return self


@settings(max_examples=250, deadline=None)
@given(CHANCE, STEPS)
def test_a_ledger_that_scans_everything_agrees(random: Random, steps: int) -> None:
    story, naive = Story(random), NaiveLedger()
    for _ in range(steps):
        one = story.go_on()
        if one is not None:
            naive.apply(one)
            assert naive.differences(story.state) == [], f"after {one.update}"


@settings(max_examples=100, deadline=None)
@given(CHANCE, STEPS)
def test_reserved_is_what_open_orders_need(random: Random, steps: int) -> None:
    state = Story(random).run(steps).state
    money: dict[Any, Decimal] = defaultdict(Decimal)
    units: dict[Any, Decimal] = defaultdict(Decimal)
    with localcontext(EXACT):
        for account, orders in state.orders.items():
            for order in orders.values():
                if order.side is Side.BUY:
                    money[account, order.currency] -= state.reserved_by(order)
                else:
                    units[account, order.exchange, order.code] += state.reserved_by(order)
                for destination in _destinations(state, order):
                    if order.side is Side.BUY:
                        money[destination, order.currency] -= reserve(order)
                    else:
                        units[destination, order.exchange, order.code] += reserve(order)
    held = {key: cash.unfilled_buys for key, cash in _cash(state).items() if cash.unfilled_buys}
    assert held == {key: needed for key, needed in money.items() if needed}
    sales = {key: asset.unfilled_sells for key, asset in _assets(state).items() if asset.unfilled_sells}
    assert sales == {key: needed for key, needed in units.items() if needed}


@settings(max_examples=100, deadline=None)
@given(CHANCE, STEPS)
def test_all_movements_sum_to_zero_against_the_outside(random: Random, steps: int) -> None:
    """Whatever accounts have came from outside, by what the Transactions view told of it."""
    story = Story(random)
    outside: dict[Any, Decimal] = defaultdict(Decimal)
    with localcontext(EXACT):
        for _ in range(steps):
            one = story.go_on()
            if one is None:
                continue
            for event in story.events[-1]:
                if isinstance(event, TransactionMade):
                    _take(outside, event.transaction)
            _rename(outside, one.update)
            inside: dict[Any, Decimal] = defaultdict(Decimal)
            for (_, currency), cash in _cash(story.state).items():
                pools = sum(cash.values.values(), cash.margin)
                inside[currency] += cash.balance + cash.unbooked_transactions + pools
            for (_, *symbol), assets in _assets(story.state).items():
                inside[tuple(symbol)] += assets.quantity
            for asset in {*inside, *outside}:
                assert inside[asset] + outside[asset] == 0, asset


def _take(outside: dict[Any, Decimal], transaction: ClientTransaction) -> None:
    for cash in (transaction.cash_transfer, transaction.cash_adjustment):
        if cash is None:
            continue
        if cash.pool is not None or cash.settlement in (SettlementStatus.BOOKED, SettlementStatus.UNBOOKED):
            extras = sum(getattr(cash, "additional_funds", {}).values(), ZERO)
            outside[cash.currency] -= cash.value - extras
    for asset in (transaction.asset_transfer, transaction.asset_adjustment):
        if asset is not None:
            outside[asset.exchange, asset.code] -= asset.value


def _rename(outside: dict[Any, Decimal], update: u.AnyUpdate) -> None:
    transform = getattr(update, "transform", None)
    if isinstance(transform, CurrencyRename):
        old = outside.pop(transform.code, ZERO)
        outside[transform.new_code] += old
    elif isinstance(transform, SymbolRename):
        old = outside.pop((transform.exchange, transform.code), ZERO)
        outside[transform.exchange, transform.new_code] += old


@settings(max_examples=100, deadline=None)
@given(CHANCE, STEPS, STEPS)
def test_a_checkpoint_and_the_rest_are_the_whole(random: Random, steps: int, more: int) -> None:
    limits = Limits(finished_requests=3, transactions=4, transfers=3)
    story = Story(random, limits).run(steps)
    kept = story.state.checkpoint()
    restored = OmsState.restore(kept, limits)
    assert restored.checkpoint() == kept
    done = len(story.kept)
    story.run(more)
    rest = u.decode_updates(u.encode_updates(story.kept[done:]))
    assert [restored.apply(one) for one in rest] == story.events[done:]
    assert restored.digest() == story.state.digest()
    assert _public(restored) == _public(story.state)


@settings(max_examples=100, deadline=None)
@given(CHANCE, STEPS, st.integers(0, 120))
def test_no_view_differs_from_a_recomputation_from_the_log(random: Random, steps: int, bound: int) -> None:
    story = Story(random)
    digests, snapshots = [story.state.digest()], [_snapshots(story.state)]
    for _ in range(steps):
        if story.go_on() is not None:
            digests.append(story.state.digest())
            snapshots.append(_snapshots(story.state))
    encoded = u.encode_updates(story.kept)
    again = as_at(None, u.decode_updates(encoded))
    assert again.digest() == digests[-1]
    assert _snapshots(again) == snapshots[-1]
    bound = min(bound, len(story.kept))
    earlier = as_at(None, u.decode_updates(encoded), update_id=bound)
    assert (earlier.digest(), _snapshots(earlier)) == (digests[bound], snapshots[bound])
    if bound:
        then = story.kept[bound - 1].time
        assert as_at(earlier.checkpoint(), story.kept[bound:], time=then).digest() == digests[bound]


@settings(max_examples=100, deadline=None)
@given(CHANCE, STEPS)
def test_what_is_refused_leaves_no_trace(random: Random, steps: int) -> None:
    story = Story(random)
    for _ in range(steps):
        before = story.state.checkpoint()
        if story.go_on() is None:
            assert story.state.checkpoint() == before
            with pytest.raises(InvalidUpdate):
                story.state.apply(story.refused[-1])
            assert story.state.checkpoint() == before


@settings(max_examples=100, deadline=None)
@given(CHANCE, STEPS)
def test_nothing_is_kept_of_what_is_gone(random: Random, steps: int) -> None:
    """What belongs to an order goes with it; no account has an empty entry."""
    state = Story(random, Limits(finished_requests=3, transactions=4, transfers=3)).run(steps).state
    for held in (*state.by_account(), state.transactions):
        assert all(held.values()), "an empty entry"
    for account, by_order in state.trades.items():
        assert set(by_order) <= set(state.orders[account])
    active = {(account, name) for account, held in state.requests.items() for name in held}
    assert active == {(account, name) for account, held in state.digests.items() for name in held}
    assert {(account, name) for (account, _), found in state.amendments.items() for name in found} <= active
    assert {request for requests in state.moves.values() for request in requests} <= active
    for (account, order_id), requests in state.requests_of_order.items():
        assert requests
        assert order_id in state.orders.get(account, ()) or set(requests) & active
    for account, order_ids in state.removed.items():
        assert not set(order_ids) & set(state.orders.get(account, ()))
    for account, names in state.forgettable.items():
        assert set(names) <= set(state.finished[account])
        assert len(names) <= 3
    assert all(len(held) <= 4 for held in state.transactions.values())


def _destinations(state: OmsState, order: OrderState) -> set[Account]:
    """Accounts that requests in flight would bring the order to."""
    return {
        request.request.account
        for requests in state.requests.values()
        for request in requests.values()
        if isinstance(body := request.request.body, OrderMove)
        and (body.prev_account, body.order_id) == (order.account, order.order_id)
        and request.request.account != order.account
    }


def _cash(state: OmsState) -> dict[Any, Any]:
    return {(account, name): cash for account, held in state.cash.items() for name, cash in held.items()}


def _assets(state: OmsState) -> dict[Any, Any]:
    return {(account, *key): asset for account, held in state.assets.items() for key, asset in held.items()}


def _snapshots(state: OmsState) -> dict[View, list[ViewEvent]]:
    return {view: state.view(view) for view in View}


def _public(state: OmsState) -> dict[str, Any]:
    """Every attribute; the heap of removals by what it comes to."""
    return {name: value for name, value in vars(state).items() if name != "removals"} | {
        "removals": state.removable(2**62)
    }
