"""The order task: group commits, failures of the journal, overload, checkpoints, restarts."""

from __future__ import annotations

from typing import Any

import pytest
import trio

from tests.trading.world import (
    A1,
    ACCOUNT,
    FEED,
    Journal,
    World,
    amend,
    place,
)
from zenithd.config import OrderSettings
from zenithd.controllers.trading.desk import DeskClosed
from zenithd.domain.market_data import FeedStatus
from zenithd.oms.oms import Oms

MINE = {"Account": ACCOUNT}


class Asked:
    """Requests under way, and their results as they come."""

    def __init__(self, world: World, nursery: trio.Nursery) -> None:
        self.world = world
        self.nursery = nursery
        self.results: list[Any] = []

    async def start(self, count: int = 1, **changes: Any) -> None:
        for _ in range(count):
            self.nursery.start_soon(self._ask, place(**changes))
        await trio.testing.wait_all_tasks_blocked()

    async def _ask(self, data: Any) -> None:
        self.results.append((await self.world.ask("PlaceOrder", data)).data)


async def test_an_answer_never_comes_before_the_commit_that_it_shares(
    autojump_clock: Any,
) -> None:
    journal = Journal()
    async with World(journal).run() as world, trio.open_nursery() as nursery:
        asked = Asked(world, nursery)
        gate, appends = journal.hold(), journal.appends
        await asked.start()
        await asked.start(20)
        assert asked.results == []
        assert not world.exchange.asked  # nor does anything go to the exchange
        assert journal.appends == appends + 1
        journal.gate = None
        gate.set()
        await trio.testing.wait_all_tasks_blocked()
        assert [each["Result"] for each in asked.results] == ["Success"] * 21
        await world.until(lambda: len(world.exchange.asked) == 21)
        assert len({each["Order"]["ID"] for each in asked.results}) == 21


async def test_what_was_kept_though_the_commit_failed_is_there_afterwards(autojump_clock: Any) -> None:
    journal = Journal()
    async with World(journal).run() as world:
        reader = world.reader()
        for topic in (f"Orders!{ACCOUNT}", f"Balances!{ACCOUNT}", "Accounts"):
            reader.subscribe(topic)
        journal.keeps_and_fails = True
        result = await world.result("PlaceOrder", place(RequestID="open"))
        assert (result["Result"], result["Errors"]) == ("Rejected", ["Submitted"])
        await world.until(lambda: not world.service.waiting_for())
        await trio.testing.wait_all_tasks_blocked()
        told: dict[str, list[Any]] = {}
        for message in reader.messages():
            told.setdefault(message["Topic"], []).extend(message["Data"])
        statuses = [each["Feed"] for each in told["Accounts"] if each["ID"] == ACCOUNT]
        assert "Impaired" in statuses
        assert statuses[-1] == "Active"
        orders = told[f"Orders!{ACCOUNT}"]
        assert [each["O"] for each in orders][:2] == ["C", "A"]
        assert told[f"Balances!{ACCOUNT}"][0]["Type"] == ""
        # The same request is recognised: no second order. The feed came back, so it was brought there once.
        again = await world.result("PlaceOrder", place(RequestID="open"))
        assert (again["Result"], again["Order"]["ID"]) == ("Success", orders[1]["Order"]["ID"])
        assert len(await world.result("QueryOrders", MINE)) == 1
        assert [each.request_id for each in world.exchange.asked] in ([], ["open"])


async def test_what_was_not_kept_never_was(autojump_clock: Any) -> None:
    journal = Journal()
    async with World(journal).run() as world:
        journal.refuses = "the disk is full"
        results = [
            await world.result("PlaceOrder", place(RequestID="lost")),
            await world.result("PlaceOrder", place(RequestID="later")),
        ]
        assert [each["Errors"] for each in results] == [["Submitted"], ["Retry"]]
        assert world.service.desk.feed_status() is FeedStatus.IMPAIRED
        assert world.service.waiting_for() == ["orders: the disk is full"]
        assert await world.errors("QueryOrders", MINE) == (f"Account.Unavailable {ACCOUNT}",)
        assert (await world.result("CalculateOrder", place()))["Errors"] == ["Retry"]
        reader = world.reader()
        assert reader.subscribe(f"Orders!{ACCOUNT}") == [{"O": "C", "Account": ACCOUNT}]
        journal.refuses = ""
        await world.until(lambda: not world.service.waiting_for())
        assert await world.result("QueryOrders", MINE) == []
        assert (await world.result("PlaceOrder", place(RequestID="lost")))["Result"] == "Success"
        assert [each["O"] for each in reader.read(f"Orders!{ACCOUNT}")] == ["C", "A", "U"]


async def test_a_refusal_says_that_nothing_was_done_whatever_else_fails(
    autojump_clock: Any,
) -> None:
    journal = Journal()
    async with World(journal).run() as world, trio.open_nursery() as nursery:
        asked = Asked(world, nursery)
        gate = journal.hold()
        await asked.start(RequestID="first")
        await asked.start(RequestID="good")
        await asked.start(RequestID="poor", Quantity=10_000)
        journal.gate = None
        journal.refuses = "the disk is full"
        gate.set()
        await trio.testing.wait_all_tasks_blocked()
        errors = {each["RequestID"]: each["Errors"] for each in asked.results}
        assert errors == {"first": ["Submitted"], "good": ["Retry"], "poor": ["Retry"]}


async def test_feeds_wait_while_nothing_can_be_kept_and_lose_nothing(autojump_clock: Any) -> None:
    journal = Journal()
    async with World(journal).run() as world:
        order_id = await world.placed()
        journal.refuses = "the disk is full"
        await world.result("PlaceOrder", place())
        async with trio.open_nursery() as nursery:
            nursery.start_soon(world.exchange.fill, order_id, 60, "1.50")
            await trio.testing.wait_all_tasks_blocked()
            journal.refuses = ""
        assert world.order(order_id).executed_quantity == 60
        assert world.state.positions[FEED] == world.exchange.last
        await world.exchange.fill(order_id, 40, "1.50")
        assert world.order(order_id).status == "Filled"
        assert world.state.holding(A1, "XSX", "XS01").quantity == 1_100


async def test_who_comes_when_too_much_waits_is_told_to_try_again(autojump_clock: Any) -> None:
    journal = Journal()
    settings = OrderSettings(demonstration_accounts=1, commands_waiting_max=5)
    async with World(journal, settings).run() as world, trio.open_nursery() as nursery:
        asked = Asked(world, nursery)
        gate = journal.hold()
        await asked.start()
        await asked.start(8)
        assert [each["Errors"] for each in asked.results] == [["Retry"]] * 3
        journal.gate = None
        gate.set()
        await trio.testing.wait_all_tasks_blocked()
        assert [each["Result"] for each in asked.results[3:]] == ["Success"] * 6


async def test_a_restart_finds_everything_again(autojump_clock: Any) -> None:
    journal = Journal()
    async with World(journal).run() as world:
        first, second = await world.placed(RequestID="one"), await world.placed(Side="Ask", Quantity=10)
        await world.exchange.fill(first, 30, "1.50")
        await world.result("AmendOrder", amend(first, Quantity=200))
        shown = [await world.result(f"Query{topic}", MINE) for topic in ("Orders", "Balances", "Holdings")]
        past = await world.result("QueryTransactions", MINE), await world.result("QueryOrderAudit", MINE)
    kept = await journal.kept_state()
    assert kept is not None  # the state was kept at the end
    assert kept.sequence == len(journal.records)
    for with_checkpoint in (True, False):
        if not with_checkpoint:
            journal._state = None
        async with World(journal).run(with_exchange=False) as again:
            for topic, before in zip(("Orders", "Balances", "Holdings"), shown, strict=True):
                assert await again.result(f"Query{topic}", MINE) == before
            assert (await again.result("QueryTransactions", MINE)) == past[0]
            assert (await again.result("QueryOrderAudit", MINE))[: len(past[1])] == past[1]
            repeated = await again.result("PlaceOrder", place(RequestID="one"))
            assert repeated["Order"]["ID"] == first
            assert second in again.state.orders[A1]


async def test_a_state_that_is_ahead_of_the_journal_is_never_kept(autojump_clock: Any) -> None:
    journal = Journal()
    async with World(journal).run() as world, trio.open_nursery() as nursery:
        asked = Asked(world, nursery)
        await world.placed()
        journal.hold()
        await asked.start()
        assert len(world.state.orders[A1]) == 2
        nursery.cancel_scope.cancel()
    journal.gate = None
    kept = await journal.kept_state()
    if kept is not None:
        oms = Oms.restore(kept.state, world.service.desk._around)
        assert kept.sequence <= len(journal.records)
        assert len(oms.state.orders[A1]) == 1
    async with World(journal).run(with_exchange=False) as again:
        assert len(again.state.orders[A1]) == 1


async def test_checkpoints_come_with_the_records(autojump_clock: Any) -> None:
    journal = Journal()
    settings = OrderSettings(demonstration_accounts=1, checkpoint_records=100)
    async with World(journal, settings).run() as world:
        for _ in range(60):
            await world.placed(Quantity=1)
        kept = await journal.kept_state()
        assert kept is not None
        assert len(journal.records) - 110 < kept.sequence <= len(journal.records)


async def test_what_falls_due_while_a_commit_hangs_is_asked_for_once(autojump_clock: Any) -> None:
    journal = Journal()
    async with World(journal).run() as world, trio.open_nursery() as nursery:
        world.exchange.is_silent = True
        await world.placed(RequestID="lost")
        asked = Asked(world, nursery)
        gate = journal.hold()
        await asked.start()
        world.now += 40 * 1_000_000_000
        await trio.sleep(100)
        assert len(world.service.desk._waiting) == 2  # one for each request that had no answer in time
        journal.gate = None
        gate.set()
        await world.until(lambda: world.service.reading().requests["Unknown"] == 2)


async def test_the_desk_closes_with_the_daemon(autojump_clock: Any) -> None:
    async with World().run() as world:
        assert world.service.desk.feed_status() is FeedStatus.ACTIVE
    assert world.service.desk.refusal == "the daemon ends"
    with pytest.raises(DeskClosed):
        await world.service.desk.read(A1, lambda: 0)


async def test_it_is_counted_where_the_time_of_requests_goes(autojump_clock: Any) -> None:
    journal = Journal()
    async with World(journal).run() as world, trio.open_nursery() as nursery:
        asked = Asked(world, nursery)
        before = dict(world.service.desk.stages.seconds)  # accounts and statuses are no clients' requests
        assert not any(before.values())
        gate = journal.hold()
        await asked.start()
        await trio.sleep(2)
        await asked.start(3)  # they wait for the commit of the first
        await trio.sleep(5)
        journal.gate = None
        gate.set()
        await world.until(lambda: len(asked.results) == 4)
        await world.until(lambda: len(world.exchange.asked) == 4)
        spent = world.service.desk.stages.seconds
        assert spent["keeping"] == pytest.approx(7)
        assert spent["waiting"] == pytest.approx(3 * 5)
        assert spent["deciding"] == spent["telling"] == 0  # the clock of the test stands still meanwhile
