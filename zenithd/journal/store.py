"""What a store does for the journal. All of it is called in one thread, which it may hold up.

Two kinds of fault: `StoreRefused` is for the operator to put right (a newer store, another daemon on it);
`StoreFault` is the disk's or the server's, and may pass. After a `StoreFault` of `commit` nothing is known of
what it was to write, until the store was opened again and read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from typing import NamedTuple, Protocol

from zenithd.journal.anchor import Anchor
from zenithd.journal.chain import Block, Frames, IndexEntry
from zenithd.journal.record import Snapshot

VERSION = 2
"""Of the tables; raised with every change, together with a step in each store's `MIGRATIONS`."""


class StoreRefused(Exception):
    """The store cannot be used as it is. Blame: the operator; the text says what to do."""


class StoreFault(Exception):
    """The disk, the file or the server failed. The text says how."""


class Pruned(StoreFault):
    """The records that are asked for were pruned: only a backup has them."""


StoredRow = tuple[int, bytes, bytes]
"""First position, sizes and payload of a block: nothing is made of each of a million of them."""


class StoredBlock(NamedTuple):
    """A block as it is read."""

    first: int
    frames: Frames


class SnapshotNote(NamedTuple):
    """A snapshot without its state."""

    name: str
    position: int
    date: int
    bytes: int
    """Of the state."""


class StoreInformation(NamedTuple):
    """What an operator sees of a store."""

    kind: str
    place: str
    """File or server, without a password."""
    version: int
    software: str
    """Of the store, with its version."""
    bytes: int


class Reader(Protocol):
    """Reads what is committed, on a connection of its own. Every call may raise `StoreFault`."""

    def last(self) -> StoredBlock | None:
        """The newest block."""
        ...

    def containing(self, position: int) -> StoredBlock | None:
        """The block that holds a position: that with the greatest first position up to it."""
        ...

    def blocks(self, first: int, records_max: int, bytes_max: int) -> list[StoredRow]:
        """Blocks whose first position is at or after `first`, in order; no more than fits, but one."""
        ...

    def feeds(self) -> list[IndexEntry]:
        """The last index entry of every feed."""
        ...

    def index(self, feed: str, sequence: int, number: int) -> list[IndexEntry]:
        """Index entries of a feed: the last one at or before a sequence, and those that follow it."""
        ...

    def snapshot(self, name: str, position: int | None, date: int | None) -> Snapshot | None:
        """The newest snapshot of a name, at or before a position and a date."""
        ...

    def snapshots(self) -> list[SnapshotNote]:
        """All snapshots, in ascending order of name and position."""
        ...

    def anchor(self) -> Anchor:
        """Where the journal begins."""
        ...

    def information(self) -> StoreInformation:
        """For an operator."""
        ...

    def frozen(self) -> AbstractContextManager[None]:
        """While it is entered, everything read is of one moment, whatever is written meanwhile."""
        ...

    def close(self) -> None:
        """Let go of everything; a store that fails at it is closed none the less."""
        ...


class Store(Protocol):
    """Writes; one at a time for a place, across processes."""

    def open(self) -> None:
        """Make or open, migrate, and keep others out.

        Raises:
            StoreRefused, StoreFault: see there.
        """
        ...

    def reader(self) -> Reader:
        """Open a connection for reading.

        Raises:
            StoreRefused, StoreFault: see there.
        """
        ...

    def commit(self, block: Block) -> None:
        """Write a block and return once it is on the disk.

        Raises:
            StoreFault: whether it is written is not known.
        """
        ...

    def put_snapshot(self, snapshot: Snapshot, keep: int) -> None:
        """Keep a snapshot, and of its name the newest `keep` only.

        Raises:
            StoreFault: whether it is written is not known.
        """
        ...

    def load(self, blocks: Iterable[Block], snapshots: Iterable[Snapshot], anchor: Anchor) -> None:
        """Write a whole journal, which begins at an anchor, into an empty store, all or nothing.

        Raises:
            StoreFault: nothing is written.
        """
        ...

    def forget(self, anchor: Anchor) -> None:
        """Remove the blocks up to an anchor, which must be the end of one, in one step.

        Index entries and snapshots go with them; the anchor's own entries come in their place.

        Raises:
            StoreFault: whether they are removed is not known.
        """
        ...

    def prune(self, name: str, keep: int) -> int:
        """Remove all snapshots of a name but the newest; returns how many.

        Raises:
            StoreFault: whether they are removed is not known.
        """
        ...

    def close(self) -> None:
        """Let go of everything; a store that fails at it is closed none the less."""
        ...


class Opener(Protocol):
    """Opens a place for reading without keeping anybody out: for commands beside a running daemon."""

    def __call__(self) -> Reader:
        """Open it.

        Raises:
            StoreRefused, StoreFault: see there.
        """
        ...


def all_blocks(reader: Reader, first: int = 1, bytes_max: int = 4_194_304) -> Iterator[list[StoredRow]]:
    """Every block from a first position on, in lists."""
    while blocks := reader.blocks(first, 8_192, bytes_max):
        yield blocks
        first = blocks[-1][0] + 1
