"""What the store keeps and gives back."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog
import trio

from tests.history.store_support import DAY, MIDNIGHT, MINUTE, XS01, XS02, made, opened, trade
from zenithd.domain.events import TradeReported
from zenithd.domain.identifiers import InstrumentId, MarketId
from zenithd.domain.instrument import Instrument
from zenithd.domain.market_data import Affects, Side, TradeFlag, Trend
from zenithd.history.bars import BarQuery
from zenithd.history.store import HistorySettings, HistoryStore
from zenithd.plugin.interfaces import LastKnown

EVERYTHING = BarQuery(count=10_000)
YESTERDAY = DAY - timedelta(days=1)


async def ids(store: HistoryStore, *selection: int | None, day: date = DAY) -> list[int]:
    return [taped.trade.trade_id for taped in await store.trades(XS01, day, *selection)]


async def test_a_trade_comes_back_whole(tmp_path: Path) -> None:
    whole = trade(
        7,
        aggressor_side=Side.ASK,
        affects=Affects.PRICE | Affects.VWAP,
        flags=(TradeFlag.CANCEL, TradeFlag.PLACE_HOLDER),
        codes=("CX", "XT"),
        buy_order_id="b",
        sell_order_id="",
        buy_broker="1",
        sell_broker="2",
        buy_cross_reference="x",
        sell_cross_reference="y",
        related_id=6,
        attributes=("S",),
    )
    plain = trade(8)
    only_last = trade(9, attributes=("L",))
    async with opened(tmp_path) as store:
        store.record(XS01.id, DAY, [whole, plain, only_last])
        assert [taped.trade for taped in await store.trades(XS01, DAY)] == [whole, plain, only_last]


async def test_everything_is_there_after_a_restart(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        store.record(XS01.id, DAY, [trade(1), trade(2)])
        store.save_state("delayed:XSX[Delayed]", b"state")
    async with opened(tmp_path) as store:
        assert await ids(store) == [1, 2]
        assert await store.load_state("delayed:XSX[Delayed]") == b"state"
        assert await store.load_state("other") is None


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        ((None, None, None), [10, 20, 30, 40]),
        ((2, None, None), [30, 40]),
        ((2, None, 30), [20, 30]),
        ((None, None, 25), [10, 20]),
        ((None, 20, None), [20, 30, 40]),
        ((2, 20, None), [20, 30]),
        ((None, 15, 35), [20, 30]),
        ((1, 15, 35), [20]),
        ((0, None, None), []),
        ((None, None, 0), []),
        ((None, 35, 15), []),
        ((9, None, None), [10, 20, 30, 40]),
    ],
)
async def test_selection(tmp_path: Path, selection: tuple[Any, ...], expected: list[int]) -> None:
    async with opened(tmp_path) as store:
        store.record(XS01.id, DAY, [trade(n) for n in (10, 20, 30, 40)])
        assert await ids(store, *selection) == expected


async def test_trends_continue_from_before_the_selection(tmp_path: Path) -> None:
    off_market = trade(3, price=9999, affects=Affects.NONE)
    async with opened(tmp_path) as store:
        store.record(XS01.id, DAY, [trade(1, 100), trade(2, 110), off_market, trade(4, 105), trade(5, 105)])
        all_day = [taped.trend for taped in await store.trades(XS01, DAY)]
        assert all_day == [Trend.NONE, Trend.UP, Trend.NONE, Trend.DOWN, Trend.NONE]
        newest = [taped.trend for taped in await store.trades(XS01, DAY, 3)]
        assert newest == all_day[2:]


async def test_days_and_instruments_are_apart(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        store.record(XS01.id, YESTERDAY, [trade(1)])
        store.record(XS01.id, DAY, [trade(1), trade(2)])
        store.record(XS02.id, DAY, [trade(3, instrument=XS02.id)])
        assert await ids(store, day=YESTERDAY) == [1]
        assert await ids(store) == [1, 2]
        assert await store.newest_day(XS01.id) == DAY
        assert await store.newest_day(InstrumentId("NONE.XSX")) is None


async def test_minutes(tmp_path: Path) -> None:
    trades = [
        trade(1, 1000, 10, 0.1),
        trade(2, 1010, 20, 0.2),
        trade(3, 990, 30, 0.9),
        trade(4, 5000, 7, 0.95, affects=Affects.VOLUME),
        trade(5, 9000, 9, 0.96, flags=(TradeFlag.CANCEL,)),
        trade(6, 1005, 1, 2),
        trade(7, 1, 1, 3, affects=Affects.VOLUME),
    ]
    async with opened(tmp_path) as store:
        for one in trades:
            store.record(XS01.id, DAY, [one])
            await store.flush()
        first, second = await store.minutes(XS01, EVERYTHING)
    assert (first.time, first.open, first.high, first.low, first.close) == (MIDNIGHT, 1000, 1010, 990, 990)
    assert (first.volume, first.trades) == (67, 4)
    assert (first.opened, first.closed) == (trades[0].time, trades[2].time)
    assert (second.time, second.close, second.trades) == (MIDNIGHT + 2 * MINUTE, 1005, 1)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (BarQuery(count=99), [0, 1, 2, 5]),
        (BarQuery(count=2), [2, 5]),
        (BarQuery(count=2, from_oldest=True), [0, 1]),
        (BarQuery(start=MIDNIGHT + MINUTE, count=99), [1, 2, 5]),
        (BarQuery(start=MIDNIGHT + MINUTE + 1, count=99), [2, 5]),
        (BarQuery(end=MIDNIGHT + 2 * MINUTE, count=99), [0, 1]),
        (BarQuery(end=MIDNIGHT + 2 * MINUTE + 1, count=99), [0, 1, 2]),
        (BarQuery(start=MIDNIGHT + MINUTE, count=2, from_oldest=True), [1, 2]),
        (BarQuery(before_day=DAY, count=99), []),
        (BarQuery(before_day=DAY + timedelta(days=1), count=1), [5]),
        (BarQuery(start=-(10**20), end=10**21, count=99), [0, 1, 2, 5]),
        (BarQuery(count=0), []),
    ],
)
async def test_selection_of_minutes(tmp_path: Path, query: BarQuery, expected: list[int]) -> None:
    async with opened(tmp_path) as store:
        store.record(XS01.id, DAY, [trade(n + 1, minute=minute) for n, minute in enumerate((0, 1, 2, 5))])
        found = await store.minutes(XS01, query)
    assert [(minute.time - MIDNIGHT) // MINUTE for minute in found] == expected


async def test_days(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        store.record(XS01.id, YESTERDAY, [trade(1, 900, 5), trade(2, 950, 5, 60)])
        store.record(XS01.id, DAY, [trade(1, 1000), trade(2, 1100, minute=1), trade(3, 1050, minute=600)])
        store.record(XS01.id, DAY, [trade(4, 1, 50, 601, affects=Affects.VOLUME)])
        older, newer = await store.days(XS01, EVERYTHING)
        assert (older.open, older.high, older.low, older.close, older.volume) == (900, 950, 900, 950, 10)
        assert older.time == MIDNIGHT - 1440 * MINUTE
        assert (newer.open, newer.high, newer.low, newer.close) == (1000, 1100, 1000, 1050)
        assert (newer.volume, newer.trades) == (350, 4)
        assert (newer.opened, newer.closed) == (MIDNIGHT, MIDNIGHT + 600 * MINUTE)
        assert await store.days(XS01, BarQuery(count=9, before_day=DAY)) == [older]
        assert await store.days(XS01, BarQuery(count=1)) == [newer]
        assert await store.days(XS01, BarQuery(count=1, from_oldest=True, start=0)) == [older]
        assert await store.days(XS01, BarQuery(count=9, start=newer.time)) == [newer]
        assert await store.days(XS01, BarQuery(count=9, end=newer.time)) == [older]
        store.record(XS01.id, YESTERDAY, [trade(3, 990, 1, 61)])
        older, _ = await store.days(XS01, EVERYTHING)
        assert (older.high, older.close, older.volume) == (990, 990, 11)


async def test_an_amended_trade_changes_its_bars(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        store.record(XS01.id, DAY, [trade(1, 1000), trade(2, 5000), trade(3, 1010, minute=1)])
        await store.flush()
        store.record(XS01.id, DAY, [trade(2, 5000, flags=(TradeFlag.CANCEL,))])
        first, _ = await store.minutes(XS01, EVERYTHING)
        assert (first.high, first.volume, first.trades) == (1000, 100, 1)
        (day,) = await store.days(XS01, EVERYTHING)
        assert (day.high, day.volume) == (1010, 200)
        store.record(XS01.id, DAY, [trade(3, 1010, minute=4), trade(4, 1020, minute=4)])
        times = [(minute.time - MIDNIGHT) // MINUTE for minute in await store.minutes(XS01, EVERYTHING)]
        assert times == [0, 4]
        assert await ids(store) == [1, 2, 3, 4]


async def test_a_day_that_is_filled_in_twice_counts_once(tmp_path: Path) -> None:
    day = [trade(n, 1000 + n, minute=n) for n in range(1, 50)]
    async with opened(tmp_path) as store:
        await store.backfill(XS01.id, DAY, day[20:])
        await store.flush()
        await store.backfill(XS01.id, DAY, day)
        (bar,) = await store.days(XS01, EVERYTHING)
        assert (bar.open, bar.close, bar.volume, bar.trades) == (1001, 1049, 4900, 49)
        assert await ids(store) == list(range(1, 50))


async def test_a_venue_that_becomes_finer_or_coarser(tmp_path: Path) -> None:
    fine = Instrument(code="XS01", market=MarketId("XSX"), price_scale=4, quantity_scale=1)
    async with opened(tmp_path) as store:
        store.record(XS01.id, DAY, [trade(1, 1005, 3)])
        store.declare([fine])
        store.record(XS01.id, DAY, [trade(2, 100512, 35, 1)])
        store.declare([XS01])
        store.record(XS01.id, DAY, [trade(3, 1007, 4, 2)])
        in_fine = [(taped.trade.price, taped.trade.quantity) for taped in await store.trades(fine, DAY)]
        assert in_fine == [(100500, 30), (100512, 35), (100700, 40)]
        in_coarse = [(taped.trade.price, taped.trade.quantity) for taped in await store.trades(XS01, DAY)]
        assert in_coarse == [(1005, 3), (1005, 4), (1007, 4)]
        bars = await store.minutes(fine, EVERYTHING)
        assert [(bar.close, bar.volume) for bar in bars] == [(100500, 30), (100512, 35), (100700, 40)]
        (day,) = await store.days(XS01, EVERYTHING)
        assert (day.high, day.close, day.volume) == (1007, 1007, 11)


async def test_what_was_last_known(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        assert await store.last_known(XS01.id) is None
        store.record(XS01.id, YESTERDAY, [trade(90, 900)])
        store.record(XS01.id, DAY, [trade(5, 1000), trade(91, 1010)])
        assert await store.last_known(XS01.id) == LastKnown(DAY, 91, 1010)


async def test_the_newest_day_of_a_market_is_loaded(tmp_path: Path) -> None:
    other = Instrument(code="A", market=MarketId("XSY"))
    async with opened(tmp_path) as store:
        assert await store.load_latest_day(MarketId("XSX")) is None
        store.record(other.id, DAY + timedelta(days=1), [trade(1, instrument=other.id)])
        store.record(XS02.id, YESTERDAY, [trade(1, instrument=XS02.id)])
        store.record(XS01.id, DAY, [trade(1), trade(2)])
        loaded = await store.load_latest_day(MarketId("XSX"))
    assert loaded == (DAY, {XS01.id: [trade(1), trade(2)]})


async def test_expiry_removes_trades_and_bars_of_old_days(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        for back in range(50):
            store.record(XS01.id, DAY - timedelta(days=back), [trade(1)])
        await store.expire(DAY - timedelta(days=2))
        assert await store.days(XS01, BarQuery(count=99, from_oldest=True)) != []
        assert len(await store.days(XS01, EVERYTHING)) == 3
        assert await ids(store, day=DAY - timedelta(days=2)) == [1]
        assert await ids(store, day=DAY - timedelta(days=3)) == []
        assert len(await store.minutes(XS01, EVERYTHING)) == 3


async def test_a_code_may_have_dots_and_any_letters(tmp_path: Path) -> None:
    odd = Instrument(code="BRK.B ß/é", market=MarketId("XSX[Demo]"))
    report = TradeReported(odd.id, 1, 5, 5, MIDNIGHT, codes=("é",))
    async with opened(tmp_path) as store:
        store.record(odd.id, DAY, [report])
        assert [taped.trade for taped in await store.trades(odd, DAY)] == [report]


async def test_trades_that_no_column_holds_are_counted_and_left_out(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        bad = [
            trade(2, price=2**70),
            trade(2**65),
            trade(4, quantity=-(2**63)),
            trade(5, codes=("\ud800",)),
        ]
        store.record(XS01.id, DAY, [trade(1), *bad, trade(6)])
        assert await ids(store) == [1, 6]
        assert (store.trades_stored, store.trades_lost, store.healthy) == (2, 4, True)
        surrogate = InstrumentId("\ud800.XSX")
        store.record(surrogate, DAY, [trade(1, instrument=surrogate)])
        await store.flush()
        assert (store.trades_lost, store.healthy) == (5, True)


async def test_sums_stop_at_what_a_column_holds(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        huge = 2**62 - 1
        for number in range(1, 5):
            store.record(XS01.id, DAY, [trade(number, quantity=huge, minute=number // 3)])
            await store.flush()
        store.record(XS01.id, DAY, [trade(n, quantity=huge, minute=9) for n in range(5, 8)])
        assert [minute.volume for minute in await store.minutes(XS01, EVERYTHING)] == [2**62] * 3
        (day,) = await store.days(XS01, EVERYTHING)
        assert day.volume == 2**62


async def test_nothing_is_opened_twice_and_closing_writes(tmp_path: Path) -> None:
    store = made(tmp_path)
    await store.open()
    await store.open()
    store.record(XS01.id, DAY, [trade(1)])
    assert store.pending == 1
    await store.close()
    assert store.pending == 0
    async with opened(tmp_path) as again:
        assert await ids(again) == [1]


async def test_the_real_thread_with_several_callers_at_once(tmp_path: Path) -> None:
    log = structlog.get_logger()
    store = HistoryStore(
        tmp_path / "history.db", HistorySettings(flush_seconds=0.01, flush_trades=500), lambda: MIDNIGHT, log
    )
    await store.open()
    store.declare([XS01, XS02])

    async def fill(instrument: Instrument) -> None:
        for back in range(20):
            day = DAY - timedelta(days=back)
            await store.backfill(instrument.id, day, [trade(n, minute=n) for n in range(1, 201)])
            assert len(await store.trades(instrument, day)) == 200

    async with trio.open_nursery() as nursery:
        nursery.start_soon(store.run)
        async with trio.open_nursery() as callers:
            callers.start_soon(fill, XS01)
            callers.start_soon(fill, XS02)
        assert [len(await store.days(one, EVERYTHING)) for one in (XS01, XS02)] == [20, 20]
        assert (store.trades_stored, store.trades_lost) == (8_000, 0)
        nursery.cancel_scope.cancel()
