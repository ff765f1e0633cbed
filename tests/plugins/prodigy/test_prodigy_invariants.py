"""Named invariants of the exchange, over random commands of every kind."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from prodigy_support import MONDAY, Playground, order

from zenithd.domain.market_data import Side
from zenithd_prodigy.engine import commands as c
from zenithd_prodigy.engine.refusals import Refused
from zenithd_prodigy.model import events as e
from zenithd_prodigy.model.orders import OrderType, SelfTrade, Standing, TimeInForce
from zenithd_prodigy.model.statuses import STATUS_TABLE, Matching, Status

BASE: dict[str, Any] = {"market": "M", "symbol": "S"}
PRICES = st.integers(97, 103)
QUANTITIES = st.integers(1, 20)
ENTITIES = st.sampled_from("AB")

COMMANDS = st.one_of(
    st.builds(
        order,
        st.sampled_from(Side),
        QUANTITIES,
        PRICES,
        ENTITIES,
        display_quantity=st.one_of(st.none(), st.none(), st.integers(1, 5)),
        all_or_none=st.sampled_from((False, False, False, False, True)),
        minimum_quantity=st.sampled_from((0, 0, 0, 0, 3)),
        time_in_force=st.sampled_from(
            (TimeInForce.DAY, TimeInForce.GTC, TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK)
        ),
    ),
    st.builds(
        order,
        st.sampled_from(Side),
        QUANTITIES,
        st.none(),
        ENTITIES,
        order_type=st.sampled_from((OrderType.MARKET, OrderType.MARKET_TO_LIMIT)),
    ),
    st.builds(
        c.AmendOrder,
        market=st.just("M"),
        symbol=st.just("S"),
        entity=ENTITIES,
        order=st.integers(1, 30),
        price=st.one_of(st.none(), PRICES),
        quantity=st.one_of(st.none(), QUANTITIES),
    ),
    st.builds(
        c.CancelOrder, market=st.just("M"), symbol=st.just("S"), entity=ENTITIES, order=st.integers(1, 30)
    ),
    st.builds(c.SetStatus, market=st.just("M"), status=st.sampled_from(Status), symbol=st.just("S")),
    st.builds(c.SetStatus, market=st.just("M"), status=st.just(Status.OPEN), symbol=st.just("S")),
    st.just(c.EndTradingDay(market="M")),
    st.builds(c.BulkCancel, market=st.just("M"), symbol=st.just("S"), of=ENTITIES),
    st.builds(c.CancelTrade, market=st.just("M"), symbol=st.just("S"), trade_id=st.integers(1, 10)),
)

PLAYS = st.tuples(st.sampled_from(SelfTrade), st.lists(COMMANDS, max_size=60))


@settings(max_examples=250, deadline=None)
@given(PLAYS)
def test_invariants(played: tuple[SelfTrade, list[c.Command]]) -> None:
    mode, commands = played
    play = Playground(self_trade=mode)
    placed: dict[int, int] = {}
    executed: dict[int, int] = defaultdict(int)
    for number, command in enumerate(commands):
        before = play.symbol.rules
        ranks = _ranks(play)
        outcome = play.market.handle(command, number)
        if isinstance(outcome, Refused):
            continue
        play.records.append(e.encode_events(outcome))
        assert e.decode_events(play.records[-1]) == outcome
        _no_status_lets_through_what_it_forbids(command, before)
        _priority_is_never_violated(outcome, ranks, before.matching is Matching.CONTINUOUS)
        for event in outcome:
            _note_quantities(event, placed, executed)
        _never_crossed_where_matching_is_allowed(play)
        _what_rests_is_what_was_placed_and_not_executed(play, placed, executed)
    play.check_replay()


def _no_status_lets_through_what_it_forbids(command: c.Command, row: Any) -> None:
    if isinstance(command, c.PlaceOrder):
        assert row.place
    elif isinstance(command, c.AmendOrder):
        assert row.amend
    elif isinstance(command, c.CancelOrder):
        assert row.cancel


def _never_crossed_where_matching_is_allowed(play: Playground) -> None:
    bid, ask = play.symbol.bids.best_price, play.symbol.asks.best_price
    if play.symbol.rules.matching is not Matching.NONE:
        assert bid is None or ask is None or bid < ask
        assert not play.symbol.unpriced
    for held in play.symbol.conditional.values():
        assert held.standing is Standing.CONDITIONAL


def _ranks(play: Playground) -> dict[int, tuple[int, int]]:
    """Place of every order in its queue: better price, then priority; smaller is sooner."""
    return {
        found.number: ((-1 if side is Side.BID else 1) * (found.price or 0), found.priority)
        for side in Side
        for found in play.symbol.in_book(side)
    }


def _priority_is_never_violated(
    events: list[e.Event], ranks: dict[int, tuple[int, int]], continuous: bool
) -> None:
    """Each resting order that trades is the first that was left of those who stood there before."""
    sides: dict[Side, list[tuple[int, int]]] = {Side.BID: [], Side.ASK: []}
    if not continuous:
        return
    for event in events:
        if isinstance(event, e.Traded) and event.aggressor is not None:
            resting = event.sell if event.aggressor is Side.BID else event.buy
            if resting.order in ranks and resting.standing is Standing.BOOK:
                side = Side.ASK if event.aggressor is Side.BID else Side.BID
                rank = ranks.pop(resting.order) if not resting.leaves else ranks[resting.order]
                assert sides[side] == [] or sides[side][-1] <= rank
                sides[side].append(rank)
                if resting.leaves and resting.priority != rank[1]:
                    ranks[resting.order] = (rank[0], resting.priority)


def _note_quantities(event: e.Event, placed: dict[int, int], executed: dict[int, int]) -> None:
    match event:
        case e.OrderPlaced():
            placed[event.order] = event.quantity
        case e.OrderAmended():
            placed[event.order] = event.quantity
        case e.OrderClosed():
            assert placed[event.order] == executed[event.order] + event.leaves
            placed[event.order] = executed[event.order]
        case e.Traded():
            for fill in (event.buy, event.sell):
                executed[fill.order] += event.quantity
                assert fill.leaves == placed[fill.order] - executed[fill.order]
        case _:
            pass


def _what_rests_is_what_was_placed_and_not_executed(
    play: Playground, placed: dict[int, int], executed: dict[int, int]
) -> None:
    for number, found in play.symbol.orders.items():
        assert found.leaves == placed[number] - executed[number] > 0
        assert found.standing is not Standing.INCOMING
        if found.standing is Standing.BOOK:
            assert 0 < found.visible <= found.leaves
    gone = set(placed) - set(play.symbol.orders)
    assert all(placed[number] == executed[number] for number in gone)
    for book in (play.symbol.bids, play.symbol.asks):
        totals: dict[int, int] = defaultdict(int)
        for found in book:
            totals[found.price or 0] += found.leaves
        assert dict(book.levels()) == totals


@settings(max_examples=60, deadline=None)
@given(st.lists(COMMANDS, max_size=40), st.integers(0, 40))
def test_a_restart_anywhere_changes_nothing(commands: list[c.Command], stop: int) -> None:
    """From a checkpoint the market goes on with the same events."""
    play = Playground(self_trade=SelfTrade.CANCEL_OLDEST)
    restored = play.market
    for number, command in enumerate(commands):
        if number == stop:
            restored = type(play.market)(checkpoint=play.model.checkpoint())
        outcome = play.market.handle(command, number)
        if restored is not play.market:
            assert restored.handle(command, number) == outcome
    assert restored.model.digest() == play.model.digest()


def test_every_status_and_every_expiry_is_reached_by_the_table() -> None:
    """The rows that the invariants rely on, seen through one market day after the other."""
    play = Playground()
    for day, status in enumerate(STATUS_TABLE, start=1):
        play.status(status, "S")
        if play.symbol.rules.place:
            assert play.order(Side.BID, 1, 90)[0].startswith("placed")
        play.do(c.StartTradingDay(market="M", trading_date=MONDAY + timedelta(day)))
        assert play.model.order_count == 0
