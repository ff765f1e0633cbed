"""The tape: what is held, and the rules of QueryTrades (zenith-websocket 3.1.5)."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zenithd.domain.events import TradeReported
from zenithd.domain.identifiers import InstrumentId
from zenithd.domain.market_data import Affects, TradeFlag, Trend
from zenithd.market.trade_tape import TradeTape, select_trades

XS01 = InstrumentId("XS01.XSX")


def trade(trade_id: int, price: int = 100, affects: Affects = Affects.ALL) -> TradeReported:
    return TradeReported(XS01, trade_id, price, 1, trade_id * 1_000, affects=affects)


def tape_of(*ids: int, trades_max: int = 1_000) -> TradeTape:
    tape = TradeTape(trades_max)
    for trade_id in ids:
        tape.add(trade(trade_id))
    return tape


def ids(tape: TradeTape, *query: int | None) -> list[int]:
    return [taped.trade.trade_id for taped in tape.select(*query)]


@pytest.mark.parametrize(
    ("count", "first", "last", "expected"),
    [
        (None, None, None, [2, 4, 6, 8, 10]),
        (3, None, None, [6, 8, 10]),
        (9, None, None, [2, 4, 6, 8, 10]),
        (0, None, None, []),
        (None, 4, None, [4, 6, 8, 10]),
        (None, 5, None, [6, 8, 10]),
        (2, 4, None, [4, 6]),
        (2, 11, None, []),
        (0, 4, None, []),
        (None, None, 6, [2, 4, 6]),
        (None, None, 7, [2, 4, 6]),
        (2, None, 6, [4, 6]),
        (None, None, 0, []),
        (None, 4, 8, [4, 6, 8]),
        (2, 4, 8, [4, 6]),
        (9, 4, 8, [4, 6, 8]),
        (None, 8, 4, []),
    ],
)
def test_select(count: int | None, first: int | None, last: int | None, expected: list[int]) -> None:
    tape = tape_of(2, 4, 6, 8, 10)
    assert ids(tape, count, first, last) == expected
    assert select_trades(list(tape), count, first, last) == tape.select(count, first, last)


def test_select_from_nothing() -> None:
    assert tape_of().select(None, None, 0) == []
    assert tape_of().covers(None, None, None)


def test_old_trades_are_let_go() -> None:
    tape = tape_of(*range(1, 101), trades_max=16)
    assert 16 <= len(tape) <= 19
    assert not tape.complete
    assert tape.newest_id == 100
    assert tape.find(100) is not None
    assert tape.find(1) is None


def test_what_is_held_whole_is_complete() -> None:
    assert tape_of(*range(1, 17), trades_max=16).complete


optional_ids = st.one_of(st.none(), st.integers(0, 130))


@given(st.one_of(st.none(), st.integers(0, 30)), optional_ids, optional_ids, st.integers(1, 40))
def test_covers_promises_the_answer_of_a_whole_tape(
    count: int | None, first: int | None, last: int | None, trades_max: int
) -> None:
    whole = tape_of(*range(1, 101))
    short = tape_of(*range(1, 101), trades_max=trades_max)
    if short.covers(count, first, last):
        assert ids(short, count, first, last) == ids(whole, count, first, last)


def test_a_gap_makes_it_incomplete() -> None:
    tape = tape_of(1, 2)
    tape.interrupt()
    assert not tape.complete
    assert ids(tape, None, None, None) == [1, 2]


def test_a_new_day_begins_empty() -> None:
    tape = tape_of(*range(1, 101), trades_max=16)
    tape.restart(date(2026, 11, 17))
    assert (tape.newest_id, len(tape), tape.complete) == (0, 0, True)
    assert tape.trading_date == date(2026, 11, 17)
    assert tape.add(trade(1, 50)).trend is Trend.NONE


def test_trend() -> None:
    tape = TradeTape(100)
    prices = [
        (100, Affects.ALL),
        (101, Affects.ALL),
        (90, Affects.VOLUME),
        (101, Affects.ALL),
        (99, Affects.ALL),
    ]
    trends = [tape.add(trade(n, *values)).trend for n, values in enumerate(prices, 1)]
    assert trends == [Trend.NONE, Trend.UP, Trend.NONE, Trend.NONE, Trend.DOWN]


def test_an_amendment_changes_the_trend_of_the_next_trade_too() -> None:
    tape = TradeTape(100)
    for trade_id, price in ((1, 100), (2, 105), (3, 103)):
        tape.add(trade(trade_id, price))
    changed = tape.replace(trade(2, 101))
    assert [(taped.trade.trade_id, taped.trend) for taped in changed] == [(2, Trend.UP), (3, Trend.UP)]
    assert tape.add(trade(4, 103)).trend is Trend.NONE


def test_a_cancelled_last_trade_is_no_longer_the_price_before() -> None:
    tape = TradeTape(100)
    tape.add(trade(1, 100))
    tape.add(trade(2, 200))
    cancelled = TradeReported(XS01, 2, 200, 1, 2_000, flags=(TradeFlag.CANCEL,))
    assert [taped.trend for taped in tape.replace(cancelled)] == [Trend.NONE]
    assert tape.add(trade(3, 150)).trend is Trend.UP


def test_what_is_not_held_cannot_be_replaced() -> None:
    assert tape_of(1, 3).replace(trade(2)) == []
