"""Continuous matching and what orders may ask for, by example."""

from __future__ import annotations

from typing import Any

import pytest
from prodigy_support import ASK, BID, Playground, order

from zenithd.domain.market_data import Side
from zenithd_prodigy.engine.refusals import Reason
from zenithd_prodigy.model.orders import OrderType, SelfTrade, TimeInForce, order_id_text, order_number
from zenithd_prodigy.model.statuses import Status

IOC, FOK = {"time_in_force": TimeInForce.IOC}, {"time_in_force": TimeInForce.FOK}
TO_LIMIT = {"order_type": OrderType.MARKET_TO_LIMIT}


@pytest.fixture
def play() -> Playground:
    return Playground()


def test_a_limit_order_without_counterpart_rests_in_one_event(play: Playground) -> None:
    assert play.order(BID, 5, 100) == ["placed 1 book"]
    assert play.book(BID) == [(1, 100, 5, 5)]


def test_a_match_occurs_at_the_price_of_the_resting_order(play: Playground) -> None:
    play.order(ASK, 5, 100)
    assert play.order(BID, 3, 105) == ["placed 2 incoming", "trade 2x1 3@100"]
    assert play.book(ASK) == [(1, 100, 2, 2)]
    assert play.order(BID, 3, 105) == ["placed 3 incoming", "trade 3x1 2@100", "rested 3 1@105 book"]


def test_better_prices_then_older_orders_trade_first(play: Playground) -> None:
    for price in (101, 100, 100, 99):
        play.order(ASK, 1, price)
    assert play.order(BID, 4, 101)[1:] == [
        "trade 5x4 1@99", "trade 5x2 1@100", "trade 5x3 1@100", "trade 5x1 1@101",
    ]  # fmt: skip


def test_a_market_order_takes_what_there_is_and_never_rests(play: Playground) -> None:
    play.order(ASK, 2, 100)
    play.order(ASK, 2, 900)
    assert play.order(BID, 5) == [
        "placed 3 incoming",
        "trade 3x1 2@100",
        "trade 3x2 2@900",
        "closed 3 1 UNFILLED",
    ]
    assert play.order(ASK, 5) == ["placed 4 incoming", "closed 4 5 UNFILLED"]


def test_market_to_limit_takes_the_best_price_and_stays_there(play: Playground) -> None:
    assert play.order(BID, 5, None, **TO_LIMIT) == ["placed 1 incoming", "closed 1 5 UNFILLED"]
    play.order(ASK, 2, 100)
    play.order(ASK, 2, 101)
    assert play.order(BID, 5, None, **TO_LIMIT) == [
        "placed 4 incoming", "trade 4x2 2@100", "rested 4 3@100 book",
    ]  # fmt: skip


def test_immediate_or_cancel_and_fill_or_kill(play: Playground) -> None:
    play.order(ASK, 4, 100)
    assert play.order(BID, 5, 100, **FOK) == ["placed 2 incoming", "closed 2 5 CONDITION"]
    assert play.order(BID, 3, 100, **FOK) == ["placed 3 incoming", "trade 3x1 3@100"]
    assert play.order(BID, 3, 100, **IOC) == ["placed 4 incoming", "trade 4x1 1@100", "closed 4 2 UNFILLED"]


def test_a_minimum_quantity_at_once(play: Playground) -> None:
    play.order(ASK, 4, 100)
    assert play.order(BID, 9, 100, minimum_quantity=5, **IOC)[1:] == ["closed 2 9 CONDITION"]
    assert play.order(BID, 9, 100, minimum_quantity=4, **IOC)[1:] == [
        "trade 3x1 4@100",
        "closed 3 5 UNFILLED",
    ]


def test_all_or_none_waits_beside_the_book_until_it_can_be_filled(play: Playground) -> None:
    assert play.order(BID, 10, 100, all_or_none=True)[1:] == ["rested 1 10@100 conditional"]
    assert play.book(BID) == []
    assert play.order(ASK, 6, 100) == ["placed 2 book"]
    assert play.order(ASK, 6, 99) == ["placed 3 book", "trade 1x3 6@99", "trade 1x2 4@100"]
    assert play.book(ASK) == [(2, 100, 2, 2)]
    play.check_replay()


def test_after_its_minimum_an_order_is_an_ordinary_one(play: Playground) -> None:
    play.order(BID, 10, 100, minimum_quantity=4)
    assert play.order(ASK, 3, 100) == ["placed 2 book"]
    assert play.order(ASK, 2, 100) == [
        "placed 3 book",
        "trade 1x2 3@100",
        "trade 1x3 2@100",
        "rested 1 5@100 book",
    ]
    assert play.order(ASK, 1, 100)[1:] == ["trade 1x4 1@100"]


def test_the_older_condition_is_tried_first_and_one_can_be_cancelled(play: Playground) -> None:
    play.order(BID, 5, 100, all_or_none=True)
    play.order(BID, 5, 101, all_or_none=True)
    play.order(BID, 5, 101, all_or_none=True)
    assert play.cancel(1) == ["closed 1 5 CANCELLED"]
    assert play.order(ASK, 5, 99)[1:] == ["trade 2x4 5@99"]
    play.check_replay()


def test_the_refreshed_part_goes_to_the_end_of_the_queue(play: Playground) -> None:
    play.order(ASK, 6, 100, display_quantity=2)
    play.order(ASK, 2, 100)
    assert play.book(ASK) == [(1, 100, 6, 2), (2, 100, 2, 2)]
    assert play.order(BID, 3, 100)[1:] == ["trade 3x1 2@100", "trade 3x2 1@100"]
    assert play.book(ASK) == [(2, 100, 1, 1), (1, 100, 4, 2)]
    assert play.order(BID, 5, 100)[1:] == ["trade 4x2 1@100", "trade 4x1 2@100", "trade 4x1 2@100"]
    play.check_replay()


def test_only_a_smaller_quantity_keeps_the_priority(play: Playground) -> None:
    changes: tuple[dict[str, int], ...] = ({"quantity": 11}, {"price": 101}, {"display_quantity": 3})
    for change in changes:
        play = Playground()
        play.order(BID, 10, 100)
        play.order(BID, 10, 100 if "price" not in change else 101)
        play.amend(1, quantity=9)
        if "price" not in change:
            assert [entry[0] for entry in play.book(BID)] == [1, 2]
        play.amend(1, **change)
        assert [entry[0] for entry in play.book(BID)] == [2, 1]
        play.check_replay()


def test_a_reduction_takes_the_hidden_part_first(play: Playground) -> None:
    play.order(BID, 10, 100, display_quantity=4)
    play.amend(1, quantity=6)
    assert play.book(BID) == [(1, 100, 6, 4)]
    play.amend(1, quantity=3)
    assert play.book(BID) == [(1, 100, 3, 3)]


def test_an_amended_price_may_match(play: Playground) -> None:
    play.order(ASK, 3, 105)
    play.order(BID, 5, 100)
    assert play.amend(2, price=105) == ["amended 2 5@105 incoming", "trade 2x1 3@105", "rested 2 2@105 book"]
    assert play.amend(2, quantity=3) == ["QUANTITY"]
    assert play.amend(2, quantity=4) == ["amended 2 4@105 book"]
    assert play.amend(2) == ["NOTHING_TO_CHANGE"]


SELF_TRADES: tuple[tuple[SelfTrade, list[str], list[int], list[int]], ...] = (
    (SelfTrade.OFF, ["trade 4x1 2@100", "trade 4x2 3@100"], [], [2, 3]),
    (SelfTrade.CANCEL_NEWEST, ["closed 4 5 SELF_TRADE"], [], [1, 2, 3]),
    (SelfTrade.CANCEL_OLDEST, ["closed 1 2 SELF_TRADE", "trade 4x2 4@100", "closed 3 4 SELF_TRADE"], [4], []),
    (SelfTrade.CANCEL_BOTH, ["closed 1 2 SELF_TRADE", "closed 4 5 SELF_TRADE"], [], [2, 3]),
    (SelfTrade.REDUCE, ["closed 1 2 SELF_TRADE", "amended 4 3@100 incoming", "trade 4x2 3@100"], [], [2, 3]),
)


@pytest.mark.parametrize(("mode", "lines", "bids", "asks"), SELF_TRADES)
def test_self_trade_prevention(mode: SelfTrade, lines: list[str], bids: list[int], asks: list[int]) -> None:
    play = Playground(self_trade=mode)
    play.order(ASK, 2, 100, "A")
    play.order(ASK, 4, 100, "B")
    play.order(ASK, 4, 100, "A")
    got = play.order(BID, 5, 100, "A")[1:]
    assert [line for line in got if not line.startswith("rested")] == lines
    assert [entry[0] for entry in play.book(BID)] == bids
    assert [entry[0] for entry in play.book(ASK)] == asks
    play.check_replay()


def test_fill_or_kill_reckons_with_own_orders() -> None:
    play = Playground(self_trade=SelfTrade.CANCEL_NEWEST)
    play.order(ASK, 10, 100, "B", display_quantity=2)
    play.order(ASK, 1, 100, "A")
    # Of the iceberg one part is ahead of the own order.
    assert play.order(BID, 3, 100, "A", **FOK)[1:] == ["closed 3 3 CONDITION"]
    assert play.order(BID, 2, 100, "A", **FOK)[1:] == ["trade 4x1 2@100"]


IMPOSSIBLE: tuple[tuple[Reason, dict[str, Any]], ...] = (
    (Reason.QUANTITY, {"quantity": 0}),
    (Reason.QUANTITY, {"quantity": -1}),
    (Reason.QUANTITY, {"quantity": 10**15 + 1}),
    (Reason.PRICE, {"price": 0}),
    (Reason.PRICE, {"price": -5}),
    (Reason.PRICE, {"price": 10**15 + 1}),
    (Reason.PRICE, {"price": None, "order_type": OrderType.LIMIT}),
    (Reason.PRICE, {"order_type": OrderType.MARKET}),
    (Reason.PRICE, {"order_type": OrderType.MARKET_TO_LIMIT}),
    (Reason.DISPLAY_QUANTITY, {"display_quantity": 0}),
    (Reason.DISPLAY_QUANTITY, {"display_quantity": 6}),
    (Reason.DISPLAY_QUANTITY, {"display_quantity": 1, "price": None}),
    (Reason.MINIMUM_QUANTITY, {"minimum_quantity": 6}),
    (Reason.MINIMUM_QUANTITY, {"minimum_quantity": -1}),
    (Reason.CONDITION, {"minimum_quantity": 2, "display_quantity": 2}),
    (Reason.CONDITION, {"all_or_none": True, "price": None}),
    (Reason.EXPIRY, {"time_in_force": TimeInForce.GTD}),
    (Reason.UNKNOWN_ENTITY, {"entity": "NOBODY"}),
    (Reason.UNKNOWN_ENTITY, {"entity": ""}),
)


@pytest.mark.parametrize(("reason", "terms"), IMPOSSIBLE)
def test_impossible_orders_are_refused(play: Playground, reason: Reason, terms: dict[str, Any]) -> None:
    values: dict[str, Any] = {"quantity": 5, "price": 100, **terms}
    assert play.refuses(order(BID, **values)) is reason


def test_no_more_orders_than_the_market_may_have() -> None:
    play = Playground(orders_max=2)
    assert play.order(BID, 1, 1) + play.order(BID, 1, 1) == ["placed 1 book", "placed 2 book"]
    assert play.refuses(order(BID, 1, 1)) is Reason.ORDERS_MAX
    play.cancel(1)
    assert play.order(BID, 1, 1) == ["placed 3 book"]


def test_others_cannot_touch_an_order_nor_learn_of_it(play: Playground) -> None:
    play.order(BID, 5, 100, "A")
    assert play.cancel(1, "B") == play.cancel(99, "B") == ["UNKNOWN_ORDER"]
    assert play.amend(1, "B", quantity=1) == play.amend(99, "B", quantity=1) == ["UNKNOWN_ORDER"]
    assert play.cancel(1, "") == ["closed 1 5 MANUAL"]


def test_gathered_market_orders_keep_their_place_only_when_they_become_smaller() -> None:
    play = Playground(Status.PRE_OPEN)
    play.order(BID, 5)
    play.order(BID, 5)
    play.amend(1, quantity=4)
    assert list(play.symbol.unpriced) == [1, 2]
    play.amend(1, quantity=6)
    assert list(play.symbol.unpriced) == [2, 1]
    assert play.amend(1, price=100) == ["PRICE"]
    play.check_replay()


def test_order_ids_avoid_letters_that_are_read_as_digits() -> None:
    assert [order_id_text(number) for number in (0, 9, 10, 33, 34, 34**3)] == [
        "0",
        "9",
        "A",
        "Z",
        "10",
        "1000",
    ]
    assert [order_number(text) for text in ("A", "10", "1000")] == [10, 34, 34**3]
    assert [order_number(text) for text in ("", "I", "a", "01", "-1")] == [None] * 5


@pytest.mark.parametrize("side", Side)
def test_a_queue_that_is_eaten_from_the_front_stays_in_order(side: Side) -> None:
    play = Playground()
    contra = ASK if side is BID else BID
    for _ in range(300):
        play.order(side, 1, 100)
    for number in range(1, 251):
        play.cancel(number)
    assert [entry[0] for entry in play.book(side)] == list(range(251, 301))
    assert len(play.order(contra, 50, 100)) == 51
    play.check_replay()
