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


class Later:
    """A short answer that somebody else is at work on: it takes no task of the connection to wait for it."""

    __slots__ = ("_answer", "_then")

    def __init__(self) -> None:
        self._answer: Answer | None = None
        self._then: Callable[[Answer], None] | None = None

    def give(self, answer: Answer) -> None:
        """This is it; whoever asked for it is told at once."""
        self._answer = answer
        if self._then is not None:
            self._then(answer)

    def then(self, told: Callable[[Answer], None]) -> None:
        """Have somebody told of it; if it is there already, now."""
        self._then = told
        if self._answer is not None:
            told(self._answer)


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
