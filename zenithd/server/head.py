"""The head of a connection's first request, read before anybody decides what the connection becomes."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from functools import lru_cache
from urllib.parse import parse_qs, urlsplit

import h11
import msgspec
import trio

ADDRESSES_PARSED_MAX = 1_024
"""Addresses that are remembered as parsed, since each is asked about several times in a row."""


class BadHead(Exception):
    """The peer sent no proper HTTP request. `status` is what to answer."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class Head(msgspec.Struct, frozen=True):
    """A request line with headers, and what was read behind them."""

    method: str
    target: str
    headers: tuple[tuple[bytes, bytes], ...]
    """Names in lower case."""
    version: str = "1.1"
    """Of HTTP; `0.9`, `1.0` or `1.1` (h11 knows no others)."""
    early: bytes = b""
    """What came with the head already, before it was answered."""

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
        values = self.values(name)
        return values[0] if values else None

    def values(self, name: bytes) -> list[str]:
        """All headers of that (lower-case) name."""
        return [value.decode("latin-1") for key, value in self.headers if key == name]

    def tokens(self, name: bytes) -> list[str]:
        """What all headers of that (lower-case) name list, separated by commas."""
        listed = ",".join(self.values(name)).split(",")
        return [token.strip() for token in listed if token.strip()]

    @property
    def is_websocket(self) -> bool:
        """True if the client asks to upgrade to WebSocket."""
        return "websocket" in [token.lower() for token in self.tokens(b"upgrade")]


async def read_head(stream: trio.abc.ReceiveStream, bytes_max: int) -> Head | None:
    """Read up to the end of the request's head; None if the peer closed without a byte.

    Raises:
        BadHead: not HTTP, or longer than `bytes_max`.
    """
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=bytes_max)
    begun = False
    while True:
        data = bytes(await stream.receive_some(16384))
        if not data:
            if not begun:
                return None
            raise BadHead(400, "the request ended within its head")
        begun = True
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
            return Head(
                event.method.decode("ascii"),
                target,
                tuple(event.headers),
                event.http_version.decode("ascii"),
                connection.trailing_data[0],
            )


class Peer(msgspec.Struct, frozen=True):
    """Who is at the other end, proxies taken into account."""

    address: str
    secure: bool
    """TLS on this hop, or by a trusted proxy's word."""

    def is_in(self, networks: Sequence[str]) -> bool:
        """True if the peer's address is one of these, or in one of these networks."""
        return _is_in(self.address, networks)

    @property
    def is_loopback(self) -> bool:
        """True if the peer is on this machine."""
        parsed = _parse(self.address)
        return parsed is not None and parsed.is_loopback


def peer_of(head: Head, address: str, tls: bool, trusted_proxies: Sequence[str]) -> Peer:
    """Tell who the peer is; X-Forwarded-For and -Proto count only from a trusted proxy.

    The last address of X-Forwarded-For is the one that the trusted proxy itself saw.
    """
    if not _is_in(address, trusted_proxies):
        return Peer(address, tls)
    forwarded = head.header(b"x-forwarded-for")
    protocol = head.header(b"x-forwarded-proto")
    seen = forwarded.rpartition(",")[2].strip() if forwarded else address
    return Peer(seen, protocol.strip().lower() in ("https", "wss") if protocol else tls)


def _is_in(address: str, networks: Sequence[str]) -> bool:
    parsed = _parse(address)
    if parsed is None:
        return False
    return any(parsed in ipaddress.ip_network(network, strict=False) for network in networks)


@lru_cache(maxsize=ADDRESSES_PARSED_MAX)
def _parse(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(address)
    except ValueError:
        return None
