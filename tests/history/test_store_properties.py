"""Whatever the order, the batches and the corrections: stored bars are those of the stored trades."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path

import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.history.store_support import DAY, XS01, opened, trade
from zenithd.domain.events import TradeReported
from zenithd.domain.market_data import Affects, TradeFlag
from zenithd.history.bars import BarQuery, join_minutes
from zenithd.market.chart import MinuteBars
from zenithd.market.trade_effect import trade_effect
from zenithd.market.trade_tape import TradeTape

trades = st.builds(
    trade,
    st.integers(1, 12),
    st.integers(990, 1010),
    st.integers(1, 9),
    st.sampled_from((0, 0.5, 1, 1.5, 2, 7, 8, 9)),
    affects=st.sampled_from((Affects.ALL, Affects.ALL, Affects.VOLUME, Affects.PRICE, Affects.NONE)),
    flags=st.sampled_from(((), (), (), (TradeFlag.CANCEL,))),
)
batches = st.lists(st.lists(trades, max_size=8), max_size=5)


async def check_bars(path: Path, given_batches: list[list[TradeReported]]) -> None:
    kept: dict[int, TradeReported] = {}
    async with opened(path) as store:
        for batch in given_batches:
            store.record(XS01.id, DAY, batch)
            await store.flush()
            kept.update({one.trade_id: one for one in batch})
        expected = [kept[key] for key in sorted(kept)]
        assert [taped.trade for taped in await store.trades(XS01, DAY)] == expected
        stored = await store.minutes(XS01, BarQuery(count=999))
        days = await store.days(XS01, BarQuery(count=9))
    assert sum(minute.volume for minute in stored) <= sum(one.quantity for one in expected)
    for minute in stored:
        # A minute made trade by trade and one made anew differ only in the order of late trades.
        here = [one for one in expected if one.time // (60 * 10**9) == minute.time // (60 * 10**9)]
        priced = [one.price for one in here if trade_effect(one).price]
        assert (minute.high, minute.low) == (max(priced), min(priced))
        assert minute.volume == sum(one.quantity for one in here if trade_effect(one).volume)
        assert minute.trades == sum(trade_effect(one).volume for one in here)
        assert {minute.open, minute.close} <= set(priced)
    if stored:
        (day,) = days
        assert (day.open, day.close) == (stored[0].open, stored[-1].close)


async def check_in_order(path: Path, given_trades: list[TradeReported], sizes: list[int]) -> None:
    unique = {one.trade_id: one for one in given_trades}
    ordered = [unique[key] for key in sorted(unique)]
    bars, tape = MinuteBars(), TradeTape(1_000, DAY)
    for one in ordered:
        bars.add(one, trade_effect(one))
        tape.add(one)
    async with opened(path) as store:
        start = 0
        for size in [*sizes, len(ordered)]:
            store.record(XS01.id, DAY, ordered[start : start + size])
            await store.flush()
            start += size
        assert await store.minutes(XS01, BarQuery(count=999)) == sorted(
            (minute for minute in bars.minutes() if minute.open is not None), key=lambda minute: minute.time
        )
        (day, *_) = await store.days(XS01, BarQuery(count=9)) or [None]
        if day is not None:
            assert day == join_minutes(day.time, bars.minutes())
        for selection in ((None, None, None), (2, None, None), (2, 3, None), (3, None, 8), (1, 4, 9)):
            assert await store.trades(XS01, DAY, *selection) == tape.select(*selection)


@settings(max_examples=30, deadline=None)
@given(batches)
def test_bars_follow_every_correction(given_batches: list[list[TradeReported]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        trio.run(partial(check_bars, Path(folder), given_batches))


@settings(max_examples=30, deadline=None)
@given(st.lists(trades, max_size=25), st.lists(st.integers(0, 6), max_size=6))
def test_the_store_agrees_with_the_market_that_was_live(
    given_trades: list[TradeReported], sizes: list[int]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        trio.run(partial(check_in_order, Path(folder), given_trades, sizes))
