"""The daemon in memory, its clock, and running a source in it."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
import trio
import trio.testing

from zenithd.domain.events import (
    BookCleared,
    GapDetected,
    LevelChanged,
    MarketStateChanged,
    OrderRemoved,
    Stream,
    TradeReported,
    TradingDayStarted,
)
from zenithd.domain.identifiers import MarketId, instrument_id
from zenithd.domain.instrument import Instrument, MarketDefinition
from zenithd.domain.market_data import FeedStatus, Side, TradingState
from zenithd.plugin import LastKnown, MarketSource, MarketSourceContext, PluginConfig
from zenithd.testing import FakeClock, MemoryDaemon, run_source

MARKET = MarketId("XMEM")
ABC = instrument_id("ABC", MARKET)
DEFINITION = MarketDefinition(id=MARKET, trading_states=(TradingState("Open"),))


def declared() -> MemoryDaemon:
    daemon = MemoryDaemon()
    daemon.declare_market(DEFINITION, [Instrument(code="ABC", market=MARKET)])
    return daemon


def test_it_is_a_context() -> None:
    context: MarketSourceContext = MemoryDaemon("mine")
    assert context.name == "mine"


async def test_events_make_markets(autojump_clock: trio.testing.MockClock) -> None:
    daemon = declared()
    await daemon.publish(
        [
            MarketStateChanged(MARKET, "Open"),
            TradingDayStarted(MARKET, date(2026, 1, 5)),
            LevelChanged(ABC, Side.BID, 100, 5),
            LevelChanged(ABC, Side.ASK, 101, 6),
            TradeReported(ABC, 7, 100, 1, 0),
        ]
    )
    daemon.set_status(MARKET, FeedStatus.ACTIVE)
    assert daemon.prices(ABC) == ({100: 5}, {101: 6})
    assert daemon.trade_ids(ABC) == [7]
    assert daemon.status(MARKET) is FeedStatus.ACTIVE
    assert daemon.markets[MARKET].trading_state == "Open"
    assert len(daemon.events()) == 5
    assert daemon.events(TradeReported) == [TradeReported(ABC, 7, 100, 1, 0)]
    assert (daemon.faults, daemon.violations, daemon.gaps) == ([], [], 0)
    await daemon.publish([GapDetected(ABC, Stream.BOOK, "cut")])
    assert (daemon.gaps, daemon.prices(ABC)) == (1, ({}, {}))
    await daemon.wait_drained()


async def test_broken_rules_are_kept(autojump_clock: trio.testing.MockClock) -> None:
    daemon = declared()
    await daemon.publish([OrderRemoved(ABC, "unknown")])
    assert [fault.instrument for fault in daemon.faults] == [ABC]
    await daemon.publish([BookCleared(instrument_id("X", "XOTHER"))])
    daemon.set_status(MarketId("XOTHER"), FeedStatus.ACTIVE)
    await daemon.backfill(instrument_id("X", "XOTHER"), date(2026, 1, 5), [])
    assert len(daemon.violations) == 3
    with pytest.raises(ValueError, match="does not belong to market"):
        daemon.declare_market(DEFINITION, [Instrument(code="ABC", market=MarketId("XOTHER"))])


async def test_unknown_markets_are_empty(autojump_clock: trio.testing.MockClock) -> None:
    daemon = MemoryDaemon()
    assert daemon.status(MARKET) is None
    assert daemon.prices(ABC) == ({}, {})
    assert daemon.trade_ids(ABC) == []
    with pytest.raises(AssertionError, match="status Active of XMEM did not come within 60 s"):
        await daemon.wait_status(MARKET, FeedStatus.ACTIVE)


async def test_publish_waits_while_held(autojump_clock: trio.testing.MockClock) -> None:
    daemon = declared()
    async with trio.open_nursery() as nursery:
        with daemon.held():
            nursery.start_soon(daemon.publish, [BookCleared(ABC)])
            await trio.sleep(10)
            assert (daemon.publishing, daemon.batches) == (1, [])
    assert (daemon.publishing, len(daemon.batches)) == (0, 1)


async def test_wanted(autojump_clock: trio.testing.MockClock) -> None:
    daemon = MemoryDaemon(wanted=[ABC])
    assert await daemon.wait_wanted(frozenset()) == {ABC}
    async with trio.open_nursery() as nursery:
        nursery.start_soon(daemon.wait_wanted, frozenset({ABC}))
        await trio.testing.wait_all_tasks_blocked()
        daemon.unwant(ABC)
    daemon.want(ABC)
    assert daemon.wanted == {ABC}


async def test_past_and_known_trades(autojump_clock: trio.testing.MockClock) -> None:
    daemon = declared()
    daemon.known[ABC] = LastKnown(date(2026, 1, 4), 3, 100)
    assert await daemon.last_known(ABC) == daemon.known[ABC]
    today, yesterday = date(2026, 1, 5), date(2026, 1, 4)
    await daemon.publish([TradingDayStarted(MARKET, today)])
    await daemon.backfill(ABC, yesterday, [TradeReported(ABC, 4, 100, 1, 0)])
    await daemon.backfill(ABC, today, [TradeReported(ABC, 5, 100, 1, 0)])
    assert daemon.trade_ids(ABC) == [5]
    assert sorted(daemon.backfilled) == [(ABC, yesterday), (ABC, today)]


async def test_directory(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    assert MemoryDaemon().directory.is_dir()
    assert MemoryDaemon(directory=tmp_path / "mine").directory == tmp_path / "mine"
    assert (tmp_path / "mine").is_dir()


class Counting(MarketSource[PluginConfig]):
    async def run(self) -> None:
        self.context.declare_market(DEFINITION, [Instrument(code="ABC", market=MARKET)])
        for number in range(1, 4):
            await self.context.publish([TradeReported(ABC, number, 100, 1, self.context.clock.now())])
            await trio.sleep(30)
        raise RuntimeError("the end")


async def test_source_runs_beside_the_block(autojump_clock: trio.testing.MockClock) -> None:
    async with run_source(Counting) as daemon:
        await daemon.wait_until(lambda: daemon.trade_ids(ABC) == [1, 2])
        times = [trade.time for trade in daemon.events(TradeReported) if isinstance(trade, TradeReported)]
        assert times[1] - times[0] == 30_000_000_000
    assert daemon.trade_ids(ABC) == [1, 2]


async def test_what_the_source_raises_fails_the_block(autojump_clock: trio.testing.MockClock) -> None:
    with pytest.raises(RuntimeError, match="the end"):
        async with run_source(Counting):
            await trio.sleep_forever()


async def test_fake_clock_follows_trio(autojump_clock: trio.testing.MockClock) -> None:
    clock = FakeClock("2026-03-01T10:00:00+10:00")
    began = clock.now()
    assert began == 1_772_323_200 * 10**9
    await trio.sleep(1.5)
    assert clock.now() - began == 1_500_000_000
    before = clock.monotonic()
    clock.step(-5)
    assert clock.now() - began == 1_499_999_995
    assert clock.monotonic() == before
