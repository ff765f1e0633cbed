"""Plain HTTP on the daemon's port: metrics and health. One request, one answer, then the end."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from http import HTTPStatus

import h11
import msgspec
import orjson
import trio

from zenithd.server.head import Head, Peer
from zenithd.sessions.rate import Rate

JSON = "application/json"

PAGES_BURST = 50
"""Times that a page is made anew at once, if nobody wanted it for a while."""

Count = Callable[[], None]


class Page(msgspec.Struct, frozen=True):
    """An answer."""

    status: int
    content_type: str
    body: bytes


Route = Callable[[Peer], Page]

Group = Callable[[Peer], Hashable]
"""Peers of one group are shown the same."""


class KeptPages:
    """Makes a page anew so often and no more; in between, its last one is shown again.

    A page costs milliseconds, in which the markets wait, and nobody needs to log in to ask for one.
    """

    def __init__(self, route: Route, group: Group, per_second: Callable[[], float], repeated: Count) -> None:
        self._route = route
        self._group = group
        self._per_second = per_second
        self._repeated = repeated
        self._rate = Rate(per_second(), PAGES_BURST)
        self._last: dict[Hashable, Page] = {}

    def __call__(self, peer: Peer) -> Page:
        """The page for a peer."""
        group = self._group(peer)
        self._rate.use(self._per_second(), PAGES_BURST)
        if self._rate.admit(trio.current_time()) or group not in self._last:
            self._last[group] = self._route(peer)
        else:
            self._repeated()
        return self._last[group]


_WITH_STATUS = {
    405: [("Allow", "GET, HEAD")],
    426: [("Connection", "upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13")],
}
"""Headers that go with a status (RFC 9110 15.5.6 and 15.5.22, RFC 6455 4.4)."""


def json_page(status: int, content: object) -> Page:
    """A page of JSON."""
    return Page(status, JSON, orjson.dumps(content))


def error_page(status: int, reason: str) -> Page:
    """A page that says what was wrong."""
    return json_page(status, {"error": HTTPStatus(status).phrase, "reason": reason})


def respond(head: Head, peer: Peer, routes: dict[str, Route]) -> Page:
    """Find the answer to a request."""
    route = routes.get(head.path)
    if route is None:
        known = ", ".join(sorted(routes))
        return error_page(404, f"there is {known}, and WebSocket at /Zenith?version=2.0")
    if head.method not in ("GET", "HEAD"):
        return error_page(405, "only GET is answered here")
    return route(peer)


def encode(page: Page, *, body: bool = True) -> bytes:
    """The bytes of an answer, the connection's last; without `body` as HEAD wants it."""
    connection = h11.Connection(h11.SERVER)
    headers = [
        ("Content-Type", page.content_type),
        ("Content-Length", str(len(page.body))),
        ("Cache-Control", "no-store"),
        ("Connection", "close"),
    ]
    headers += _WITH_STATUS.get(page.status, [])
    head = connection.send(
        h11.Response(status_code=page.status, headers=headers, reason=HTTPStatus(page.status).phrase)
    )
    return (head or b"") + (page.body if body else b"")
