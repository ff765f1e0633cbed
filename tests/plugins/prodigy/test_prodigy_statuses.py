"""What each status lets through, trading days, and the commands that are recognised when they come again."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from prodigy_support import ASK, BID, MONDAY, Playground, order

from tests.reliability.lib_naive_market import ALLOWED
from zenithd.domain.market_data import Allows
from zenithd_prodigy.engine import commands as c
from zenithd_prodigy.engine.refusals import Reason
from zenithd_prodigy.exchange import Market
from zenithd_prodigy.model.orders import TimeInForce
from zenithd_prodigy.model.statuses import STATUS_TABLE, TRADING_STATES, Matching, Status

PLACE = order(ASK, 1, 200)
AMEND = c.AmendOrder(market="M", symbol="S", entity="A", order=1, quantity=4)
CANCEL = c.CancelOrder(market="M", symbol="S", entity="A", order=1)
BULK = c.BulkCancel(market="M", symbol="S", entity="A")


def test_the_table_is_that_of_the_specification() -> None:
    for status, row in STATUS_TABLE.items():
        allowed = set(ALLOWED[status.value].split())
        assert ("place" in allowed, "amend" in allowed, "cancel" in allowed) == (
            row.place,
            row.amend,
            row.cancel,
        )
        assert ("match" in allowed) == (row.matching is Matching.CONTINUOUS)
        assert ("uncross" in allowed) == (row.matching is Matching.SINGLE_PRICE)
        assert row.on_market == (status not in (Status.TRADING_HALT, Status.SUSPEND))
    told = {state.name: state.allows for state in TRADING_STATES}
    assert len(told) == 9
    assert told["Auction"] is Allows.MATCH
    assert told["PreClose"] is Allows.ORDER_CANCEL


@pytest.mark.parametrize("status", Status)
@pytest.mark.parametrize(
    ("command", "what"), [(PLACE, "place"), (AMEND, "amend"), (CANCEL, "cancel"), (BULK, "cancel")]
)
def test_no_status_lets_through_what_its_row_forbids(status: Status, command: c.Command, what: str) -> None:
    play = Playground()
    play.order(BID, 5, 100)
    play.status(status, "S")
    expected = None if what in ALLOWED[status.value] else Reason.STATUS
    assert play.refuses(command) is expected


@pytest.mark.parametrize("status", [status for status in Status if status is not Status.OPEN])
def test_nothing_is_matched_continuously_but_when_open(status: Status) -> None:
    play = Playground()
    play.order(BID, 5, 100)
    play.status(status, "S")
    assert not [line for line in play.order(ASK, 5, 100) if line.startswith("trade")]


def test_a_symbol_has_its_own_status_or_that_of_its_market() -> None:
    play = Playground()
    play.status(Status.SUSPEND, "S")
    play.status(Status.PRE_CLOSE)
    assert play.symbol.rules is STATUS_TABLE[Status.SUSPEND]
    play.status(None, "S")
    assert play.symbol.rules is STATUS_TABLE[Status.PRE_CLOSE]
    assert play.refuses(c.SetStatus(market="M", status=Status.SUSPEND)) is Reason.STATUS_PLACE
    assert play.refuses(c.SetStatus(market="M", status=None)) is Reason.STATUS_PLACE
    assert play.refuses(c.SetStatus(market="M", status=None, symbol="X")) is Reason.UNKNOWN_SYMBOL
    play.check_replay()


def test_an_operator_is_not_bound_by_the_status() -> None:
    play = Playground()
    play.order(BID, 5, 100)
    play.order(ASK, 5, 101, "B")
    play.status(Status.CLOSED)
    assert play.do(c.BulkCancel(market="M", symbol="S", of="B")) == ["closed 2 5 BULK_CANCELLED"]
    assert play.cancel(1, "") == ["closed 1 5 MANUAL"]
    assert play.do(c.BulkCancel(market="M", symbol="S")) == ["UNKNOWN_ORDER"]


def test_a_bulk_cancel_of_an_entity_takes_its_own_orders_only() -> None:
    play = Playground()
    for entity in "ABA":
        play.order(BID, 5, 100, entity)
    assert play.refuses(c.BulkCancel(market="M", symbol="S", entity="A", of="B")) is Reason.NOT_PERMITTED
    assert play.do(c.BulkCancel(market="M", symbol="S", entity="A")) == [
        "closed 1 5 BULK_CANCELLED",
        "closed 3 5 BULK_CANCELLED",
    ]


def test_orders_expire_with_their_day() -> None:
    play = Playground()
    play.order(BID, 1, 100, time_in_force=TimeInForce.DAY)
    play.order(BID, 1, 100, time_in_force=TimeInForce.GTC)
    for days in (0, 1, 2):
        expiry = MONDAY + timedelta(days)
        play.order(BID, 1, 100, time_in_force=TimeInForce.GTD, expiry=expiry)
    yesterday = order(BID, 1, 100, time_in_force=TimeInForce.GTD, expiry=MONDAY - timedelta(1))
    assert play.refuses(yesterday) is Reason.EXPIRY
    assert play.do(c.EndTradingDay(market="M")) == ["closed 1 1 EXPIRED", "closed 3 1 EXPIRED"]
    today = order(BID, 1, 100, time_in_force=TimeInForce.GTD, expiry=MONDAY)
    assert play.refuses(today) is Reason.EXPIRY
    assert play.do(c.EndTradingDay(market="M")) == ["TRADING_DATE"]
    # Tuesday is a holiday: what was valid for it ends before Wednesday begins.
    wednesday = MONDAY + timedelta(2)
    assert play.do(c.StartTradingDay(market="M", trading_date=wednesday)) == ["closed 4 1 EXPIRED"]
    assert [entry[0] for entry in play.book(BID)] == [2, 5]
    assert play.refuses(c.StartTradingDay(market="M", trading_date=wednesday)) is Reason.TRADING_DATE
    play.check_replay()


def test_a_day_that_was_not_ended_ends_when_the_next_begins() -> None:
    play = Playground()
    play.order(BID, 1, 100)
    assert play.do(c.StartTradingDay(market="M", trading_date=date(2026, 1, 6))) == ["closed 1 1 EXPIRED"]


def test_a_command_is_carried_out_once_also_after_a_restart() -> None:
    play = Playground(command_ids_kept=3)
    first = order(BID, 1, 100, command_id="one")
    assert play.do(first) == ["placed 1 book"]
    restored = Market(checkpoint=play.model.checkpoint())
    for market in (play.market, restored):
        outcome = market.handle(first, 1)
        assert (outcome.reason, outcome.order) == (Reason.DUPLICATE_COMMAND, 1)
    play.do(c.CancelOrder(market="M", symbol="S", entity="A", order=1, command_id="two"))
    assert (
        play.refuses(c.SetStatus(market="M", status=Status.OPEN, command_id="two"))
        is Reason.DUPLICATE_COMMAND
    )
    # A refused command has not been carried out: it may come again.
    assert play.refuses(order(BID, 0, 100, command_id="three")) is Reason.QUANTITY
    assert play.do(order(BID, 1, 100, command_id="three")) == ["placed 2 book"]
    for number in range(6):
        play.do(order(BID, 1, 100, command_id=f"more {number}"))
    # At least three are remembered; nine commands later the first is not.
    assert play.refuses(order(BID, 1, 100, command_id="more 3")) is Reason.DUPLICATE_COMMAND
    assert play.do(first) == ["placed 9 book"]
    play.check_replay()


def test_the_time_of_a_market_never_goes_back() -> None:
    play = Playground()
    play.now = 1_000
    play.order(BID, 1, 100)
    play.now = 10
    play.order(BID, 1, 100)
    assert [event.time for event in play.events[-2:]] == [1_000, 1_000]


def test_a_command_for_another_market_and_one_beyond_an_entity() -> None:
    play = Playground()
    assert play.refuses(c.EndTradingDay(market="N")) is Reason.UNKNOWN_MARKET
    assert play.refuses(c.EndTradingDay(market="M", entity="A")) is Reason.NOT_PERMITTED
    assert Market().handle(c.EndTradingDay(market="M"), 1).reason is Reason.UNKNOWN_MARKET
