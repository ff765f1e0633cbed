"""The index of feeds: sparse, so that a commit of one feed is one row. Pure.

A feed gets an entry with its first record, and again where its last entry is `INDEX_EVERY` positions back. So
a record is found by looking through at most so many positions behind an entry of its feed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from zenithd.journal.chain import INDEX_EVERY, Frames, IndexEntry, decode_unchained
from zenithd.journal.record import Record
from zenithd.journal.store import StoredRow


class FeedEnd(msgspec.Struct, frozen=True, gc=False):
    """Where a feed ends."""

    sequence: int = 0
    """Of its last record."""
    indexed: int | None = None
    """Position of the block of its last index entry."""


def needs_entry(end: FeedEnd, block: int) -> bool:
    """True if a block with records of the feed is to be found through an entry of its own."""
    return end.indexed is None or block - end.indexed >= INDEX_EVERY


def index_block(records: Iterable[Record], ends: dict[str, FeedEnd]) -> Iterator[IndexEntry]:
    """The entries of one block, given its records; `ends` are those before it, and are brought up to date."""
    first = 0
    seen: set[str] = set()
    for record in records:
        first = first or record.position
        if record.feed not in seen:
            seen.add(record.feed)
            if needs_entry(ends.get(record.feed, FeedEnd()), first):
                ends[record.feed] = FeedEnd(record.sequence, first)
                yield IndexEntry(record.feed, record.sequence, first)


def index_blocks(blocks: Iterable[StoredRow]) -> Iterator[IndexEntry]:
    """The entries of a whole journal.

    Raises:
        Damaged: a block cannot be read.
    """
    ends: dict[str, FeedEnd] = {}
    for first, *frames in blocks:
        yield from index_block(decode_unchained(Frames(*frames), first), ends)
