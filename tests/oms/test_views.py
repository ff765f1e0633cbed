"""The nine views: snapshot and events say the same, and targets restrict both alike."""

from __future__ import annotations

from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.oms.oms_support import A, B, Books, deposit, executed, order, placing, requested, traded, updated
from tests.reliability.lib_ledger_updates import Drawing
from zenithd.oms.model import updates as u
from zenithd.oms.model.accounts import Account, AccountDetails
from zenithd.oms.model.directory import (
    ConnectionStatus,
    ExchangeDestination,
    ExchangeDetails,
    FeedDetails,
    OwnerDetails,
    RequestStatusDetails,
)
from zenithd.oms.model.events import (
    ActionTaken,
    BalanceChanged,
    HoldingChanged,
    MetadataChanged,
    OrderChanged,
    RequestChanged,
    StatusChanged,
    TransactionMade,
    View,
    ViewEvent,
)
from zenithd.oms.model.requests import ClientRequestUpdate, RequestStatus
from zenithd.oms.state import OmsState, Targets, check, concerns
from zenithd.oms.state.views import VIEWS_OF, feed_of_order

OTHER = Account(owner_id="YS", account_id="0001")


class Mirror:
    """What a consumer makes of a view: events replace and remove by key."""

    def __init__(self, view: View) -> None:
        self.view = view
        self.held: dict[Any, Any] = {}

    def take(self, events: list[ViewEvent]) -> None:
        for event in events:
            if self.view in VIEWS_OF[type(event)]:
                self._take(event)

    def _take(self, event: ViewEvent) -> None:
        match event:
            case BalanceChanged(position=p):
                self._put((p.account, p.currency), p, event.removed)
            case HoldingChanged(position=p):
                self._put((p.account, p.exchange, p.code), p, event.removed)
            case OrderChanged(order=o):
                if event.previous is not None:
                    self.held.pop((event.previous, o.order_id), None)
                gone = event.removed or (self.view is View.FEED and o.is_completed)
                self._put((o.account, o.order_id), o, gone)
            case RequestChanged(state=s):
                self._put((s.request.account, s.request.request_id), s, event.removed)
            case StatusChanged(details=d):
                self._put(d.feed_id, d, False)
            case TransactionMade(transaction=t):
                self._put((t.details.account, t.details.transaction_id), t, False)
            case MetadataChanged(update=update):
                self._take_metadata(update)

    def _put(self, key: Any, value: Any, gone: bool) -> None:
        if gone:
            self.held.pop(key, None)
        else:
            self.held[key] = value

    def _take_metadata(self, update: u.AnyUpdate) -> None:
        match update:
            case u.OwnerDefined(details=d):
                self.held[d.owner_id] = d
            case u.AccountDefined(details=d):
                self.held[d.account] = d
            case u.ExchangeDefined(details=d):
                self.held["exchange", d.exchange] = d
            case u.RequestStatusDefined(details=d):
                self.held["status", d.code] = d
            case u.OwnerUndefined(owner_id=owner):
                for key in list(self.held):
                    if key == owner or getattr(key, "owner_id", None) == owner:
                        del self.held[key]
            case u.AccountUndefined(account=account):
                self.held.pop(account, None)
            case u.ExchangeUndefined(exchange=exchange):
                self.held.pop(("exchange", exchange), None)
            case u.RequestStatusUndefined(code=code):
                self.held.pop(("status", code), None)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32).map(Random), st.integers(1, 120))
def test_the_events_of_a_view_lead_to_its_snapshot(random: Random, steps: int) -> None:
    state = OmsState()
    drawing = Drawing(random, state)
    views = [view for view in View if view is not View.UPDATES]
    mirrors = [Mirror(view) for view in views]
    for time in range(steps):
        update = drawing.next()
        if check(update, state) is None:
            events = state.apply(u.Kept(time=time, update=update))
            for mirror in mirrors:
                mirror.take(events)
    for mirror in mirrors:
        fresh = Mirror(mirror.view)
        fresh.take(state.view(mirror.view))
        assert mirror.held == fresh.held, mirror.view


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32).map(Random), st.integers(1, 120))
def test_no_event_says_what_was_known(random: Random, steps: int) -> None:
    """A position is told only if it is another than before."""
    state = OmsState()
    drawing = Drawing(random, state)
    known: dict[Any, Any] = {}
    for time in range(steps):
        update = drawing.next()
        if check(update, state) is not None:
            continue
        for event in state.apply(u.Kept(time=time, update=update)):
            if isinstance(event, BalanceChanged | HoldingChanged):
                position = event.position
                key = (position.account, getattr(position, "currency", None), getattr(position, "code", None))
                if isinstance(event, HoldingChanged):
                    key = (position.account, position.exchange, position.code)  # type: ignore[union-attr]
                said = None if event.removed else position
                assert known.get(key) != said
                known[key] = said


def busy() -> Books:
    """Three accounts of two owners, a metadata record of every kind, and a feed."""
    destination = ExchangeDestination(ex_destination="XSX::XSX", route="prodigy")
    return Books(
        u.OwnerDefined(details=OwnerDetails(owner_id="XS")),
        u.AccountDefined(details=AccountDetails(account=A)),
        u.ExchangeDefined(details=ExchangeDetails(exchange="XSX", destinations=(destination,))),
        u.RequestStatusDefined(details=RequestStatusDetails(code="Pending")),
        u.FeedChanged(details=FeedDetails(feed_id="prodigy", status=ConnectionStatus.ONLINE)),
        *(deposit(10, account=account, id=str(account)) for account in (A, B, OTHER)),
        updated(order(order_id="open", ex_destination="XSX::XSX")),
        updated(order(order_id="done", is_completed=True)),
        updated(order(order_id="theirs", account=OTHER)),
        traded(executed(order(order_id="b", account=B), 100), 100, 10),
        requested(placing()),
        u.RequestUpdated(
            update=ClientRequestUpdate(
                request_id="r", account=A, status=RequestStatus.SUBMITTED, route="prodigy"
            )
        ),
        requested(placing(), account=OTHER),
    )


def test_each_view_has_its_own_things() -> None:
    state = busy().state
    kinds = {view: [type(event) for event in state.view(view)] for view in View}
    assert kinds == {
        View.STATUS: [StatusChanged],
        View.UPDATES: [ActionTaken] * 4,
        View.TRANSACTIONS: [TransactionMade] * 4,
        View.HOLDINGS: [HoldingChanged],
        View.BALANCES: [BalanceChanged] * 3,
        View.REQUESTS: [RequestChanged] * 2,
        View.ORDERS: [OrderChanged] * 4,
        View.METADATA: [MetadataChanged] * 4,
        View.FEED: [OrderChanged] * 2 + [RequestChanged] * 2,
    }


def test_targets_restrict_a_snapshot() -> None:
    state = busy().state
    one = Targets(accounts=frozenset({B}))
    assert [event.position.account for event in state.view(View.BALANCES, one)] == [B]  # type: ignore[union-attr]
    house = Targets(owners=frozenset({"XS"}))
    assert len(state.view(View.BALANCES, house)) == 2
    either = Targets(owners=frozenset({"YS"}), accounts=frozenset({B}))
    assert len(state.view(View.BALANCES, either)) == 2
    exchange = Targets(exchanges=frozenset({"XSX"}))
    assert len(state.view(View.HOLDINGS, exchange)) == 1
    assert state.view(View.HOLDINGS, Targets(exchanges=frozenset({"XASX"}))) == []
    feed = Targets(feeds=frozenset({"prodigy"}))
    told = state.view(View.FEED, feed)
    assert [type(event) for event in told] == [OrderChanged, RequestChanged]
    assert len(state.view(View.STATUS, feed)) == 1
    assert state.view(View.STATUS, Targets(feeds=frozenset({"elsewhere"}))) == []
    assert len(state.view(View.METADATA, one)) == 4


def test_both_accounts_of_a_move_are_told_of_it() -> None:
    books = busy()
    events = books.apply(updated(order(order_id="open", account=B), previous_account=A))
    for account in (A, B):
        target = Targets(accounts=frozenset({account}))
        told = {type(event) for event in events if concerns(books.state, event, target)}
        assert told == {BalanceChanged, OrderChanged, ActionTaken}
    elsewhere = Targets(accounts=frozenset({OTHER}))
    assert not any(concerns(books.state, event, elsewhere) for event in events)


def test_the_feed_of_an_order_is_the_route_of_its_market_or_its_exchange() -> None:
    state = busy().state
    routed, elsewhere = order(ex_destination="XSX::XSX"), order(ex_destination="XSX::DARK")
    assert (feed_of_order(state, routed), feed_of_order(state, elsewhere)) == ("prodigy", "XSX")
