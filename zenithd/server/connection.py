"""One WebSocket connection: executes what its session commands.

The session is pure; controllers know no connection. This shell carries events and commands between them,
and is one of the two places where everything is caught: a fault of ours here ends one connection with 1011.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Awaitable, Hashable, Iterable
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import structlog
import trio
from trio_websocket import CloseReason, ConnectionClosed, WebSocketConnection

from zenithd.bus import Outbox, Subscription
from zenithd.bus.frames import BINARY, PING, TEXT, frame
from zenithd.controllers.interface import Later, MakeAnswer, Opened
from zenithd.server.head import Peer
from zenithd.server.stream import OutboxStream
from zenithd.sessions.rate import Rate
from zenithd.turns import in_a_turn, in_turns
from zenithd.wire.answer import Answer, Refusal
from zenithd.wire.codec import Codec
from zenithd.wire.commands import (
    Cancel,
    CheckLogin,
    Close,
    Command,
    Login,
    LoginRequest,
    Query,
    Revalidate,
    Send,
    Subscribe,
    Unsubscribe,
)
from zenithd.wire.container import data_message
from zenithd.wire.errors import LIMITED, CloseCode
from zenithd.wire.long_lists import LongList, encode_long
from zenithd.wire.session import Session
from zenithd.wire.settings import SessionSettings

if TYPE_CHECKING:
    from zenithd.server.services import Services

KNOWN_CLOSE_CODES = frozenset({*range(1000, 1016), 4000})

PEERS_FAULTS = (CloseCode.PROTOCOL, CloseCode.DATA_INVALID)
"""With what trio-websocket ends a connection, silently, when a peer breaks the rules of frames."""

LOG: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(__name__)

DEBUG_LOG = logging.getLogger(__name__)
"""Asked before a line is made that nobody may want: there is one for each request."""

ANSWERS_UNDER_WAY_MAX = 32
"""Answers of one connection that are being made at once; meanwhile its next requests are not read."""

ANSWERS_MADE_MAX = 2
"""Of those, answers that are really worked on; what is made of them is held in memory meanwhile."""

CLOSE_SECONDS_MAX = 5.0
WRITING_SECONDS_PER_BYTE = 0.5e-9
"""What the kernel takes to accept a byte, about."""
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

    __slots__ = (
        "_answered",
        "_answers",
        "_broken",
        "_close",
        "_codec",
        "_commands",
        "_counted",
        "_left",
        "_making",
        "_nursery",
        "_opcode",
        "_parked",
        "_rate",
        "_services",
        "_stream",
        "_subscriptions",
        "_taken_at",
        "_taken_before",
        "_websocket",
        "_work",
        "last_ping",
        "lingers",
        "number",
        "outbox",
        "peer",
        "session",
    )

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
        self._codec = link.codec
        self._rate = link.rate
        self._opcode = TEXT if link.codec.is_text else BINARY
        self._commands: deque[Command] | None = None
        """What still has to be executed; None while nothing is."""
        self._subscriptions: dict[tuple[str, str], Subscription] = {}
        self._work: dict[int, trio.CancelScope] = {}
        self._answers = 0
        """Answers being made that take time."""
        self._answered: trio.Event | None = None
        """Set when one of them is made, if somebody waits for that."""
        self._making: trio.CapacityLimiter | None = None
        """How many of them are really worked on; None before the first."""
        self._parked = False
        """True while nothing is read from the peer."""
        self._close: Close | None = None
        self._broken = False
        """True if the peer broke the rules of frames: what it sends is not understood any more."""
        self._counted = False
        """True once its end has been counted and logged."""
        self._left = False
        """True once nothing is to be executed any more: it could register what nobody would end."""
        self.lingers = False
        """True if the peer was told the end and has yet to read it."""
        self.last_ping = trio.current_time()
        self._taken_before = 0
        self._taken_at = trio.current_time()

    # Reading

    async def run(self) -> None:
        """Serve until the client leaves, the session closes, or the daemon ends the connection.

        `say_goodbye` follows, once nothing else of this connection runs.
        """
        self._log.info("connection opened", encoding=self._codec.encoding.value)
        outbox = self.outbox
        try:
            while True:
                receive = partial(self._receive, await self._websocket.get_message())
                await in_a_turn(receive)
                del receive  # an idle connection need not keep its last message
                if outbox.congested or self._answers >= ANSWERS_UNDER_WAY_MAX:
                    await self._wait_turn()
        except ConnectionClosed as closed:
            self._ended(closed.reason)
        except Exception:  # the connection boundary: our bug ends this connection, not the daemon
            self._log.exception("connection failed")
            self._close = Close(1011, "internal error")
        finally:
            self._leave()

    @property
    def _log(self) -> structlog.stdlib.BoundLogger:
        bound: structlog.stdlib.BoundLogger = LOG.bind(connection=self.number, peer=self.peer.address)
        return bound

    def _receive(self, message: bytes | str) -> None:
        self.execute(self.session.receive(message, trio.current_time()))

    def _ended(self, reason: CloseReason | None) -> None:
        """Nothing more will be read: the peer left, or it is failed (RFC 6455 7.1.7)."""
        code = reason.code if reason is not None else 1006
        if self._stream.too_large:
            self._broken = True
            bytes_max = self._services.limits.message_bytes_max
            self.end(CloseCode.DATA_TOO_LARGE, f"at most {bytes_max} bytes")
        elif reason is not None and code in PEERS_FAULTS and not self._stream.close_frame_sent:
            self._broken = True
            self.end(code, reason.reason or "")
        else:
            # A peer may send any code, and each label is kept for ever.
            label = str(code) if code in KNOWN_CLOSE_CODES else "other"
            self._services.metrics.closed.labels(label).inc()
            self._log.info("connection closed", code=code)
            self._counted = True

    async def say_goodbye(self) -> None:
        """Write what is queued, a close frame last, and take the peer's, unless it cannot be understood."""
        stream = self._stream
        if self._close is not None:
            self._services.metrics.closed.labels(str(self._close.code)).inc()
            self._log.info("closing connection", code=self._close.code, reason=self._close.reason)
            if not stream.close_frame_sent:
                stream.queue_close(self._close.code, self._close.reason)
        elif not self._counted:
            self._ended(None)  # cut off while we wrote: the end was never read
        if stream.close_frame_sent and not self.outbox.closed:
            with trio.move_on_after(CLOSE_SECONDS_MAX, shield=True):
                self.outbox.flush()
                if not self._broken:
                    await stream.read_goodbye()
                await stream.wait_written()
                self.lingers = True

    def end(self, code: int, reason: str) -> None:
        """Close the connection from outside: shutdown, idle, stalled, kicked off."""
        if self._close is None and not self._counted:
            for command in self.session.close(CloseCode(code), reason):
                if isinstance(command, Send):
                    self._send(command)
            self._close = Close(code, reason)
            self._nursery.cancel_scope.cancel()

    def _leave(self) -> None:
        """Take nothing more from the bus, whatever comes of the goodbye."""
        self._left = True  # a login that has just been checked would go on to the messages behind it
        self._services.bus.leave(self.outbox)
        self._subscriptions.clear()
        for scope in self._work.values():
            scope.cancel()

    # Commands

    def execute(self, commands: Iterable[Command]) -> None:
        """Execute commands in order; what they lead to goes behind those that still wait."""
        if self._commands is not None:
            self._commands.extend(commands)
            return
        waiting = self._commands = deque(commands)
        try:
            while waiting and self._close is None and not self._left:
                self._execute(waiting.popleft())
        finally:
            self._commands = None

    async def _wait_turn(self) -> None:
        """Read no more requests while too much waits for the peer, or too many answers are being made.

        What was not made yet takes no room in the outbox, and the store serves everybody: so both are
        bounded. The peer's pongs are not read meanwhile; that it takes bytes shows that it lives.
        """
        self._parked = True
        while self._answers >= ANSWERS_UNDER_WAY_MAX:
            if self._answered is None:  # else a login waits for it already
                self._answered = trio.Event()
            await self._answered.wait()
        await self._stream.wait_room()
        self._parked = False
        self._stream.last_received = trio.current_time()

    async def _proceed(self) -> None:
        """Take the messages that waited for a login, one by one, giving way to other connections."""
        while self.session.ready and self._close is None:
            await in_a_turn(self._receive_next)
            await trio.lowlevel.checkpoint()
            await self._wait_turn()

    def _receive_next(self) -> None:
        self.execute(self.session.proceed(trio.current_time()))

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
        self._write(self._codec.encode(container))

    def _write(self, payload: bytes) -> None:
        self.outbox.put(frame(self._opcode, payload))
        self._services.flusher.soon(self.outbox)

    def _query(self, command: Query) -> None:
        rule = command.rule
        controller = self._services.controllers[rule.served_by]
        self._services.count_request(rule.served_by)
        if DEBUG_LOG.isEnabledFor(logging.DEBUG):
            self._log.debug("request", request=command.ticket, controller=rule.controller, topic=rule.topic)
        answer = controller.query(rule.topic, command.data, command.access)
        if isinstance(answer, Answer) and not isinstance(answer.data, LongList):
            self.execute(self.session.query_finished(command.ticket, answer, trio.current_time()))
            return
        self._answers += 1
        if isinstance(answer, Later):
            answer.then(partial(self._answer_came, command.ticket))
        else:
            self._nursery.start_soon(self._await_answer, command.ticket, answer)

    async def _await_answer(self, ticket: int, answer: Answer | Awaitable[Answer]) -> None:
        scope = self._work[ticket] = trio.CancelScope()
        structlog.contextvars.bind_contextvars(request=ticket)
        try:
            if self._making is None:
                self._making = trio.CapacityLimiter(ANSWERS_MADE_MAX)
            with scope:
                async with self._making:
                    # What was made waits in the outbox: of a peer that does not read, nothing more is made.
                    await self._stream.wait_room()
                    result = answer if isinstance(answer, Answer) else await answer
                    await self._answer(self.session.query_finished(ticket, result, trio.current_time()))
        except Exception:  # the connection boundary, as in run
            self._log.exception("request failed", ticket=ticket)
            self.end(1011, "internal error")
        finally:
            self._work.pop(ticket, None)
            self._one_answered()

    def _answer_came(self, ticket: int, make: MakeAnswer) -> None:
        """Somebody else has come to an answer: his work must not suffer from what becomes of it here."""
        try:
            self.execute(self.session.query_finished(ticket, make(), trio.current_time()))
        except Exception:  # the connection boundary, as in run
            self._log.exception("request failed", ticket=ticket)
            self.end(1011, "internal error")
        finally:
            self._one_answered()

    def _one_answered(self) -> None:
        self._answers -= 1
        if self._answered is not None:
            self._answered.set()
            self._answered = None

    async def _answer(self, commands: Iterable[Command]) -> None:
        """Send what a finished request is answered with; a long list is made giving way to others."""
        for command in commands:
            if isinstance(command, Send) and isinstance(command.container.get("Data"), LongList):
                self._write(await in_turns(encode_long(self._codec, command.container)))
            else:
                self.execute([command])

    async def _login(self, ticket: int, request: LoginRequest) -> None:
        scope = self._work[ticket] = trio.CancelScope()
        try:
            with scope:
                login = await self._services.authentication.check(request, self.peer)
                await in_a_turn(partial(self._login_finished, ticket, login))
                await self._proceed()
        except Exception:  # the connection boundary, as in run
            self._log.exception("login failed")
            self.end(1011, "internal error")
        finally:
            self._work.pop(ticket, None)

    def _login_finished(self, ticket: int, login: Login | None) -> None:
        self.execute(self.session.login_finished(ticket, login, trio.current_time()))

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
            self._pay_writing(held)
        else:
            refusal = self._open(command, key)
        self.execute(self.session.subscribed(command.ticket, refusal, trio.current_time()))

    def _open(self, command: Subscribe | Revalidate, key: tuple[str, str]) -> Refusal | None:
        controller = self._services.controllers[command.rule.controller]
        opened = controller.open(command.rule.topic, command.argument, command.access)
        if isinstance(opened, Refusal):
            return opened
        topic = self._services.bus.find(key[0], opened.topic)
        if (
            topic is not None
            and topic.spellings(self.outbox) >= self._services.limits.spellings_per_topic_max
        ):
            return Refusal((LIMITED,))
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
        self._pay_writing(subscription)

    def _pay_writing(self, subscription: Subscription) -> None:
        """Have a snapshot that was queued written, on account of who asked for it."""
        size = sum(map(len, subscription.group.snapshot()))
        self._services.turns.charge(size * WRITING_SECONDS_PER_BYTE)
        self._services.flusher.soon(self.outbox)

    def _unsubscribe(self, controller: str, topic: str) -> None:
        subscription = self._subscriptions.pop((controller, topic), None)
        if subscription is not None:
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
                if held is not None and opened.taken_away is not None:
                    for payload in opened.taken_away(held.group.entitlement):
                        self._send(Send(data_message(*key, payload)))
                self._register(key, opened)
        self.execute(self.session.subscribed(command.ticket, refusal, trio.current_time()))

    def _topic_ended(self, subscription: Subscription, reason: str) -> None:
        """The topic is gone (an instrument was unlisted): the session tells the client."""
        group = subscription.group
        controller, topic = group.audience.topic.controller, group.wire_topic
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
            outbox.put(PING)
            self._services.flusher.soon(outbox)


def _without_new_entries(opened: Opened, held: Hashable) -> Opened:
    """A list that the client holds only shrinks: real clients break on known entries mixed with new ones
    (zenith-websocket 6.5). A list that was empty may become anything."""
    if not held or not isinstance(held, tuple) or not isinstance(opened.entitlement, tuple):
        return opened
    kept = tuple(entry for entry in held if entry in opened.entitlement)
    return msgspec.structs.replace(opened, entitlement=kept)
