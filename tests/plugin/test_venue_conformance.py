"""The base class of venues passes the checks that every source has to pass."""

from __future__ import annotations

import json

import pytest
import trio.testing
from example_venue import ABC, ExampleConfig, ExampleSource, book_body, delta_frame

from zenithd.plugin import VenuePolicy
from zenithd.testing import ScriptedVenue, conformance, expect_text, frames, network_clock, serve_venue


@pytest.fixture
def clock() -> trio.testing.MockClock:
    return network_clock()


class RoundTheClock(ExampleSource):
    policy = VenuePolicy(frames_per_second_max=100, snapshots_per_second_max=100, calendar_days=True)


@pytest.mark.parametrize("check", conformance.checks(venue=True, wanted=True), ids=str)
async def test_conformance(check: conformance.Check, clock: trio.testing.MockClock) -> None:
    recorded = [delta_frame("ABC", n, n, {90 + n: n}, {}) for n in range(9, 19)]
    trades = [json.dumps({"type": "trade", "code": "ABC", "id": n, "price": 100}) for n in range(1, 9)]
    script = [expect_text(f"subscribe {ABC}"), *frames([*recorded, *trades], pause_seconds=1)]
    routes = {"/instruments": b'["ABC", "DEF"]', "/book": book_body(10, {90: 5}, {201: 6})}
    async with serve_venue(ScriptedVenue([script], routes)) as venue:
        await check(
            conformance.Subject(
                source=RoundTheClock,
                config=ExampleConfig(websocket_url=venue.websocket_url, http_url=venue.http_url),
                instrument=ABC,
                cut=venue.cut,
            )
        )
