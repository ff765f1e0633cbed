"""The store's side of group commit: what was gathered becomes one block. Called in the store's thread.

Nothing of what is known here changes before the store has committed.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from typing import NamedTuple

import msgspec
import trio

from zenithd.journal import chain
from zenithd.journal.anchor import Anchor, FeedEnd
from zenithd.journal.chain import INDEX_EVERY, Block, Head, IndexEntry, Run
from zenithd.journal.reading import feed_records, read_head
from zenithd.journal.record import Appended, Entry, Gap, Outcome
from zenithd.journal.sequencing import Known, compare, decide
from zenithd.journal.store import Reader, Store


class Append(msgspec.Struct, gc=False):
    """What one producer brings at once, and what becomes of it."""

    feed: str
    entries: Sequence[Entry]
    first_sequence: int | None
    now: int
    task: trio.lowlevel.Task | None
    """That waits for it; None: it was cancelled, or has been woken."""
    outcome: Outcome | None = None
    """None: not committed."""


class Committed(NamedTuple):
    """What one commit came to."""

    head: Head
    duplicates: int
    gaps: int
    conflicts: int
    runs: Sequence[Run]
    """What was written."""


class Writer:
    """Knows the ends of the journal and of its feeds.

    Attributes:
        head: the end of what is committed.
    """

    def __init__(self, store: Store) -> None:
        """Read the ends from an open store.

        Raises:
            StoreFault: the store cannot be read.
            Damaged: its end is not what was written.
        """
        self._store = store
        self.reader = store.reader()
        with ExitStack() as opened:
            opened.callback(self.reader.close)
            self.head = read_head(self.reader)
            anchor = self.reader.anchor()
            self._feeds = dict(anchor.ends)
            for entry in self.reader.feeds():
                self._feeds[entry.feed] = self._feed_end(entry, anchor)
            opened.pop_all()

    def _feed_end(self, entry: IndexEntry, anchor: Anchor) -> FeedEnd:
        """Look for the last record of a feed; its block is less than INDEX_EVERY positions behind."""
        sequence = entry.sequence - 1  # the anchor's entries name what comes next, if anything does
        for records in feed_records(
            self.reader, entry.feed, entry.sequence, self.head.position, checked=False
        ):
            sequence = records[-1].sequence
        if entry in anchor.entries():
            return anchor.ends[entry.feed].at(sequence)
        return FeedEnd(sequence, entry.block)

    def commit(self, appends: Sequence[Append]) -> Committed:
        """Write everything new of the appends in one commit, and give each its outcome.

        Raises:
            StoreFault: whether anything was written is not known, and no append has an outcome.
            Damaged: a record to compare with cannot be read.
        """
        plan = _Plan(self.head, self._feeds, self.reader)
        add = plan.add
        outcomes = [add(append) for append in appends]
        if plan.runs:
            block, head = plan.block()
            self._store.commit(block)
            self.head = head
            self._feeds |= plan.feeds
        for append, outcome in zip(appends, outcomes, strict=True):
            append.outcome = outcome
        return Committed(self.head, plan.duplicates, plan.gaps, plan.conflicts, plan.runs)

    def close(self) -> None:
        """Close the reader."""
        self.reader.close()


class _Plan:
    """One commit to be."""

    def __init__(self, head: Head, feeds: dict[str, FeedEnd], reader: Reader) -> None:
        self.runs: list[Run] = []
        self.feeds: dict[str, FeedEnd] = {}
        """The ends of those that change."""
        self.duplicates = self.gaps = self.conflicts = 0
        self._index: list[IndexEntry] = []
        self._before = head
        self._position = head.position
        self._date = head.date
        self._ends = feeds
        self._reader = reader

    def add(self, append: Append) -> Outcome:
        feed, entries = append.feed, append.entries
        end = self.feeds.get(feed) or self._ends.get(feed) or _NO_END
        known = 0
        if append.first_sequence is not None:
            decision = decide(feed, end.sequence, append.first_sequence, len(entries))
            if isinstance(decision, Gap):
                self.gaps += 1
                return decision
            known = decision.known
            if known:
                conflict = compare(
                    feed, decision.first_sequence, entries, self._known(feed, decision.first_sequence, known)
                )
                if conflict is not None:
                    self.conflicts += 1
                    return conflict
                self.duplicates += known
                entries = entries[known:]
                if not entries:
                    return Appended(feed, 0, 0, known, decision.first_sequence + known - 1, 0)
        return self._write(append, entries, known, end)

    def _write(self, append: Append, entries: Sequence[Entry], known: int, end: FeedEnd) -> Appended:
        """All of the entries are new."""
        feed, written, block = append.feed, len(entries), self._before.position + 1
        if append.now > self._date:
            self._date = append.now
        self.runs.append((feed, end.sequence + 1, self._date, entries))
        indexed = end.indexed
        if indexed is None or block - indexed >= INDEX_EVERY:
            indexed = block
            self._index.append(IndexEntry(feed, end.sequence + 1, block))
        last = end.sequence + written
        self.feeds[feed] = FeedEnd(last, indexed)
        position = self._position + 1
        self._position += written
        return Appended(feed, position, written, known, last, self._date)

    def block(self) -> tuple[Block, Head]:
        frames, head = chain.encode(self._before, self.runs)
        return Block(self._before.position + 1, self.runs[0][2], frames, tuple(self._index)), head

    def _known(self, feed: str, first: int, number: int) -> list[Known]:
        """The entries that have these sequences: stored ones, then those of this plan."""
        last = first + number - 1
        stored = [
            Known(record.position, record.kind, record.body)
            for records in feed_records(self._reader, feed, first, self._before.position, last)
            for record in records
        ]
        planned = [
            Known(0, *entry)
            for planned_feed, start, _, entries in self.runs
            if planned_feed == feed
            for sequence, entry in enumerate(entries, start)
            if first <= sequence <= last
        ]
        return stored + planned


_NO_END = FeedEnd()
