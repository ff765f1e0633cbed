"""REST for operators, as a plugin offers it: routes are data; the daemon serves and documents them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Literal, Protocol

import msgspec

HttpMethod = Literal["GET", "POST", "PUT", "DELETE"]


class HttpRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One request, already checked: the user has the route's scope, and everything is of its type."""

    user: str
    path: Mapping[str, str]
    """Values of the path's parameters."""
    query: Mapping[str, Any]
    """Every parameter that the route declares, absent ones as their defaults."""
    body: Any = None
    """Of the route's body type; None if it has none."""
    headers: Mapping[str, str] = {}
    """Names in lower case."""
    idempotency_key: str = ""
    """What the sender calls this request, to be recognised when it comes again; empty: nothing. Two users'
    keys have nothing to do with each other."""


class HttpAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What a request is answered with."""

    status: int = 200
    content: Any = None
    """Whatever msgspec encodes as JSON; None: no content."""
    location: str | None = None
    """Where what was created is found."""


class HttpParameter(msgspec.Struct, frozen=True, kw_only=True):
    """A parameter of the query."""

    type: Any
    """`bool`, `int`, `str`, a literal …; `X | None` where it may be absent."""
    description: str
    default: Any = None
    required: bool = False
    """True: a request without it is malformed."""


class HttpRoute(msgspec.Struct, frozen=True, kw_only=True):
    """One method of one path."""

    method: HttpMethod
    path: str
    """With parameters in braces: `/market/{market}`."""
    scope: str
    """The right that a user needs, such as `Prodigy/Exchange`."""
    summary: str
    handle: Callable[[HttpRequest], Awaitable[HttpAnswer]]
    """Called with a request; what it raises becomes a 500 and a line in the log."""
    body: Any = None
    """Type of the body, a msgspec struct; None: there is none."""
    query: Mapping[str, HttpParameter] = {}
    status: int = 200
    """Of success."""
    content: Any = None
    """Type of what success brings."""
    refusals: Mapping[int, str] = {}
    """Other statuses and when they come, for the documentation."""
    refusal: Any = None
    """Type of what those bring; None: what every refusal of the daemon's brings."""


class HttpOffers(Protocol):
    """Where routes are offered."""

    def promise(self, owner: str, paths: Sequence[str]) -> None:
        """A plugin is going to serve paths that begin with these segments."""
        ...

    def missing(self) -> dict[str, str]:
        """Paths that are promised and not served now, by plugin, as text."""
        ...

    def offer(self, owner: str, routes: Sequence[HttpRoute]) -> None:
        """Serve these routes for a plugin, in the place of those that it offered before."""
        ...

    def withdraw(self, owner: str) -> None:
        """The plugin is down: its routes are gone until it offers them again."""
        ...
