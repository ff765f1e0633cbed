"""One WebSocket connection: executes what its session commands.

The session is pure; controllers know no connection. This shell carries events and commands between them,
and is one of the two places where everything is caught: a fault of ours here ends one connection with 1011.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Awaitable, Hashable, Iterable
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import structlog
import trio
from trio_websocket import CloseReason, ConnectionClosed, WebSocketConnection

from zenithd.bus import Outbox, Subscription
from zenithd.bus.frames import BINARY, PING, TEXT, close_frame, frame
from zenithd.controllers.interface import Opened
from zenithd.server.head import Peer
from zenithd.server.stream import OutboxStream
from zenithd.sessions.rate import Rate
from zenithd.wire.answer import Answer, Refusal
from zenithd.wire.codec import Codec
from zenithd.wire.commands import (
    Cancel,
    CheckLogin,
    Close,
    Command,
    LoginRequest,
    Query,
    Revalidate,
    Send,
    Subscribe,
    Unsubscribe,
)
from zenithd.wire.errors import CloseCode
from zenithd.wire.session import Session
from zenithd.wire.settings import SessionSettings

if TYPE_CHECKING:
    from zenithd.server.services import Services

KNOWN_CLOSE_CODES = frozenset({*range(1000, 1016), 4000})

TELLS_THE_PEER = (1002, 1003, 1007, 1009)
"""Close codes for what a peer did wrong on the level of frames."""

DEBUG_LOG = logging.getLogger(__name__)
"""Asked before a line is made that nobody may want: there is one for each request."""

ANSWERS_UNDER_WAY_MAX = 32
"""Answers of one connection that are being made at once; meanwhile its next requests are not read."""

CLOSE_SECONDS_MAX = 5.0
"""How long a peer may take to answer our close frame."""


class Link(NamedTuple):
    """The pieces of an open WebSocket, outermost first."""

    nursery: trio.Nursery
    """Ends with the connection; its work runs here."""
    websocket: WebSocketConnection
    stream: OutboxStream
    outbox: Outbox
    codec: Codec
    peer: Peer
    rate: Rate
    """Of the peer's requests."""


class Connection:
    """Drives a session over a WebSocket until either side ends it."""

    def __init__(self, services: Services, link: Link, session: Session, number: int) -> None:
        self.session = session
        self.outbox = link.outbox
        self.peer = link.peer
        self.number = number
        self._services = services
        self._nursery = link.nursery
        self._websocket = link.websocket
        self._stream = link.stream
        self._stream.on_close_frame = self._leave
        self._stream.on_too_large = self._too_large
        self._codec = link.codec
        self._rate = link.rate
        self._opcode = TEXT if link.codec.is_text else BINARY
        self._log: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(__name__).bind(
            connection=number, peer=link.peer.address
        )
        self._commands: deque[Command] = deque()
        self._executing = False
        self._subscriptions: dict[tuple[str, str], Subscription] = {}
        self._topics: dict[Subscription, tuple[str, str]] = {}
        self._work: dict[int, trio.CancelScope] = {}
        self._answers = 0
        """Answers being made that take time."""
        self._answered = trio.Event()
        self._parked = False
        """True while nothing is read from the peer."""
        self._close: Close | None = None
        self._reading = trio.CancelScope()
        self.last_ping = trio.current_time()
        self._taken_before = 0
        self._taken_at = trio.current_time()

    # Reading

    async def run(self) -> None:
        """Serve until the client leaves, the session closes, or the daemon ends the connection."""
        # Inherited by every task that is started from here, so that their lines can be followed too.
        structlog.contextvars.bind_contextvars(connection=self.number)
        self._log.info("connection opened", encoding=self._codec.encoding.value)
        try:
            with self._reading:
                await self._read()
        except Exception:  # the connection boundary: our bug ends this connection, not the daemon
            self._log.exception("connection failed")
            self._close = Close(1011, "internal error")
        finally:
            self._leave()
        if self._close is not None:
            await self._say_goodbye(self._close)

    async def _read(self) -> None:
        get_message = self._websocket.get_message
        receive = self.session.receive
        outbox = self.outbox
        while True:
            try:
                message = await get_message()
            except ConnectionClosed as closed:
                self._closed_by_peer(closed.reason)
                return
            self.execute(receive(message, trio.current_time()))
            if outbox.congested or self._answers >= ANSWERS_UNDER_WAY_MAX:
                await self._wait_turn()

    def _closed_by_peer(self, reason: CloseReason | None) -> None:
        code = reason.code if reason is not None else 1006
        # A peer may send any code, and each label is kept for ever.
        label = str(code) if code in KNOWN_CLOSE_CODES else "other"
        self._services.metrics.closed.labels(label).inc()
        self._log.info("connection closed", code=code)

    async def _say_goodbye(self, close: Close) -> None:
        self._services.metrics.closed.labels(str(close.code)).inc()
        self._log.info("closing connection", code=close.code, reason=close.reason)
        with trio.move_on_after(CLOSE_SECONDS_MAX, shield=True):
            await self._websocket.aclose(close.code, close.reason)

    def last_words(self) -> bytes | None:
        """What is still to be said once all else has ended: b"" for nothing but time to read; None: nothing.

        trio-websocket ends a connection with a malformed frame silently; the protocol wants it told.
        """
        reason = self._websocket.closed
        if self._close is not None or reason is None or reason.code not in TELLS_THE_PEER:
            return None
        return b"" if self._stream.close_frame_sent else close_frame(reason.code, reason.reason or "")

    def _too_large(self) -> None:
        self.end(CloseCode.DATA_TOO_LARGE, f"at most {self._services.limits.message_bytes_max} bytes")

    def end(self, code: int, reason: str) -> None:
        """Close the connection from outside: shutdown, idle, stalled, kicked off."""
        if self._close is None:
            for command in self.session.close(CloseCode(code), reason):
                if isinstance(command, Send):
                    self._send(command)
            self._close = Close(code, reason)
            self._reading.cancel()

    def _leave(self) -> None:
        """Take nothing more from the bus, whatever comes of the goodbye."""
        self._services.bus.leave(self.outbox)
        self._subscriptions.clear()
        self._topics.clear()
        for scope in self._work.values():
            scope.cancel()

    # Commands

    def execute(self, commands: Iterable[Command]) -> None:
        """Execute commands in order; what they lead to goes behind those that still wait."""
        self._commands.extend(commands)
        if self._executing:
            return
        self._executing = True
        try:
            while self._commands and self._close is None:
                self._execute(self._commands.popleft())
        finally:
            self._executing = False

    async def _wait_turn(self) -> None:
        """Read no more requests while too much waits for the peer, or too many answers are being made.

        What was not made yet takes no room in the outbox, and the store serves everybody: so both are
        bounded. The peer's pongs are not read meanwhile; that it takes bytes shows that it lives.
        """
        self._parked = True
        while self._answers >= ANSWERS_UNDER_WAY_MAX:
            self._answered = trio.Event()
            await self._answered.wait()
        await self._stream.wait_room()
        self._parked = False
        self._stream.last_received = trio.current_time()

    async def _proceed(self) -> None:
        """Take the messages that waited for a login, one by one, giving way to other connections."""
        while self.session.ready and self._close is None:
            self.execute(self.session.proceed(trio.current_time()))
            await trio.lowlevel.checkpoint()
            await self._wait_turn()

    def _execute(self, command: Command) -> None:
        if isinstance(command, Send):
            self._send(command)
        elif isinstance(command, Query):
            self._query(command)
        elif isinstance(command, Subscribe):
            self._subscribe(command)
        elif isinstance(command, Unsubscribe):
            self._unsubscribe(command.controller, command.topic)
        elif isinstance(command, CheckLogin):
            self._nursery.start_soon(self._login, command.ticket, command.request)
        elif isinstance(command, Revalidate):
            self._revalidate(command)
        elif isinstance(command, Cancel):
            scope = self._work.pop(command.ticket, None)
            if scope is not None:
                scope.cancel()
        else:
            self.end(command.code, command.reason)

    def _send(self, command: Send) -> None:
        container = command.container
        if container.get("Action") == "Error":
            self._services.count_reject(container.get("Data"))
        self.outbox.append(frame(self._opcode, self._codec.encode(container)))
        self._services.flusher.soon(self.outbox)

    def _query(self, command: Query) -> None:
        rule = command.rule
        controller = self._services.controllers[rule.served_by]
        self._services.count_request(rule.served_by)
        if DEBUG_LOG.isEnabledFor(logging.DEBUG):
            self._log.debug("request", request=command.ticket, controller=rule.controller, topic=rule.topic)
        answer = controller.query(rule.topic, command.data, command.access)
        if isinstance(answer, Answer):
            self._commands.extend(self.session.query_finished(command.ticket, answer, trio.current_time()))
        else:
            self._answers += 1
            self._nursery.start_soon(self._await_answer, command.ticket, answer)

    async def _await_answer(self, ticket: int, answer: Awaitable[Answer]) -> None:
        scope = self._work[ticket] = trio.CancelScope()
        structlog.contextvars.bind_contextvars(request=ticket)
        try:
            with scope:
                result = await answer
                self.execute(self.session.query_finished(ticket, result, trio.current_time()))
        except Exception:  # the connection boundary, as in run
            self._log.exception("request failed", ticket=ticket)
            self.end(1011, "internal error")
        finally:
            self._work.pop(ticket, None)
            self._answers -= 1
            self._answered.set()

    async def _login(self, ticket: int, request: LoginRequest) -> None:
        scope = self._work[ticket] = trio.CancelScope()
        try:
            with scope:
                login = await self._services.authentication.check(request, self.peer)
                self.execute(self.session.login_finished(ticket, login, trio.current_time()))
                await self._proceed()
        except Exception:  # the connection boundary, as in run
            self._log.exception("login failed")
            self.end(1011, "internal error")
        finally:
            self._work.pop(ticket, None)

    # Subscriptions

    def _subscribe(self, command: Subscribe) -> None:
        key = (command.rule.controller, command.topic)
        held = self._subscriptions.get(key)
        self._services.count_request(command.rule.controller)
        if DEBUG_LOG.isEnabledFor(logging.DEBUG):
            self._log.debug("subscription", request=command.ticket, controller=key[0], topic=key[1])
        refusal: Refusal | None = None
        if held is not None:
            self._services.bus.send_snapshot(held)
            self._services.flusher.soon(self.outbox)
        else:
            refusal = self._open(command, key)
        self._commands.extend(self.session.subscribed(command.ticket, refusal, trio.current_time()))

    def _open(self, command: Subscribe | Revalidate, key: tuple[str, str]) -> Refusal | None:
        controller = self._services.controllers[command.rule.controller]
        opened = controller.open(command.rule.topic, command.argument, command.access)
        if isinstance(opened, Refusal):
            return opened
        self._register(key, opened)
        return None

    def _register(self, key: tuple[str, str], opened: Opened) -> None:
        if opened.opened is not None:
            opened.opened()
        subscription = self._services.bus.subscribe(
            self.outbox,
            self._codec,
            controller=key[0],
            name=opened.topic,
            wire_topic=key[1],
            entitlement=opened.entitlement,
            snapshot=opened.snapshot,
            closed=opened.closed,
            ended=self._topic_ended,
        )
        self._subscriptions[key] = subscription
        self._topics[subscription] = key
        self._services.flusher.soon(self.outbox)

    def _unsubscribe(self, controller: str, topic: str) -> None:
        subscription = self._subscriptions.pop((controller, topic), None)
        if subscription is not None:
            del self._topics[subscription]
            self._services.bus.unsubscribe(subscription)

    def _revalidate(self, command: Revalidate) -> None:
        key = (command.rule.controller, command.topic)
        held = self._subscriptions.get(key)
        controller = self._services.controllers[command.rule.controller]
        opened = controller.open(command.rule.topic, command.argument, command.access)
        refusal = opened if isinstance(opened, Refusal) else None
        if isinstance(opened, Opened):
            if held is not None and opened.is_list:
                opened = _without_new_entries(opened, held.group.entitlement)
            if held is None or held.group.entitlement != opened.entitlement:
                self._unsubscribe(*key)
                self._register(key, opened)
        self._commands.extend(self.session.subscribed(command.ticket, refusal, trio.current_time()))

    def _topic_ended(self, subscription: Subscription, reason: str) -> None:
        """The topic is gone (an instrument was unlisted): the session tells the client."""
        controller, topic = self._topics[subscription]
        self.execute(self.session.end_subscription(controller, topic, (reason,), trio.current_time()))

    def configuration_changed(self, settings: SessionSettings) -> None:
        """Limits or users were changed: the session takes the limits over and compares its rights."""
        limits = self._services.limits
        self._rate.use(limits.requests_per_second, limits.requests_burst)
        self.session.use(settings)
        user = self.session.access.user
        if user:
            access = self._services.authentication.rights(user, self.session.access_token, self.peer)
            self.execute(self.session.access_changed(access, trio.current_time()))

    # Housekeeping

    def tick(self, now: float) -> None:
        """Let time-outs and expiries happen, ping, and end the connection if nothing comes or goes."""
        deadline = self.session.next_deadline()
        if deadline is not None and deadline <= now:
            self.execute(self.session.tick(now))
            if self.session.ready:  # a login took too long: what waited for it goes on
                self._nursery.start_soon(self._proceed)
        limits = self._services.limits
        outbox = self.outbox
        if outbox.bytes_waiting:
            if outbox.bytes_taken != self._taken_before:
                self._taken_before, self._taken_at = outbox.bytes_taken, now
            elif now - self._taken_at >= self._services.stall_seconds_max:
                self.end(1008, "reader stalled")
                return
        else:
            self._taken_at = now
        heard = max(self._stream.last_received, self._taken_at if outbox.bytes_waiting else 0.0)
        if now - heard >= limits.idle_seconds and not self._parked:
            self.end(1008, "no answer to pings")
        elif now - self.last_ping >= limits.ping_seconds:
            self.last_ping = now
            outbox.append(PING)
            self._services.flusher.soon(outbox)


def _without_new_entries(opened: Opened, held: Hashable) -> Opened:
    """A list that the client holds only shrinks: real clients break on known entries mixed with new ones
    (zenith-websocket 6.5). A list that was empty may become anything."""
    if not held or not isinstance(held, tuple) or not isinstance(opened.entitlement, tuple):
        return opened
    kept = tuple(entry for entry in held if entry in opened.entitlement)
    return msgspec.structs.replace(opened, entitlement=kept)
