"""Looking at a whole journal: every digest, every sequence, every date, the index, the snapshots."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from zenithd.journal import reading
from zenithd.journal.anchor import Anchor
from zenithd.journal.chain import GENESIS, Damaged, Head, IndexEntry, head_of
from zenithd.journal.index import index_blocks
from zenithd.journal.record import Record
from zenithd.journal.store import Reader, StoreFault, all_blocks


class Verified(NamedTuple):
    """A journal in which everything is as it was written."""

    head: Head
    feeds: dict[str, int]
    """The last sequence of each."""
    snapshots: int


def verify(reader: Reader, progress: Callable[[int], object] = lambda _: None) -> Verified:
    """Look at everything; `progress` is told of each position that was reached.

    Beside a daemon that writes, within `reader.frozen()`: else what it looks at is of several moments.

    Raises:
        Damaged: the first bad record.
    """
    anchor = reader.anchor()
    head = anchor.head
    feeds = {feed: end.sequence for feed, end in anchor.ends.items()}
    digests = {note.position: GENESIS for note in reader.snapshots()} | {head.position: head.digest}
    try:
        for record in _all_records(reader, progress):
            _check(record, head, feeds)
            head = head_of(record)
            if record.position in digests:
                digests[record.position] = record.digest
        _check_index(reader, anchor)
        _check_snapshots(reader, digests)
    except StoreFault as error:
        raise Damaged(head.position + 1, f"it cannot be read: {error}") from error
    return Verified(head, feeds, len(reader.snapshots()))


def _all_records(reader: Reader, progress: Callable[[int], object]) -> Iterator[Record]:
    """In large steps; where one cannot be read, in small ones up to the first record that cannot."""
    position, step = reader.anchor().head.position, reading.STEP_RECORDS_MAX
    while True:
        try:
            for records in reading.read_records(reader, position + 1, step=step):
                yield from records
                position = records[-1].position
                progress(position)
        except StoreFault:
            if step == 1:
                raise
            step = 1
        else:
            return


def _check(record: Record, before: Head, feeds: dict[str, int]) -> None:
    if record.position != before.position + 1:
        raise Damaged(before.position + 1, f"a record of position {record.position} is in its place")
    if record.date < before.date:
        raise Damaged(record.position, "its date is before that of the record before")
    sequence = feeds.get(record.feed, 0) + 1
    if record.sequence != sequence:
        raise Damaged(record.position, f"sequence {record.sequence} of {record.feed}, expected {sequence}")
    feeds[record.feed] = sequence


def _check_index(reader: Reader, anchor: Anchor) -> None:
    expected: dict[str, list[IndexEntry]] = {}
    for entry in index_blocks((block for blocks in all_blocks(reader) for block in blocks), anchor):
        expected.setdefault(entry.feed, []).append(entry)
    for entry in anchor.entries():
        known = expected.setdefault(entry.feed, [])
        if not known or known[0].sequence != entry.sequence:
            known.insert(0, entry)
    for feed in sorted({*expected, *(entry.feed for entry in reader.feeds())}):
        wanted = expected.get(feed, [])
        found = reader.index(feed, 1, len(wanted) + 1)
        for there, entry in zip(found, wanted, strict=False):
            if there != entry:
                raise Damaged(min(there.block, entry.block), f"the index of feed {feed} is wrong there")
        if len(found) != len(wanted):
            raise Damaged(wanted[-1].block if wanted else 1, f"the index of feed {feed} is not whole")


def _check_snapshots(reader: Reader, digests: dict[int, bytes]) -> None:
    for note in reader.snapshots():
        snapshot = reader.snapshot(note.name, note.position, None)
        if snapshot is None or snapshot.digest != digests[note.position]:
            raise Damaged(note.position, f"snapshot {note.name} was not made at this record")
