"""A trading service in memory: two markets, a journal that waits and fails on demand, a scripted exchange."""

from __future__ import annotations

import inspect
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from random import Random
from typing import Any

import msgspec
import trio

from tests.controllers.market_support import Directory
from zenithd.authority.access import Access, MarketGrant, View
from zenithd.bus import Bus, Flusher, Outbox, Subscription
from zenithd.config import OrderSettings
from zenithd.controllers.interface import Answer, Later, MakeAnswer, Opened, Refusal
from zenithd.domain.events import (
    MarketEvent,
    MarketStateChanged,
    OrderAdded,
    TradeReported,
    TradingDayStarted,
)
from zenithd.domain.identifiers import InstrumentId, MarketId
from zenithd.domain.instrument import Instrument, MarketDefinition
from zenithd.domain.market_data import Allows, FeedStatus, TickStep, TickTable, TradingState
from zenithd.domain.market_data import Side as BookSide
from zenithd.market.venue import VenueMarket
from zenithd.market.view import MarketView
from zenithd.oms.commands import Define, Outcome
from zenithd.oms.model.accounts import Account, AccountDetails
from zenithd.oms.model.directory import (
    ConnectionStatus,
    ExchangeDestination,
    ExchangeDetails,
    OrderStatusDetails,
)
from zenithd.oms.model.orders import OrderState, OrderTrade, OrderUpdate, OrderUpdateReason
from zenithd.oms.model.requests import (
    ClientRequest,
    OrderAmend,
    OrderCancel,
    OrderMove,
    OrderNew,
    RequestStatus,
)
from zenithd.oms.model.requests import ClientRequestUpdate as RequestUpdate
from zenithd.oms.model.updates import (
    AccountDefined,
    ExchangeDefined,
    OrderTraded,
    OrderUpdated,
    RequestUpdated,
)
from zenithd.oms.reference import Verdict, Vetting, VettingCase
from zenithd.oms.supplying import Asked, Queried
from zenithd.plugin.feeds import AdapterFeed
from zenithd.plugin.journal import JournalUnavailable
from zenithd.testing.memory_feed import MemoryFeed
from zenithd.trading.service import TradingService
from zenithd.wire.codec import JsonCodec

D = Decimal
replace = msgspec.structs.replace
TODAY = date(2026, 11, 20)
SECOND = 1_000_000_000
START = int(datetime(2026, 11, 20, 10, tzinfo=UTC).timestamp()) * SECOND
FEED = "Prodigy"
X, Y = "XSX::XSX", "XSY::XSY"
A1, A2, A3 = (Account(owner_id="XS", account_id=f"000{number}") for number in (1, 2, 3))
ACCOUNT = str(A1)
SCOPES = frozenset({"Zenith/Market", "Zenith/Trading", "Zenith/OrderPad", "Zenith/Authorise"})
GRANTS = (MarketGrant("*", View()),)
DEMO = Access(user="demo", scopes=SCOPES, grants=GRANTS, accounts=("XS:*",))
ONLY_FIRST = replace(DEMO, user="first", accounts=("XS:0001",))
STRANGER = replace(DEMO, user="stranger", accounts=())
CODEC = JsonCodec()
NO_ORDERS = Allows.ALL & ~Allows.ORDER_PLACE & ~Allows.ORDER_AMEND & ~Allows.ORDER_CANCEL
STATES = (
    TradingState("Open", allows=Allows.ALL),
    TradingState("PreOpen", allows=Allows.ALL & ~Allows.MATCH),
    TradingState("Closed", allows=NO_ORDERS),
)
ON_MARKET = OrderStatusDetails(
    code="OnMarket", is_normal=True, can_amend=True, can_cancel=True, can_move=True, can_trade=True
)
STATUSES = (
    ON_MARKET,
    replace(ON_MARKET, code="PartialFill"),
    OrderStatusDetails(code="Filled", is_normal=True, is_completed=True, can_move=True),
    OrderStatusDetails(code="Cancelled", is_normal=True, is_completed=True),
    OrderStatusDetails(code="Rejected", is_completed=True),
)
EXCHANGE = ExchangeDetails(
    exchange="XSX",
    destinations=(
        ExchangeDestination(ex_destination=X, route=FEED, is_lit=True, lit_source="XSX"),
        ExchangeDestination(ex_destination=Y, route=FEED, is_lit=True),
    ),
    order_statuses=STATUSES,
)


def pass_all(case: VettingCase) -> Verdict:
    """No rules."""
    return Verdict()


class Journal(MemoryFeed):
    """A feed that can be made to wait, and to fail before or after it kept something."""

    def __init__(self) -> None:
        super().__init__()
        self.keeps_and_fails = False
        self.appends = 0
        self.gate: trio.Event | None = None
        self.waiting = 0

    def hold(self) -> trio.Event:
        """Appends wait until the event is set."""
        self.gate = trio.Event()
        return self.gate

    async def append(self, bodies: Sequence[bytes]) -> int:
        self.appends += 1
        if self.gate is not None:
            self.waiting += 1
            await self.gate.wait()
            self.waiting -= 1
        last = await super().append(bodies)
        if self.keeps_and_fails:
            self.keeps_and_fails = False
            raise JournalUnavailable("the answer was lost")
        return last


class Reader:
    """A connection's outbox, read as a client reads it."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.outbox = Outbox(None, 1 << 24, world.flusher, world.flusher.outbox_statistics)
        self.subscriptions: dict[str, Subscription] = {}
        self.ended: list[tuple[str, str]] = []

    def subscribe(self, topic: str, access: Access = DEMO) -> list[Any]:
        """Subscribe; the data of the snapshot."""
        opened = self._world.open(topic, access)
        assert isinstance(opened, Opened), opened
        self.subscriptions[topic] = self._world.bus.subscribe(
            self.outbox,
            CODEC,
            controller="Trading",
            name=opened.topic,
            wire_topic=topic,
            entitlement=opened.entitlement,
            snapshot=opened.snapshot,
            ended=lambda subscription, reason: self.ended.append((topic, reason)),
        )
        return self.read(topic)

    def messages(self) -> list[dict[str, Any]]:
        """What came since the last look."""
        self._world.flusher.settle()
        data = b"".join(self.outbox.pending)
        self.outbox.pending.clear()
        found = []
        while data:
            length, start = data[1], 2
            if length == 126:
                length, start = int.from_bytes(data[2:4], "big"), 4
            elif length == 127:
                length, start = int.from_bytes(data[2:10], "big"), 10
            found.append(json.loads(data[start : start + length]))
            data = data[start + length :]
        return found

    def read(self, topic: str) -> list[Any]:
        """All records of a topic that came since the last look, in order; nothing else may have come."""
        records = []
        for message in self.messages():
            assert set(message) == {"Controller", "Topic", "Data"}  # neither Action nor TransactionID (6.3)
            assert (message["Controller"], message["Topic"]) == ("Trading", topic)
            records += message["Data"]
        return records


class Exchange:
    """The other end of the feed: takes requests, and does what its test says. An order rests unless told."""

    def __init__(self, world: World, feed: AdapterFeed) -> None:
        self.feed = feed
        self.asked: list[ClientRequest] = []
        self.is_silent = False
        self.questions: list[Queried] = []
        self._world = world
        self.last = world.state.positions.get(FEED, 0)

    async def run(self) -> None:
        while True:
            match await self.feed.next():
                case Asked(_, request):
                    self.asked.append(request)
                    if not self.is_silent:
                        await self.carry_out(request)
                case Queried() as question:
                    self.questions.append(question)

    async def carry_out(self, request: ClientRequest) -> None:
        """Let a request happen."""
        body, reason = request.body, OrderUpdateReason
        assert isinstance(body, OrderNew | OrderAmend | OrderCancel | OrderMove)
        account = body.prev_account if isinstance(body, OrderMove) else request.account
        order = self._world.order_of(request.request_id, account)
        order = replace(order, request_id=request.request_id)
        update = OrderUpdate(reason=reason.NEW)
        match body:
            case OrderNew():
                order = replace(order, status="OnMarket", external_id=f"E{len(self.asked)}")
            case OrderAmend():
                changes = {
                    name: getattr(body, name) for name in ("quantity", "price", "lifetime", "expiry_date")
                }
                order = replace(order, **changes)
                update = OrderUpdate(reason=reason.REPLACE)
            case OrderCancel():
                order = replace(order, status="Cancelled", is_completed=True)
                update = OrderUpdate(reason=reason.CANCEL)
            case OrderMove():
                order = replace(order, account=request.account)
                update = OrderUpdate(reason=reason.STATUS, previous_account=account)
        await self.tell(OrderUpdated(order=order, update=update))

    async def refuse(self, request: ClientRequest, *errors: str) -> None:
        """Refuse a request."""
        update = RequestUpdate(
            request_id=request.request_id,
            account=request.account,
            status=RequestStatus.REJECTED,
            errors=errors,
        )
        await self.tell(RequestUpdated(update=update))

    async def fill(self, order_id: str, quantity: int, price: str, account: Account = A1) -> None:
        """Let an order trade."""
        order = self._world.service.desk.state.order(account, order_id)
        assert order is not None
        executed = order.executed_quantity + quantity
        is_filled = executed >= order.quantity
        order = replace(
            order,
            executed_quantity=executed,
            executed_value=order.executed_value + quantity * D(price),
            status="Filled" if is_filled else "PartialFill",
            is_completed=is_filled,
        )
        trade = OrderTrade(trade_id=f"T{self.last + 1}", price=D(price), quantity=D(quantity))
        await self.tell(
            OrderTraded(order=order, update=OrderUpdate(reason=OrderUpdateReason.TRADE), trade=trade)
        )

    async def fill_before_it_is_known(self, order_id: str, number: int, quantity: int, price: str) -> None:
        """Let an order trade for the `number`th time, whether or not the trades before it were heard of."""
        order = self._world.order(order_id)
        executed = number * quantity
        order = replace(
            order,
            executed_quantity=D(executed),
            executed_value=executed * D(price),
            status="Filled" if executed == order.quantity else "PartialFill",
            is_completed=executed == order.quantity,
        )
        trade = OrderTrade(trade_id=f"T{number}", price=D(price), quantity=D(quantity))
        update = OrderUpdate(reason=OrderUpdateReason.TRADE)
        await self.tell(OrderTraded(order=order, update=update, trade=trade))

    async def tell(self, update: Any) -> None:
        """Report something; return when it is kept and told."""
        self.last += 1
        await self.feed.submit(self.last, update)
        await self.feed.wait_kept(self.last)
        await trio.testing.wait_all_tasks_blocked()


def market(code: str, trading_market: str, *events: MarketEvent) -> VenueMarket:
    """A market that lists XS01 and XS02 of XSX, in cents, in lots of one."""
    identifier = MarketId(code)
    definition = MarketDefinition(
        id=identifier,
        currency="AUD",
        trading_states=STATES,
        boards=(trading_market,),
        tick_tables=(TickTable("T", (TickStep(D(0), D(1000), D("0.01")),)),),
    )
    made = VenueMarket(definition, 1_000)
    made.redefine(
        definition,
        [
            Instrument(
                code=symbol,
                market=identifier,
                exchange=None if code == "XSX" else "XSX",
                trading_markets=(trading_market,),
                tick_table="T",
            )
            for symbol in ("XS01", "XS02")
        ],
    )
    made.set_status(FeedStatus.ACTIVE)
    made.apply([TradingDayStarted(identifier, TODAY), MarketStateChanged(identifier, "Open")], START)
    assert not made.apply(events, START).faults
    return made


def xs01(code: str) -> list[MarketEvent]:
    """XS01 traded at 2.00, with a bid of 1.99 and an offer of 2.01."""
    instrument = InstrumentId(f"XS01.{code}")
    return [
        OrderAdded(instrument, "1", BookSide.BID, 199, 300, 1),
        OrderAdded(instrument, "2", BookSide.ASK, 201, 300, 1),
        TradeReported(instrument, 1, 200, 100, START),
    ]


class World:
    """Everything, built; `run` sets it in motion."""

    def __init__(
        self,
        journal: Journal | None = None,
        settings: OrderSettings | None = None,
        vetting: Vetting = pass_all,
    ) -> None:
        self.journal = journal or Journal()
        self.settings = settings or OrderSettings(demonstration_accounts=3)
        self.now = START
        self.xsx, self.xsy = market("XSX", X, *xs01("XSX")), market("XSY", Y, *xs01("XSY"))
        self.directory = Directory([self.xsx, self.xsy])
        self.flusher = Flusher(0.01, lambda: 0.0)
        self.bus = Bus(self.flusher)
        self.service = TradingService(
            self.settings,
            self.bus,
            self.directory,
            self._every_market,
            self.journal,
            vetting,
            lambda: self.now,
            Random(1),
        )
        self.exchange: Exchange

    def _every_market(self) -> Sequence[MarketView]:
        return (self.xsx, self.xsy)

    @property
    def state(self) -> Any:
        return self.service.desk.state

    def reader(self) -> Reader:
        return Reader(self)

    @asynccontextmanager
    async def run(self, *, with_exchange: bool = True) -> AsyncIterator[World]:
        """At work, with accounts, and with the exchange there."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.service.run)
            await self.until(lambda: not self.service.waiting_for())
            if with_exchange:
                await self.do(Define(ExchangeDefined(details=EXCHANGE)))
                async with self.supplied() as self.exchange:
                    yield self
            else:
                yield self
            await trio.testing.wait_all_tasks_blocked()  # that the exchange has left is kept
            nursery.cancel_scope.cancel()

    @asynccontextmanager
    async def supplied(self, last: int | None = None) -> AsyncIterator[Exchange]:
        """The feed, online, in the hands of the exchange."""
        kept = self.state.positions.get(FEED, 0) if last is None else last
        async with self.service.feeds.supply(FEED, kept) as feed:
            await feed.open()
            exchange = Exchange(self, feed)
            feed.tell_status(ConnectionStatus.ONLINE)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(exchange.run)
                await trio.testing.wait_all_tasks_blocked()
                yield exchange
                nursery.cancel_scope.cancel()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Return once it holds; a minute of trio's time is too long."""
        with trio.fail_after(60):
            while not condition():  # noqa: ASYNC110 - of a state that tells nobody
                await trio.sleep(0.01)

    async def do(self, command: Any) -> Outcome:
        """Carry out a command."""
        return await self.service.desk.execute(command)

    async def define(self, account: Account) -> None:
        await self.do(Define(AccountDefined(details=AccountDetails(account=account, default_currency="AUD"))))

    async def ask(self, topic: str, data: Any = None, access: Access = DEMO) -> Answer:
        answer = self.service.controller.query(topic, data, access)
        if isinstance(answer, Later):
            return await given(answer)
        return await answer if inspect.isawaitable(answer) else answer

    async def result(self, topic: str, data: Any = None, access: Access = DEMO) -> Any:
        """The Data of an answer without errors."""
        answer = await self.ask(topic, data, access)
        assert not answer.errors, answer.errors
        await trio.testing.wait_all_tasks_blocked()
        return answer.data

    async def errors(self, topic: str, data: Any = None, access: Access = DEMO) -> tuple[str, ...]:
        return (await self.ask(topic, data, access)).errors

    async def placed(self, **changes: Any) -> str:
        """Place an order; its id."""
        result = await self.result("PlaceOrder", place(**changes))
        assert result["Result"] == "Success", result
        return str(result["Order"]["ID"])

    def open(self, topic: str, access: Access = DEMO) -> Opened | Refusal:
        name, mark, argument = topic.partition("!")
        return self.service.controller.open(name, argument if mark else None, access)

    def order_of(self, request_id: str, account: Account) -> OrderState:
        request = self.state.request(account, request_id)
        if request is None:  # a move is a request of the account where the order goes
            request = next(held[request_id] for held in self.state.requests.values() if request_id in held)
        order = self.state.order(account, request.order_id)
        assert isinstance(order, OrderState)
        return order

    def order(self, order_id: str, account: Account = A1) -> OrderState:
        order = self.state.order(account, order_id)
        assert isinstance(order, OrderState)
        return order


async def given(later: Later) -> Answer:
    """The answer, once it is there."""
    found: list[MakeAnswer] = []
    came = trio.Event()

    def note(make: MakeAnswer) -> None:
        found.append(make)
        came.set()

    later.then(note)
    await came.wait()
    return found[0]()


def place(**changes: Any) -> dict[str, Any]:
    """What a real client sends to buy 100 XS01 at 1.50 (front-ends 4.1), with changes of any level."""
    details = {
        "Exchange": "XSX",
        "Code": "XS01",
        "Side": "Bid",
        "Style": "Market",
        "Instructions": [],
        "Type": "Limit",
        "LimitPrice": 1.5,
        "Quantity": 100,
        "Validity": "UntilCancel",
    }
    data: dict[str, Any] = {
        "Account": ACCOUNT,
        "Details": details,
        "Route": {"Algorithm": "Market", "Market": X},
    }
    return _changed(data, changes)


def amend(order_id: str, **changes: Any) -> dict[str, Any]:
    """The same order again under its id, as a real client amends it."""
    data = {**place(), "OrderID": order_id, "Flags": []}
    del data["Route"]
    return _changed(data, changes)


_OF_REQUEST = {"Account", "Details", "Flags", "RequestID", "Route", "Condition", "OrderID"}
ABSENT = object()


def _changed(data: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    for name, value in changes.items():
        target = data if name in _OF_REQUEST else data["Details"]
        if value is ABSENT:
            del target[name]
        else:
            target[name] = value
    return data
