"""What operators are told of the orders: feeds and their states, requests by status, shadow verdicts."""

from __future__ import annotations

from typing import Any

import trio

from tests.trading.world import FEED, World, place
from zenithd.collectors import OrdersCollector, OrdersReading
from zenithd.trading.vetting import RuleVetting
from zenithd.vetting import Source, VettingLimits, load

SHADOW = """
LIBRARY Site { RULE Site.Small { FAIL WITH Small IF details HAS quantity AND details.quantity < 10 } }
SHADOW SET Tighter { USE Site.Small }
"""


def samples(reading: OrdersReading) -> dict[tuple[str, ...], float]:
    return {
        (sample.name.removeprefix("zenithd_"), *sample.labels.values()): sample.value
        for family in OrdersCollector(lambda: reading).collect()
        for sample in family.samples
    }


async def test_a_feed_is_told_with_who_stands_by_and_what_is_not_answered(autojump_clock: Any) -> None:
    async with World().run() as world:
        world.exchange.is_silent = True
        await world.placed()
        async with trio.open_nursery() as nursery:

            async def stand_by() -> None:
                async with world.supplied():
                    await trio.sleep_forever()

            nursery.start_soon(stand_by)
            await trio.testing.wait_all_tasks_blocked()
            (feed,) = world.service.reading().feeds
            assert (feed.feed, feed.status, feed.standby, feed.waiting) == (FEED, "Online", 1, 1)
            nursery.cancel_scope.cancel()
        reading = world.service.reading()
        assert reading.requests == {"Pending": 0, "Queued": 0, "Submitted": 1, "Unknown": 0}
        assert (reading.refusal, reading.accounts, reading.orders) == ("", 3, 1)
        assert reading.update_id == world.state.update_id
        found = samples(reading)
        assert found["orders_healthy",] == 1
        assert found["order_requests", "Submitted"] == 1
        assert found["order_feed_status", FEED, "Online"] == 1
        assert found["order_feed_status", FEED, "Disconnected"] == 0
        assert found["order_feed_waiting", FEED] == 1
        assert found["order_answers_total", "PlaceOrder", "accepted"] == 1


async def test_a_feed_that_is_gone_is_still_told(autojump_clock: Any) -> None:
    async with World().run() as world:
        journal = world.journal
    async with World(journal).run(with_exchange=False) as again:
        assert [(feed.feed, feed.status) for feed in again.service.reading().feeds] == [
            (FEED, "Disconnected")
        ]


async def test_orders_that_are_not_taken_are_told_with_the_reason() -> None:
    reading = World().service.reading()
    assert reading.refusal == "the orders have not been read yet"
    assert samples(reading)["orders_healthy",] == 0


async def test_shadow_verdicts_are_counted_and_dry_runs_are_not(autojump_clock: Any) -> None:
    vetting = RuleVetting(load([Source("site.vortex", SHADOW)], VettingLimits()))
    async with World(vetting=vetting).run() as world:
        await world.placed(Quantity=9)
        await world.placed(Quantity=9)
        await world.placed(Quantity=10)
        await world.ask("CalculateOrder", place(Quantity=9))
        assert vetting.shadows == {("Tighter", "FAIL"): 2}
