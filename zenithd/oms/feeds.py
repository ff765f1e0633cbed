"""The hub's side of a feed: who supplies it, what comes next, what is asked (platform A.9). Pure.

    hub = FeedHub("Prodigy", last=7)
    hub.received(connection, message, now)  -> what is to be done, in order

One connection supplies a feed; others that open it stand by, the longest waiting first, and take over when it
goes. What is sequenced is taken in order: what was taken already is ignored, and after a gap the adapter is
suspended and resumed at the last that is kept. What it sent before it knew is passed over until the update
comes that is missing. An update that is refused by a rule, or is not whole, has used its sequence.

Everything about states stands in `TRANSITIONS` and `ALLOWED`. Whose fault something is decides what happens:
what a peer must not do is a `Complaint` and touches nobody else; what our own caller must not do raises
`LocalFeedError`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec

from zenithd.oms.model.accounts import Account
from zenithd.oms.model.directory import ConnectionStatus, FeedConfiguration, FeedDetails
from zenithd.oms.model.entity import Word
from zenithd.oms.model.requests import ClientRequest
from zenithd.oms.model.updates import FeedRefused
from zenithd.oms.streaming import (
    SEQUENCED,
    ClientRequestResponse,
    FeedEvent,
    FeedEventType,
    FeedPosition,
    FeedQuery,
    FeedRequest,
    FeedRequestType,
    FeedResponse,
    FeedUpdate,
    missing_field,
    update_of,
    with_order_id,
)

Connection = int
"""A connection as whoever owns the sockets and channels numbers it; never used again."""

PASSED_OVER_MAX: Final = 10_000
"""Updates passed over after a gap before the adapter is told again where to resume."""


class LocalFeedError(Exception):
    """Our own caller did what it must not do in this state. A bug of ours."""


class Seat(Word):
    """What a connection is to a feed."""

    NEW = "new"
    """It has not opened the feed."""
    STANDBY = "standby"
    """Another one supplies it."""
    OPEN = "open"
    """It supplies the feed, and what comes is in order."""
    BEHIND = "behind"
    """It was resumed; what it sends is passed over until the missing update comes."""
    SUSPENDED = "suspended"
    """It was told to wait."""
    CLOSING = "closing"
    """It has closed the feed; what it sent is not all kept yet."""
    CLOSED = "closed"


class Happening(Word):
    """What moves a connection from one seat to another."""

    GRANTED = "granted"
    QUEUED = "queued"
    GAP = "gap"
    CAUGHT_UP = "caught up"
    HELD = "held"
    RESUMED = "resumed"
    CLOSE = "close"
    WRITTEN = "written"


TRANSITIONS: Final[dict[tuple[Seat, Happening], Seat]] = {
    (Seat.NEW, Happening.GRANTED): Seat.OPEN,
    (Seat.NEW, Happening.QUEUED): Seat.STANDBY,
    (Seat.STANDBY, Happening.GRANTED): Seat.OPEN,
    (Seat.STANDBY, Happening.CLOSE): Seat.CLOSED,
    (Seat.OPEN, Happening.GAP): Seat.BEHIND,
    (Seat.OPEN, Happening.HELD): Seat.SUSPENDED,
    (Seat.OPEN, Happening.CLOSE): Seat.CLOSING,
    (Seat.BEHIND, Happening.GAP): Seat.BEHIND,
    (Seat.BEHIND, Happening.CAUGHT_UP): Seat.OPEN,
    (Seat.BEHIND, Happening.HELD): Seat.SUSPENDED,
    (Seat.BEHIND, Happening.CLOSE): Seat.CLOSING,
    (Seat.SUSPENDED, Happening.GAP): Seat.SUSPENDED,
    (Seat.SUSPENDED, Happening.RESUMED): Seat.BEHIND,
    (Seat.SUSPENDED, Happening.CLOSE): Seat.CLOSING,
    (Seat.CLOSING, Happening.GAP): Seat.CLOSING,
    (Seat.CLOSING, Happening.HELD): Seat.CLOSING,
    (Seat.CLOSING, Happening.WRITTEN): Seat.CLOSED,
}

_SUPPLYING: Final = frozenset(FeedRequestType) - {FeedRequestType.OPEN}
ALLOWED: Final[dict[Seat, frozenset[FeedRequestType]]] = {
    Seat.NEW: frozenset({FeedRequestType.OPEN}),
    Seat.STANDBY: frozenset({FeedRequestType.CLOSE}),
    Seat.OPEN: _SUPPLYING,
    Seat.BEHIND: _SUPPLYING,
    Seat.SUSPENDED: _SUPPLYING,
    Seat.CLOSING: frozenset(),
    Seat.CLOSED: frozenset(),
}


class ToAdapter(msgspec.Struct, frozen=True):
    """Send it over this connection."""

    connection: Connection
    event: FeedEvent


class Submitted(msgspec.Struct, frozen=True):
    """The feed's next update. It uses its sequence whatever the rules say of it."""

    sequence: int
    update: FeedUpdate | FeedRefused


class Answered(msgspec.Struct, frozen=True):
    """An adapter has answered a request."""

    request: ClientRequest
    response: ClientRequestResponse
    sending: int = 0
    """Which sending of the request it answers."""


class QueryAnswered(msgspec.Struct, frozen=True):
    """An adapter has answered a query."""

    query: FeedQuery
    response: FeedResponse


class Unanswered(msgspec.Struct, frozen=True):
    """The adapter went with these requests and queries: nobody will answer them any more."""

    requests: tuple[ClientRequest, ...]
    queries: tuple[FeedQuery, ...]


class StatusTold(msgspec.Struct, frozen=True):
    """How the feed is."""

    details: FeedDetails


class Configured(msgspec.Struct, frozen=True):
    """What the adapter says of itself."""

    configuration: FeedConfiguration


class Complaint(msgspec.Struct, frozen=True):
    """The peer broke the protocol: it is told; if it is fatal its connection ends."""

    connection: Connection
    errors: tuple[str, ...]
    """A code of `COMPLAINTS` and what it is about."""
    is_fatal: bool


COMPLAINTS: Final = {
    "Feed.State": "the message is not possible now",
    "Feed.Field": "a field that the message needs is missing",
    "Feed.Name": "the message names another feed",
    "Feed.RequestID": "no request or query with this number waits for an answer",
}

HubOutput = (
    ToAdapter | Submitted | Answered | QueryAnswered | Unanswered | StatusTold | Configured | Complaint
)


class FeedHub:
    """One feed, and the connections that supply it or would.

    Attributes:
        feed_id: the feed's name.
        last: the last sequence that was taken.
        durable: the last one that is on the disk; an adapter is resumed there.
        details: the feed's status.
    """

    def __init__(self, feed_id: str, last: int = 0, configuration: FeedConfiguration | None = None) -> None:
        self.feed_id = feed_id
        self.last = last
        self.durable = last
        self.details = FeedDetails(feed_id=feed_id)
        self._configuration = configuration
        self._seats: dict[Connection, Seat] = {}
        """Of connections that opened the feed, in that order."""
        self._supplier: Connection | None = None
        self._passed_over = 0
        self._is_held = False
        self._next_number = 1
        self._requests: dict[int, tuple[ClientRequest, int]] = {}
        """By number, with which sending of the request it was."""
        self._queries: dict[int, FeedQuery] = {}

    # What others see

    @property
    def is_online(self) -> bool:
        """True if requests may be sent: somebody supplies the feed and says that it is online."""
        return self._supplier is not None and self.details.status is ConnectionStatus.ONLINE

    def seat(self, connection: Connection) -> Seat:
        """What a connection is to the feed."""
        return self._seats.get(connection, Seat.NEW)

    @property
    def standby(self) -> int:
        """Connections that would take over."""
        return sum(seat is Seat.STANDBY for seat in self._seats.values())

    @property
    def waiting(self) -> tuple[ClientRequest, ...]:
        """Requests that the adapter has not answered."""
        return tuple(request for request, _ in self._requests.values())

    # From the adapter

    def received(self, connection: Connection, message: FeedRequest, now: int) -> list[HubOutput]:
        """Take a message of a connection; whatever it is, nothing raises."""
        seat = self.seat(connection)
        if message.type not in ALLOWED[seat]:
            return [_complaint(connection, "Feed.State", f"{message.type.value} while {seat.value}")]
        named = message.position.sequence if message.position is not None else self.feed_id
        if named != self.feed_id:
            return [_complaint(connection, "Feed.Name", f"{named} instead of {self.feed_id}")]
        if message.type in SEQUENCED:
            return self._sequenced(connection, message)
        missing = missing_field(message)
        if missing is not None:
            return [_complaint(connection, "Feed.Field", missing)]
        handle: Callable[[FeedHub, Connection, FeedRequest, int], list[HubOutput]] = _HANDLERS[message.type]
        return handle(self, connection, message, now)

    def lost(self, connection: Connection, now: int) -> list[HubOutput]:
        """A connection is gone, in order or not; the next one takes over."""
        self._seats.pop(connection, None)
        return self._leave(connection, now)

    # From our own side

    def kept(self, sequence: int, now: int) -> list[HubOutput]:
        """Everything up to a sequence is on the disk."""
        if sequence > self.last:
            raise LocalFeedError(f"{self.feed_id}: {sequence} is kept and was never taken")
        self.durable = max(self.durable, sequence)
        supplier = self._supplier
        if supplier is None:
            return []
        outputs: list[HubOutput] = [ToAdapter(supplier, self._bookmark())]
        return outputs + self._close_if_written(supplier, now)

    def fell_back(self, sequence: int, now: int) -> list[HubOutput]:
        """What was taken after a sequence could not be kept: the adapter has to say it again."""
        if sequence > self.last:
            raise LocalFeedError(f"{self.feed_id}: cannot fall back from {self.last} to {sequence}")
        self.last = self.durable = sequence
        supplier = self._supplier
        if supplier is None:
            return []
        if self.seat(supplier) is Seat.CLOSING:
            return self._close_if_written(supplier, now)
        return self._resume_again(supplier)

    def hold(self) -> list[HubOutput]:
        """Nothing can be taken now: whoever supplies the feed waits."""
        if self._is_held:
            return []
        self._is_held = True
        supplier = self._supplier
        if supplier is None:
            return []
        self._moves(supplier, Happening.HELD)
        return [] if self.seat(supplier) is Seat.CLOSING else [ToAdapter(supplier, _event("SUSPEND"))]

    def release(self) -> list[HubOutput]:
        """It can be taken again."""
        if not self._is_held:
            return []
        self._is_held = False
        supplier = self._supplier
        if supplier is None or self.seat(supplier) is Seat.CLOSING:
            return []
        self._moves(supplier, Happening.RESUMED)
        return [ToAdapter(supplier, self._resume())]

    def request(self, request: ClientRequest, order_id: str, sending: int = 0) -> list[HubOutput]:
        """Send a request to the adapter, for the `sending`th time. It was kept as submitted before.

        Raises:
            LocalFeedError: the feed is not online.
        """
        number = self._number()
        self._requests[number] = request, sending
        sent = with_order_id(request, order_id)
        return self._asked(FeedEvent(type=FeedEventType.REQUEST, request_id=number, request=sent))

    def query(self, query: FeedQuery) -> list[HubOutput]:
        """Ask the adapter.

        Raises:
            LocalFeedError: the feed is not online.
        """
        number = self._number()
        self._queries[number] = query
        return self._asked(FeedEvent(type=FeedEventType.QUERY, request_id=number, query=query))

    def _number(self) -> int:
        if not self.is_online:
            raise LocalFeedError(f"{self.feed_id} is not online")
        number = self._next_number
        self._next_number += 1
        return number

    def _asked(self, event: FeedEvent) -> list[HubOutput]:
        assert self._supplier is not None  # it is online
        return [ToAdapter(self._supplier, event)]

    # Steps

    def _open(self, connection: Connection, _: FeedRequest, now: int) -> list[HubOutput]:
        self._seats[connection] = Seat.NEW
        if self._supplier is not None:
            self._moves(connection, Happening.QUEUED)
            return []
        return self._grant(connection)

    def _grant(self, connection: Connection) -> list[HubOutput]:
        self._supplier = connection
        self._passed_over = 0
        self._moves(connection, Happening.GRANTED)
        opened: list[HubOutput] = [ToAdapter(connection, _event("OPEN"))]
        if self._is_held:
            self._moves(connection, Happening.HELD)
            return opened
        return [*opened, ToAdapter(connection, self._resume())]

    def _sequenced(self, connection: Connection, message: FeedRequest) -> list[HubOutput]:
        if message.position is None or message.position.position < 1:
            return [_complaint(connection, "Feed.Field", "Position")]
        sequence = message.position.position
        if self.seat(connection) is Seat.SUSPENDED or sequence <= self.last:
            return []
        if sequence > self.last + 1:
            return self._gap(connection)
        if self.seat(connection) is Seat.BEHIND:
            self._moves(connection, Happening.CAUGHT_UP)
        self.last = sequence
        missing = missing_field(message)
        if missing is not None:
            reason = f"{COMPLAINTS['Feed.Field']}: {missing}"
            return [Submitted(sequence, FeedRefused(reason=reason, refused=_ENCODER.encode(message)))]
        return [Submitted(sequence, update_of(message))]

    def _gap(self, connection: Connection) -> list[HubOutput]:
        if self.seat(connection) is Seat.BEHIND and self._passed_over < PASSED_OVER_MAX:
            self._passed_over += 1
            return []
        return self._resume_again(connection)

    def _resume_again(self, connection: Connection) -> list[HubOutput]:
        self._passed_over = 0
        self._moves(connection, Happening.GAP)
        if self.seat(connection) is Seat.SUSPENDED:
            return []
        return [ToAdapter(connection, _event("SUSPEND")), ToAdapter(connection, self._resume())]

    def _status(self, _: Connection, message: FeedRequest, now: int) -> list[HubOutput]:
        assert message.status is not None  # the message is whole
        told = message.status
        self.details = FeedDetails(
            feed_id=self.feed_id, status=told.status, timestamp=now, expire_after=told.expire_after
        )
        return [StatusTold(self.details)]

    def _configure(self, _: Connection, message: FeedRequest, now: int) -> list[HubOutput]:
        assert message.configuration is not None  # the message is whole
        self._configuration = msgspec.structs.replace(message.configuration, timestamp=now)
        return [Configured(self._configuration)]

    def _wants_bookmark(self, connection: Connection, _: FeedRequest, now: int) -> list[HubOutput]:
        return [ToAdapter(connection, self._bookmark())]

    def _request_answered(self, connection: Connection, message: FeedRequest, now: int) -> list[HubOutput]:
        sent = self._requests.pop(message.request_id, None)
        if sent is None:
            return [_complaint(connection, "Feed.RequestID", str(message.request_id), is_fatal=False)]
        assert message.request_response is not None  # the message is whole
        request, sending = sent
        return [Answered(request, message.request_response, sending)]

    def _query_answered(self, connection: Connection, message: FeedRequest, now: int) -> list[HubOutput]:
        query = self._queries.pop(message.request_id, None)
        if query is None:
            return [_complaint(connection, "Feed.RequestID", str(message.request_id), is_fatal=False)]
        assert message.query_response is not None  # the message is whole
        return [QueryAnswered(query, message.query_response)]

    def _close(self, connection: Connection, _: FeedRequest, now: int) -> list[HubOutput]:
        standby = self.seat(connection) is Seat.STANDBY
        self._moves(connection, Happening.CLOSE)
        if standby:
            return [ToAdapter(connection, _event("CLOSE"))]
        return self._close_if_written(connection, now)

    def _close_if_written(self, connection: Connection, now: int) -> list[HubOutput]:
        if self.seat(connection) is not Seat.CLOSING or self.durable < self.last:
            return []
        self._moves(connection, Happening.WRITTEN)
        closed: list[HubOutput] = [ToAdapter(connection, _event("CLOSE"))]
        return closed + self._leave(connection, now)

    def _leave(self, connection: Connection, now: int) -> list[HubOutput]:
        """The connection no longer supplies the feed."""
        if connection != self._supplier:
            return []
        self._supplier = None
        outputs: list[HubOutput] = []
        if self._requests or self._queries:
            outputs.append(Unanswered(self.waiting, tuple(self._queries.values())))
            self._requests.clear()
            self._queries.clear()
        expires = self.details.expire_after
        # With a later expiry others are told when it comes; nothing is sent to a feed that nobody supplies.
        if self.details.status is ConnectionStatus.ONLINE and (expires is None or expires <= now):
            self.details = FeedDetails(feed_id=self.feed_id, timestamp=now)
            outputs.append(StatusTold(self.details))
        for other, seat in self._seats.items():
            if seat is Seat.STANDBY:
                return outputs + self._grant(other)
        return outputs

    def _moves(self, connection: Connection, happening: Happening) -> None:
        self._seats[connection] = TRANSITIONS[self._seats[connection], happening]

    def _position(self, sequence: int) -> FeedPosition:
        return FeedPosition(sequence=self.feed_id, position=sequence)

    def _resume(self) -> FeedEvent:
        return _event("RESUME", position=self._position(self.durable), configuration=self._configuration)

    def _bookmark(self) -> FeedEvent:
        return _event("BOOKMARK", position=self._position(self.durable))


_ENCODER = msgspec.msgpack.Encoder()
_HANDLERS: dict[FeedRequestType, Any] = {
    FeedRequestType.OPEN: FeedHub._open,
    FeedRequestType.STATUS: FeedHub._status,
    FeedRequestType.CONFIGURE: FeedHub._configure,
    FeedRequestType.BOOKMARK: FeedHub._wants_bookmark,
    FeedRequestType.CLOSE: FeedHub._close,
    FeedRequestType.REQUEST_RESPONSE: FeedHub._request_answered,
    FeedRequestType.QUERY_RESPONSE: FeedHub._query_answered,
}


def request_key(request: ClientRequest) -> tuple[Account, str]:
    """What names a request for ever."""
    return request.account, request.request_id


def _event(kind: str, **fields: Any) -> FeedEvent:
    return FeedEvent(type=FeedEventType[kind], **fields)


def _complaint(connection: Connection, code: str, about: str, *, is_fatal: bool = True) -> Complaint:
    return Complaint(connection, (f"{code} {about}",), is_fatal)
