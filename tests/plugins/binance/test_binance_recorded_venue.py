"""The recorded frames over real sockets, with what goes wrong in between: the book stays the venue's."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio.testing
from binance_samples import NaiveSymbol, recorded_lines
from test_binance_source import LiveVenue, running, settled

from zenithd.domain.events import TradingDayStarted
from zenithd.domain.market_data import FeedStatus
from zenithd.testing import FakeClock, MemoryDaemon, Request, Response, network_clock

LINES = 2000
MIDDLE = 1000
STALL_SECONDS_MAX = 20
LOST = 60
"""Frames that nobody hears while there is no connection, or in a gap."""


@pytest.fixture
def clock() -> trio.testing.MockClock:
    return network_clock()


class RecordedVenue(LiveVenue):
    """Sends recorded frames of one symbol; its snapshots are made by applying them naively."""

    def __init__(self, code: str, is_spot: bool) -> None:
        super().__init__(NaiveSymbol(code, is_spot), is_spot=is_spot)
        folder = "spot" if is_spot else "usdm"
        lines = recorded_lines(f"{folder}/{code.lower()}_20240808.gz")
        bodies = [body.decode() for _, body in (next(lines) for _ in range(LINES))]
        (snapshot,) = [body for body in bodies if body.startswith('{"lastUpdateId"')]
        self.symbol.book.load(json.loads(snapshot))
        self.frames = [body for body in bodies if body is not snapshot]

    def depth(self, request: Request) -> Response:
        """The whole book: a limit would hide levels from the comparison, rightly."""
        self.snapshots.append(request.parameters["symbol"])
        return Response(self.symbol.book.snapshot())

    async def play(self, first: int, last: int | None = None) -> None:
        """Send frames; the last index is exclusive."""
        for body in self.frames[first:last]:
            self._happen(body)
            await self.send(body)

    def lose(self, first: int, last: int) -> None:
        """Frames that nobody hears."""
        for body in self.frames[first:last]:
            self._happen(body)

    def _happen(self, body: str) -> None:
        if "@depth" in body[:40]:
            self.symbol.book.update(json.loads(body)["data"])

    @property
    def trades(self) -> list[int]:
        """Ids of all trades."""
        messages = [json.loads(body) for body in self.frames if "@trade" in body[:40]]
        return [message["data"]["t"] for message in messages]


@asynccontextmanager
async def following(code: str, is_spot: bool) -> AsyncIterator[tuple[RecordedVenue, MemoryDaemon]]:
    venue = RecordedVenue(code, is_spot)
    clock = FakeClock("2024-08-08T23:54:00+00:00")
    daemon = MemoryDaemon("binance", clock=clock, wanted=(venue.instrument,))
    async with running(venue, daemon=daemon, stall_seconds_max=STALL_SECONDS_MAX):
        await venue.subscribed()
        yield venue, daemon


recordings = pytest.mark.parametrize(
    ("code", "is_spot"), [("BTCUSDT", True), ("ETHUSDT", False)], ids=["spot", "usdm"]
)


@recordings
async def test_undisturbed(clock: trio.testing.MockClock, code: str, is_spot: bool) -> None:
    async with following(code, is_spot) as (venue, daemon):
        await venue.play(0)
        await settled(daemon, venue)
        await daemon.wait_until(lambda: daemon.trade_ids(venue.instrument) == venue.trades, "all trades")
        assert daemon.gaps == 0
        assert [str(event.trading_date) for event in daemon.events(TradingDayStarted)] == ["2024-08-08"]  # type: ignore[union-attr]


@recordings
async def test_gap(clock: trio.testing.MockClock, code: str, is_spot: bool) -> None:
    async with following(code, is_spot) as (venue, daemon):
        await venue.play(0, MIDDLE)
        await settled(daemon, venue)
        venue.lose(MIDDLE, MIDDLE + LOST)
        await venue.play(MIDDLE + LOST)
        await settled(daemon, venue)
        assert daemon.gaps >= 1
        lost = set(venue.trades) - set(daemon.trade_ids(venue.instrument))
        assert len(lost) < LOST


@recordings
async def test_repeats(clock: trio.testing.MockClock, code: str, is_spot: bool) -> None:
    async with following(code, is_spot) as (venue, daemon):
        await venue.play(0, MIDDLE)
        await venue.play(MIDDLE - LOST, MIDDLE)
        await venue.play(MIDDLE - LOST // 2)
        await settled(daemon, venue)
        await daemon.wait_until(lambda: daemon.trade_ids(venue.instrument) == venue.trades, "all trades")
        assert daemon.gaps == 0


@recordings
async def test_cut(clock: trio.testing.MockClock, code: str, is_spot: bool) -> None:
    async with following(code, is_spot) as (venue, daemon):
        await venue.play(0, MIDDLE)
        await next(each for each in venue.venue.clients if "/regular" not in each.path).cut()
        venue.lose(MIDDLE, MIDDLE + LOST)
        await venue.subscribed(connections=2)
        await venue.play(MIDDLE + LOST)
        await settled(daemon, venue)
        assert daemon.gaps >= 1


@recordings
async def test_stall(clock: trio.testing.MockClock, code: str, is_spot: bool) -> None:
    async with following(code, is_spot) as (venue, daemon):
        await venue.play(0, MIDDLE)
        venue.lose(MIDDLE, MIDDLE + LOST)
        await venue.subscribed(connections=2)
        await venue.play(MIDDLE + LOST)
        await settled(daemon, venue)
        statuses = [status.status for status in daemon.statuses]
        assert statuses[-2:] == [FeedStatus.IMPAIRED, FeedStatus.ACTIVE]


@recordings
async def test_snapshots_that_are_late(clock: trio.testing.MockClock, code: str, is_spot: bool) -> None:
    """The answer is as old as the request: many updates arrive while it is on its way."""
    venue = RecordedVenue(code, is_spot)
    path = "/api/v3/depth" if is_spot else "/fapi/v1/depth"
    prompt = venue.depth
    venue.venue.routes[path] = lambda request: _late(prompt(request).body)
    daemon = MemoryDaemon("binance", clock=FakeClock("2024-08-08T23:54:00+00:00"), wanted=(venue.instrument,))
    async with running(venue, daemon=daemon):
        await venue.subscribed()
        await venue.play(0, MIDDLE)
        await settled(daemon, venue)
        await venue.play(MIDDLE)
        await settled(daemon, venue)
        assert daemon.gaps == 0
        assert len(venue.snapshots) == 1


def _late(body: bytes) -> Response:
    return Response(body, delay_seconds=3.0)
