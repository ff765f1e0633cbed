"""Which records may be forgotten, and the anchors that then stand for them. It only reads.

Records are the truth until a state was made of them and kept: of every feed there must be a snapshot, of its
own name, at or behind the last record that goes. What goes is checked on the way, so a journal that is
damaged is not pruned.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from zenithd.journal import chain, reading
from zenithd.journal.anchor import Anchor
from zenithd.journal.chain import Damaged, Frames, head_of
from zenithd.journal.index import index_block
from zenithd.journal.reading import STEP_BYTES_MAX, STEP_RECORDS_MAX
from zenithd.journal.store import Reader


class Prunable(NamedTuple):
    """How far a journal may be pruned."""

    position: int
    """The last record that nobody needs."""
    holder: str
    """The feed that needs the next one; "": the last block, which always stays."""
    without_state: tuple[str, ...]
    """Feeds of which no state is kept."""


def prunable(reader: Reader) -> Prunable:
    """How far the kept states reach.

    Raises:
        StoreFault: it cannot be read.
        Damaged: a snapshot was not made at the record of its position.
    """
    anchor = reader.anchor()
    last = reader.last()
    feeds = known_feeds(reader)
    found = Prunable(0 if last is None else last.first - 1, "", ())
    newest = {note.name: note.position for note in reader.snapshots()}  # ascending: the last one counts
    for feed in sorted(feeds):
        position = newest.get(feed)
        if position is None:
            found = Prunable(anchor.head.position, feed, (*found.without_state, feed))
            continue
        snapshot = reader.snapshot(feed, position, None)
        if snapshot is None or snapshot.digest != reading.head_at(reader, position).digest:
            raise Damaged(position, f"snapshot {feed} was not made at this record")
        if position <= found.position:
            found = Prunable(position, feed, found.without_state)
    return found


def known_feeds(reader: Reader) -> set[str]:
    """All feeds that ever had a record."""
    return {*reader.anchor().ends, *(entry.feed for entry in reader.feeds())}


def anchors(reader: Reader, until: int) -> Iterator[Anchor]:
    """The anchors on the way to a position, each some thousand records behind the one before.

    Only whole blocks go: the last anchor is at or before `until`. The first may be none at all.

    Raises:
        StoreFault: a record cannot be read.
        Damaged: a record is not what was written, or is missing.
    """
    anchor = reader.anchor()
    head, ends = anchor.head, dict(anchor.ends)
    while head.position < until:
        blocks = reader.blocks(head.position + 1, STEP_RECORDS_MAX, STEP_BYTES_MAX)
        before = head
        for first, sizes, payload in blocks:
            frames = Frames(sizes, payload)
            if first != head.position + 1:
                raise Damaged(head.position + 1, "it is missing")
            if head.position + chain.count(frames) > until:
                break
            records = chain.decode(frames, head)
            for _ in index_block(records, ends):
                pass
            for record in records:
                ends[record.feed] = ends[record.feed].at(record.sequence)
            head = head_of(records[-1])
        if head == before:
            return
        yield Anchor(head, dict(ends))
