"""An adapter that is there before the orders have been read."""

from __future__ import annotations

import trio
from trio.testing import wait_all_tasks_blocked

from tests.oms.desk import EXCHANGE, FEED, START, Desk
from zenithd.oms.model.updates import ExchangeDefined, Kept, encode_updates
from zenithd.testing import MemoryJournal
from zenithd.trading.desk import OrderDesk
from zenithd.trading.feeds import Feeds


async def test_an_adapter_that_comes_early_begins_where_its_feed_stands(
    autojump_clock: trio.testing.MockClock,
) -> None:
    journal = MemoryJournal()
    told = Kept(time=START, update=ExchangeDefined(details=EXCHANGE), feed=FEED, sequence=3)
    await journal.feed("oms").append([encode_updates([told])])
    desk = OrderDesk(journal.feed("oms"), Desk().around, lambda: START)
    feeds = Feeds(desk, lambda: START)
    began = []

    async def adapt() -> None:
        async with feeds.supply(FEED) as feed:
            await feed.open()
            began.append(feed.kept)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(adapt)
        await wait_all_tasks_blocked()
        assert began == []
        nursery.start_soon(desk.run)
        await wait_all_tasks_blocked()
        assert began == [3]
        nursery.cancel_scope.cancel()
