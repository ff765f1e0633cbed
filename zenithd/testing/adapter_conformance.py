"""What every adapter must do, as checks that an author runs; the exchange's own adapter runs them too.

    @pytest.mark.parametrize("check", adapter_conformance.CHECKS, ids=str)
    async def test_conformance(check, autojump_clock):
        await check(
            adapter_conformance.Subject(
                adapter=MyAdapter,
                config=MyConfig(),
                feed_id="MyFeed",
                venue=my_venue,
                resting=OrderNew(…),
                taking=OrderNew(…),
                refused=OrderNew(…),
            )
        )

Run them once more with `is_remote=True`: then every message travels encoded.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from decimal import Decimal
from typing import Any

import msgspec
import trio
from trio.testing import wait_all_tasks_blocked

from zenithd.oms.evidence import Evidence
from zenithd.oms.model.directory import ConnectionStatus
from zenithd.oms.model.orders import OrderState
from zenithd.oms.model.requests import OrderAmend, OrderCancel, OrderNew, RequestStatus
from zenithd.oms.model.updates import ExchangeDefined
from zenithd.oms.streaming import SEQUENCED
from zenithd.plugin.interfaces import Adapter, AdapterContext, PluginConfig
from zenithd.plugin.shared import Shared
from zenithd.testing.memory_journal import MemoryJournal
from zenithd.testing.memory_oms import MemoryOms, Placed, is_refused, run_adapter

STOP_SECONDS_MAX = 1.0
"""A cancelled adapter has so long to end."""

SETTLE_SECONDS = 10.0
"""Nothing more may come of what is done after so long."""

Venue = Callable[[MemoryJournal, Shared], AbstractAsyncContextManager[Any]]
"""Runs where the orders are executed within a block; with the same journal it is the same one again."""


class Subject(msgspec.Struct, kw_only=True):
    """The adapter under check, and the orders that show what it does."""

    adapter: Callable[[Any, AdapterContext], Adapter[Any]]
    config: PluginConfig
    feed_id: str
    venue: Venue
    resting: OrderNew
    """An order that rests, of a quantity of 2 or more that can be reduced by one."""
    taking: OrderNew
    """One that trades with it in full, and is the smaller one."""
    refused: OrderNew
    """One that is refused where orders are executed, not before."""
    is_remote: bool = False


class Check(msgspec.Struct, frozen=True):
    """One numbered check; `await check(subject)` raises AssertionError if it fails."""

    number: int
    name: str
    function: Callable[[Subject], Awaitable[None]]

    def __str__(self) -> str:
        return f"F{self.number:02}-{self.name}"

    async def __call__(self, subject: Subject) -> None:
        """Run the check."""
        await self.function(subject)


class _World:
    """An order management system, where orders are executed, and room for adapters."""

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self.journal, self.shared = MemoryJournal(), Shared()
        self.oms = MemoryOms(journal=self.journal, shared=self.shared, is_remote=subject.is_remote)

    @asynccontextmanager
    async def venue(self) -> AsyncIterator[None]:
        async with self.subject.venue(self.journal, self.shared):
            yield

    @asynccontextmanager
    async def adapter(self) -> AsyncIterator[MemoryOms]:
        async with run_adapter(self.subject.adapter, self.subject.config, self.oms) as oms:
            yield oms

    @asynccontextmanager
    async def online(self) -> AsyncIterator[MemoryOms]:
        """All of it at work; at the end what must hold at every end is looked at."""
        async with self.venue(), self.adapter() as oms:
            await oms.wait_online(self.subject.feed_id)
            yield oms
            await self.settle()
        self.look()

    async def settle(self) -> None:
        """Return when nothing more comes."""
        await trio.sleep(SETTLE_SECONDS)
        await wait_all_tasks_blocked()

    def look(self) -> None:
        """Nothing was said against the protocol, nothing twice, and money and quantities add up."""
        assert self.oms.complaints == [], self.oms.complaints
        updates = [each.update.update_id for each in self.actions()]
        assert len(set(updates)) == len(updates), "an update was told twice, or two have the same UpdateID"
        _check_trades(self.actions())

    def actions(self) -> list[Any]:
        """Updates of orders, in order."""
        return [each for each in self.oms.taken[self.subject.feed_id] if hasattr(each, "order")]

    def order(self, placed: Placed) -> OrderState:
        """The order as it was told last."""
        order = self.oms.order(placed)
        assert order is not None, f"nothing was told of order {placed.order_id}"
        return order

    async def is_placed(self, placed: Placed) -> OrderState:
        """Wait until the order rests."""
        await self.oms.wait_until(lambda: self.oms.order(placed) is not None, "the order")
        await self.oms.wait_finished(placed)
        order = self.order(placed)
        assert not order.is_completed, f"the order is {order.status}"
        return order


def _check_trades(actions: list[Any]) -> None:
    """What an order has executed is the sum of its trades."""
    executed: dict[str, Decimal] = {}
    seen: set[tuple[str, str]] = set()
    for action in actions:
        order, trade = action.order, getattr(action, "trade", None)
        if trade is not None and trade.type.value == "Trade":
            assert (order.order_id, trade.trade_id) not in seen, f"trade {trade.trade_id} was told twice"
            seen.add((order.order_id, trade.trade_id))
            executed[order.order_id] = executed.get(order.order_id, Decimal(0)) + trade.quantity
        told = executed.get(order.order_id, Decimal(0))
        assert order.executed_quantity == told, (
            f"{order.order_id}: executed {order.executed_quantity}, {told}"
        )


async def opens_its_feed(subject: Subject) -> None:
    """It opens its feed, says what it is and that it is online."""
    world = _World(subject)
    async with world.online() as oms:
        assert subject.feed_id in oms.configurations, "no Configure was sent"


async def describes_its_exchange(subject: Subject) -> None:
    """The exchange is described, with the destination of the orders and the statuses of orders."""
    world = _World(subject)
    async with world.online() as oms:
        placed = oms.place(subject.resting)
        order = await world.is_placed(placed)
        described = [each.details for each in oms.taken[subject.feed_id] if isinstance(each, ExchangeDefined)]
        mine = [each for each in described if each.exchange == order.exchange]
        assert mine, f"exchange {order.exchange} was not described"
        assert order.ex_destination in [each.ex_destination for each in mine[-1].destinations]
        assert order.status in [each.code for each in mine[-1].order_statuses]


async def places(subject: Subject) -> None:
    """A new order keeps its id, account and terms; its request is completed, and answered."""
    world = _World(subject)
    async with world.online() as oms:
        placed = oms.place(subject.resting)
        order, body = await world.is_placed(placed), subject.resting
        assert (order.order_id, order.account) == (placed.order_id, placed.request.account)
        assert (order.code, order.side, order.quantity) == (body.code, body.side, body.quantity)
        assert order.external_id, "the exchange's own id is missing"
        assert order.request_id == placed.request.request_id
        await oms.wait_until(lambda: bool(oms.answers), "a RequestResponse")


async def tells_trades(subject: Subject) -> None:
    """Fills come as trades of both orders, each once; an order that is filled is completed."""
    world = _World(subject)
    async with world.online() as oms:
        resting = oms.place(subject.resting)
        await world.is_placed(resting)
        taking = oms.place(subject.taking)
        await oms.wait_finished(taking)
        await oms.wait_until(lambda: bool(oms.trades(resting) and oms.trades(taking)), "the trades")
        await world.settle()
        assert world.order(taking).is_completed
        quantity = sum(each.trade.quantity for each in oms.trades(resting))
        assert quantity == subject.taking.quantity
        assert world.order(resting).remainder == subject.resting.quantity - quantity


def amendment(order: OrderState, quantity: Decimal) -> OrderAmend:
    """The order again, with another quantity."""
    return OrderAmend(
        order_id=order.order_id,
        prev_request_id=order.request_id,
        code=order.code,
        exchange=order.exchange,
        side=order.side,
        order_type=order.order_type,
        quantity=quantity,
        price=order.price,
        lifetime=order.lifetime,
        ex_destination=order.ex_destination,
    )


def cancellation(order: OrderState) -> OrderCancel:
    """Take the order out."""
    return OrderCancel(
        order_id=order.order_id,
        prev_request_id=order.request_id,
        code=order.code,
        exchange=order.exchange,
        side=order.side,
        quantity=order.quantity,
        ex_destination=order.ex_destination,
    )


async def amends_and_cancels(subject: Subject) -> None:
    """An amendment and a cancellation are carried out in the order in which they come, and told."""
    world = _World(subject)
    async with world.online() as oms:
        placed = oms.place(subject.resting)
        order = await world.is_placed(placed)
        amend = oms.place(amendment(order, order.quantity - 1))
        cancel = oms.place(cancellation(order))
        assert (await oms.wait_finished(amend)).status is RequestStatus.COMPLETED
        assert (await oms.wait_finished(cancel)).status is RequestStatus.COMPLETED
        now = world.order(placed)
        assert now.is_completed
        assert now.quantity == order.quantity - 1
        late = await oms.wait_finished(oms.place(cancellation(order)))
        assert is_refused(late), "an order was cancelled twice"


async def takes_what_comes_at_once(subject: Subject) -> None:
    """Place and cancel, the second before anything is known of the first: both are carried out."""
    world = _World(subject)
    async with world.online() as oms:
        body = subject.resting
        placed = oms.place(body)
        cancel = oms.place(
            OrderCancel(
                order_id=placed.order_id,
                code=body.code,
                exchange=body.exchange,
                side=body.side,
                quantity=body.quantity,
                ex_destination=body.ex_destination,
            )
        )
        assert (await oms.wait_finished(cancel)).status is RequestStatus.COMPLETED
        assert world.order(placed).is_completed


async def says_why_it_refuses(subject: Subject) -> None:
    """A refused request is rejected with an error, once; it can be asked for later too."""
    world = _World(subject)
    async with world.online() as oms:
        placed = oms.place(subject.refused)
        end = await oms.wait_finished(placed)
        assert is_refused(end)
        assert end.errors, "no error was given"
        await world.settle()
        assert oms.order(placed) is None or world.order(placed).is_completed
        assert await oms.ask(placed) is Evidence.REFUSED
        oms.send(placed)
        await world.settle()
        assert len(oms.told_of(placed)) == 1, "a refused request was looked at again"


async def carries_out_once(subject: Subject) -> None:
    """A request that comes many times, at once and later, is one order."""
    world = _World(subject)
    async with world.online() as oms:
        placed = oms.place(subject.resting)
        for _ in range(20):
            oms.send(placed)
        await world.is_placed(placed)
        await world.settle()
        oms.send(placed)
        await world.settle()
        assert len(oms.told_of(placed)) == 1
        assert len([each for each in world.actions() if each.update.reason.value == "New"]) == 1
        assert len(oms.answers) == 22, "not every one was answered"


async def goes_on_after_a_cut(subject: Subject) -> None:
    """After a cut it opens its feed again and goes on where the hub says: nothing lost, nothing twice."""
    world = _World(subject)
    async with world.online() as oms:
        resting = oms.place(subject.resting)
        await world.is_placed(resting)
        for _ in range(3):
            taking = oms.place(subject.taking) if world.order(resting).remainder else None
            await wait_all_tasks_blocked()
            oms.cut()
            await oms.wait_online(subject.feed_id)
            if taking is not None:
                assert await oms.ask(taking) is Evidence.CARRIED_OUT
                await oms.wait_finished(taking)
            await world.settle()


async def says_again_what_was_lost(subject: Subject) -> None:
    """What the hub could not keep comes again under the same number, as it was."""
    world = _World(subject)
    async with world.online() as oms:
        resting = oms.place(subject.resting)
        await world.is_placed(resting)
        with oms.not_keeping():
            taking = oms.place(subject.taking)
            await oms.wait_finished(taking)
            await oms.wait_until(lambda: bool(oms.trades(resting) and oms.trades(taking)), "the trades")
            before = list(oms.taken[subject.feed_id])
            oms.fall_back()
            assert len(oms.taken[subject.feed_id]) < len(before)
            await world.settle()
            assert oms.taken[subject.feed_id][: len(before)] == before
            oms.restart()
            assert len(oms.taken[subject.feed_id]) < len(before)
        await oms.wait_online(subject.feed_id)
        await world.settle()
        assert oms.taken[subject.feed_id][: len(before)] == before


async def goes_back_as_far_as_asked(subject: Subject) -> None:
    """A hub that lost all, also what it had kept, is told everything again, as it was."""
    world = _World(subject)
    async with world.online() as oms:
        resting = oms.place(subject.resting)
        await world.is_placed(resting)
        await oms.wait_finished(oms.place(subject.taking))
        await world.settle()
        before = list(oms.taken[subject.feed_id])
        oms.restart(forget=len(before))
        assert oms.taken[subject.feed_id] == []
        await oms.wait_online(subject.feed_id)
        await world.settle()
        assert oms.taken[subject.feed_id][: len(before)] == before


async def waits_while_suspended(subject: Subject) -> None:
    """Suspended it goes on taking requests and says nothing; resumed it says what happened meanwhile."""
    world = _World(subject)
    async with world.online() as oms:
        with oms.held():
            await wait_all_tasks_blocked()
            said = len(oms.messages)
            placed = oms.place(subject.resting)
            await world.settle()
            assert [each for each in oms.messages[said:] if each.type in SEQUENCED] == []
            assert oms.order(placed) is None
        await world.is_placed(placed)


async def knows_what_never_came(subject: Subject) -> None:
    """Of a request that was lost on its way it says so, and carries it out when it comes again."""
    world = _World(subject)
    async with world.online() as oms:
        with oms.losing_requests():
            placed = oms.place(subject.resting)
            await world.settle()
        oms.cut()
        assert placed.request in oms.unanswered
        await oms.wait_online(subject.feed_id)
        assert await oms.ask(placed) is Evidence.NEVER_RECEIVED
        assert oms.told_of(placed) == []
        oms.send(placed)
        await world.is_placed(placed)
        assert await oms.ask(placed) is Evidence.CARRIED_OUT


async def comes_late(subject: Subject) -> None:
    """What it says arrives after everybody gave up, then the connection is gone: all is told in the end."""
    world = _World(subject)
    async with world.online() as oms:
        with oms.deaf():
            placed = oms.place(subject.resting)
            await world.settle()
            assert oms.told_of(placed) == []
            oms.cut()
        await oms.wait_online(subject.feed_id)
        assert await oms.ask(placed) is Evidence.CARRIED_OUT
        await world.is_placed(placed)


async def hands_over_to_a_standby(subject: Subject) -> None:
    """A second one waits; when the first is gone it goes on with the next number and the same orders."""
    world = _World(subject)
    oms = world.oms
    async with world.venue(), trio.open_nursery() as nursery:
        first_gone = trio.Event()

        async def first() -> None:
            async with world.adapter():
                await first_gone.wait()

        nursery.start_soon(first)
        await oms.wait_online(subject.feed_id)
        placed = oms.place(subject.resting)
        await world.is_placed(placed)
        async with world.adapter():
            await world.settle()
            taken = list(oms.taken[subject.feed_id])
            assert oms.hubs[subject.feed_id].is_online
            first_gone.set()
            await oms.wait_until(
                lambda: len(oms.statuses) > 1 and oms.hubs[subject.feed_id].is_online, "the second one"
            )
            assert ConnectionStatus.DISCONNECTED in [each.status for each in oms.statuses]
            cancel = oms.place(cancellation(world.order(placed)))
            assert (await oms.wait_finished(cancel)).status is RequestStatus.COMPLETED
            await world.settle()
            assert oms.taken[subject.feed_id][: len(taken)] == taken
    world.look()


async def starts_again(subject: Subject) -> None:
    """Adapter and venue end and start again: orders are there, numbers go on, and nothing is twice."""
    world = _World(subject)
    async with world.online() as oms:
        placed = oms.place(subject.resting)
        await world.is_placed(placed)
        lost = oms.place(subject.taking)
    before = list(oms.taken[subject.feed_id])
    async with world.online():
        await world.settle()
        assert oms.taken[subject.feed_id][: len(before)] == before
        evidence = await oms.ask(lost)
        assert evidence in (Evidence.CARRIED_OUT, Evidence.NEVER_RECEIVED)
        if evidence is Evidence.NEVER_RECEIVED:
            oms.send(lost)
        await oms.wait_finished(lost)
        oms.send(placed)
        await world.settle()
        assert len(oms.told_of(placed)) == 1
        if not world.order(placed).is_completed:
            cancel = oms.place(cancellation(world.order(placed)))
            assert (await oms.wait_finished(cancel)).status is RequestStatus.COMPLETED


async def stops_at_once(subject: Subject) -> None:
    """A cancelled adapter ends within a second, whatever it was doing, and raises nothing."""
    world = _World(subject)
    async with world.venue():
        async with world.adapter() as oms:
            await oms.wait_online(subject.feed_id)
            oms.place(subject.resting)
            cancelled = trio.current_time()
        seconds = trio.current_time() - cancelled
    assert seconds <= STOP_SECONDS_MAX, f"it took {seconds:.1f} s to stop"


CHECKS: tuple[Check, ...] = tuple(
    Check(number, name, function)
    for number, (name, function) in enumerate(
        (
            ("opens-its-feed", opens_its_feed),
            ("describes-its-exchange", describes_its_exchange),
            ("places", places),
            ("tells-trades", tells_trades),
            ("amends-and-cancels", amends_and_cancels),
            ("takes-what-comes-at-once", takes_what_comes_at_once),
            ("says-why-it-refuses", says_why_it_refuses),
            ("carries-out-once", carries_out_once),
            ("goes-on-after-a-cut", goes_on_after_a_cut),
            ("says-again-what-was-lost", says_again_what_was_lost),
            ("goes-back-as-far-as-asked", goes_back_as_far_as_asked),
            ("waits-while-suspended", waits_while_suspended),
            ("knows-what-never-came", knows_what_never_came),
            ("comes-late", comes_late),
            ("hands-over-to-a-standby", hands_over_to_a_standby),
            ("starts-again", starts_again),
            ("stops-at-once", stops_at_once),
        ),
        1,
    )
)
"""Every check, in the order of their numbers; docs/plugin-authoring.md explains each."""
