"""How an adapter supplies its feed: the protocol of `zenithd.oms.supplying` over a connection to the hub."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol

import trio

from zenithd.oms.model.directory import ConnectionStatus, FeedConfiguration, FeedDetails
from zenithd.oms.streaming import (
    SEQUENCED,
    ClientRequestResponse,
    FeedEvent,
    FeedRequest,
    FeedResponse,
    FeedUpdate,
)
from zenithd.oms.supplying import (
    BUFFER_MAX,
    Asked,
    ClientOutput,
    Ended,
    FeedClient,
    Kept,
    Queried,
    Resumed,
    Rewind,
    Supply,
    Transmit,
)
from zenithd.plugin.channels import STEP, Receiver, send

OUTGOING_MAX = 1_000
"""Messages that wait to be sent before `submit` waits."""

ASKED_MAX = 1_000
"""Requests and queries that wait for the adapter before nothing more is read from the hub."""

ToDo = Asked | Queried | Rewind
"""What the adapter has to do."""


class FeedLost(Exception):
    """The connection to the hub is gone. An adapter that lets this pass is started again."""


class FeedPort(Protocol):
    """A connection to the hub: in this process, or over a socket."""

    async def send(self, message: FeedRequest) -> None:
        """Hand a message over; waits while the hub is behind.

        Raises:
            FeedLost: the connection is gone.
        """
        ...

    async def receive(self) -> FeedEvent:
        """The next message of the hub.

        Raises:
            FeedLost: the connection is gone.
        """
        ...


class AdapterFeed:
    """A feed at work. `supply` makes one; its attributes are those of `FeedClient`."""

    def __init__(self, port: FeedPort, client: FeedClient) -> None:
        self._port = port
        self._client = client
        self._outgoing: deque[FeedRequest] = deque()
        self._to_write = trio.Event()
        self._changed = trio.Event()
        self._todo_in: trio.MemorySendChannel[ToDo]
        self._todo: trio.MemoryReceiveChannel[ToDo]
        self._todo_in, self._todo = trio.open_memory_channel(ASKED_MAX)
        self._receiver = Receiver()
        self._resumed: Resumed | None = None
        self._has_ended = False

    @property
    def last(self) -> int:
        """The sequence of the last update that was submitted."""
        return self._client.last

    @property
    def kept(self) -> int:
        """The last sequence that the hub has for ever."""
        return self._client.kept

    async def open(self) -> Resumed:
        """Ask for the feed and wait until it is granted: as long as another one supplies it."""
        self._put(self._client.open())
        while self._resumed is None:
            await self._changed.wait()
        return self._resumed

    async def submit(self, sequence: int, update: FeedUpdate) -> None:
        """Send the update of this number as soon as the hub wants it; waits while the hub is behind.

        Numbers have no holes. What the hub has already is not sent; after a `Rewind` only what follows the
        position that it names is taken.
        """
        while not self._client.has_room or len(self._outgoing) >= OUTGOING_MAX:
            await self._changed.wait()
        self._put(self._client.submit(sequence, update))

    def tell_status(self, status: ConnectionStatus, expire_after: int | None = None) -> None:
        """Say how the feed is. Requests are sent while it is online."""
        details = FeedDetails(feed_id=self._client.feed_id, status=status, expire_after=expire_after)
        self._put(self._client.tell_status(details))

    def configure(self, configuration: FeedConfiguration) -> None:
        """Say what the adapter is."""
        self._put(self._client.configure(configuration))

    def answer(self, number: int, response: ClientRequestResponse) -> None:
        """Answer a request."""
        self._put(self._client.answer(number, response))

    def answer_query(self, number: int, response: FeedResponse) -> None:
        """Answer a query."""
        self._put(self._client.answer_query(number, response))

    async def next(self) -> ToDo:
        """What the adapter has to do next."""
        return await self._receiver.receive(self._todo)

    async def wait_kept(self, sequence: int) -> None:
        """Return once the hub has everything up to a sequence for ever."""
        while self._client.kept < sequence:
            await self._changed.wait()

    async def close(self) -> None:
        """Give the feed up; returns when everything that was sent is written."""
        self._put(self._client.close())
        while not self._has_ended:
            await self._changed.wait()

    # Within

    def _put(self, messages: list[FeedRequest]) -> None:
        if messages:
            self._outgoing += messages
            self._to_write.set()

    def _tell(self) -> None:
        if self._changed.statistics().tasks_waiting:  # hardly ever, and it is asked for every message
            self._changed.set()
            self._changed = trio.Event()

    async def read(self) -> None:
        """Take what the hub says until cancelled.

        Raises:
            FeedLost: the connection is gone.
            RemoteFeedError: the hub broke the protocol.
        """
        while not self._has_ended:
            for output in self._client.received(await self._port.receive()):
                await self._do(output)
            if self._client.state is Supply.SUSPENDED:
                # What is numbered waits in the client; it is sent again once the hub says from where on.
                self._outgoing = deque(each for each in self._outgoing if each.type not in SEQUENCED)
            self._tell()

    async def _do(self, output: ClientOutput) -> None:
        match output:
            case Transmit(message):
                self._put([message])
            case Resumed():
                self._resumed = output
            case Asked() | Queried() | Rewind():
                await send(self._todo_in, output)
            case Ended():
                self._has_ended = True
            case Kept():
                pass

    async def write(self) -> None:
        """Send what waits, in order, until cancelled."""
        sent = 0
        while True:
            while self._outgoing:
                await self._port.send(self._outgoing.popleft())
                sent += 1
                if sent % STEP == 0:
                    await trio.lowlevel.checkpoint()
                if len(self._outgoing) == OUTGOING_MAX // 2:
                    self._tell()
            self._to_write = trio.Event()
            await self._to_write.wait()


@asynccontextmanager
async def supply(
    port: FeedPort, feed_id: str, last: int = 0, buffer_max: int = BUFFER_MAX
) -> AsyncIterator[AdapterFeed]:
    """Supply a feed within a block.

    Args:
        port: the connection to the hub.
        feed_id: the feed's name.
        last: the sequence of the last update that the adapter has made.
        buffer_max: updates that may wait for the hub to have kept them.
    """
    feed = AdapterFeed(port, FeedClient(feed_id, last, buffer_max))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(feed.read, name=f"feed {feed_id}: reading")
        nursery.start_soon(feed.write, name=f"feed {feed_id}: writing")
        yield feed
        nursery.cancel_scope.cancel()
