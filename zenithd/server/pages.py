"""Plain HTTP on the daemon's port: metrics and health. One request, one answer, then the end."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus

import h11
import msgspec
import orjson

from zenithd.server.head import Head, Peer

JSON = "application/json"


class Page(msgspec.Struct, frozen=True):
    """An answer."""

    status: int
    content_type: str
    body: bytes


Route = Callable[[Peer], Page]


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
    if page.status == 405:
        headers.append(("Allow", "GET, HEAD"))
    head = connection.send(
        h11.Response(status_code=page.status, headers=headers, reason=HTTPStatus(page.status).phrase)
    )
    return (head or b"") + (page.body if body else b"")
