"""Serves a connection as HTTP with hypercorn, from a request whose head was read already.

This is the one module that leans on hypercorn's inner parts (`trio.tcp_server`), which its public functions
do not offer for a connection that somebody else has accepted; `tests/rest` holds it to what it needs.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import trio
from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.config import Config
from hypercorn.trio.tcp_server import TCPServer
from hypercorn.trio.worker_context import WorkerContext

from zenithd.rest.application import peer_of_request, unavailable
from zenithd.rest.offers import Offers
from zenithd.server.head import Head, Peer
from zenithd.turns import pay

KEEP_ALIVE_SECONDS = 15.0
REQUEST_SECONDS = 0.001
"""What a request costs the loop, about: whoever sends them pays with turns, logged in or not."""
READ_SECONDS_MAX = 30.0


class Replayed(trio.abc.Stream):
    """A connection from its first byte on again: what was read of it, then what comes."""

    def __init__(self, stream: trio.abc.Stream, read: bytes, plain: trio.socket.SocketType) -> None:
        self._stream = stream
        self._read = read
        self.socket = plain
        """For addresses; hypercorn asks for it."""

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Bytes in the order in which they came."""
        if self._read:
            await trio.lowlevel.checkpoint()
            data, self._read = self._read, b""
            return data
        return bytes(await self._stream.receive_some(max_bytes))

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send."""
        await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        """Wait until sending makes sense."""
        await self._stream.wait_send_all_might_not_block()

    async def send_eof(self) -> None:
        """End our half, where the transport can."""
        if isinstance(self._stream, trio.abc.HalfCloseableStream):
            await self._stream.send_eof()

    async def aclose(self) -> None:
        """Close."""
        await self._stream.aclose()


class RestServer:
    """Serves what `offers` has at the time of each request."""

    def __init__(self, offers: Offers) -> None:
        self.offers = offers
        self._config = Config()
        self._config.keep_alive_timeout = KEEP_ALIVE_SECONDS
        self._config.read_timeout = int(READ_SECONDS_MAX)
        self._config.include_server_header = False
        self._config.accesslog = None
        self._config.errorlog = None
        self._context = WorkerContext(None)

    def claims(self, path: str) -> bool:
        """True if a request of this path is for REST."""
        return self.offers.claims(path)

    async def serve(
        self, transport: trio.abc.Stream, plain: trio.socket.SocketType, head: Head, peer: Peer
    ) -> None:
        """Answer the request that begins with `head`, and those that follow on the connection."""
        peer_of_request.set(peer)
        stream: Any = Replayed(transport, _bytes_of(head), plain)
        wrapped = ASGIWrapper(self._answer)
        await TCPServer(wrapped, self._config, self._context, {}, stream).run()

    async def _answer(
        self,
        scope: Any,
        receive: Callable[[], Awaitable[Any]],
        send: Callable[[Any], Awaitable[None]],
    ) -> None:
        if scope["type"] == "http":
            await pay(REQUEST_SECONDS)
            scope["scheme"] = "https" if peer_of_request.get().secure else "http"
            reason = self.offers.not_served(scope["path"])
            if reason is None:
                await self.offers.application(scope, receive, send)
            else:
                await unavailable(reason, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1000})  # before it is accepted: 403


def _bytes_of(head: Head) -> bytes:
    lines = [f"{head.method} {head.target} HTTP/{head.version}".encode("ascii")]
    lines += [name + b": " + value for name, value in head.headers]
    return b"\r\n".join(lines) + b"\r\n\r\n" + head.early
