"""The index of feeds: sparse, so that a commit of one feed is one row. Pure.

A feed gets an entry with its first record, and again where its last entry is `INDEX_EVERY` positions back. So
a record is found by looking through at most so many positions behind an entry of its feed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from zenithd.journal.anchor import Anchor, FeedEnd, needs_entry
from zenithd.journal.chain import Frames, IndexEntry, decode_unchained
from zenithd.journal.record import Record
from zenithd.journal.store import StoredRow


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


def index_blocks(blocks: Iterable[StoredRow], anchor: Anchor = Anchor()) -> Iterator[IndexEntry]:  # noqa: B008
    """The entries of a whole journal, or of what is left of one; the anchor's own are not among them.

    Raises:
        Damaged: a block cannot be read.
    """
    ends = dict(anchor.ends)
    for first, *frames in blocks:
        yield from index_block(decode_unchained(Frames(*frames), first), ends)
