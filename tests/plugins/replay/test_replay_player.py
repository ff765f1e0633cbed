from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from datetime import date
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import trio
from replay_samples import SECOND, nanoseconds
from structlog.testing import capture_logs
from trio.testing import MockClock

from zenithd.domain.events import (
    BookCleared,
    InstrumentListed,
    MarketEvent,
    OrderAdded,
    OrderRemoved,
    SecurityChanged,
    TradeReported,
    TradingDayStarted,
)
from zenithd.domain.identifiers import InstrumentId, MarketId
from zenithd.domain.instrument import Instrument, MarketDefinition
from zenithd.domain.market_data import FeedStatus, Side
from zenithd.plugin import LastKnown
from zenithd.recording import Batch, Declared, Record, RecordingWriter, StatusChanged
from zenithd.testing import FakeClock, MemoryDaemon, run_source
from zenithd_replay import Replay, ReplayConfig
from zenithd_replay.playable import Note
from zenithd_replay.player import DRAIN_EVENTS, Player

START = nanoseconds("2026-01-02T10:00:00+00:00")
MARKET = MarketId("XSX[Sample]")
ABC = InstrumentId("ABC.XSX[Sample]")
DECLARED = Declared(
    time=START,
    definition=MarketDefinition(id=MARKET),
    instruments=(Instrument(code="ABC", market=MARKET),),
)


class InMemory:
    """A recording in memory."""

    format = "memory"

    def __init__(self, *records: Record, notes: Sequence[str] = ()) -> None:
        self.declarations = (DECLARED,)
        self.first_time = START
        self._records = records
        self._notes = notes

    def records(self, note: Note) -> Generator[Record, None, None]:
        yield from self._records
        for text in self._notes:
            note(text)


async def fetch(records: Iterator[Record]) -> list[Record]:
    """In the loop, so that a jumping clock does not pass a worker thread."""
    await trio.lowlevel.checkpoint()
    return list(islice(records, 3))


class TimedDaemon(MemoryDaemon):
    """Notes when batches arrive, and what was asked of it."""

    def __init__(self, directory: Path | None = None) -> None:
        super().__init__(directory=directory)
        self.arrivals: list[float] = []
        self.drains: list[int] = []
        self.declarations = 0

    async def publish(self, events: Sequence[MarketEvent]) -> None:
        await super().publish(events)
        self.arrivals.append(trio.current_time())

    async def wait_drained(self) -> None:
        await super().wait_drained()
        self.drains.append(sum(len(batch) for batch in self.batches))

    def declare_market(self, definition: MarketDefinition, instruments: Sequence[Instrument]) -> None:
        super().declare_market(definition, instruments)
        self.declarations += 1


async def play(playable: InMemory, daemon: MemoryDaemon | None = None, **settings: Any) -> TimedDaemon:
    daemon = daemon or TimedDaemon()
    assert isinstance(daemon, TimedDaemon)
    await Player(playable, ReplayConfig(**settings), daemon, fetch).run()
    assert daemon.faults == []
    return daemon


def trade(trade_id: int, seconds: float) -> TradeReported:
    return TradeReported(ABC, trade_id, 100, 5, START + round(seconds * SECOND))


def at(seconds: float, *events: MarketEvent) -> Batch:
    return Batch(START + round(seconds * SECOND), list(events))


def added(order_id: str) -> OrderAdded:
    return OrderAdded(ABC, order_id, Side.BID, 100, 5, int(order_id))


@pytest.mark.parametrize(
    ("speed", "times"),
    [
        (1.0, [0.0, 1.5, 1.5, 60.0]),
        (10.0, [0.0, 0.15, 0.15, 6.0]),
        (0.5, [0.0, 3.0, 3.0, 120.0]),
        (0.0, [0.0] * 4),
    ],
)
async def test_batches_arrive_in_time(autojump_clock: MockClock, speed: float, times: list[float]) -> None:
    batches = [at(0, trade(1, 0)), at(1.5, trade(2, 1)), at(1.5, trade(3, 1)), at(60, trade(4, 60))]
    daemon = await play(InMemory(*batches), speed=speed)
    assert daemon.arrivals == pytest.approx(times)
    assert daemon.trade_ids(ABC) == [1, 2, 3, 4]


async def test_a_late_batch_does_not_delay_the_next_ones(autojump_clock: MockClock) -> None:
    daemon = TimedDaemon()
    batches = [at(seconds, trade(seconds, seconds)) for seconds in (1, 2, 3, 10)]
    async with trio.open_nursery() as nursery:
        with daemon.held():
            nursery.start_soon(play, InMemory(*batches), daemon)
            await trio.sleep(5)
    assert daemon.arrivals == pytest.approx([5, 5, 5, 10])


async def test_status_is_active_while_playing_and_closed_at_the_end(autojump_clock: MockClock) -> None:
    daemon = await play(InMemory(at(1, trade(1, 0))))
    assert [(each.market, each.status) for each in daemon.statuses] == [
        (MARKET, FeedStatus.ACTIVE),
        (MARKET, FeedStatus.CLOSED),
    ]
    assert daemon.statuses[-1].reason == "the recording is at its end"


async def test_recorded_statuses_are_played(autojump_clock: MockClock) -> None:
    status = StatusChanged(time=START + SECOND, market=MARKET, status=FeedStatus.IMPAIRED, reason="cut")
    daemon = await play(InMemory(at(0, trade(1, 0)), status, at(2, trade(2, 2))))
    assert [each.status for each in daemon.statuses] == [
        FeedStatus.ACTIVE,
        FeedStatus.IMPAIRED,
        FeedStatus.CLOSED,
    ]


async def test_what_comes_before_the_start_is_applied_at_once_in_large_batches(
    autojump_clock: MockClock,
) -> None:
    status = StatusChanged(time=START, market=MARKET, status=FeedStatus.IMPAIRED, reason="cut")
    recorded = StatusChanged(time=START + SECOND, market=MARKET, status=FeedStatus.ACTIVE)
    before = [at(number / 100, trade(number, 0)) for number in range(1, 1201)]
    daemon = await play(
        InMemory(status, recorded, *before, at(60, trade(2000, 60)), at(63, trade(2001, 63))), start="10:01"
    )
    assert daemon.arrivals == pytest.approx([0, 0, 0, 0, 3])
    assert sum(len(batch) for batch in daemon.batches) == 1 + 1202
    assert max(len(batch) for batch in daemon.batches) <= 501
    assert len(daemon.trade_ids(ABC)) == 1202
    assert [each.status for each in daemon.statuses] == [FeedStatus.ACTIVE, FeedStatus.CLOSED]


async def test_a_start_after_the_end_plays_everything_at_once(autojump_clock: MockClock) -> None:
    daemon = await play(InMemory(at(0, trade(1, 0)), at(60, trade(2, 60))), start="2027-01-01T00:00:00")
    assert daemon.arrivals == [0]
    assert daemon.trade_ids(ABC) == [1, 2]


async def test_as_fast_as_possible_waits_for_the_daemon(autojump_clock: MockClock) -> None:
    daemon = await play(InMemory(*(at(n, trade(n, n)) for n in range(1, 2 * DRAIN_EVENTS + 1))), speed=0)
    assert [count for count in daemon.drains if count] == [
        DRAIN_EVENTS,
        2 * DRAIN_EVENTS,
        2 * DRAIN_EVENTS + 1,
    ]


async def test_in_real_time_the_daemon_is_not_waited_for(autojump_clock: MockClock) -> None:
    daemon = await play(InMemory(*(at(0, trade(n, n)) for n in range(1, 2 * DRAIN_EVENTS))))
    assert daemon.drains == [0, 2 * DRAIN_EVENTS]


async def test_shifted_dates_begin_now(autojump_clock: MockClock) -> None:
    daemon = await play(InMemory(at(0, trade(1, 0)), at(60, trade(2, 60))), dates="shifted", speed=2.0)
    view = daemon.view(ABC)
    assert view is not None
    began = nanoseconds("2026-01-05T00:00:00+00:00")
    assert [each.trade.time for each in view.tape] == [began, began + 30 * SECOND]
    assert str(daemon.markets[MARKET].trading_date) == "2026-01-05"


async def test_original_dates_stay(autojump_clock: MockClock) -> None:
    daemon = await play(InMemory(at(0, trade(1, 0))))
    assert str(daemon.markets[MARKET].trading_date) == "2026-01-02"


class Enough(Exception):
    """The test has seen enough of an endless replay."""


class ThreeTimes(InMemory):
    """A recording that is played three times."""

    passes = 0

    def records(self, note: Note) -> Generator[Record, None, None]:
        self.passes += 1
        if self.passes > 3:
            raise Enough
        yield from super().records(note)


async def test_a_loop_begins_with_empty_books_and_ascending_ids(autojump_clock: MockClock) -> None:
    halted = SecurityChanged(instrument=ABC, trading_state="Halted")
    daemon = TimedDaemon()
    with pytest.raises(Enough):
        await play(
            ThreeTimes(at(0, added("1"), trade(7, 0)), at(10, added("2"), halted, trade(9, 10))),
            daemon,
            loop=True,
        )
    assert daemon.faults == []  # order ids come again: the books were empty
    assert daemon.trade_ids(ABC) == [7, 9, 10, 12, 13, 15]
    assert daemon.arrivals[0] == 0
    assert daemon.events(BookCleared) == [BookCleared(ABC)] * 3
    view = daemon.view(ABC)
    assert view is not None
    assert view.orders() == []
    assert view.security.trading_state is None
    assert daemon.arrivals == pytest.approx([0, 10, 10, 10, 20, 20, 20, 30, 30])


async def test_a_loop_that_is_killed_gives_no_trade_id_twice(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    """What was sent last is not stored: the next run does not know of it."""
    given: list[int] = []
    for known in (None, 2):
        daemon = TimedDaemon(directory=tmp_path)
        if known is not None:
            daemon.known[ABC] = LastKnown(date(2026, 1, 2), known, 100)
        with pytest.raises(Enough):
            await play(ThreeTimes(at(0, trade(1, 0)), at(1, trade(3, 1))), daemon, loop=True)
        given += daemon.trade_ids(ABC)
    assert len(given) == 12
    assert given == sorted(set(given))


async def test_an_empty_recording_does_not_loop_for_ever(autojump_clock: MockClock) -> None:
    daemon = await play(InMemory(), loop=True, speed=0)
    assert daemon.statuses[-1].status is FeedStatus.CLOSED


async def test_a_second_run_on_the_same_day_does_not_repeat_stored_trades(autojump_clock: MockClock) -> None:
    daemon = TimedDaemon()
    batches = [at(0, trade(1, 0)), at(1, trade(2, 1)), at(2, trade(3, 2))]
    await play(InMemory(*batches[:2]), daemon)
    newest = daemon.markets[MARKET].trading_date
    assert newest is not None
    daemon.known[ABC] = LastKnown(newest, 2, 100)
    await play(InMemory(*batches), daemon)
    assert daemon.trade_ids(ABC) == [1, 2, 3]
    assert len(daemon.events(TradeReported)) == 3


async def test_declarations_in_the_recording(autojump_clock: MockClock) -> None:
    again = Declared(
        time=START + SECOND,
        definition=DECLARED.definition,
        instruments=(*DECLARED.instruments, Instrument(code="NEW", market=MARKET)),
    )
    daemon = await play(InMemory(DECLARED, at(0, trade(1, 0)), again, at(2, trade(2, 2))))
    assert daemon.declarations == 2  # the first one in the recording says nothing new
    assert len(daemon.markets[MARKET].instruments) == 2


async def test_remarks_are_logged(autojump_clock: MockClock) -> None:
    with capture_logs() as logs:
        await play(InMemory(at(0, trade(1, 0)), notes=["torn"]))
    assert [entry["note"] for entry in logs if entry["log_level"] == "warning"] == ["torn"]


# Through files and worker threads


def write_recording(path: Path) -> Path:
    xsx = MarketId("XSX")
    code = InstrumentId("ABC.XSX")
    with RecordingWriter(path) as writer:
        definition = MarketDefinition(id=xsx, readiness=True)
        writer.declare(START, definition, [Instrument(code="ABC", market=xsx)])
        writer.set_status(START, xsx, FeedStatus.ACTIVE)
        writer.write(START, [OrderAdded(code, "1", Side.BID, 100, 5, 1)])
        writer.write(START + SECOND, [InstrumentListed(Instrument(code="NEW", market=xsx))])
        writer.write(START + SECOND, [OrderAdded(InstrumentId("NEW.XSX"), "1", Side.ASK, 101, 5, 1)])
        writer.write(START + 2 * SECOND, [OrderRemoved(code, "1"), OrderAdded(code, "2", Side.BID, 99, 4, 1)])
    return path


async def test_a_recording_of_zenithd_is_played(tmp_path: Path) -> None:
    config = ReplayConfig(files=(write_recording(tmp_path / "day.zrec"),), speed=0)
    async with run_source(Replay, config) as daemon:
        await daemon.wait_status("XSX[Sample]", FeedStatus.CLOSED)
        assert daemon.prices("ABC.XSX[Sample]") == ({99: 4}, {})
        assert daemon.prices("NEW.XSX[Sample]") == ({}, {101: 5})
        assert daemon.faults == []
        assert daemon.violations == []
        assert isinstance(daemon.events()[0], TradingDayStarted)
        assert not daemon.markets[MARKET].definition.readiness  # a recording ends, the daemon goes on


async def test_a_torn_recording_is_played_to_its_last_whole_block(tmp_path: Path) -> None:
    path = tmp_path / "day.zrec"
    with RecordingWriter(path) as writer:
        writer.declare(
            START, MarketDefinition(id=MarketId("XSX")), [Instrument(code="ABC", market=MarketId("XSX"))]
        )
        writer.write(START, [OrderAdded(InstrumentId("ABC.XSX"), "1", Side.BID, 100, 5, 1)])
        writer.flush()
        writer.write(START + 1, [OrderAdded(InstrumentId("ABC.XSX"), "2", Side.BID, 99, 5, 1)])
    path.write_bytes(path.read_bytes()[:-3])
    daemon = MemoryDaemon(clock=FakeClock())
    with capture_logs() as logs:
        await Replay(ReplayConfig(files=(path,), speed=0, market="XSX"), daemon).run()
    assert daemon.prices("ABC.XSX") == ({100: 5}, {})
    assert daemon.status("XSX") is FeedStatus.CLOSED
    assert any("torn tail" in entry.get("note", "") for entry in logs)


async def test_cancelling_stops_in_the_middle(tmp_path: Path) -> None:
    config = ReplayConfig(files=(write_recording(tmp_path / "day.zrec"),), speed=0.000_001)
    async with run_source(Replay, config) as daemon:
        await daemon.wait_status("XSX[Sample]", FeedStatus.ACTIVE)
