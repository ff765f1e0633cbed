"""The adapter's side of a feed: what it says is numbered, kept until the hub has it, said again (A.9). Pure.

    client = FeedClient("Prodigy", last=7)
    client.open()                -> messages to the hub
    client.submit(8, update)     -> as well
    client.received(event)       -> what is to be done

An adapter may begin before where the hub is, by making its updates again from its own records: what the hub
has already is not sent. It may be asked to go back further than what is buffered here; then it gets a
`Rewind`, and has to make its updates again from there. What it submits before it knows is dropped.

All about states stands in `TRANSITIONS`. A hub that breaks the protocol raises `RemoteFeedError`; an adapter
that does, `LocalFeedError`.
"""

from __future__ import annotations

from collections import deque
from typing import Final

import msgspec

from zenithd.oms.feeds import LocalFeedError
from zenithd.oms.model.directory import FeedConfiguration, FeedDetails
from zenithd.oms.model.entity import Word
from zenithd.oms.model.requests import ClientRequest
from zenithd.oms.streaming import (
    ClientRequestResponse,
    FeedEvent,
    FeedEventType,
    FeedPosition,
    FeedQuery,
    FeedRequest,
    FeedRequestType,
    FeedResponse,
    FeedUpdate,
    sequenced,
)

BUFFER_MAX: Final = 100_000
"""Updates that wait for the hub to have kept them."""


class RemoteFeedError(Exception):
    """The hub did what it must not do in this state. The connection is of no use any more."""


class Supply(Word):
    """How far an adapter is with its feed."""

    NEW = "new"
    OPENING = "opening"
    """It has asked; it may be a standby for as long as another one lives."""
    OPEN = "open"
    """It supplies the feed; the hub has not said from where on."""
    SENDING = "sending"
    SUSPENDED = "suspended"
    CLOSING = "closing"
    CLOSED = "closed"


TRANSITIONS: Final[dict[tuple[Supply, FeedEventType], Supply]] = {
    (Supply.OPENING, FeedEventType.OPEN): Supply.OPEN,
    (Supply.OPEN, FeedEventType.RESUME): Supply.SENDING,
    (Supply.OPEN, FeedEventType.SUSPEND): Supply.OPEN,
    (Supply.OPEN, FeedEventType.BOOKMARK): Supply.OPEN,
    (Supply.SENDING, FeedEventType.SUSPEND): Supply.SUSPENDED,
    (Supply.SENDING, FeedEventType.RESUME): Supply.SENDING,
    (Supply.SENDING, FeedEventType.BOOKMARK): Supply.SENDING,
    (Supply.SENDING, FeedEventType.REQUEST): Supply.SENDING,
    (Supply.SENDING, FeedEventType.QUERY): Supply.SENDING,
    (Supply.SUSPENDED, FeedEventType.RESUME): Supply.SENDING,
    (Supply.SUSPENDED, FeedEventType.BOOKMARK): Supply.SUSPENDED,
    (Supply.SUSPENDED, FeedEventType.REQUEST): Supply.SUSPENDED,
    (Supply.SUSPENDED, FeedEventType.QUERY): Supply.SUSPENDED,
    (Supply.SUSPENDED, FeedEventType.SUSPEND): Supply.SUSPENDED,
    (Supply.CLOSING, FeedEventType.OPEN): Supply.CLOSING,
    (Supply.CLOSING, FeedEventType.RESUME): Supply.CLOSING,
    (Supply.CLOSING, FeedEventType.SUSPEND): Supply.CLOSING,
    (Supply.CLOSING, FeedEventType.BOOKMARK): Supply.CLOSING,
    (Supply.CLOSING, FeedEventType.REQUEST): Supply.CLOSING,
    (Supply.CLOSING, FeedEventType.QUERY): Supply.CLOSING,
    (Supply.CLOSING, FeedEventType.CLOSE): Supply.CLOSED,
}


class Transmit(msgspec.Struct, frozen=True):
    """Send it to the hub."""

    message: FeedRequest


class Resumed(msgspec.Struct, frozen=True):
    """The hub has everything up to here; it is sent what follows."""

    position: int
    configuration: FeedConfiguration | None


class Rewind(msgspec.Struct, frozen=True):
    """Make the updates after this sequence again and submit them: the hub has lost more than is buffered."""

    position: int


class Kept(msgspec.Struct, frozen=True):
    """The hub has everything up to here for ever."""

    position: int


class Asked(msgspec.Struct, frozen=True):
    """Carry it out, and answer with its number."""

    number: int
    request: ClientRequest


class Queried(msgspec.Struct, frozen=True):
    """Answer it, with its number."""

    number: int
    query: FeedQuery


class Ended(msgspec.Struct, frozen=True):
    """The feed is closed, and all that was sent is written."""


ClientOutput = Transmit | Resumed | Rewind | Kept | Asked | Queried | Ended


class FeedClient:
    """One feed as its adapter sees it.

    Attributes:
        state: how far it is.
        last: the sequence of the last update that was submitted.
        kept: the last one that the hub has for ever.
    """

    def __init__(self, feed_id: str, last: int = 0, buffer_max: int = BUFFER_MAX) -> None:
        self.feed_id = feed_id
        self.state = Supply.NEW
        self.last = last
        self.kept = last
        self._buffer: deque[tuple[int, FeedRequest]] = deque()
        self._buffer_max = buffer_max
        self._is_rewinding = False
        """It was told to go back, and has not."""

    @property
    def has_room(self) -> bool:
        """True if `submit` takes another update."""
        return len(self._buffer) < self._buffer_max

    @property
    def is_supplying(self) -> bool:
        """True once the hub has said from where on, until the feed is closed."""
        return self.state in (Supply.SENDING, Supply.SUSPENDED)

    def open(self) -> list[FeedRequest]:
        """Ask for the feed."""
        if self.state is not Supply.NEW:
            raise LocalFeedError(f"{self.feed_id}: open while {self.state.value}")
        self.state = Supply.OPENING
        return [FeedRequest(type=FeedRequestType.OPEN, position=FeedPosition(sequence=self.feed_id))]

    def submit(self, sequence: int, update: FeedUpdate) -> list[FeedRequest]:
        """Take an update by its number; it is sent now, later, or, where the hub has it already, never.

        Raises:
            LocalFeedError: the feed is closed, there is no room, or an update was left out.
        """
        if self.state in (Supply.CLOSING, Supply.CLOSED):
            raise LocalFeedError(f"{self.feed_id}: an update while {self.state.value}")
        if not self.has_room:
            raise LocalFeedError(f"{self.feed_id}: {self._buffer_max} updates wait already")
        if sequence <= self.last:
            return []
        if sequence > self.last + 1:
            if self._is_rewinding:
                return []
            raise LocalFeedError(f"{self.feed_id}: update {sequence} after {self.last}")
        self._is_rewinding = False
        self.last = sequence
        if sequence <= self.kept:
            return []
        message = sequenced(self.feed_id, self.last, update)
        self._buffer.append((self.last, message))
        return [message] if self.state is Supply.SENDING else []

    def tell_status(self, details: FeedDetails) -> list[FeedRequest]:
        """Say how the feed is."""
        return self._said(FeedRequest(type=FeedRequestType.STATUS, status=details))

    def configure(self, configuration: FeedConfiguration) -> list[FeedRequest]:
        """Say what the adapter is."""
        return self._said(FeedRequest(type=FeedRequestType.CONFIGURE, configuration=configuration))

    def ask_bookmark(self) -> list[FeedRequest]:
        """Ask how far everything is kept."""
        return self._said(FeedRequest(type=FeedRequestType.BOOKMARK))

    def answer(self, number: int, response: ClientRequestResponse) -> list[FeedRequest]:
        """Answer a request."""
        kind = FeedRequestType.REQUEST_RESPONSE
        return self._said(FeedRequest(type=kind, request_id=number, request_response=response))

    def answer_query(self, number: int, response: FeedResponse) -> list[FeedRequest]:
        """Answer a query."""
        kind = FeedRequestType.QUERY_RESPONSE
        return self._said(FeedRequest(type=kind, request_id=number, query_response=response))

    def close(self) -> list[FeedRequest]:
        """Give the feed up; the end is when the hub has written everything."""
        if self.state in (Supply.NEW, Supply.CLOSING, Supply.CLOSED):
            raise LocalFeedError(f"{self.feed_id}: close while {self.state.value}")
        self.state = Supply.CLOSING
        return [FeedRequest(type=FeedRequestType.CLOSE)]

    def _said(self, message: FeedRequest) -> list[FeedRequest]:
        if not self.is_supplying:
            raise LocalFeedError(f"{self.feed_id}: {message.type.value} while {self.state.value}")
        return [message]

    def received(self, event: FeedEvent) -> list[ClientOutput]:
        """Take a message of the hub.

        Raises:
            RemoteFeedError: it is not possible now, or lacks a field.
        """
        following = TRANSITIONS.get((self.state, event.type))
        if following is None:
            raise RemoteFeedError(f"{self.feed_id}: {event.type.value} while {self.state.value}")
        closing = self.state is Supply.CLOSING
        self.state = following
        match event.type:
            case FeedEventType.RESUME if not closing:
                return self._resume(self._position_of(event), event.configuration)
            case FeedEventType.BOOKMARK:
                return self._keep(self._position_of(event))
            case FeedEventType.REQUEST if not closing:
                if event.request is None:
                    raise RemoteFeedError(f"{self.feed_id}: Request without Request")
                return [Asked(event.request_id, event.request)]
            case FeedEventType.QUERY if not closing:
                if event.query is None:
                    raise RemoteFeedError(f"{self.feed_id}: Query without Query")
                return [Queried(event.request_id, event.query)]
            case FeedEventType.CLOSE:
                return [Ended()]
            case _:
                return []

    def _resume(self, position: int, configuration: FeedConfiguration | None) -> list[ClientOutput]:
        outputs: list[ClientOutput] = [Resumed(position, configuration)]
        first = self._buffer[0][0] if self._buffer else self.last + 1
        if position < first - 1:
            self._buffer.clear()
            self.last = self.kept = position
            self._is_rewinding = True
            return [*outputs, Rewind(position)]
        self._keep(position)
        return [*outputs, *(Transmit(message) for _, message in self._buffer)]

    def _keep(self, position: int) -> list[ClientOutput]:
        """What the hub has need not be kept here."""
        while self._buffer and self._buffer[0][0] <= position:
            self._buffer.popleft()
        if position <= self.kept:
            return []
        self.kept = position
        return [Kept(position)]

    def _position_of(self, event: FeedEvent) -> int:
        if event.position is None or event.position.sequence != self.feed_id:
            raise RemoteFeedError(f"{self.feed_id}: {event.type.value} without a position of the feed")
        return event.position.position
