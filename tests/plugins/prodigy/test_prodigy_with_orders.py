"""The order task, its feeds and supervised adapters together: our exchange's, and some that misbehave."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import pytest
import structlog.testing
import trio
from prodigy_exchange import Exchange
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.oms.desk import CENT, OPEN, XS1, Listing, Numbers
from tests.oms.desk import new as order_request
from zenithd.domain.market_data import Side
from zenithd.oms.commands import Accepted, Define, Submit, Transact
from zenithd.oms.fees import FeeTable
from zenithd.oms.model.accounts import AccountDetails
from zenithd.oms.model.directory import ConnectionStatus, OwnerDetails
from zenithd.oms.model.events import ViewEvent
from zenithd.oms.model.orders import OrderState
from zenithd.oms.model.orders import Side as Buy
from zenithd.oms.model.requests import ClientRequest, OrderCancel
from zenithd.oms.model.transactions import CashTransfer, TransactionDetails
from zenithd.oms.model.updates import AccountDefined, CashTransferred, OwnerDefined
from zenithd.oms.reference import Verdict
from zenithd.oms.rules import OmsRules
from zenithd.oms.turn import Surroundings
from zenithd.plugin import Adapter, PluginConfig
from zenithd.plugin.loaded import Brought, LoadedPlugin, PluginState, SourceStatus
from zenithd.plugin.shared import SharedByPlugin
from zenithd.supervisor import SupervisionSettings, supervise
from zenithd.testing import FakeClock, MemoryJournal
from zenithd.trading.adapters import Adapters
from zenithd.trading.desk import OrderDesk
from zenithd.trading.feeds import Feeds
from zenithd_prodigy import ProdigyAdapter, ProdigyConfig
from zenithd_prodigy.engine import commands as c
from zenithd_prodigy.model.statuses import Status

FEED = "Prodigy"
SETTINGS = SupervisionSettings(backoff_seconds_min=1.0, backoff_seconds_max=1.0, restarts_max=1_000_000)


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Tracebacks of failures that are meant to happen are not rendered."""
    with structlog.testing.capture_logs():
        yield


class Crashing(Adapter[PluginConfig]):
    """Raises as soon as it has its feed."""

    async def run(self) -> None:
        async with self.context.supply("Crashing") as feed:
            await feed.open()
            feed.tell_status(ConnectionStatus.ONLINE)
            await trio.sleep(0.1)
            raise ZeroDivisionError


class Idle(Adapter[PluginConfig]):
    """Takes a feed, says that it is there, and never does anything again."""

    async def run(self) -> None:
        async with self.context.supply("Idle") as feed:
            await feed.open()
            feed.tell_status(ConnectionStatus.ONLINE)
            await trio.sleep_forever()


class Journals:
    """`JournalFeeds` of several plugins in memory."""

    def __init__(self) -> None:
        self.plugins: dict[str, MemoryJournal] = {}

    def of(self, plugin: str) -> MemoryJournal:
        return self.plugins.setdefault(plugin, MemoryJournal())

    def feed(self, plugin: str, name: str) -> Any:
        return self.of(plugin).feed(name)

    @property
    def position(self) -> int:
        return self.of("prodigy").position

    def follow(self, plugin: str, after: int) -> Any:
        return self.of(plugin).follow(after)


class Plugins:
    """What `PluginManager` tells of the adapters."""

    packages: dict[str, str] = {}  # noqa: RUF012  (never changed)

    def __init__(self, *adapters: tuple[str, type[Adapter[Any]], PluginConfig]) -> None:
        self._adapters = adapters

    def adapters(self) -> list[Brought[Any]]:
        return [
            Brought(name, LoadedPlugin(name, name, "", name), implementation, config)
            for name, implementation, config in self._adapters
        ]


class World:
    """A desk with one account of 10,000 AUD, the exchange, and adapters under supervision."""

    def __init__(self, exchange: Exchange, folder: Path, journals: Journals, orders: MemoryJournal) -> None:
        self.clock = FakeClock()
        self.listing = Listing()
        around = Surroundings(
            reference=self.listing,
            vetting=lambda case: Verdict(),
            fees=FeeTable(),
            identifiers=Numbers(),
            rules=OmsRules(),
        )
        self.desk = OrderDesk(orders.feed("oms"), around, self.clock.now)
        self.changed = trio.Event()
        self.desk.listeners.append(self)
        self.feeds = Feeds(self.desk, self.clock.now)
        self.shared = SharedByPlugin()
        self.shared["prodigy"] = exchange.shared
        self.statuses: dict[str, list[SourceStatus]] = {}
        self.adapters = Adapters(
            Plugins(  # type: ignore[arg-type]
                ("prodigy", ProdigyAdapter, ProdigyConfig()),
                ("crashing", Crashing, PluginConfig()),
                ("idle", Idle, PluginConfig()),
            ),
            self.feeds,
            clock=self.clock,
            http=httpx2.AsyncClient(trust_env=False),
            journal=journals,
            shared=self.shared,
            state_directory=folder,
            report=lambda brought, status: self.statuses.setdefault(brought.name, []).append(status),
        )

    async def run(self, host: trio.Nursery) -> None:
        host.start_soon(self.desk.run)
        await self.until(lambda: not self.desk.refusal)
        if "XS" not in self.desk.state.owners:
            await self.desk.execute(Define(OwnerDefined(details=OwnerDetails(owner_id="XS"))))
            await self.desk.execute(Define(AccountDefined(details=AccountDetails(account=XS1))))
            details = TransactionDetails(transaction_id="seed", account=XS1)
            cash = CashTransfer(currency="AUD", value=Decimal(10_000))
            await self.desk.execute(Transact(CashTransferred(transaction=details, transfer=cash)))
        for each in self.adapters:
            host.start_soon(supervise, each, SETTINGS, random.Random(1), host)
        await self.until(self.is_online)

    def is_online(self) -> bool:
        """Whether the exchange's feed takes requests."""
        found = self.desk.state.feeds.get(FEED)
        return found is not None and found.status is ConnectionStatus.ONLINE

    # What the order task tells: something may have changed

    def begin(self) -> None:
        self.feed_status()

    def publish(self, events: Iterable[ViewEvent]) -> None:
        self.feed_status()

    def feed_status(self) -> None:
        self.changed.set()
        self.changed = trio.Event()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Return as soon as it holds."""
        with trio.fail_after(60):
            while not condition():
                await self.changed.wait()

    def order(self, order_id: str) -> OrderState:
        found: OrderState = self.desk.state.orders[XS1][order_id]
        return found

    async def place(self, **changes: Any) -> str:
        outcome = await self.desk.execute(Submit(order_request(**changes)))
        assert isinstance(outcome, Accepted), outcome
        assert outcome.answer is not None
        return outcome.answer.order_id

    async def is_now(self, order_id: str, status: str) -> OrderState:
        """The order, as soon as it has a status."""
        await self.until(lambda: self.order(order_id).status == status)
        return self.order(order_id)


@asynccontextmanager
async def trading(
    exchange: Exchange, folder: Path, journals: Journals, orders: MemoryJournal
) -> AsyncIterator[World]:
    world = World(exchange, folder, journals, orders)
    async with exchange.running(), trio.open_nursery() as host:
        await world.run(host)
        yield world
        await wait_all_tasks_blocked()
        host.cancel_scope.cancel()


async def test_an_order_goes_all_the_way_beside_adapters_that_fail(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    journals, orders = Journals(), MemoryJournal()
    exchange = Exchange(journals.of("prodigy"))
    async with trading(exchange, tmp_path, journals, orders) as world:
        order_id = await world.place()
        order = await world.is_now(order_id, "OnMarket")
        assert exchange.orders() == [("XS01", order_id, 100)]
        assert (order.account, order.properties["Algorithm"]) == (XS1, "Market")
        await exchange.do(contra(30))
        order = await world.is_now(order_id, "PartialFill")
        cash = world.desk.state.cash[XS1]["AUD"]
        assert (cash.unbooked_transactions, cash.unfilled_buys) == (Decimal(-45), Decimal(-105))
        assert world.desk.state.assets[XS1]["XSX", "XS01"].quantity == 30
        await trio.sleep(30)
        assert PluginState.IMPAIRED in [each.state for each in world.statuses["crashing"]]
        assert world.statuses["crashing"][-1].restarts > 5
        assert [each.restarts for each in world.statuses["prodigy"] if each.restarts] == []
        await exchange.do(contra(70))
        assert (await world.is_now(order_id, "Filled")).is_completed
        assert world.desk.state.cash[XS1]["AUD"].trading == Decimal(10_000 - 150)


async def test_a_refusal_of_the_exchange_ends_the_order_and_frees_its_money(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    journals, orders = Journals(), MemoryJournal()
    exchange = Exchange(journals.of("prodigy"))
    async with trading(exchange, tmp_path, journals, orders) as world:
        await exchange.do(c.SetStatus(market="XSX", status=Status.CLOSED))
        order = await world.is_now(await world.place(), "Rejected")
        assert (order.is_completed, order.errors) == (True, ("Symbol.Status",))
        assert world.desk.state.cash[XS1]["AUD"].trading == 10_000


async def test_after_a_crash_of_everything_the_order_is_there_once(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    journals, orders = Journals(), MemoryJournal()
    async with trading(Exchange(journals.of("prodigy")), tmp_path, journals, orders) as world:
        order_id = await world.place()  # acknowledged; nobody waits for the exchange
    exchange = Exchange(journals.of("prodigy"))
    async with trading(exchange, tmp_path, journals, orders) as world:
        await world.is_now(order_id, "OnMarket")
        assert exchange.orders() == [("XS01", order_id, 100)]
        again = await world.desk.execute(Submit(order_request()))
        assert isinstance(again, Accepted)
        assert again.answer is not None
        assert again.answer.order_id == order_id
        await trio.sleep(60)
        assert exchange.orders() == [("XS01", order_id, 100)]
        assert world.desk.state.cash[XS1]["AUD"].unfilled_buys == -150


async def test_orders_and_holdings_follow_a_symbol_that_is_renamed(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    journals, orders = Journals(), MemoryJournal()
    exchange = Exchange(journals.of("prodigy"))
    async with trading(exchange, tmp_path, journals, orders) as world:
        order_id = await world.place()
        await world.is_now(order_id, "OnMarket")
        await exchange.do(contra(30))
        await world.is_now(order_id, "PartialFill")
        await exchange.do(c.RenameSymbol(market="XSX", symbol="XS01", new_code="NEW"))
        await world.until(lambda: world.order(order_id).code == "NEW")
        held = world.desk.state.assets[XS1]
        assert {key: position.quantity for key, position in held.items()} == {("XSX", "NEW"): 30}
        await exchange.do(msgspec.structs.replace(contra(30), symbol="NEW"))
        await world.until(lambda: world.order(order_id).executed_quantity == 60)
        assert world.order(order_id).code == "NEW"
        assert world.desk.state.assets[XS1]["XSX", "NEW"].quantity == 60
        world.listing.symbols["XSX", "NEW"] = msgspec.structs.replace(CENT, code="NEW")
        world.listing.markets["NEW", "XSX::XSX"] = OPEN
        body = OrderCancel(order_id=order_id, code="NEW", exchange="XSX", side=Buy.BUY, quantity=Decimal(0))
        request = ClientRequest(request_id="C1", account=XS1, body=body)
        assert isinstance(await world.desk.execute(Submit(request)), Accepted)
        await world.is_now(order_id, "Cancelled")
        assert world.desk.state.cash[XS1]["AUD"].unfilled_buys == 0
        assert world.desk.state.refusals.get(FEED) is None


def contra(quantity: int) -> c.PlaceOrder:
    """Another firm's order to sell."""
    return c.PlaceOrder(
        market="XSX", entity="101", symbol="XS01", side=Side.ASK, quantity=quantity, price=1500
    )
