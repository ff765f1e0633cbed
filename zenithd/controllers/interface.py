"""What every controller offers to connections, and what it answers with."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable
from typing import Any, Protocol

import msgspec

from zenithd.authority.access import Access
from zenithd.wire.answer import Answer, Refusal

__all__ = ["Answer", "Controller", "Later", "Opened", "Refusal"]


class Opened(msgspec.Struct, frozen=True):
    """A subscription that may be made: which topic, and how its subscribers are grouped."""

    topic: str
    """Canonical topic: subscribers of equal topic, entitlement and encoding share every frame."""
    entitlement: Hashable
    """What the subscriber may see; part of the group key and argument of `snapshot`."""
    snapshot: Callable[[Hashable], list[Any]]
    """Payloads of the data messages that give the full state now; called in the same synchronous step
    that registers the subscriber, so that no update falls between."""
    is_list: bool = False
    """The entitlement is the tuple of entries that the client holds: for its life a connection's list gains
    no entries (zenith-websocket 2.4, 6.5)."""
    taken_away: Callable[[Hashable], list[Any]] | None = None
    """Payloads for somebody who held the topic with another entitlement, before the new snapshot: they end
    what that one does not tell of any more."""
    opened: Callable[[], None] | None = None
    """Called for the first subscriber of a connection, e.g. to want an instrument."""
    closed: Callable[[], None] | None = None
    """Called once when that subscriber leaves."""


MakeAnswer = Callable[[], Answer]


class Later:
    """A short answer that somebody else is at work on: it takes no task of the connection to wait for it.

    Who is at work gives a function that makes the answer, and whoever asked calls it: a fault in making it is
    his who wants it.
    """

    __slots__ = ("_make", "_then")

    def __init__(self) -> None:
        self._make: MakeAnswer | None = None
        self._then: Callable[[MakeAnswer], None] | None = None

    def give(self, make: MakeAnswer) -> None:
        """It can be made now; whoever asked for it is told at once."""
        self._make = make
        if self._then is not None:
            self._then(make)

    def then(self, told: Callable[[MakeAnswer], None]) -> None:
        """Have somebody told, who must not raise; if the answer can be made already, now."""
        self._then = told
        if self._make is not None:
            told(self._make)


class Controller(Protocol):
    """Answers the topics of one Zenith controller from the daemon's state.

    Permission (scope) was checked before; which markets or symbols are visible is checked here.
    """

    name: str

    def open(self, topic: str, argument: str | None, access: Access) -> Opened | Refusal:
        """Resolve a subscription: `topic` is the rule's name (`Depth`), `argument` what follows `!`."""
        ...

    def query(self, topic: str, data: Any, access: Access) -> Answer | Later | Awaitable[Answer]:
        """Answer a request; an awaitable where the store or a plugin must be asked."""
        ...
