"""A feed at work over a connection: order, waiting, suspension, the end."""

from __future__ import annotations

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from zenithd.oms.model.directory import ConnectionStatus, ExchangeDetails, FeedConfiguration
from zenithd.oms.model.updates import ExchangeDefined
from zenithd.oms.streaming import (
    FeedEvent,
    FeedEventType,
    FeedPosition,
    FeedQuery,
    FeedRequest,
    FeedRequestType,
    FeedResponse,
)
from zenithd.oms.supplying import Queried, Rewind
from zenithd.plugin.feeds import OUTGOING_MAX, AdapterFeed, FeedLost, supply

FEED = "F"


class Port:
    """The hub as a test plays it."""

    def __init__(self) -> None:
        self.sent: list[FeedRequest] = []
        self.room = trio.Event()
        self.room.set()
        self.tell, self._told = trio.open_memory_channel[FeedEvent](100)

    async def send(self, message: FeedRequest) -> None:
        await self.room.wait()
        self.sent.append(message)

    async def receive(self) -> FeedEvent:
        try:
            return await self._told.receive()
        except trio.EndOfChannel:
            raise FeedLost from None

    def say(self, kind: FeedEventType, position: int | None = None) -> None:
        place = None if position is None else FeedPosition(sequence=FEED, position=position)
        self.tell.send_nowait(FeedEvent(type=kind, position=place))

    def grant(self, position: int = 0) -> None:
        self.say(FeedEventType.OPEN)
        self.say(FeedEventType.RESUME, position)

    @property
    def numbers(self) -> list[int]:
        """Of the updates that arrived, in order."""
        positions = [each.position for each in self.sent if each.type is FeedRequestType.OPERATION]
        return [each.position for each in positions if each is not None]


async def submit(feed: AdapterFeed, *numbers: int) -> None:
    for number in numbers:
        await feed.submit(number, ExchangeDefined(details=ExchangeDetails(exchange=f"E{number}")))


async def test_it_opens_and_says_what_it_is() -> None:
    port = Port()
    async with supply(port, FEED) as feed:
        port.grant(4)
        assert (await feed.open()).position == 4
        feed.configure(FeedConfiguration(name="mine"))
        feed.tell_status(ConnectionStatus.ONLINE)
        await wait_all_tasks_blocked()
    assert [each.type.value for each in port.sent] == ["Open", "Configure", "Status"]


async def test_updates_go_in_order_and_those_that_the_hub_has_do_not_go() -> None:
    port = Port()
    async with supply(port, FEED) as feed:
        await submit(feed, 1)
        port.grant(2)
        await feed.open()
        await submit(feed, 2, 3, 4)
        await wait_all_tasks_blocked()
        assert port.numbers == [3, 4]
        assert (feed.last, feed.kept) == (4, 2)
        port.say(FeedEventType.BOOKMARK, 4)
        await feed.wait_kept(4)


async def test_suspended_it_sends_nothing_that_waits_and_resumed_it_sends_all() -> None:
    port = Port()
    async with supply(port, FEED) as feed:
        port.grant()
        await feed.open()
        await wait_all_tasks_blocked()
        port.room = trio.Event()
        await submit(feed, 1, 2, 3)
        await wait_all_tasks_blocked()  # the first is on its way
        port.say(FeedEventType.SUSPEND)
        await wait_all_tasks_blocked()
        port.room.set()
        await wait_all_tasks_blocked()
        assert port.numbers == [1]
        port.say(FeedEventType.RESUME, 0)
        await wait_all_tasks_blocked()
        assert port.numbers == [1, 1, 2, 3]


async def test_who_submits_waits_while_the_hub_is_behind() -> None:
    port = Port()
    async with supply(port, FEED) as feed, trio.open_nursery() as nursery:
        port.grant()
        await feed.open()
        port.room = trio.Event()
        nursery.start_soon(submit, feed, *range(1, OUTGOING_MAX + 50))
        await wait_all_tasks_blocked()
        assert feed.last <= OUTGOING_MAX + 1
        port.room.set()
        await wait_all_tasks_blocked()
        assert port.numbers == list(range(1, OUTGOING_MAX + 50))


async def test_what_there_is_to_do_comes_one_after_the_other() -> None:
    port = Port()
    async with supply(port, FEED, 9) as feed:
        port.grant(5)
        query = FeedQuery(type="x")
        port.tell.send_nowait(FeedEvent(type=FeedEventType.QUERY, request_id=3, query=query))
        await feed.open()
        assert await feed.next() == Rewind(5)
        assert await feed.next() == Queried(3, query)
        feed.answer_query(3, FeedResponse(type="x"))
        await wait_all_tasks_blocked()
        assert port.sent[-1].request_id == 3


async def test_it_closes_when_all_is_written() -> None:
    port = Port()
    closed: list[bool] = []

    async def close(feed: AdapterFeed) -> None:
        await feed.close()
        closed.append(True)

    async with supply(port, FEED) as feed, trio.open_nursery() as nursery:
        port.grant()
        await feed.open()
        nursery.start_soon(close, feed)
        await wait_all_tasks_blocked()
        assert closed == []
        port.say(FeedEventType.CLOSE)
        await wait_all_tasks_blocked()
        assert closed == [True]


async def test_a_lost_connection_ends_the_block() -> None:
    port = Port()
    with pytest.raises(BaseExceptionGroup) as caught:
        async with supply(port, FEED) as feed:
            port.tell.close()
            await feed.open()
    assert caught.group_contains(FeedLost)
