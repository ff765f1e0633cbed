"""What a journal holds and what it answers. Pure.

A producer brings entries (kind and body) for a feed; the journal makes records of them.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

DIGEST_BYTES = 32
"""SHA-256."""

NAME_LENGTH_MAX = 64
"""Of a feed, a kind and a snapshot, in bytes of UTF-8."""

Entry = tuple[str, bytes]
"""Kind and body of a record to be."""


class Record(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """One record, as it stands in the journal for ever."""

    position: int
    """From 1, without holes: the total order."""
    feed: str
    sequence: int
    """From 1, without holes, for each feed."""
    date: int
    """Nanoseconds since 1970, UTC; never before that of the record before."""
    kind: str
    body: bytes
    digest: bytes
    """See `zenithd.journal.chain`."""


class Appended(msgspec.Struct, frozen=True, gc=False):
    """The entries are in the journal, and on the disk."""

    feed: str
    first_position: int
    """Of the first record written now; those of one append follow each other. 0: all were there already."""
    written: int
    """Records written now."""
    duplicates: int
    """Leading entries that were there already, with the same kind and body."""
    last_sequence: int
    """Of the last entry."""
    date: int
    """Of the records written now: `now`, or the date of the record before if that is later. 0: none were."""


class Gap(NamedTuple):
    """Nothing was written: entries of the feed are missing before these."""

    feed: str
    expected: int
    """The sequence that comes next."""
    found: int


class Conflict(NamedTuple):
    """Nothing was written: another entry has this sequence."""

    feed: str
    sequence: int
    position: int
    """Of the record that has it; 0: it comes in the same commit."""


Outcome = Appended | Gap | Conflict


class Snapshot(NamedTuple):
    """A state that was made of all records up to a position."""

    name: str
    position: int
    date: int
    """As of which the state is, in nanoseconds since 1970."""
    digest: bytes
    """Of the record at `position`: reading goes on from there with the chain unbroken."""
    state: bytes


class InvalidEntry(ValueError):
    """What was to be appended cannot stand in a journal. Blame: the caller; nothing was written."""


class SnapshotTooLarge(InvalidEntry):
    """The state of a snapshot has more bytes than are taken."""


def check_name(what: str, name: str) -> None:
    """Let a feed, kind or name of a snapshot through.

    Raises:
        InvalidEntry: empty, too long, or not printable.
    """
    if not isinstance(name, str) or not name or not name.isprintable():
        raise InvalidEntry(f"{what} {name!r}: expected a text of printable characters")
    if len(name.encode()) > NAME_LENGTH_MAX:
        raise InvalidEntry(f"{what} {name[:20]!r}…: expected at most {NAME_LENGTH_MAX} bytes of UTF-8")
