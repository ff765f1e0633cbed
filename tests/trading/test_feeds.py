"""Adapters of this process: what gets lost on the way, what comes late, and adapters that do not read."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
import structlog
import trio
import trio.testing

from tests.trading.world import A1, A2, EXCHANGE, FEED, SECOND, Exchange, World, place
from zenithd.oms.commands import Define
from zenithd.oms.evidence import Evidence, answer_with
from zenithd.oms.model.directory import ConnectionStatus
from zenithd.oms.model.requests import RequestStatus
from zenithd.oms.model.updates import ExchangeDefined
from zenithd.oms.streaming import SEQUENCED, FeedEvent, FeedEventType, FeedRequest
from zenithd.plugin import feeds as adapters
from zenithd.plugin.feeds import FeedLost
from zenithd.trading import feeds
from zenithd.trading.feeds import InProcessPort

settled = trio.testing.wait_all_tasks_blocked


class LossyPort(InProcessPort):
    """A connection that loses the messages that its test wants lost, and remembers what it told."""

    lose: Callable[[FeedRequest], bool] = staticmethod(lambda message: False)
    told: list[FeedEvent]

    def __init__(self, connection: int) -> None:
        super().__init__(connection)
        self.told = []
        LossyPort.newest = self

    newest: LossyPort

    async def send(self, message: FeedRequest) -> None:
        if not self.lose(message):
            await super().send(message)

    async def receive(self) -> FeedEvent:
        event = await super().receive()
        self.told.append(event)
        return event


def status(world: World, name: str) -> RequestStatus:
    held = world.state.request(A1, name)
    return held.status if held is not None else world.state.finished[A1][name].status


async def test_a_gap_suspends_and_resumes_an_adapter_and_nothing_is_lost(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeds, "InProcessPort", LossyPort)
    async with World().run() as world:
        order_id = await world.placed(Quantity=300)
        port, exchange = LossyPort.newest, world.exchange
        dropped: list[int] = []

        def lose(message: FeedRequest) -> bool:
            is_first = message.type in SEQUENCED and not dropped
            if is_first:
                assert message.position is not None
                dropped.append(message.position.position)
            return is_first

        port.lose = lose  # type: ignore[method-assign]
        port.told.clear()
        began = exchange.last
        async with trio.open_nursery() as nursery:
            for number in (1, 2, 3):  # each is told before the one before it is kept
                nursery.start_soon(exchange.fill_before_it_is_known, order_id, number, 100, "1.5")
                await settled()
        assert dropped == [began + 1]
        kinds = [event.type for event in port.told if event.type is not FeedEventType.BOOKMARK]
        assert kinds == [FeedEventType.SUSPEND, FeedEventType.RESUME]
        [resume] = [event for event in port.told if event.type is FeedEventType.RESUME]
        assert resume.position is not None and resume.position.position == began
        assert world.state.positions[FEED] == began + 3
        order = world.order(order_id)
        assert (order.status, order.executed_quantity) == ("Filled", 300)
        assert len(world.state.trades[A1][order_id]) == 3
        assert world.state.balance(A1, "AUD").unbooked_transactions == -450


async def test_a_second_answer_that_comes_after_a_request_was_sent_again_changes_nothing(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with World().run() as world:
        exchange = world.exchange
        exchange.is_silent = True
        await world.result("PlaceOrder", place(RequestID="P1"))
        for _ in range(2):
            for how in (ConnectionStatus.DISCONNECTED, ConnectionStatus.ONLINE):
                exchange.feed.tell_status(how)
                await settled()
        first, second = exchange.questions
        exchange.feed.answer_query(first.number, answer_with(first.query, Evidence.NEVER_RECEIVED))
        await settled()
        assert [request.request_id for request in exchange.asked] == ["P1", "P1"]
        exchange.feed.answer_query(second.number, answer_with(second.query, Evidence.NEVER_RECEIVED))
        await settled()
        assert status(world, "P1") is RequestStatus.SUBMITTED
        world.now += 5 * SECOND
        await trio.sleep(5)
        assert len(exchange.asked) == 2
        await exchange.carry_out(exchange.asked[1])
        assert status(world, "P1") is RequestStatus.COMPLETED


@asynccontextmanager
async def stalled(world: World, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[trio.Event]:
    """An adapter that is online and takes nothing of what it is asked, of which five messages may wait.

    The event: that it has lost its feed.
    """
    gone, online = trio.Event(), trio.Event()

    async def stall() -> None:
        try:
            async with world.service.feeds.supply(FEED, world.state.positions.get(FEED, 0)) as feed:
                await feed.open()
                feed.tell_status(ConnectionStatus.ONLINE)
                online.set()
                await trio.sleep_forever()
        except* FeedLost:
            gone.set()

    async with trio.open_nursery() as nursery:
        with monkeypatch.context() as small:
            small.setattr(feeds, "OUTGOING_MAX", 3)
            small.setattr(adapters, "ASKED_MAX", 1)
            nursery.start_soon(stall)
            await online.wait()
            await settled()
        yield gone
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("who", ["another", "the same"])
async def test_an_adapter_that_does_not_read_is_closed_and_somebody_takes_over(
    who: str, autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with World().run(with_exchange=False) as world, trio.open_nursery() as nursery:
        await world.do(Define(ExchangeDefined(details=EXCHANGE)))
        names = [f"P{number}" for number in range(8)]
        found: list[Exchange] = []

        async def take_over() -> None:
            async with world.supplied() as exchange:
                found.append(exchange)
                await trio.sleep_forever()

        with structlog.testing.capture_logs() as logs:
            async with stalled(world, monkeypatch) as gone:
                if who == "another":
                    nursery.start_soon(take_over)
                    await settled()
                for name in names:
                    await world.result("PlaceOrder", place(RequestID=name))
                await gone.wait()
                await settled()
        said = [entry for entry in logs if entry["event"] == "an adapter does not read its feed"]
        assert [(entry["log_level"], entry["feed"]) for entry in said] == [("warning", FEED)]
        lost = [name for name in names if status(world, name) is RequestStatus.UNKNOWN]
        assert len(lost) >= 5
        if who == "the same":
            assert not found and world.state.feeds[FEED].status is ConnectionStatus.DISCONNECTED
            nursery.start_soon(take_over)
        await world.until(lambda: bool(found))
        [exchange] = found
        assert [question.query.parameters["RequestID"] for question in exchange.questions] == lost
        assert not {request.request_id for request in exchange.asked} & {*lost}, (
            "they are asked for, not sent"
        )
        for question in exchange.questions:
            answer = answer_with(question.query, Evidence.NEVER_RECEIVED)
            exchange.feed.answer_query(question.number, answer)
        await world.until(lambda: len(exchange.asked) >= len(names))
        await world.until(lambda: {status(world, name) for name in names} == {RequestStatus.COMPLETED})
        assert sorted(request.request_id for request in exchange.asked) == names
        assert len(world.state.orders[A1]) == len(names) and A2 not in world.state.orders
        nursery.cancel_scope.cancel()


async def test_questions_follow_answers_so_that_no_adapter_drowns_in_them(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a loss there are more questions than messages may wait for one adapter."""
    async with World().run() as world:
        world.exchange.is_silent = True
        names = [f"P{number}" for number in range(8)]
        for name in names:
            await world.result("PlaceOrder", place(RequestID=name))
        world.exchange.feed.tell_status(ConnectionStatus.DISCONNECTED)
        await settled()
        monkeypatch.setattr(feeds, "QUESTIONS_MAX", 2)
        world.exchange.feed.tell_status(ConnectionStatus.ONLINE)
        await settled()
        asked = world.exchange.questions
        assert len(asked) == 2
        for question in asked:  # grows while it is answered
            answer = answer_with(question.query, Evidence.NEVER_RECEIVED)
            world.exchange.feed.answer_query(question.number, answer)
            await settled()
        assert [question.query.parameters["RequestID"] for question in asked] == names
        assert [request.request_id for request in world.exchange.asked] == names * 2


async def test_who_takes_a_feed_over_is_asked_everything_anew(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What an adapter left unanswered keeps nobody from asking the next one."""
    monkeypatch.setattr(feeds, "QUESTIONS_MAX", 2)
    async with World().run(with_exchange=False) as world:
        await world.do(Define(ExchangeDefined(details=EXCHANGE)))
        names = ["P0", "P1", "P2"]
        async with world.supplied() as first:
            first.is_silent = True
            for name in names:
                await world.result("PlaceOrder", place(RequestID=name))
            first.feed.tell_status(ConnectionStatus.DISCONNECTED)
            await settled()
            first.feed.tell_status(ConnectionStatus.ONLINE)
            await settled()
            assert len(first.questions) == 2
        async with world.supplied() as second:
            assert [each.query.parameters["RequestID"] for each in second.questions] == names[:2]
            for question in second.questions:
                answer = answer_with(question.query, Evidence.FORGOTTEN)
                second.feed.answer_query(question.number, answer)
                await settled()
            assert [each.query.parameters["RequestID"] for each in second.questions] == names
            assert {status(world, name) for name in names} == {RequestStatus.UNKNOWN}
