"""Accepts connections on the one port and finds out what each of them wants."""

from __future__ import annotations

import itertools
import ssl
from collections.abc import Callable

import structlog
import trio
from trio_websocket import WebSocketConnection, WebSocketRequest, wrap_server_stream

from zenithd.bus import Outbox
from zenithd.rare_log import RareLog
from zenithd.server.connection import Connection, Link
from zenithd.server.head import BadHead, Head, Peer, peer_of, read_head
from zenithd.server.pages import Page, Route, encode, error_page, respond
from zenithd.server.services import Services
from zenithd.server.stream import OutboxStream, write_waiting
from zenithd.sessions.limits import AddressLimits, address_group
from zenithd.sessions.rate import Rate
from zenithd.wire.codec import Codec, Encoding, choose_encoding
from zenithd.wire.commands import Login
from zenithd.wire.session import Session

WEBSOCKET_PATH = "/Zenith"
MESSAGES_QUEUED_MAX = 64
"""Messages of a client read and not yet handled. A full queue also delays its pings and close frame."""
HOUSEKEEPING_SECONDS = 0.25
LINGER_SECONDS = 2.0
"""How long a plain HTTP answer may take to be read."""


class Listener:
    """The open port, and every connection made to it."""

    def __init__(
        self,
        services: Services,
        make_session: Callable[[Codec, Peer, Login | None, Rate], Session],
        routes: dict[str, Route],
        address_limits: AddressLimits,
        tls: ssl.SSLContext | None,
    ) -> None:
        self.connections: set[Connection] = set()
        self._services = services
        self._make_session = make_session
        self._routes = routes
        self._tls = tls
        self._address_limits = address_limits
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
        try:
            await self._serve(transport, address)
        except* (trio.BrokenResourceError, trio.ClosedResourceError, OSError):
            pass  # the peer went away
        except* Exception:  # the connection boundary: whatever a peer makes us do ends here
            self._log.exception("connection failed", peer=address)
        finally:
            self._address_limits.disconnect(group)
            await trio.aclose_forcefully(transport)

    async def _serve(self, socket_stream: trio.SocketStream, address: str) -> None:
        settings = self._services.config.server
        transport: trio.abc.Stream = socket_stream
        head: Head | None = None
        with trio.move_on_after(settings.handshake_seconds_max):
            try:
                if self._tls is not None:
                    tls = trio.SSLStream(socket_stream, self._tls, server_side=True, https_compatible=True)
                    await tls.do_handshake()
                    transport = tls
                head = await read_head(transport, settings.head_bytes_max)
            except BadHead as error:
                await _answer(transport, error_page(error.status, str(error)))
                return
        if head is None:
            return
        peer = peer_of(head, address, self._tls is not None, settings.trusted_proxies)
        if head.is_websocket and head.path == WEBSOCKET_PATH:
            await self._serve_websocket(socket_stream, transport, head, peer)
        else:
            await _answer(transport, respond(head, peer, self._routes), body=head.method != "HEAD")

    # WebSocket

    async def _serve_websocket(
        self, socket_stream: trio.SocketStream, transport: trio.abc.Stream, head: Head, peer: Peer
    ) -> None:
        refusal, encoding = self._choose(head)
        login: Login | None = None
        if refusal is None and head.header(b"authorization") is not None:
            login = await self._services.authentication.check_header(head, peer)
            if login is None:
                refusal = error_page(403, "the credentials were rejected")
        if refusal is not None:
            await _answer(transport, refusal)
            return
        services = self._services
        flusher = services.flusher
        descriptor = socket_stream.socket.fileno() if transport is socket_stream else None
        bytes_max = services.config.fanout.outbox_bytes_max
        outbox = Outbox(descriptor, bytes_max, flusher, flusher.outbox_statistics)
        connection: Connection | None = None
        async with trio.open_nursery() as nursery:
            outbox.on_broken = nursery.cancel_scope.cancel
            stream = OutboxStream(transport, outbox, flusher, head.raw, services.limits.message_bytes_max)
            if descriptor is None:
                nursery.start_soon(write_waiting, outbox, transport)
            try:
                websocket = await self._accept(nursery, stream, encoding)
                if websocket is not None:
                    codec = services.codecs[encoding or Encoding.JSON]
                    rate = Rate(services.limits.requests_per_second, services.limits.requests_burst)
                    session = self._make_session(codec, peer, login, rate)
                    link = Link(nursery, websocket, stream, outbox, codec, peer, rate)
                    connection = Connection(services, link, session, next(self._numbers))
                    await self._run(connection)
            finally:
                words = _last_words(connection, outbox)
                flusher.forget(outbox)
                outbox.close()
                nursery.cancel_scope.cancel()
        if words is not None:
            await _part(transport, words)

    def _choose(self, head: Head) -> tuple[Page | None, Encoding | None]:
        """The page that refuses the upgrade, if any, and the encoding; no subprotocol means JSON."""
        listed = (head.header(b"sec-websocket-protocol") or "").split(",")
        offered = [name.strip() for name in listed if name.strip()]
        encoding = choose_encoding(offered)
        if offered and encoding is None:
            return error_page(400, f"subprotocols are {', '.join(one.value for one in Encoding)}"), None
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
            websocket = await request.accept(subprotocol=encoding.value if encoding else None)
            stream.upgraded = True
            return websocket
        return None

    async def _run(self, connection: Connection) -> None:
        metrics = self._services.metrics
        metrics.connections_total.inc()
        metrics.connections.inc()
        self.connections.add(connection)
        try:
            await connection.run()
        finally:
            self.connections.discard(connection)
            if not self.connections:
                self._emptied.set()
            metrics.connections.dec()

    def _origin_allowed(self, head: Head) -> bool:
        origin = head.header(b"origin")
        allowed = self._services.config.server.origins
        return origin is None or "*" in allowed or origin in allowed

    # Tasks and shutdown

    async def run_housekeeping(self) -> None:
        """Ping, expire, time out: a few times a second, for all connections."""
        while True:
            await trio.sleep(HOUSEKEEPING_SECONDS)
            now = trio.current_time()
            for index, connection in enumerate(list(self.connections)):
                connection.tick(now)
                if index % 500 == 499:
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


def _last_words(connection: Connection | None, outbox: Outbox) -> bytes | None:
    """A close frame must not stand inside another frame: nothing is said while something still waits."""
    if connection is None or outbox.waiting:
        return None
    return connection.last_words()


async def _part(transport: trio.abc.Stream, words: bytes) -> None:
    """Say the last words, and give the peer a moment to read them before it is cut off."""
    with trio.move_on_after(LINGER_SECONDS):
        await transport.send_all(words)
        if isinstance(transport, trio.SocketStream):
            await transport.send_eof()
        while await transport.receive_some(65536):
            pass


async def _answer(transport: trio.abc.Stream, page: Page, *, body: bool = True) -> None:
    """Answer a plain request, wait a moment for the peer to read it, and be done."""
    await _part(transport, encode(page, body=body))


def _address(transport: trio.SocketStream) -> str:
    try:
        name = transport.socket.getpeername()
    except OSError:
        return ""
    address = str(name[0]) if isinstance(name, tuple) else ""
    return address.removeprefix("::ffff:")
