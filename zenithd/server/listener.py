"""Accepts connections on the one port and finds out what each of them wants."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import partial
from typing import NamedTuple, Protocol

import structlog
import trio
from trio_websocket import WebSocketConnection, WebSocketRequest, wrap_server_stream

from zenithd.bus import Outbox
from zenithd.rare_log import RareLog
from zenithd.server.arrivals import Arrivals
from zenithd.server.connection import Connection, Link
from zenithd.server.head import BadHead, Head, Peer, peer_of, read_head
from zenithd.server.pages import KeptPages, Page, Route, encode, error_page, respond
from zenithd.server.services import Services
from zenithd.server.stream import OutboxStream, write_waiting
from zenithd.server.tls import Tls
from zenithd.server.upgrade import find_fault, plain_request
from zenithd.sessions.limits import AddressLimits, address_group
from zenithd.sessions.rate import Rate
from zenithd.turns import belong_to, in_a_turn, pay
from zenithd.wire.codec import Codec, Encoding, choose_encoding
from zenithd.wire.commands import Login
from zenithd.wire.session import Session

WEBSOCKET_PATH = "/Zenith"
MESSAGES_QUEUED_MAX = 64
"""Messages of a client read and not yet handled. A full queue also delays its pings and close frame."""
HOUSEKEEPING_SECONDS = 0.25
HOUSEKEEPING_SLICE = 100
"""Connections that are looked after before giving way."""
HANDSHAKE_SECONDS = 0.001
TLS_HANDSHAKE_SECONDS = 0.003
"""What the handshakes of a connection cost about: what a client pays with its turns."""
LINGER_SECONDS = 2.0
"""How long a plain HTTP answer, or the end of a WebSocket, may take to be read."""


class Opening(NamedTuple):
    """A WebSocket that is wanted and allowed."""

    socket_stream: trio.SocketStream
    transport: trio.abc.Stream
    """The same, or TLS over it."""
    outbox: Outbox
    stream: OutboxStream
    peer: Peer
    encoding: Encoding | None
    """None: the client named no subprotocol."""
    login: Login | None
    """By the Authorization header."""


class Rest(Protocol):
    """Serves what needs more than a page: see `zenithd.rest`."""

    def claims(self, path: str) -> bool:
        """True if a request of this path is for it."""
        ...

    async def serve(
        self, transport: trio.abc.Stream, plain: trio.socket.SocketType, head: Head, peer: Peer
    ) -> None:
        """Answer the request that begins with `head`, and those that follow on the connection."""
        ...


class Listener:
    """The open port, and every connection made to it."""

    def __init__(
        self,
        services: Services,
        make_session: Callable[[Codec, Peer, Login | None, Rate], Session],
        routes: dict[str, Route],
        address_limits: AddressLimits,
        tls: Tls | None,
        rest: Rest | None = None,
    ) -> None:
        self.connections: set[Connection] = set()
        self._services = services
        self._make_session = make_session
        self._routes: dict[str, Route] = {
            path: KeptPages(
                route,
                lambda peer: peer.is_in(services.config.server.operators),
                lambda: services.limits.pages_per_second,
                services.metrics.pages_repeated.inc,
            )
            for path, route in routes.items()
        }
        self._tls = tls
        self._rest = rest
        self._address_limits = address_limits
        self._arrivals = Arrivals()
        self._emptied = trio.Event()
        self._numbers = itertools.count(1)
        self._refused = RareLog(structlog.stdlib.get_logger(__name__), "connection refused")
        self._log: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(__name__)

    async def serve(self, transport: trio.SocketStream) -> None:
        """Serve one accepted socket to its end. Never raises for what a peer does."""
        address = _address(transport)
        group = address_group(address)
        refused = self._address_limits.connect(group, trio.current_time())
        if refused is not None:
            self._services.metrics.refused.labels(refused.name.lower()).inc()
            self._refused.warning(peer=address, reason=refused.value)
            await trio.aclose_forcefully(transport)
            return
        belong_to(self._services.turns, group)
        try:
            opening = await self._open(transport, address)
            if opening is not None:
                converse = self._converse if self._tls is None else self._converse_over_tls
                conversation = converse(opening)
                del opening, converse  # what is not needed to the end need not be kept
                await conversation
        except* (trio.BrokenResourceError, trio.ClosedResourceError, OSError):
            pass  # the peer went away
        except* Exception:  # the connection boundary: whatever a peer makes us do ends here
            self._log.exception("connection failed", peer=address)
        finally:
            self._address_limits.disconnect(group)
            await trio.aclose_forcefully(transport)

    async def _open(self, socket_stream: trio.SocketStream, address: str) -> Opening | None:
        """Read the request and answer it, unless it becomes a WebSocket.

        That is served by the caller and not from here: what stands in this frame, the request with all its
        headers, would be kept for as long as the connection lasts.
        """
        settings = self._services.config.server
        transport: trio.abc.Stream = socket_stream
        head: Head | None = None
        with trio.move_on_after(settings.handshake_seconds_max) as in_time:
            try:
                await pay(HANDSHAKE_SECONDS if self._tls is None else TLS_HANDSHAKE_SECONDS)
                if self._tls is not None:
                    tls = trio.SSLStream(
                        socket_stream, self._tls.context, server_side=True, https_compatible=True
                    )
                    await tls.do_handshake()
                    transport = tls
                head = await read_head(transport, settings.head_bytes_max)
            except BadHead as error:
                await _answer(transport, error_page(error.status, str(error)))
                return None
        if in_time.cancelled_caught:
            self._services.metrics.refused.labels("slow_handshake").inc()
        if head is None:
            return None
        peer = peer_of(head, address, self._tls is not None, settings.trusted_proxies)
        if head.is_websocket and head.path == WEBSOCKET_PATH:
            return await self._consider(socket_stream, transport, head, peer)
        if self._rest is not None and self._rest.claims(head.path):
            await self._rest.serve(transport, socket_stream.socket, head, peer)
            return None
        page = await in_a_turn(partial(respond, head, peer, self._routes))
        await _answer(transport, page, body=head.method != "HEAD")
        return None

    # WebSocket

    async def _consider(
        self, socket_stream: trio.SocketStream, transport: trio.abc.Stream, head: Head, peer: Peer
    ) -> Opening | None:
        """Decide on a request for WebSocket, and answer one that is refused."""
        refusal, encoding = self._choose(head)
        login: Login | None = None
        if refusal is None and head.header(b"authorization") is not None:
            login = await self._services.authentication.check_header(head, peer)
            if login is None:
                refusal = error_page(403, "the credentials were rejected")
        if refusal is not None:
            await _answer(transport, refusal, body=head.method != "HEAD")
            return None
        services = self._services
        descriptor = socket_stream.socket.fileno() if transport is socket_stream else None
        arrival = None if descriptor is None else self._arrivals.watch(descriptor)
        outbox = Outbox(
            descriptor,
            services.config.fanout.outbox_bytes_max,
            services.flusher,
            services.flusher.outbox_statistics,
        )
        request = plain_request(head, encoding.value if encoding is not None else None)
        bytes_max = services.limits.message_bytes_max
        stream = OutboxStream(transport, arrival, outbox, request, head.early, bytes_max)
        return Opening(socket_stream, transport, outbox, stream, peer, encoding, login)

    async def _converse_over_tls(self, opening: Opening) -> None:
        """Serve a WebSocket whose bytes a task has to write."""
        async with trio.open_nursery() as writer:
            writer.start_soon(write_waiting, opening.outbox, opening.transport)
            await self._converse(opening)
            writer.cancel_scope.cancel()

    async def _converse(self, opening: Opening) -> None:
        """Serve a WebSocket from its handshake to the end of its socket.

        All that runs for the connection has ended when it is said goodbye, trio-websocket's reader too: that
        would stumble over a ping which comes after our close frame.
        """
        socket_stream, outbox, stream = opening.socket_stream, opening.outbox, opening.stream
        number = next(self._numbers)
        # Inherited by every task that is started from here, so that their lines can be followed too.
        structlog.contextvars.bind_contextvars(connection=number)
        belong_to(self._services.turns, outbox)
        connection: Connection | None = None
        try:
            async with trio.open_nursery() as nursery:
                outbox.on_broken = nursery.cancel_scope.cancel
                connection = await self._establish(nursery, opening, number)
                del opening
                if connection is not None:
                    await connection.run()
                nursery.cancel_scope.cancel()
            if connection is not None:
                await connection.say_goodbye()
        finally:
            if connection is not None:
                self._leave(connection)
            self._services.flusher.forget(outbox)
            outbox.close()
            stream.let_go()
        if connection is not None and connection.lingers:
            with trio.move_on_after(LINGER_SECONDS):
                await _linger(socket_stream)

    async def _establish(self, nursery: trio.Nursery, opening: Opening, number: int) -> Connection | None:
        services, limits = self._services, self._services.limits
        _, _, outbox, stream, peer, encoding, login = opening
        websocket = await self._accept(nursery, stream, encoding)
        if websocket is None:
            return None
        codec = services.codecs[encoding or Encoding.JSON]
        rate = Rate(limits.requests_per_second, limits.requests_burst)
        session = self._make_session(codec, peer, login, rate)
        link = Link(nursery, websocket, stream, outbox, codec, peer, rate)
        connection = Connection(services, link, session, number)
        services.metrics.connections_total.inc()
        services.metrics.connections.inc()
        self.connections.add(connection)
        return connection

    def _leave(self, connection: Connection) -> None:
        self._services.metrics.connections.dec()
        self.connections.discard(connection)
        if not self.connections:
            self._emptied.set()

    def _choose(self, head: Head) -> tuple[Page | None, Encoding | None]:
        """The page that refuses the upgrade, if any, and the encoding; no subprotocol means JSON."""
        offered = head.tokens(b"sec-websocket-protocol")
        encoding = choose_encoding(offered)
        fault = find_fault(head)
        if fault is None and offered and encoding is None:
            fault = error_page(400, f"subprotocols are {', '.join(one.value for one in Encoding)}")
        if fault is not None:
            self._services.metrics.refused.labels("handshake").inc()
            return fault, None
        if not self._origin_allowed(head):
            self._services.metrics.refused.labels("origin").inc()
            return error_page(403, "this Origin is not allowed"), None
        return None, encoding

    async def _accept(
        self, nursery: trio.Nursery, stream: OutboxStream, encoding: Encoding | None
    ) -> WebSocketConnection | None:
        with trio.move_on_after(self._services.config.server.handshake_seconds_max):
            request: WebSocketRequest = await wrap_server_stream(
                nursery,
                stream,
                message_queue_size=MESSAGES_QUEUED_MAX,
                max_message_size=self._services.limits.message_bytes_max,
            )
            websocket = await request.accept(subprotocol=encoding.value if encoding is not None else None)
            stream.upgrade()
            return websocket
        return None

    def _origin_allowed(self, head: Head) -> bool:
        origin = head.header(b"origin")
        allowed = self._services.config.server.origins
        return origin is None or "*" in allowed or origin in allowed

    # Tasks and shutdown

    async def run_housekeeping(self) -> None:
        """Do what all connections need together."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._arrivals.run, name="arrivals")
            nursery.start_soon(self._tick, name="ticks of connections")

    async def _tick(self) -> None:
        """Ping, expire, time out: a few times a second, for all connections."""
        while True:
            await trio.sleep(HOUSEKEEPING_SECONDS)
            now = trio.current_time()
            for index, connection in enumerate(list(self.connections)):
                connection.tick(now)
                if index % HOUSEKEEPING_SLICE == HOUSEKEEPING_SLICE - 1:
                    await trio.lowlevel.checkpoint()

    async def wait_empty(self) -> None:
        """Return when the last connection has ended."""
        while self.connections:
            self._emptied = trio.Event()
            await self._emptied.wait()

    def close_all(self, code: int, reason: str) -> None:
        """Say goodbye to everybody."""
        for connection in list(self.connections):
            connection.end(code, reason)


async def _linger(transport: trio.abc.Stream) -> None:
    """Let the peer read to the end: closing a socket while bytes come in takes away what it has not read.

    RFC 6455 7.1.1 describes it so.
    """
    if isinstance(transport, trio.SocketStream):
        await transport.send_eof()
    while await transport.receive_some(65536):
        pass


async def _answer(transport: trio.abc.Stream, page: Page, *, body: bool = True) -> None:
    """Answer a plain request, wait a moment for the peer to read it, and be done."""
    with trio.move_on_after(LINGER_SECONDS):
        await transport.send_all(encode(page, body=body))
        await _linger(transport)


def _address(transport: trio.SocketStream) -> str:
    try:
        name = transport.socket.getpeername()
    except OSError:
        return ""
    address = str(name[0]) if isinstance(name, tuple) else ""
    return address.removeprefix("::ffff:")
