"""What becomes of entries that a producer numbered: new, there already, a gap, a conflict. Pure.

A producer that does not know whether an append was written brings it again with the same first sequence: what
is there already is compared, the rest is written.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from zenithd.journal.record import Conflict, Entry, Gap


class Accepted(NamedTuple):
    """Entries from `known` on are new; those before must equal what has their sequences already."""

    first_sequence: int
    """Of the first entry."""
    known: int


class Known(NamedTuple):
    """An entry that has a sequence already."""

    position: int
    """0: of the commit that is being made."""
    kind: str
    body: bytes


def decide(feed: str, last_sequence: int, first_sequence: int | None, entries: int) -> Accepted | Gap:
    """Say which of the entries are new. Without a first sequence all of them follow the last one."""
    if first_sequence is None:
        return Accepted(last_sequence + 1, 0)
    if first_sequence > last_sequence + 1:
        return Gap(feed, last_sequence + 1, first_sequence)
    return Accepted(first_sequence, min(entries, last_sequence + 1 - first_sequence))


def compare(
    feed: str, first_sequence: int, entries: Sequence[Entry], known: Sequence[Known]
) -> Conflict | None:
    """Compare the leading entries with those that have their sequences; None: all are the same."""
    for number, (there, (kind, body)) in enumerate(zip(known, entries, strict=False)):
        if (there.kind, there.body) != (kind, body):
            return Conflict(feed, first_sequence + number, there.position)
    return None
