"""An order management system in memory, for adapters: it takes what they tell, and can be made to fail.

    oms = MemoryOms()
    async with run_adapter(MyAdapter, MyConfig(), oms):
        await oms.wait_online("MyFeed")
        placed = oms.place(OrderNew(…))
        await oms.wait_finished(placed)
        assert oms.order(placed).status == "OnMarket"

It decides nothing: the protocol is the daemon's own (`zenithd.oms.feeds`), and what the adapter tells is only
kept. A test makes it lose, repeat, come late, be away and start again.
"""

from __future__ import annotations

import tempfile
import weakref
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import structlog
import trio

from zenithd.oms.evidence import Evidence, ask_for_request, evidence_of
from zenithd.oms.feeds import (
    Answered,
    Complaint,
    Configured,
    FeedHub,
    HubOutput,
    QueryAnswered,
    StatusTold,
    Submitted,
    ToAdapter,
    Unanswered,
)
from zenithd.oms.model.accounts import Account
from zenithd.oms.model.directory import ConnectionStatus, FeedConfiguration, FeedDetails
from zenithd.oms.model.orders import OrderState, OrderUpdateReason
from zenithd.oms.model.requests import (
    ClientRequest,
    ClientRequestUpdate,
    OrderNew,
    RequestBody,
    RequestStatus,
)
from zenithd.oms.model.updates import (
    FeedRefused,
    OrderReplaced,
    OrderTraded,
    OrderUpdated,
    RequestUpdated,
)
from zenithd.oms.streaming import FeedEvent, FeedEventType, FeedQuery, FeedRequest, FeedResponse, FeedUpdate
from zenithd.plugin.feeds import AdapterFeed, FeedLost, supply
from zenithd.plugin.interfaces import Adapter, AdapterContext, Clock, PluginConfig
from zenithd.plugin.journal import Followed, JournalFeed
from zenithd.plugin.shared import Shared
from zenithd.testing.beside import nursery_beside
from zenithd.testing.clock import FakeClock
from zenithd.testing.memory_journal import MemoryJournal

WAIT_SECONDS_MAX = 60.0
"""How long the `wait_…` methods wait, in trio's time, before the test fails."""

EVENTS_MAX = 1_000
"""Messages to an adapter that it has not read."""

ACCOUNT = Account(owner_id="XS", account_id="0001")
Taken = FeedUpdate | FeedRefused


class Placed(msgspec.Struct, frozen=True):
    """A request, with the order that it is about."""

    feed_id: str
    request: ClientRequest
    order_id: str


class MemoryPort:
    """Implements `zenithd.plugin.feeds.FeedPort`; with `is_remote` messages travel encoded."""

    def __init__(self, oms: MemoryOms, number: int, feed_id: str) -> None:
        self.number = number
        self.feed_id = feed_id
        self.is_cut = False
        self._oms = oms
        self._in: trio.MemorySendChannel[FeedEvent]
        self._out: trio.MemoryReceiveChannel[FeedEvent]
        self._in, self._out = trio.open_memory_channel(EVENTS_MAX)

    async def send(self, message: FeedRequest) -> None:
        """Hand a message over."""
        await trio.lowlevel.checkpoint()
        await self._oms.wait_hearing()
        if self.is_cut:
            raise FeedLost("the connection was cut")
        self._oms.hear(self, _travelled(message) if self._oms.is_remote else message)

    async def receive(self) -> FeedEvent:
        """The next message of the hub."""
        try:
            event = await self._out.receive()
        except trio.EndOfChannel:
            raise FeedLost("the connection was cut") from None
        if self.is_cut:
            raise FeedLost("the connection was cut")
        return event

    def tell(self, event: FeedEvent) -> None:
        """Send a message to the adapter."""
        self._in.send_nowait(_travelled(event) if self._oms.is_remote else event)

    def cut(self) -> None:
        """Lose the connection with all that is on its way."""
        self.is_cut = True
        self._in.close()


class MemoryOms:
    """Implements `AdapterContext` for any number of adapters of one plugin.

    Attributes:
        hubs: the feeds, by name.
        taken: by feed, every update in the order of its sequence: the first is number 1.
        messages: everything that adapters said, in order.
        answers: how requests were answered; `responses` how queries were.
        unanswered: requests of which the answer was lost with the adapter.
        complaints: what adapters did against the protocol; [] in a good run.
        statuses: of feeds, in order.
        is_remote: whether messages travel encoded, as over a socket.
    """

    def __init__(
        self,
        name: str = "test",
        *,
        clock: Clock | None = None,
        journal: MemoryJournal | None = None,
        shared: Shared | None = None,
        is_remote: bool = False,
    ) -> None:
        self.name = name
        self.clock: Clock = FakeClock() if clock is None else clock
        self.log: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger("zenithd.testing").bind(
            plugin=name
        )
        self.http = httpx2.AsyncClient(trust_env=False)
        self.kept = MemoryJournal() if journal is None else journal
        self.shared = Shared() if shared is None else shared
        self.is_remote = is_remote
        self.hubs: dict[str, FeedHub] = {}
        self.taken: dict[str, list[Taken]] = {}
        self.messages: list[FeedRequest] = []
        self.answers: list[Answered] = []
        self.responses: list[QueryAnswered] = []
        self.unanswered: list[ClientRequest] = []
        self.complaints: list[Complaint] = []
        self.statuses: list[FeedDetails] = []
        self.configurations: dict[str, FeedConfiguration] = {}
        self.restarts = 0
        """How often an adapter was started again because its feed was lost."""
        self._ports: dict[int, MemoryPort] = {}
        self._next_port = 1
        self._next_request = 1
        self._keeps = True
        self._lost_events: Callable[[FeedEvent], bool] = _none
        self._hearing = trio.Event()
        self._hearing.set()
        self._changed = trio.Event()
        self._directory: Path | None = None

    # What an adapter sees

    @property
    def directory(self) -> Path:
        """A folder of the plugin's own, made on first use."""
        if self._directory is None:
            folder = tempfile.TemporaryDirectory(prefix=f"zenithd-{self.name}-")
            weakref.finalize(self, folder.cleanup)
            self._directory = Path(folder.name)
        return self._directory

    @asynccontextmanager
    async def supply(self, feed_id: str, last: int = 0) -> AsyncIterator[AdapterFeed]:
        """A connection for one feed."""
        port = self._ports[self._next_port] = MemoryPort(self, self._next_port, feed_id)
        self._next_port += 1
        try:
            async with supply(port, feed_id, last) as feed:
                yield feed
        finally:
            self._gone(port)

    def journal(self, feed: str) -> JournalFeed:
        """A feed in memory, the same one whenever it is asked for: see `kept`."""
        return self.kept.feed(feed)

    @property
    def journal_position(self) -> int:
        """The end of what is kept."""
        return self.kept.position

    def follow_journal(self, after: int = 0) -> AsyncIterator[Followed]:
        """What is kept after a position, and what will be."""
        return self.kept.follow(after)

    async def wait_offered(self) -> object:
        """What the plugin's source, or the test, offered in `shared`."""
        return await self.shared.wait_offered()

    async def wait_withdrawn(self, thing: object) -> None:
        """Return as soon as it is withdrawn."""
        await self.shared.wait_withdrawn(thing)

    # Asking

    def place(
        self,
        body: RequestBody,
        account: Account = ACCOUNT,
        feed_id: str = "",
        request_id: str = "",
        **fields: Any,
    ) -> Placed:
        """Ask the adapter for something; a new order gets an id, as it would in the daemon.

        Args:
            body: what is asked for.
            account: whose request it is.
            feed_id: the feed; empty: the only one.
            request_id: empty: a new one.
            fields: others of the request.

        Raises:
            LocalFeedError: the feed is not online.
        """
        number = self._next_request
        self._next_request += 1
        order_id = f"order-{number}" if isinstance(body, OrderNew) else getattr(body, "order_id", "")
        request = ClientRequest(
            request_id=request_id or f"request-{number}",
            account=account,
            body=body,
            timestamp=self.clock.now(),
            **fields,
        )
        placed = Placed(feed_id or next(iter(self.hubs)), request, order_id)
        self.send(placed)
        return placed

    def send(self, placed: Placed) -> None:
        """Ask for something, perhaps once more.

        Raises:
            LocalFeedError: the feed is not online.
        """
        hub = self.hubs[placed.feed_id]
        self._do(hub, hub.request(placed.request, placed.order_id))

    async def ask(self, placed: Placed) -> Evidence | None:
        """What became of a request, as the adapter says; None: it says nothing."""
        return evidence_of(await self.query(placed.feed_id, ask_for_request(placed.request)))

    async def query(self, feed_id: str, query: FeedQuery) -> FeedResponse:
        """Ask the adapter anything."""
        hub, before = self.hubs[feed_id], len(self.responses)
        self._do(hub, hub.query(query))
        await self.wait_until(lambda: len(self.responses) > before, f"an answer to {query.type}")
        return self.responses[before].response

    def take_over(self, feed_id: str, taken: Sequence[Taken]) -> None:
        """Begin with these updates of a feed, as if they had been kept before a start."""
        self.taken[feed_id] = list(taken)
        self.hubs[feed_id] = FeedHub(feed_id, len(taken))

    # What was told

    def order(self, placed: Placed) -> OrderState | None:
        """The order as it was told last; None: it was not."""
        found = None
        for update in self.taken.get(placed.feed_id, ()):
            if isinstance(update, OrderUpdated | OrderReplaced | OrderTraded):
                found = update.order if update.order.order_id == placed.order_id else found
        return found

    def trades(self, placed: Placed) -> list[OrderTraded]:
        """Every trade of the order, in order."""
        return [
            update
            for update in self.taken.get(placed.feed_id, ())
            if isinstance(update, OrderTraded) and update.order.order_id == placed.order_id
        ]

    def told_of(self, placed: Placed) -> list[ClientRequestUpdate]:
        """Everything that was told of the request: by name, or by an order that it made what it is."""
        key = (placed.request.account, placed.request.request_id)
        told: list[ClientRequestUpdate] = []
        for update in self.taken.get(placed.feed_id, ()):
            match update:
                case RequestUpdated(update=said) if (said.account, said.request_id) == key:
                    told.append(said)
                case OrderUpdated(order=order) if (order.account, order.request_id) == key:
                    told += [] if any(each.is_completed for each in told) else [_implied(update)]
        return told

    async def wait_finished(self, placed: Placed) -> ClientRequestUpdate:
        """The request's end, once it is told."""
        await self.wait_until(
            lambda: any(each.is_completed for each in self.told_of(placed)),
            f"the end of request {placed.request.request_id}",
        )
        return next(each for each in self.told_of(placed) if each.is_completed)

    async def wait_online(self, feed_id: str) -> None:
        """Return as soon as the adapter takes requests."""
        await self.wait_until(
            lambda: feed_id in self.hubs and self.hubs[feed_id].is_online, f"feed {feed_id} online"
        )

    async def wait_until(self, condition: Callable[[], bool], what: str = "the condition") -> None:
        """Return as soon as `condition()` holds; it is looked at whenever an adapter said something.

        Raises:
            AssertionError: it did not hold within WAIT_SECONDS_MAX.
        """
        with trio.move_on_after(WAIT_SECONDS_MAX):
            while not condition():
                await self._changed.wait()
            return
        raise AssertionError(f"{what} did not come within {WAIT_SECONDS_MAX:g} s")

    # Failing

    def cut(self) -> None:
        """Lose all connections, with all that is on its way in both directions."""
        for port in list(self._ports.values()):
            port.cut()
            self._gone(port)

    @contextmanager
    def not_keeping(self) -> Iterator[None]:
        """Within this block what is taken is not on the disk; after it, it is, unless there was a restart."""
        self._keeps = False
        try:
            yield
        finally:
            self._keeps = True
            for hub in self.hubs.values():
                self._do(hub, hub.kept(hub.last, self.clock.now()))

    def restart(self, forget: int = 0) -> None:
        """The order management system ends at once and starts again with what it has kept.

        Args:
            forget: updates to lose besides, as if an older copy of its journal had been put back.
        """
        self.cut()
        for feed_id, hub in list(self.hubs.items()):
            last = max(hub.durable - forget, 0)
            del self.taken[feed_id][last:]
            self.hubs[feed_id] = FeedHub(feed_id, last)

    def fall_back(self) -> None:
        """A commit fails: what was taken and not kept is lost, and the adapter is told."""
        for feed_id, hub in self.hubs.items():
            del self.taken[feed_id][hub.durable :]
            self._do(hub, hub.fell_back(hub.durable, self.clock.now()))

    @contextmanager
    def held(self) -> Iterator[None]:
        """Within this block adapters are suspended."""
        for hub in self.hubs.values():
            self._do(hub, hub.hold())
        try:
            yield
        finally:
            for hub in self.hubs.values():
                self._do(hub, hub.release())

    @contextmanager
    def deaf(self) -> Iterator[None]:
        """Within this block what adapters say waits on its way: answers are late."""
        self._hearing = trio.Event()
        try:
            yield
        finally:
            self._hearing.set()

    @contextmanager
    def losing_requests(self) -> Iterator[None]:
        """Within this block requests do not reach the adapter. Then cut: a connection loses only its end."""
        self._lost_events = lambda event: event.type is FeedEventType.REQUEST
        try:
            yield
        finally:
            self._lost_events = _none

    # Within

    async def wait_hearing(self) -> None:
        """Return once what adapters say arrives."""
        await self._hearing.wait()

    def hear(self, port: MemoryPort, message: FeedRequest) -> None:
        """Take a message of an adapter."""
        self.messages.append(message)
        hub = self.hubs.setdefault(port.feed_id, FeedHub(port.feed_id))
        self.taken.setdefault(port.feed_id, [])
        self._do(hub, hub.received(port.number, message, self.clock.now()))

    def _gone(self, port: MemoryPort) -> None:
        if self._ports.pop(port.number, None) is not None and port.feed_id in self.hubs:
            hub = self.hubs[port.feed_id]
            self._do(hub, hub.lost(port.number, self.clock.now()))

    def _do(self, hub: FeedHub, outputs: list[HubOutput]) -> None:
        for output in outputs:
            self._do_one(hub, output)
        self._changed.set()
        self._changed = trio.Event()

    def _do_one(self, hub: FeedHub, output: HubOutput) -> None:
        match output:
            case ToAdapter(connection, event):
                if connection in self._ports and not self._lost_events(event):
                    self._ports[connection].tell(event)
            case Submitted(sequence, update):
                assert sequence == len(self.taken[hub.feed_id]) + 1, "sequences have no holes"
                self.taken[hub.feed_id].append(update)
                if self._keeps:
                    self._do(hub, hub.kept(sequence, self.clock.now()))
            case Answered():
                self.answers.append(output)
            case QueryAnswered():
                self.responses.append(output)
            case Unanswered(requests):
                self.unanswered += requests
            case StatusTold(details):
                self.statuses.append(details)
            case Configured(configuration):
                self.configurations[hub.feed_id] = configuration
            case Complaint():
                self.complaints.append(output)
                if output.is_fatal and output.connection in self._ports:
                    port = self._ports[output.connection]
                    port.cut()
                    self._gone(port)


def _implied(update: OrderUpdated) -> ClientRequestUpdate:
    """What an order's update says of the request that the order bears."""
    order = update.order
    is_rejected = update.update.reason is OrderUpdateReason.REJECTED
    return ClientRequestUpdate(
        request_id=order.request_id,
        account=order.account,
        order_id=order.order_id,
        external_id=order.external_id,
        status=RequestStatus.REJECTED if is_rejected else RequestStatus.COMPLETED,
        errors=order.errors,
        is_completed=True,
    )


def _none(_: FeedEvent) -> bool:
    return False


def _travelled(message: Any) -> Any:
    return msgspec.json.decode(msgspec.json.encode(message), type=type(message))


def is_refused(update: ClientRequestUpdate) -> bool:
    """True for the end of a request that was not carried out."""
    return update.status is RequestStatus.REJECTED


def is_online(details: FeedDetails) -> bool:
    """True for a feed that takes requests."""
    return details.status is ConnectionStatus.ONLINE


@asynccontextmanager
async def run_adapter(
    adapter: Callable[[Any, AdapterContext], Adapter[Any]],
    config: PluginConfig | None = None,
    oms: MemoryOms | None = None,
) -> AsyncIterator[MemoryOms]:
    """Run an adapter beside the block, and cancel it at the end.

    Where its feed is lost a new object is started, as in the daemon; whatever else it raises fails the block.

    Args:
        adapter: the class, or any callable that makes the object from config and context.
        config: None: the class's `Config` with its defaults.
        oms: None: a new one.
    """
    if config is None:
        config = getattr(adapter, "Config", PluginConfig)()
    if oms is None:
        oms = MemoryOms()
    async with nursery_beside() as nursery:
        nursery.start_soon(_run_again, adapter, config, oms)
        yield oms


async def _run_again(
    adapter: Callable[[Any, AdapterContext], Adapter[Any]], config: PluginConfig, oms: MemoryOms
) -> None:
    while True:
        try:
            await adapter(config, oms).run()
        except* FeedLost:
            oms.restarts += 1
        else:
            return
