"""The plugin in a daemon in memory, on a clock that jumps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import trio
from structlog.testing import capture_logs
from trio.abc import Clock

import zenithd_prodigy
from zenithd.domain.events import (
    InstrumentUnlisted,
    MarketEvent,
    OrderAdded,
    TradeAmended,
    TradeReported,
    TradingDayStarted,
)
from zenithd.domain.identifiers import InstrumentId, MarketId
from zenithd.domain.market_data import FeedStatus, Side, TradeFlag
from zenithd.plugin import HttpRequest, JournalFeed, LastKnown
from zenithd.testing.clock import FakeClock
from zenithd.testing.daemon import MemoryDaemon, run_source
from zenithd_prodigy import Prodigy, ProdigyConfig, kept
from zenithd_prodigy.control.bodies import ActionBody, CreateMarketBody, SymbolBody
from zenithd_prodigy.engine import commands as c
from zenithd_prodigy.floor import Floor
from zenithd_prodigy.keeper import Keeper, Told
from zenithd_prodigy.model.definitions import Entity, SymbolDefinition
from zenithd_prodigy.model.statuses import Status

XSX, XSY = MarketId("XSX"), MarketId("XSY")
AAA = InstrumentId("AAA.ABC")
XS01, XS01_SECOND = InstrumentId("XS01.XSX"), InstrumentId("XS01.XSY")
ALL = [InstrumentId(f"XS{n:02}.XSX") for n in range(1, 11)] + [
    InstrumentId(f"XS0{n}.XSY") for n in range(1, 6)
]
TODAY = date(2026, 1, 5)

SHORT = ProdigyConfig(history_days=2)
"""A past that is made quickly."""


def daemon(
    directory: Path, start: str = "2026-01-05T12:00:00+11:00", after: MemoryDaemon | None = None
) -> MemoryDaemon:
    """A daemon; with `after` one that has the journal of another that ended."""
    memory = MemoryDaemon("prodigy", clock=FakeClock(start), directory=directory)
    if after is not None:
        memory.kept = after.kept
    return memory


def trades_in(events: list[MarketEvent], instrument: InstrumentId) -> list[TradeReported]:
    return [event for event in events if isinstance(event, TradeReported) and event.instrument == instrument]


def remember(old: MemoryDaemon, new: MemoryDaemon, trading_date: date = TODAY) -> None:
    """Let a daemon know what another one has stored."""
    for instrument in ALL:
        market = old.markets[MarketId(instrument.partition(".")[2])]
        view = market.instruments.get(instrument)
        for newest in view.tape.select(1, None, None) if view is not None else ():
            new.known[instrument] = LastKnown(trading_date, newest.trade.trade_id, newest.trade.price)


def test_the_package_brings_one_market_source() -> None:
    assert zenithd_prodigy.API_VERSION == 1
    assert list(zenithd_prodigy.zenithd_market_sources()) == [Prodigy]


async def test_the_books_are_open_at_once(tmp_path: Path, autojump_clock: Clock) -> None:
    async with run_source(Prodigy, SHORT, daemon(tmp_path)) as memory:
        began = trio.current_time()
        await memory.wait_status(XSY, FeedStatus.ACTIVE)
        assert trio.current_time() == began
        assert memory.status(XSX) is FeedStatus.ACTIVE
        assert all(all(memory.prices(instrument)) for instrument in ALL)
        assert memory.faults == []
        assert memory.violations == []


async def test_the_rates_hold_from_the_beginning(tmp_path: Path, autojump_clock: Clock) -> None:
    async with run_source(Prodigy, SHORT, daemon(tmp_path)) as memory:
        await memory.wait_status(XSY, FeedStatus.ACTIVE)
        opened = len(memory.batches)
        await trio.sleep(30)
        batches = memory.batches[opened:]
        messages = Counter(event.instrument for batch in batches for event in batch[:1] if _is_of_one(event))
        trades = Counter(trade.instrument for batch in batches for trade in batch if _is_trade(trade))
        for instrument in ALL[:10]:
            assert 5 <= messages[instrument] / 30 <= 20
            assert 0.5 <= trades[instrument] / 30 <= 1.5
        assert max(len(batch) for batch in batches) < 30


async def test_the_rate_is_a_setting(tmp_path: Path, autojump_clock: Clock) -> None:
    config = ProdigyConfig(history_days=0, rate=0.2, second_market=False)
    async with run_source(Prodigy, config, daemon(tmp_path)) as memory:
        await memory.wait_status(XSX, FeedStatus.ACTIVE)
        opened = len(memory.batches)
        await trio.sleep(30)
        assert 450 <= len(memory.batches) - opened <= 750
        assert XSY not in memory.markets


async def test_the_first_start_brings_a_past(tmp_path: Path, autojump_clock: Clock) -> None:
    async with run_source(Prodigy, SHORT, daemon(tmp_path)) as memory:
        await memory.wait_status(XSY, FeedStatus.ACTIVE)
        await trio.sleep(20)
        days = [TODAY - timedelta(days=back) for back in (2, 1, 0)]
        assert set(memory.backfilled) == {(instrument, day) for instrument in ALL for day in days}
        for instrument in ALL:
            ids = [trade.trade_id for day in days for trade in memory.backfilled[instrument, day]]
            live = trades_in(memory.events(TradeReported), instrument)
            ids += [trade.trade_id for trade in live]
            assert all(earlier < later for earlier, later in pairwise(ids))
            yesterday, today = memory.backfilled[instrument, days[1]], memory.backfilled[instrument, TODAY]
            security = memory.markets[MarketId(instrument[5:])].instruments[instrument].security
            assert security.close == yesterday[-1].price
            assert security.open == today[0].price
            assert live[0].price == pytest.approx(today[-1].price, rel=0.06)
        assert len(memory.backfilled[XS01, TODAY]) > 1440
        assert memory.violations == []


async def test_the_books_are_open_before_the_past_is_made(tmp_path: Path, autojump_clock: Clock) -> None:
    async with run_source(Prodigy, SHORT, daemon(tmp_path)) as memory:
        await memory.wait_status(XSY, FeedStatus.ACTIVE)
        assert {day for _, day in memory.backfilled} == {TODAY}


async def test_a_first_start_in_the_first_hour_of_a_day(tmp_path: Path, autojump_clock: Clock) -> None:
    memory = daemon(tmp_path, "2026-01-05T00:30:00+11:00")
    async with run_source(Prodigy, SHORT, memory):
        await memory.wait_status(XSY, FeedStatus.ACTIVE)
        await trio.sleep(1)
        assert len(memory.backfilled[XS01, TODAY]) == 360
        assert len(memory.backfilled[XS01, TODAY - timedelta(days=1)]) > 1080


async def test_a_later_start_goes_on(tmp_path: Path, autojump_clock: Clock) -> None:
    first = daemon(tmp_path)
    async with run_source(Prodigy, SHORT, first):
        await first.wait_status(XSY, FeedStatus.ACTIVE)
        await trio.sleep(30)
    second = daemon(tmp_path, "2026-01-05T13:00:00+11:00", first)
    remember(first, second)
    async with run_source(Prodigy, SHORT, second):
        await second.wait_status(XSY, FeedStatus.ACTIVE)
        await trio.sleep(30)
        assert second.backfilled == {}
        assert second.faults == []
        for instrument in ALL:
            live = trades_in(second.events(TradeReported), instrument)
            last = second.known[instrument]
            assert live[0].trade_id == last.trade_id + 1
            assert live[0].price == pytest.approx(last.price, rel=0.06)
            market = MarketId(instrument[5:])
            before = first.markets[market].instruments[instrument].security.close
            assert second.markets[market].instruments[instrument].security.close == before
    orders = [{event.order_id for event in run.events(OrderAdded)} for run in (first, second)]
    assert not orders[0] & orders[1]


async def test_orders_of_the_participants_survive_if_they_shall(
    tmp_path: Path, autojump_clock: Clock
) -> None:
    config = ProdigyConfig(history_days=0, participants_orders_survive=True)
    first = daemon(tmp_path)
    async with run_source(Prodigy, config, first):
        await first.wait_status(XSY, FeedStatus.ACTIVE)
        await trio.sleep(5)
    left = {instrument: first.prices(instrument) for instrument in ALL}
    second = daemon(tmp_path, "2026-01-05T12:01:00+11:00", first)
    remember(first, second)
    shown: list[Any] = []
    async with run_source(Prodigy, config, second):
        await second.wait_status(XSX, FeedStatus.ACTIVE)
        shown = [event for event in second.events(OrderAdded) if isinstance(event, OrderAdded)]
        await trio.sleep(5)
        assert second.faults == []
        assert all(all(second.prices(instrument)) for instrument in ALL)
    for instrument in ALL:
        ids = [event.order_id for event in shown if event.instrument == instrument]
        known = {event.order_id for event in first.events(OrderAdded) if isinstance(event, OrderAdded)}
        assert sum(one in known for one in ids) >= sum(len(side) for side in left[instrument])


async def test_an_exchange_from_before_the_journal_is_founded_where_it_stood(
    tmp_path: Path, autojump_clock: Clock
) -> None:
    memory = daemon(tmp_path)
    memory.known = {instrument: LastKnown(TODAY, 7, 8_000) for instrument in ALL}
    memory.known[XS01_SECOND] = LastKnown(TODAY - timedelta(days=1), 9, 8_010)
    kept.save(tmp_path, kept.Kept(TODAY, {XS01: 8_123}))
    async with run_source(Prodigy, SHORT, memory):
        await memory.wait_status(XSY, FeedStatus.ACTIVE)
        await trio.sleep(10)
        assert memory.backfilled == {}
        assert memory.markets[XSX].instruments[XS01].security.close == 8_123
        assert memory.markets[XSY].instruments[XS01_SECOND].security.close == 8_010
        assert min(memory.trade_ids(XS01)) > 10_000
        assert memory.faults == []


async def test_after_a_crash_no_trade_id_is_used_again(tmp_path: Path, autojump_clock: Clock) -> None:
    """Subscribers saw trades that the store never got, of some instruments every one. They come again."""
    seen: dict[tuple[str, int], TradeReported] = {}
    memory = None
    for crash in range(3):
        memory = daemon(tmp_path, f"2026-01-05T12:0{crash}:00+11:00", memory)
        if crash == 1:
            memory.known = {XS01: LastKnown(TODAY, 7, 8_000)}
        before = len(seen)
        async with run_source(Prodigy, ProdigyConfig(history_days=0, rate=10.0), memory):
            await memory.wait_status(XSY, FeedStatus.ACTIVE)
            await trio.sleep(3)
        past = [trade for trades in memory.backfilled.values() for trade in trades]
        live = [event for event in memory.events(TradeReported) if isinstance(event, TradeReported)]
        assert memory.faults == []
        for trade in past + live:
            key = trade.instrument, trade.trade_id
            assert seen.setdefault(key, trade) == trade
        assert len(seen) - before > 100


async def test_a_new_object_goes_on_in_the_same_daemon(tmp_path: Path, autojump_clock: Clock) -> None:
    """As the supervisor does it after a crash."""
    memory = daemon(tmp_path)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(Prodigy(SHORT, memory).run)
        await memory.wait_status(XSY, FeedStatus.ACTIVE)
        await trio.sleep(10)
        nursery.cancel_scope.cancel()
    traded = memory.trade_ids(XS01)
    remember(memory, memory)
    async with run_source(Prodigy, SHORT, memory):
        await trio.sleep(10)
        assert memory.faults == []
        assert memory.trade_ids(XS01)[: len(traded)] == traded
        assert len(memory.trade_ids(XS01)) > len(traded)
        assert all(all(memory.prices(instrument)) for instrument in ALL)
        assert sum(event.market == XSX for event in memory.events(TradingDayStarted)) == 2


async def test_a_start_on_a_later_day_has_the_last_price_as_close(
    tmp_path: Path, autojump_clock: Clock
) -> None:
    first = daemon(tmp_path)
    async with run_source(Prodigy, SHORT, first):
        await first.wait_status(XSY, FeedStatus.ACTIVE)
        await trio.sleep(10)
    second = daemon(tmp_path, "2026-01-08T12:00:00+11:00", first)
    remember(first, second)
    async with run_source(Prodigy, SHORT, second):
        await second.wait_status(XSX, FeedStatus.ACTIVE)
        assert [event.trading_date for event in second.events(TradingDayStarted)] == [date(2026, 1, 8)] * 2
        for instrument in ALL:
            security = second.markets[MarketId(instrument[5:])].instruments[instrument].security
            assert security.close == second.known[instrument].price


async def test_an_interrupted_past_is_made_at_the_next_start(tmp_path: Path, autojump_clock: Clock) -> None:
    first = daemon(tmp_path)
    async with run_source(Prodigy, SHORT, first):
        await first.wait_status(XSY, FeedStatus.ACTIVE)
    assert (XS01, date(2026, 1, 4)) not in first.backfilled
    second = daemon(tmp_path, "2026-01-05T12:01:00+11:00", first)
    whole = daemon(tmp_path / "other")
    async with run_source(Prodigy, SHORT, second), run_source(Prodigy, SHORT, whole):
        await second.wait_status(XSY, FeedStatus.ACTIVE)
        await trio.sleep(5)
    assert second.backfilled == whole.backfilled
    assert kept.load(tmp_path).unfinished == {}


async def test_a_market_switched_on_later_gets_its_past(tmp_path: Path, autojump_clock: Clock) -> None:
    memory = daemon(tmp_path)
    memory.known = {InstrumentId(f"XS{n:02}.XSX"): LastKnown(TODAY, 5, 8_000) for n in range(1, 11)}
    async with run_source(Prodigy, SHORT, memory):
        await memory.wait_status(XSY, FeedStatus.ACTIVE)
        await trio.sleep(5)
        assert {instrument for instrument, _ in memory.backfilled} == set(ALL[10:])
        assert memory.backfilled[XS01_SECOND, TODAY][-1].price == 8_000
        assert memory.faults == []


async def test_unreadable_notes_are_no_obstacle(tmp_path: Path, autojump_clock: Clock) -> None:
    (tmp_path / kept.FILE_NAME).write_bytes(b"{")
    async with run_source(Prodigy, SHORT, daemon(tmp_path)) as memory:
        await memory.wait_status(XSY, FeedStatus.ACTIVE)
        assert set(kept.load(tmp_path).unfinished) == set(ALL)


async def test_the_day_rolls_over_at_midnight(tmp_path: Path, autojump_clock: Clock) -> None:
    memory = daemon(tmp_path, "2026-01-05T23:59:50+11:00")
    async with run_source(Prodigy, SHORT, memory):
        await memory.wait_status(XSY, FeedStatus.ACTIVE)
        await trio.sleep(9)
        last = memory.markets[XSX].instruments[XS01].security.last
        await trio.sleep(6)
        started = [(event.market, event.trading_date) for event in memory.events(TradingDayStarted)]
        assert sorted(started) == [(m, d) for m in (XSX, XSY) for d in (TODAY, date(2026, 1, 6))]
        security = memory.markets[XSX].instruments[XS01].security
        assert security.close == pytest.approx(last, rel=0.02)
        assert security.number_of_trades < 15
        assert all(all(memory.prices(instrument)) for instrument in ALL)
        assert memory.faults == []
    later = daemon(tmp_path, "2026-01-06T00:10:00+11:00", memory)
    remember(memory, later, date(2026, 1, 6))
    async with run_source(Prodigy, SHORT, later):
        await later.wait_status(XSX, FeedStatus.ACTIVE)
        assert later.markets[XSX].instruments[XS01].security.close == security.close


async def test_days_missed_are_made_up_for(tmp_path: Path, autojump_clock: Clock) -> None:
    memory = daemon(tmp_path)
    async with run_source(Prodigy, SHORT, memory):
        await memory.wait_status(XSY, FeedStatus.ACTIVE)
        assert isinstance(memory.clock, FakeClock)
        memory.clock.step(3 * 86_400 * 1_000_000_000)
        await trio.sleep(2)
        assert memory.markets[XSX].trading_date == date(2026, 1, 8)
        assert memory.markets[XSX].trading_state == "Open"
        memory.clock.step(-5 * 86_400 * 1_000_000_000)
        await trio.sleep(2)
        assert memory.faults == []
        assert memory.markets[XSX].trading_date == date(2026, 1, 8)


async def test_a_stall_is_not_made_up_for(tmp_path: Path, autojump_clock: Clock) -> None:
    async with run_source(Prodigy, SHORT, daemon(tmp_path)) as memory:
        await memory.wait_status(XSY, FeedStatus.ACTIVE)
        await trio.sleep(5)
        with memory.held():
            await trio.sleep(60)
        held = len(memory.batches)
        await trio.sleep(1)
        assert 60 <= len(memory.batches) - held <= 200


class Operator:
    """Asks for what REST offers."""

    def __init__(self, memory: MemoryDaemon) -> None:
        self.handlers = {(route.method, route.path): route.handle for route in memory.routes}

    async def market(
        self, method: str, path: str = "", new_code: str = "", body: Any = None, code: str = "XSX"
    ) -> None:
        await self.ask(method, "/market/{market}" + path, "", new_code, body, code)

    async def symbol(
        self, method: str, symbol: str, path: str = "", new_code: str = "", body: Any = None
    ) -> None:
        await self.ask(method, "/market/{market}/symbol/{symbol}" + path, symbol, new_code, body)

    async def ask(
        self, method: str, path: str, symbol: str, new_code: str, body: Any, market: str = "XSX"
    ) -> None:
        request = HttpRequest(
            user="",
            path={"market": market, "symbol": symbol, "action": "BulkCancel"},
            query={"newCode": new_code},
            body=body,
        )
        answer = await self.handlers[method, path](request)
        assert answer.status in (200, 201), answer.content


async def test_participants_follow_what_operators_unlist_list_and_rename(
    tmp_path: Path, autojump_clock: Clock
) -> None:
    config = ProdigyConfig(history_days=0, rate=10.0)
    first = daemon(tmp_path)
    async with run_source(Prodigy, config, first) as memory:
        await memory.wait_status(XSY, FeedStatus.ACTIVE)
        operator = Operator(memory)
        await operator.symbol("DELETE", "XS02")
        await operator.symbol("DELETE", "XS04")
        await trio.sleep(1)
        assert memory.view("XS02.XSX") is None
        await operator.symbol("POST", "XS02", body=SymbolBody())  # other decimals, no tick table
        await operator.symbol("POST", "XS03", "/rename", "OTHER")
        await trio.sleep(2)
        assert all(memory.prices("OTHER.XSX"))
        assert len(memory.trade_ids("OTHER.XSX")) > 10
        # Orders go while the participants look elsewhere; then the symbol is theirs again.
        await operator.symbol("POST", "OTHER", "/action/{action}", body=ActionBody())
        await trio.sleep(5)
        assert memory.faults == []
        assert memory.violations == []
        assert all(memory.prices("OTHER.XSX"))
        bids, asks = memory.prices("XS02.XSX")
        assert len(bids) >= 5
        assert 130 < max(bids) < min(asks) < 160  # cents now
        assert memory.view("XS04.XSX") is None
    second = daemon(tmp_path, "2026-01-05T12:01:00+11:00", first)
    remember(first, second)
    async with run_source(Prodigy, config, second) as memory:
        await memory.wait_status(XSY, FeedStatus.ACTIVE)
        await trio.sleep(2)
        assert all(memory.prices("OTHER.XSX"))
        assert all(memory.prices("XS02.XSX"))
        assert memory.view("XS03.XSX") is None
        assert memory.faults == []
        assert len(memory.trade_ids("OTHER.XSX")) > 10


async def test_participants_follow_a_renamed_market(tmp_path: Path, autojump_clock: Clock) -> None:
    config = ProdigyConfig(history_days=1, rate=10.0)
    memory = daemon(tmp_path)
    async with run_source(Prodigy, config, memory):
        await memory.wait_status(XSY, FeedStatus.ACTIVE)
        await Operator(memory).market("POST", "/rename", "FOO")
        await trio.sleep(2)
        assert memory.status(XSX) is FeedStatus.CLOSED
        assert memory.markets[XSX].instruments == {}
        assert memory.status("FOO") is FeedStatus.ACTIVE
        assert memory.markets[MarketId("FOO")].definition.simulated
        assert len(memory.trade_ids("XS01.FOO")) > 10
        assert memory.faults == []
        assert memory.violations == []
    again = daemon(tmp_path, "2026-01-05T12:01:00+11:00", memory)
    async with run_source(Prodigy, config, again):
        await again.wait_status(XSY, FeedStatus.ACTIVE)
        await trio.sleep(2)
        assert set(again.markets) == {"FOO", XSY}
        assert all(again.prices("XS01.FOO"))
        assert again.faults == []
        assert again.violations == []


async def test_a_removed_market_ends_visibly_and_stays_removed(tmp_path: Path, autojump_clock: Clock) -> None:
    config = ProdigyConfig(history_days=0, rate=10.0)
    memory = daemon(tmp_path)
    async with run_source(Prodigy, config, memory):
        await memory.wait_status(XSY, FeedStatus.ACTIVE)
        await trio.sleep(2)
        await Operator(memory).market("DELETE")
        unlisted = [event.instrument for event in memory.events(InstrumentUnlisted)]
        assert sorted(unlisted) == ALL[:10]
        market = memory.markets[XSX]
        assert market.instruments == {}
        assert (market.feed_status, market.trading_state) == (FeedStatus.CLOSED, "Closed")
        assert memory.statuses[-1].reason == "the market was removed"
        assert not market.definition.readiness
        records = len(memory.kept.feeds["market 1"].records)
        await trio.sleep(5)
        assert len(memory.kept.feeds["market 1"].records) == records  # nobody acts there any more
        assert len(memory.trade_ids(XS01_SECOND)) > 5
        assert memory.faults == []
        assert memory.violations == []
    again = daemon(tmp_path, "2026-01-06T12:00:00+11:00", memory)
    async with run_source(Prodigy, config, again):
        await again.wait_status(XSY, FeedStatus.ACTIVE)
        assert set(again.markets) == {XSY}
        await Operator(again).market("POST", body=CreateMarketBody())
        await Operator(again).symbol("POST", "XS01", body=SymbolBody())
        await trio.sleep(2)
        assert again.status(XSX) is FeedStatus.ACTIVE
        assert again.prices(XS01) == ({}, {})  # it is the operator's
        used = [event.trade_id for event in memory.events(TradeReported) if event.instrument == XS01]
        keeper = Keeper(again.kept.feeds["market 3"], no_tell, again.clock.now)
        await keeper.restore()
        assert keeper.market.model.symbols["XS01"].next_trade_id > max(used)


@pytest.mark.parametrize("crash", ["before it is founded", "after it is founded", "after its last day"])
async def test_a_crash_at_the_first_start_loses_nothing_of_the_past(
    crash: str, tmp_path: Path, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever of it was not on the disk when it crashed is made again, and is the same."""
    config = ProdigyConfig(history_days=1, second_market=False)
    memory = daemon(tmp_path)
    memory.stores = False
    with monkeypatch.context() as patched:
        if crash == "before it is founded":
            patched.setattr(memory, "journal", Crash.at("market 1", memory.journal))
        elif crash == "after it is founded":
            patched.setattr(memory, "declare_market", Crash.now)
        else:
            patched.setattr(memory, "serve_http", Crash.now)
        with pytest.raises(BaseExceptionGroup) if crash == "after its last day" else pytest.raises(Crash):
            await Prodigy(config, memory).run()
    made = memory.backfilled.get((XS01, TODAY), [])
    assert bool(made) is (crash == "after its last day")
    again = daemon(tmp_path, "2026-01-05T12:00:20+11:00", memory)
    async with run_source(Prodigy, config, again):
        await again.wait_status(XSX, FeedStatus.ACTIVE)
        await trio.sleep(5)
        days = {day for _, day in again.backfilled}
        assert days == {TODAY, TODAY - timedelta(days=1)}
        assert {instrument for instrument, _ in again.backfilled} == set(ALL[:10])
        if made:
            assert again.backfilled[XS01, TODAY] == made
        assert kept.load(tmp_path) == kept.Kept()
        assert again.faults == []


class Crash(Exception):
    """The end of the process, as far as a source can tell."""

    @classmethod
    def now(cls, *_: object) -> None:
        raise cls

    @classmethod
    def at(cls, name: str, otherwise: Callable[[str], JournalFeed]) -> Callable[[str], JournalFeed]:
        """A crash where a feed of this name is asked for."""

        def journal(feed: str) -> JournalFeed:
            if feed == name:
                raise cls
            return otherwise(feed)

        return journal


async def test_the_same_clock_and_seed_give_the_same_trades(tmp_path: Path, autojump_clock: Clock) -> None:
    """Of each instrument; in which order instruments of one instant come, and so the numbers of their orders,
    is the scheduler's choice."""
    trades: list[dict[InstrumentId, list[tuple[int, int, int, int]]]] = []
    for name in ("one", "other"):
        config = ProdigyConfig(history_days=2, second_market=False)
        async with run_source(Prodigy, config, daemon(tmp_path / name)) as memory:
            await memory.wait_status(XSX, FeedStatus.ACTIVE)
            await trio.sleep(10)
            live = memory.events(TradeReported)
        trades.append(
            {
                instrument: [
                    (one.trade_id, one.time, one.price, one.quantity) for one in trades_in(live, instrument)
                ]
                for instrument in ALL[:10]
            }
        )
    assert sum(map(len, trades[0].values())) > 50
    assert trades[0] == trades[1]


def _is_of_one(event: MarketEvent) -> bool:
    return hasattr(event, "instrument")


def _is_trade(event: MarketEvent) -> bool:
    return isinstance(event, TradeReported)


async def trade_once(floor: Floor) -> None:
    """Found a market by hand, and let two orders meet in it."""
    entity, symbol = Entity("F"), SymbolDefinition(code="AAA")
    assert await floor.create("Standard", c.CreateMarket(market="ABC", status=Status.OPEN)) is None
    keeper = floor.find("ABC")
    assert keeper is not None
    for command in (
        c.StartTradingDay(market="ABC", trading_date=TODAY),
        c.AddEntity(market="ABC", definition=entity),
        c.ListSymbol(market="ABC", definition=symbol),
        *(
            c.PlaceOrder(market="ABC", entity="F", symbol="AAA", side=side, quantity=5, price=100)
            for side in (Side.BID, Side.ASK)
        ),
    ):
        assert isinstance(await keeper.execute(command), list), command


async def test_trades_are_told_again_only_where_they_were_not_stored(
    tmp_path: Path, autojump_clock: Clock
) -> None:
    """Also those of markets that an operator founded, and never those of an earlier day in silence."""
    made: list[Prodigy] = []

    def make(config: Any, context: Any) -> Prodigy:
        made.append(Prodigy(config, context))
        return made[-1]

    first = daemon(tmp_path, "2026-01-05T12:00:00Z")
    async with run_source(make, SHORT, first) as memory:
        await memory.wait_until(lambda: bool(memory.routes))
        await trade_once(made[0]._floor)
    for known, day, told in (
        (None, "2026-01-05", 1),
        (LastKnown(TODAY, 1, 100), "2026-01-05", 0),
        (None, "2026-01-06", 0),
    ):
        again = daemon(tmp_path, f"{day}T12:00:01Z", after=first)
        remember(first, again)
        if known is not None:
            again.known[AAA] = known
        with capture_logs() as logged:
            async with run_source(make, SHORT, again) as memory:
                await memory.wait_until(lambda memory=memory: bool(memory.routes))
                events = [event for batch in memory.batches for event in batch]
                assert len(trades_in(events, AAA)) == told
                if day == "2026-01-05" and known is not None:
                    keeper = made[-1]._floor.find("ABC")
                    assert keeper is not None
                    next_day = c.StartTradingDay(market="ABC", trading_date=date(2026, 1, 6))
                    assert isinstance(await keeper.execute(next_day), list)
        late = [line for line in logged if line.get("symbol") == AAA]
        assert [line["trades"] for line in late] == ([1] if day == "2026-01-06" else [])


async def test_changes_of_trades_that_were_not_stored_are_told_again(
    tmp_path: Path, autojump_clock: Clock
) -> None:
    made: list[Prodigy] = []

    def make(config: Any, context: Any) -> Prodigy:
        made.append(Prodigy(config, context))
        return made[-1]

    memory = daemon(tmp_path, "2026-01-05T12:00:00Z")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(make(SHORT, memory).run)
        await memory.wait_until(lambda: bool(memory.routes))
        await trade_once(made[0]._floor)
        nursery.cancel_scope.cancel()
    remember(memory, memory)
    memory.known[AAA] = LastKnown(TODAY, 1, 100)
    keeper = Keeper(memory.kept.feeds["market 3"], no_tell, memory.clock.now)
    await keeper.restore()
    await keeper.prepare([c.CancelTrade(market="ABC", symbol="AAA", trade_id=1)])
    async with run_source(make, SHORT, memory):
        await memory.wait_until(lambda: memory.events(TradeAmended) != [])
        view = memory.view(AAA)
        assert view is not None
        [taped] = view.tape.select(None, None, None)
        assert taped.trade.flags == (TradeFlag.CANCEL,)
        assert view.security.number_of_trades == 0
        assert memory.faults == []


async def no_tell(_: Sequence[Told]) -> None:
    raise AssertionError("nobody is to be told")


@pytest.mark.parametrize("days", [2.0, 0.0])
async def test_the_journal_may_forget_simulated_markets_only(
    days: float, tmp_path: Path, autojump_clock: Clock
) -> None:
    config = ProdigyConfig(history_days=0, second_market=False, keep_days=days)
    memory = daemon(tmp_path)
    async with run_source(Prodigy, config, memory):
        await memory.wait_status(XSX, FeedStatus.ACTIVE)
        await Operator(memory).market("POST", body=CreateMarketBody(), code="ABC")
    expected = {"register": days or None, "market 1": days or None, "market 2": None}
    assert {name: feed.days for name, feed in memory.kept.feeds.items()} == expected
    # What is kept of the register makes it again without its records.
    memory.kept.feeds["register"].records = [b"gone"] * len(memory.kept.feeds["register"].records)
    again = daemon(tmp_path, after=memory)
    async with run_source(Prodigy, config, again):
        await again.wait_status(XSX, FeedStatus.ACTIVE)
        assert set(again.markets) == {XSX, "ABC"}
