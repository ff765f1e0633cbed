"""Trading days of round-the-clock venues."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
import trio
import trio.testing
from example_venue import MARKET, ExampleConfig, ExampleSource

from zenithd.domain.events import MarketEvent, MarketStateChanged, TradingDayStarted
from zenithd.domain.instrument import MarketDefinition
from zenithd.domain.market_data import TradingState
from zenithd.plugin import VenuePolicy
from zenithd.plugin.calendar_days import date_in, seconds_to_midnight
from zenithd.testing import FakeClock, MemoryDaemon, ScriptedVenue, network_clock, run_source, serve_venue


@pytest.mark.parametrize(
    ("zone", "time", "day", "hours"),
    [
        ("UTC", "2026-01-05T00:00:00", "2026-01-05", 24),
        ("UTC", "2026-01-05T23:00:00", "2026-01-05", 1),
        ("Australia/Sydney", "2026-01-05T12:00:00", "2026-01-05", 12),
        # Clocks go forward and back: days of 23 and 25 hours.
        ("Australia/Sydney", "2026-10-04T00:00:00", "2026-10-04", 23),
        ("Australia/Sydney", "2026-04-05T00:00:00", "2026-04-05", 25),
    ],
)
def test_days_end_at_midnight_there(zone: str, time: str, day: str, hours: int) -> None:
    now = int(datetime.fromisoformat(time).replace(tzinfo=ZoneInfo(zone)).timestamp()) * 10**9
    assert date_in(zone, now).isoformat() == day
    assert seconds_to_midnight(zone, now) == hours * 3600


class SydneySource(ExampleSource):
    policy = VenuePolicy(calendar_days=True, stall_seconds_max=None, ping_seconds=None)

    def markets(self) -> list[MarketDefinition]:
        states = (TradingState("Open"),)
        return [MarketDefinition(id=MARKET, time_zone="Australia/Sydney", trading_states=states)]

    def opening_events(self) -> list[MarketEvent]:
        return [MarketStateChanged(MARKET, "Open")]


@pytest.fixture
def clock() -> trio.testing.MockClock:
    return network_clock()


async def test_days_are_published_by_the_given_clock(clock: trio.testing.MockClock) -> None:
    daemon = MemoryDaemon(clock=FakeClock("2026-01-05T12:50:00+00:00"))
    async with serve_venue(ScriptedVenue(routes={"/instruments": b"[]"})) as venue:
        config = ExampleConfig(websocket_url=venue.websocket_url, http_url=venue.http_url)
        async with run_source(SydneySource, config, daemon):
            await daemon.wait_until(lambda: len(daemon.events()) == 2)
            assert daemon.markets[MARKET].trading_state == "Open"
            await trio.sleep(11 * 60)
            days = [e for e in daemon.events(TradingDayStarted) if isinstance(e, TradingDayStarted)]
            assert [day.trading_date.isoformat() for day in days] == ["2026-01-05", "2026-01-06"]
