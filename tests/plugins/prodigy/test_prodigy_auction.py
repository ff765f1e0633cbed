"""Auctions: the price, who trades, and what becomes of the rest."""

from __future__ import annotations

import pytest
from prodigy_support import ASK, BID, Playground, trades

from zenithd.domain.market_data import Side
from zenithd_prodigy.engine.commands import SetReference
from zenithd_prodigy.model.orders import OrderType, SelfTrade
from zenithd_prodigy.model.statuses import Status

Orders = list[tuple[Side, int, int | None]]

PRICES: tuple[tuple[str, Orders, int | None, tuple[int | None, int, int]], ...] = (
    ("not crossed", [(BID, 5, 99), (ASK, 5, 100)], None, (None, 0, 0)),
    ("one side only", [(BID, 5, None), (BID, 5, 100)], None, (None, 0, 0)),
    ("greatest quantity", [(BID, 10, 101), (ASK, 4, 100), (ASK, 6, 101)], None, (101, 10, 0)),
    ("least surplus", [(BID, 10, 101), (BID, 5, 102), (ASK, 5, 100)], None, (102, 5, 0)),
    ("surplus of buyers: highest", [(BID, 9, 102), (ASK, 5, 100)], 100, (102, 5, 4)),
    ("surplus of sellers: lowest", [(BID, 5, 102), (ASK, 9, 100)], 102, (100, 5, -4)),
    ("nearest the reference", [(BID, 5, 104), (BID, 1, 101), (ASK, 5, 100)], 99, (104, 5, 0)),
    ("nearest the reference, from below", [(BID, 5, 104), (ASK, 5, 100)], 101, (100, 5, 0)),
    ("two equally near: the higher", [(BID, 5, 104), (ASK, 5, 100)], 102, (104, 5, 0)),
    (
        "no reference: the middle",
        [(BID, 5, 104), (BID, 5, 101), (ASK, 10, 101), (ASK, 1, 100)],
        None,
        (101, 10, -1),
    ),
    ("market orders only: the reference", [(BID, 5, None), (ASK, 3, None)], 77, (77, 3, 2)),
    ("market orders only, no reference", [(BID, 5, None), (ASK, 3, None)], None, (None, 0, 0)),
    (
        "market orders go as far as it takes",
        [(BID, 7, None), (ASK, 5, 100), (ASK, 5, 110)],
        None,
        (110, 7, -3),
    ),
)


@pytest.mark.parametrize(
    ("orders", "reference", "expected"), [case[1:] for case in PRICES], ids=[c[0] for c in PRICES]
)
def test_the_price(orders: Orders, reference: int | None, expected: tuple[int | None, int, int]) -> None:
    play = Playground(Status.PRE_AUCTION)
    if reference is not None:
        play.do(SetReference(market="M", symbol="S", name="Auction", price=reference))
    for side, quantity, price in orders:
        play.order(side, quantity, price)
    found = play.symbol.indicative
    assert (found.price, found.quantity, found.surplus) == expected
    lines = play.status(Status.AUCTION)
    assert sum(int(line.split()[2].partition("@")[0]) for line in trades(lines)) == expected[1]
    play.check_replay()


def test_indicative_values_are_told_when_they_change() -> None:
    play = Playground(Status.PRE_AUCTION)
    assert play.order(BID, 5, 100) == ["placed 1 book"]
    assert play.order(ASK, 3, 99) == ["placed 2 book", "indicative 3@100 +2"]
    assert play.order(ASK, 1, 150) == ["placed 3 book"]
    assert play.amend(1, quantity=4) == ["amended 1 4@100 book", "indicative 3@100 +1"]
    assert play.cancel(2) == ["closed 2 3 CANCELLED", "indicative 0@None +0"]


def test_orders_without_a_limit_first_then_price_then_time() -> None:
    play = Playground(Status.PRE_OPEN)
    for price in (100, 101, None, 101):
        play.order(BID, 2, price)
    play.order(ASK, 7, 100)
    assert play.status(Status.AUCTION) == [
        "trade 3x5 2@100", "trade 2x5 2@100", "trade 4x5 2@100", "trade 1x5 1@100", "indicative 0@None +0",
    ]  # fmt: skip
    assert play.book(BID) == [(1, 100, 1, 1)]


def test_hidden_quantity_takes_part_with_the_place_of_the_order() -> None:
    play = Playground(Status.PRE_AUCTION)
    play.order(BID, 10, 100, display_quantity=2)
    play.order(BID, 10, 100)
    play.order(ASK, 9, 100)
    assert trades(play.status(Status.AUCTION)) == ["trade 1x3 9@100"]
    assert play.book(BID) == [(2, 100, 10, 10), (1, 100, 1, 1)]
    play.check_replay()


def test_what_has_no_limit_does_not_outlive_the_auction() -> None:
    play = Playground(Status.PRE_AUCTION)
    play.order(ASK, 5, 100)
    play.order(BID, 4)
    play.order(BID, 4, None, order_type=OrderType.MARKET_TO_LIMIT)
    play.order(BID, 4)
    assert play.status(Status.AUCTION)[:-1] == [
        "trade 2x1 4@100", "trade 3x1 1@100", "rested 3 3@100 book", "closed 4 4 UNFILLED",
    ]  # fmt: skip
    assert play.status(Status.OPEN) == []
    assert play.order(ASK, 1, 100)[1:] == ["trade 3x5 1@100"]
    play.check_replay()


def test_conditions_do_not_take_part_and_are_tried_right_after() -> None:
    play = Playground(Status.PRE_AUCTION)
    play.order(BID, 5, 105, all_or_none=True)
    play.order(BID, 2, 100)
    play.order(ASK, 7, 100)
    assert play.status(Status.AUCTION)[:-1] == ["trade 2x3 2@100"]
    assert play.status(Status.OPEN) == ["trade 1x3 5@100"]


def test_whoever_opens_without_an_auction_uncrosses_all_the_same() -> None:
    play = Playground(Status.PRE_OPEN)
    play.order(BID, 5, 103)
    play.order(ASK, 5, 100)
    play.do(SetReference(market="M", symbol="S", name="Close", price=100))
    assert trades(play.status(Status.OPEN)) == ["trade 1x2 5@100"]


def test_a_halt_of_one_symbol_ends_with_an_auction_too() -> None:
    play = Playground()
    play.order(ASK, 5, 100)
    play.status(Status.TRADING_HALT, "S")
    assert play.order(BID, 5, 100) == ["placed 2 book", "indicative 5@100 +0"]
    assert play.status(None, "S") == ["trade 2x1 5@100", "indicative 0@None +0"]


def test_an_auction_does_not_look_who_trades_with_whom() -> None:
    play = Playground(Status.PRE_AUCTION, self_trade=SelfTrade.CANCEL_BOTH)
    play.order(BID, 5, 100, "A")
    play.order(ASK, 5, 100, "A")
    assert trades(play.status(Status.AUCTION)) == ["trade 1x2 5@100"]
