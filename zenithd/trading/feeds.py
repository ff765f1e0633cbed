"""The feeds at work: connections of adapters on one side, the order task on the other (platform A.9).

What an adapter sends is taken by its hub, given to the order task in the same order, and acknowledged once it
is kept. What clients ask for goes the other way. A hub's decisions are pure (`zenithd.oms.feeds`).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from functools import partial

import structlog
import trio

from zenithd.collectors import OrderFeedReading
from zenithd.controllers.trading.desk import DeskClosed
from zenithd.oms.commands import Command, FeedAnswer, FeedStatus, FeedUpdate, Gap, Inquire, Outcome, Send
from zenithd.oms.evidence import Evidence, ask_for_request, evidence_of, question_of
from zenithd.oms.feeds import (
    Answered,
    Complaint,
    Configured,
    Connection,
    FeedHub,
    HubOutput,
    QueryAnswered,
    StatusTold,
    Submitted,
    ToAdapter,
    Unanswered,
)
from zenithd.oms.model.accounts import Account
from zenithd.oms.model.directory import ConnectionStatus
from zenithd.oms.model.requests import ClientRequest, ClientRequestUpdate, RequestStatus
from zenithd.oms.streaming import FeedEvent, FeedRequest
from zenithd.plugin.channels import Receiver, send
from zenithd.plugin.feeds import AdapterFeed, FeedLost, supply
from zenithd.trading.desk import OrderDesk, Told

INCOMING_MAX = 1_000
"""Messages of one adapter that wait before it waits too."""

OUTGOING_MAX = 10_000
"""Messages that wait for one adapter before it counts as gone."""

QUESTIONS_MAX = 100
"""Questions about requests that one adapter has at a time; further ones follow its answers. After a loss
there may be more of them than messages may wait: whoever takes a feed over is not to drown in them."""

FEED_STATUSES = tuple(status.value for status in ConnectionStatus)

log: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(__name__)


class InProcessPort:
    """A connection of an adapter in this process; implements `zenithd.plugin.feeds.FeedPort`."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.to_hub: trio.MemorySendChannel[FeedRequest]
        self.incoming: trio.MemoryReceiveChannel[FeedRequest]
        self.to_hub, self.incoming = trio.open_memory_channel(INCOMING_MAX)
        self.outgoing: trio.MemorySendChannel[FeedEvent]
        self.from_hub: trio.MemoryReceiveChannel[FeedEvent]
        self.outgoing, self.from_hub = trio.open_memory_channel(OUTGOING_MAX)
        self._of_adapter = Receiver()
        self._of_hub = Receiver()

    async def send(self, message: FeedRequest) -> None:
        """Hand a message over.

        Raises:
            FeedLost: the connection is gone.
        """
        try:
            await send(self.to_hub, message)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            raise FeedLost from None

    async def receive(self) -> FeedEvent:
        """The next message.

        Raises:
            FeedLost: the connection is gone.
        """
        try:
            return await self._of_hub.receive(self.from_hub)
        except (trio.EndOfChannel, trio.ClosedResourceError):
            raise FeedLost from None

    async def arrived(self) -> FeedRequest:
        """The adapter's next message.

        Raises:
            trio.EndOfChannel: the adapter's side is closed.
            trio.ClosedResourceError: the hub's side is.
        """
        return await self._of_adapter.receive(self.incoming)

    def close(self) -> None:
        """End it from the hub's side."""
        self.incoming.close()
        self.outgoing.close()


class Questions:
    """About requests of one feed: those that wait, and how many the adapter has."""

    def __init__(self) -> None:
        self._waiting: dict[tuple[Account, str], Inquire] = {}
        self._asked = 0

    def clear(self) -> None:
        """Nobody is there to answer; whoever comes is asked anew."""
        self._waiting.clear()
        self._asked = 0

    def answered(self) -> None:
        """One was."""
        self._asked = max(self._asked - 1, 0)

    def add(self, question: Inquire) -> None:
        """One more; it takes the place of an earlier one about the same request."""
        self._waiting[question.request.account, question.request.request_id] = question

    def next(self) -> Inquire | None:
        """The one to be asked now."""
        if not self._waiting or self._asked >= QUESTIONS_MAX:
            return None
        self._asked += 1
        return self._waiting.pop(next(iter(self._waiting)))


class Feeds:
    """All feeds, by name. A listener of the order task, so that hubs wait while nothing can be kept."""

    def __init__(self, desk: OrderDesk, now: Callable[[], int]) -> None:
        self._desk = desk
        self._now = now
        self._hubs: dict[str, FeedHub] = {}
        self._ports: dict[Connection, InProcessPort] = {}
        self._connections = 0
        self._kept: dict[str, int] = {}
        """Sequences that were kept and not acknowledged yet."""
        self._questions: dict[str, Questions] = {}
        self._sent: dict[tuple[str, Account, str], float] = {}
        """When requests were given to their feeds, by feed, account and id: those that are not answered."""
        desk.deliver = self.deliver
        desk.settled = self._acknowledge
        desk.listeners.append(self)

    @asynccontextmanager
    async def supply(self, feed_id: str, last: int = 0) -> AsyncIterator[AdapterFeed]:
        """A feed as an adapter of this process supplies it."""
        self._connections += 1
        port = self._ports[self._connections] = InProcessPort(self._connections)
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._listen, feed_id, port, name=f"feed {feed_id}: hub")
                async with supply(port, feed_id, last) as feed:
                    yield feed
                nursery.cancel_scope.cancel()
        finally:
            del self._ports[port.connection]
            port.close()
            hub = self._hubs.get(feed_id)
            if hub is not None:
                self._perform(hub, hub.lost(port.connection, self._now()))

    async def _listen(self, feed_id: str, port: InProcessPort) -> None:
        """Take what an adapter sends, in its order; it waits while the order task is behind.

        Raises:
            FeedLost: the hub has ended the connection. An adapter that does not read would not notice.
        """
        await self._desk.wait_read()
        try:
            while True:
                message = await port.arrived()
                hub = self._hub(feed_id)
                self._perform(hub, hub.received(port.connection, message, self._now()))
                await self._desk.wait_room()
        except trio.EndOfChannel:
            pass
        except trio.ClosedResourceError:
            raise FeedLost(f"feed {feed_id}: the hub has ended the connection") from None

    def _hub(self, feed_id: str) -> FeedHub:
        hub = self._hubs.get(feed_id)
        if hub is None:
            hub = self._hubs[feed_id] = FeedHub(feed_id, self._desk.state.positions.get(feed_id, 0))
            if self._desk.refusal:
                self._perform(hub, hub.hold())
        return hub

    def readings(self) -> tuple[OrderFeedReading, ...]:
        """How every feed is that is or was there, for operators."""
        state = self._desk.state
        found = []
        for feed_id in sorted(state.feeds.keys() | self._hubs.keys()):
            hub, details = self._hubs.get(feed_id), state.feeds.get(feed_id)
            if hub is not None:
                details = hub.details
            found.append(
                OrderFeedReading(
                    feed=feed_id,
                    status=(ConnectionStatus.DISCONNECTED if details is None else details.status).value,
                    statuses=FEED_STATUSES,
                    standby=0 if hub is None else hub.standby,
                    waiting=0 if hub is None else len(hub.waiting),
                    refused=state.refusals.get(feed_id, 0),
                )
            )
        return tuple(found)

    # From the order task

    def deliver(self, send: Send | Inquire) -> None:
        """Give a feed a request, or ask it what became of one."""
        hub = self._hubs.get(send.feed)
        if hub is None or not hub.is_online:
            if isinstance(send, Send):  # it went while the request was being kept: nothing was sent
                told = _update(send.request, RequestStatus.PENDING)
                self._post(FeedAnswer(send.feed, told, send.sending))
            return
        if isinstance(send, Send):
            order_id = "" if send.order is None else send.order.order_id
            self._sent[send.feed, send.request.account, send.request.request_id] = trio.current_time()
            self._perform(hub, hub.request(send.request, order_id, send.sending))
        else:
            self._questions_of(hub).add(send)
            self._ask(hub)

    def _questions_of(self, hub: FeedHub) -> Questions:
        return self._questions.setdefault(hub.feed_id, Questions())

    def _ask(self, hub: FeedHub) -> None:
        questions = self._questions_of(hub)
        while hub.is_online and (question := questions.next()) is not None:
            self._perform(hub, hub.query(ask_for_request(question.request, question.sending)))

    def begin(self) -> None:
        """The state was made anew: what was taken and is not in it has to be said again."""
        for feed_id, hub in self._hubs.items():
            self._questions_of(hub).clear()
            kept = self._desk.state.positions.get(feed_id, 0)
            self._perform(hub, hub.fell_back(kept, self._now()))
            self._post(FeedStatus(hub.details))

    def publish(self, told: Sequence[Told]) -> None:
        """Adapters are told by `settled`."""

    def feed_status(self) -> None:
        """Nothing can be kept now, or it can again."""
        for hub in self._hubs.values():
            self._perform(hub, hub.hold() if self._desk.refusal else hub.release())

    def _taken(self, feed_id: str, sequence: int, outcome: Outcome | DeskClosed) -> None:
        """The order task has kept an update of a feed, or wants an earlier one first."""
        hub = self._hubs[feed_id]
        if isinstance(outcome, Gap):
            self._perform(hub, hub.fell_back(outcome.last, self._now()))
        elif not isinstance(outcome, DeskClosed):
            self._kept[feed_id] = max(sequence, self._kept.get(feed_id, 0))

    def _acknowledge(self) -> None:
        """Tell adapters how far they need not remember; once for all updates that were kept together."""
        kept, self._kept = self._kept, {}
        for feed_id, sequence in kept.items():
            hub = self._hubs[feed_id]
            if sequence <= hub.last:
                self._perform(hub, hub.kept(sequence, self._now()))

    # What hubs decide

    def _perform(self, hub: FeedHub, outputs: Iterable[HubOutput]) -> None:
        for output in outputs:
            match output:
                case ToAdapter(connection, event):
                    self._transmit(hub, connection, event)
                case Submitted(sequence, update):
                    then = partial(self._taken, hub.feed_id, sequence)
                    self._post(FeedUpdate(hub.feed_id, sequence, update), then)
                case Answered(request, response, sending):
                    self._count_answered(hub.feed_id, request)
                    told = _update(request, response.status, response.errors)
                    self._post(FeedAnswer(hub.feed_id, told, sending))
                case QueryAnswered(query, response):
                    question = question_of(query)
                    if question is not None and evidence_of(response) is Evidence.NEVER_RECEIVED:
                        told = ClientRequestUpdate(
                            request_id=question.request_id,
                            account=question.account,
                            status=RequestStatus.PENDING,
                        )
                        self._post(FeedAnswer(hub.feed_id, told, question.sending))
                    self._questions_of(hub).answered()
                    self._ask(hub)
                case StatusTold(details):
                    if not hub.is_online:
                        self._questions_of(hub).clear()
                    self._post(FeedStatus(details))
                case Complaint(connection, errors, is_fatal):
                    self._complain(hub, connection, errors, is_fatal=is_fatal)
                case Unanswered(requests):  # the status that is told with it says what follows
                    for each in requests:
                        self._sent.pop((hub.feed_id, each.account, each.request_id), None)
                case Configured():
                    pass  # a description changes nothing

    def _count_answered(self, feed_id: str, request: ClientRequest) -> None:
        sent = self._sent.pop((feed_id, request.account, request.request_id), None)
        if sent is not None:
            self._desk.stages.at_exchange(trio.current_time() - sent)

    def _post(self, command: Command, then: Callable[[Outcome | DeskClosed], None] | None = None) -> None:
        self._desk.post(command, then)

    def _transmit(self, hub: FeedHub, connection: Connection, event: FeedEvent) -> None:
        port = self._ports.get(connection)
        if port is None:
            return
        try:
            port.outgoing.send_nowait(event)
        except trio.WouldBlock:
            log.warning("an adapter does not read its feed", feed=hub.feed_id)
            port.close()
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass  # it is on its way out; `lost` follows

    def _complain(
        self, hub: FeedHub, connection: Connection, errors: tuple[str, ...], *, is_fatal: bool
    ) -> None:
        log.warning("an adapter broke the protocol of its feed", feed=hub.feed_id, errors=errors)
        port = self._ports.get(connection)
        if is_fatal and port is not None:
            port.close()


def _update(
    request: ClientRequest, status: RequestStatus, errors: tuple[str, ...] = ()
) -> ClientRequestUpdate:
    return ClientRequestUpdate(
        request_id=request.request_id, account=request.account, status=status, errors=errors
    )
