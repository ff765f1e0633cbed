"""The head of a connection's first request, read before anybody decides what the connection becomes."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from urllib.parse import parse_qs, urlsplit

import h11
import msgspec
import trio


class BadHead(Exception):
    """The peer sent no proper HTTP request. `status` is what to answer."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class Head(msgspec.Struct, frozen=True):
    """A request line with headers, and every byte read so far for whoever handles the request."""

    method: str
    target: str
    headers: tuple[tuple[bytes, bytes], ...]
    """Names in lower case."""
    raw: bytes

    @property
    def path(self) -> str:
        """The path without query."""
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, list[str]]:
        """The query's keys and values."""
        return parse_qs(urlsplit(self.target).query)

    def header(self, name: bytes) -> str | None:
        """The first header of that (lower-case) name."""
        for key, value in self.headers:
            if key == name:
                return value.decode("latin-1")
        return None

    @property
    def is_websocket(self) -> bool:
        """True if the client asks to upgrade to WebSocket."""
        upgrade = self.header(b"upgrade")
        return upgrade is not None and upgrade.lower() == "websocket"


async def read_head(stream: trio.abc.ReceiveStream, bytes_max: int) -> Head | None:
    """Read up to the end of the request's head; None if the peer closed without a byte.

    Raises:
        BadHead: not HTTP, or longer than `bytes_max`.
    """
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=bytes_max)
    raw = b""
    while True:
        data = bytes(await stream.receive_some(16384))
        if not data:
            if not raw:
                return None
            raise BadHead(400, "the request ended within its head")
        raw += data
        try:
            connection.receive_data(data)
            event = connection.next_event()
        except h11.RemoteProtocolError as error:
            raise BadHead(error.error_status_hint, str(error)) from None
        if isinstance(event, h11.Request):
            try:
                target = event.target.decode("ascii")
                urlsplit(target)
            except ValueError:
                raise BadHead(400, "the request target is not a URL") from None
            return Head(event.method.decode("ascii"), target, tuple(event.headers), raw)


class Peer(msgspec.Struct, frozen=True):
    """Who is at the other end, proxies taken into account."""

    address: str
    secure: bool
    """TLS on this hop, or by a trusted proxy's word."""

    @property
    def is_loopback(self) -> bool:
        """True if the peer is on this machine."""
        try:
            return ipaddress.ip_address(self.address).is_loopback
        except ValueError:
            return False


def peer_of(head: Head, address: str, tls: bool, trusted_proxies: Sequence[str]) -> Peer:
    """Tell who the peer is; X-Forwarded-For and -Proto count only from a trusted proxy.

    The last address of X-Forwarded-For is the one that the trusted proxy itself saw.
    """
    if not _trusted(address, trusted_proxies):
        return Peer(address, tls)
    forwarded = head.header(b"x-forwarded-for")
    protocol = head.header(b"x-forwarded-proto")
    seen = forwarded.rpartition(",")[2].strip() if forwarded else address
    return Peer(seen, protocol.strip().lower() in ("https", "wss") if protocol else tls)


def _trusted(address: str, trusted_proxies: Sequence[str]) -> bool:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(parsed in ipaddress.ip_network(network, strict=False) for network in trusted_proxies)
