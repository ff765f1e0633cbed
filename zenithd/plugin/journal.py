"""What a plugin keeps for ever: feeds of the daemon's journal, as a plugin sees them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import NamedTuple, Protocol


class JournalUnavailable(Exception):
    """The journal refuses, or cannot be read. The text says why.

    What was to be appended may be there or not: whoever derives a state from the feed reads it again. A
    source that lets this pass is started anew, and does so.
    """


class StateTooLarge(ValueError):
    """The journal keeps no state of that size; what was kept before stays. The text names the setting."""


class KeptState(NamedTuple):
    """A state that was derived from all records of a feed up to a sequence."""

    sequence: int
    state: bytes


class JournalFeed(Protocol):
    """One feed of records in the order in which they were appended, numbered from 1 without holes.

    It belongs to one writer. A record is there for ever, unless `keep_days` says otherwise.
    """

    def keep_days(self, days: float) -> None:
        """Let records go that are older and of which a state was kept; to be said again at each start.

        They go only when nothing before them in the daemon's journal has to stay. Reading begins behind the
        kept state then.
        """
        ...

    async def append(self, bodies: Sequence[bytes]) -> int:
        """Append records, all or none; returns the sequence of the last one when they are on the disk.

        Raises:
            JournalUnavailable: nothing was acknowledged.
            ValueError: none were given, or more than fits into one commit.
        """
        ...

    def read(self, first: int = 1) -> AsyncIterator[tuple[int, bytes]]:
        """Sequence and body of every record from `first` on, up to what is there now.

        Raises:
            JournalUnavailable: it cannot be read.
        """
        ...

    async def keep_state(self, sequence: int, pieces: Sequence[bytes]) -> None:
        """Keep a derived state, so that a restart need not read everything; older ones go.

        Args:
            sequence: of the last record from which it was derived.
            pieces: the state is these, one behind the other.

        Raises:
            JournalUnavailable: it may be kept or not.
            StateTooLarge: it was not kept; the daemon has logged and counted that.
        """
        ...

    async def kept_state(self) -> KeptState | None:
        """The newest kept state.

        Raises:
            JournalUnavailable: it cannot be read.
        """
        ...


class FollowedRecord(NamedTuple):
    """A record of one of a plugin's feeds."""

    feed: str
    """By the plugin's own name of it."""
    sequence: int
    body: bytes


class Followed(NamedTuple):
    """A piece of the journal that was followed."""

    position: int
    """In the whole journal: up to here nothing more will come."""
    records: Sequence[FollowedRecord]
    """The plugin's own, in the one order in which everything of the daemon was kept."""


class JournalFeeds(Protocol):
    """Where feeds come from."""

    def feed(self, plugin: str, name: str) -> JournalFeed:
        """The feed of a plugin."""
        ...

    @property
    def position(self) -> int:
        """The end of what is kept, in the whole journal."""
        ...

    def follow(self, plugin: str, after: int) -> AsyncIterator[Followed]:
        """What is kept in all feeds of a plugin after a position of the journal, and what will be.

        Raises:
            JournalUnavailable: it cannot be read, or is closed.
        """
        ...

    async def wait_serving(self) -> None:
        """Return when the journal takes what is appended."""
        ...
