"""Reading a journal from the event loop: in steps, in a thread, and never beyond what is acknowledged."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Sequence
from contextlib import aclosing, contextmanager
from typing import TypeVar

import trio

from zenithd.journal import reading
from zenithd.journal.chain import Damaged, Head, Run
from zenithd.journal.recent import Recent
from zenithd.journal.record import Record, Snapshot
from zenithd.journal.states import State
from zenithd.journal.store import Reader, SnapshotNote, StoreFault
from zenithd.journal.thread import Thread

T = TypeVar("T")


class JournalUnreadable(Exception):
    """The store cannot be read now. Blame: the disk or the server; the text says what is wrong."""


class Streams:
    """What can be read of a journal. `zenithd.journal.Journal` is the one that writes it too.

    Attributes:
        head: the end of what is acknowledged; nobody reads beyond it.
        state: what is done with appends.
    """

    def __init__(self, open_reader: Callable[[], Reader], thread: Thread) -> None:
        self.head = Head()
        self.state = State.CLOSED
        self._open_store_reader = open_reader
        self._reading_thread = thread
        self._reader: Reader | None = None
        self._advanced = trio.Event()
        self._recent = Recent()
        """What the journal itself has written; nothing where it is only read."""
        self._followers = 0
        """That wait, or have waited and were cancelled."""
        self._needs: dict[object, int] = {}
        """The first position that each reader that is under way still needs."""

    def _found_damage(self, damage: Damaged) -> None:
        """A record that was read is not what was written."""

    @property
    def needed(self) -> int:
        """The first position that somebody who reads or follows still needs."""
        return min(self._needs.values(), default=self.head.position + 1)

    @contextmanager
    def _needing(self, first: int) -> Iterator[Callable[[int], None]]:
        """Within, records from a position on are needed; what is given moves it."""
        reader = object()
        self._needs[reader] = first

        def move(position: int) -> None:
            self._needs[reader] = position

        try:
            yield move
        finally:
            del self._needs[reader]

    def _tell_readers(self) -> None:
        if self._followers:
            self._followers = 0
            self._advanced.set()
            self._advanced = trio.Event()

    async def _wait_advanced(self) -> None:
        self._followers += 1
        await self._advanced.wait()

    async def _read(self, call: Callable[[Reader], T]) -> T:
        try:
            return await self._reading_thread.start(lambda: call(self._open_reader())).wait()
        except StoreFault as error:
            self._reading_thread.start(self._close_reader)
            raise JournalUnreadable(str(error)) from error
        except Damaged as error:
            self._found_damage(error)
            raise

    def _open_reader(self) -> Reader:
        if self._reader is None:
            self._reader = self._open_store_reader()
        return self._reader

    def _close_reader(self) -> None:
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.close()

    async def batches(
        self, first: int = 1, last: int | None = None, *, after: bytes | None = None
    ) -> AsyncGenerator[list[Record], None]:
        """Records by position, both included, up to what is acknowledged now; every digest is checked.

        `after`: the digest that the record before `first` must have, such as that of a snapshot.

        Raises:
            JournalUnreadable: the store cannot be read now.
            Damaged: a record is not what was written; the journal refuses from now on.
        """
        until = self.head.position if last is None else min(last, self.head.position)
        if first > until:
            return
        steps: Iterator[list[Record]] | None = None

        def step(reader: Reader) -> list[Record] | None:
            nonlocal steps
            if steps is None:
                steps = reading.read_records(reader, first, until, after)
            return next(steps, None)

        with self._needing(first) as need:
            while (records := await self._read(step)) is not None:
                need(records[0].position)
                yield records

    async def read(self, first: int = 1, last: int | None = None) -> AsyncIterator[Record]:
        """As `batches`, one by one."""
        async with aclosing(self.batches(first, last)) as batches:
            async for records in batches:
                for record in records:
                    yield record

    async def read_feed(self, feed: str, first: int = 1, last: int | None = None) -> AsyncIterator[Record]:
        """Records of a feed by sequence, both included, up to what is acknowledged now.

        Raises:
            JournalUnreadable, Damaged: as `batches`.
        """
        until = self.head.position
        steps: Iterator[list[Record]] | None = None

        def step(reader: Reader) -> list[Record] | None:
            nonlocal steps
            if steps is None:
                greatest = reading.POSITION_MAX if last is None else last
                steps = reading.feed_records(reader, feed, first, until, greatest)
            return next(steps, None)

        with self._needing(1) as need:  # where the feed's records are is known when some were read
            while (records := await self._read(step)) is not None:
                need(records[0].position)
                for record in records:
                    yield record

    async def position_at(self, date: int) -> int:
        """The last position with a date at or before the given one; 0: there is none.

        Raises:
            JournalUnreadable, Damaged: as `batches`.
        """
        until = self.head.position
        return await self._read(lambda reader: reading.position_at(reader, date, until))

    async def read_dates(self, begin: int, end: int) -> AsyncIterator[Record]:
        """Records by date, from `begin` to before `end`, in nanoseconds since 1970.

        Raises:
            JournalUnreadable, Damaged: as `batches`.
        """
        first = await self.position_at(begin - 1) + 1
        async for record in self.read(first, await self.position_at(end - 1)):
            yield record

    async def follow_runs(self, first: int = 1) -> AsyncGenerator[tuple[int, Sequence[Run]], None]:
        """Entries from a position on, each once it is acknowledged, with the position of the last of them.

        Ends when the journal is closed. What was written a moment ago is not read back from the store.

        Raises:
            JournalUnreadable, Damaged: as `batches`.
        """
        with self._needing(first) as need:
            while self.state is not State.CLOSED:
                if first > self.head.position:
                    await self._wait_advanced()
                    continue
                for commit in self._recent.since(first) or ():
                    yield commit.last, commit.runs
                    first = commit.last + 1
                    need(first)
                async with aclosing(self.batches(first)) as batches:
                    async for records in batches:
                        yield records[-1].position, [_run(record) for record in records]
                        first = records[-1].position + 1
                        need(first)

    async def follow(self, first: int = 1) -> AsyncIterator[Record]:
        """Records from a position on, each once it is acknowledged; ends when the journal is closed.

        Raises:
            JournalUnreadable, Damaged: as `batches`.
        """
        with self._needing(first) as need:
            while self.state is not State.CLOSED:
                if first > self.head.position:
                    await self._wait_advanced()
                    continue
                async with aclosing(self.batches(first)) as batches:
                    async for records in batches:
                        for record in records:
                            yield record
                        first = records[-1].position + 1
                        need(first)

    async def snapshot(
        self, name: str, *, position: int | None = None, date: int | None = None
    ) -> Snapshot | None:
        """The newest snapshot of a name, at or before a position and a date; None: there is none.

        Raises:
            JournalUnreadable: the store cannot be read now.
        """
        return await self._read(lambda reader: reader.snapshot(name, position, date))

    async def snapshots(self) -> list[SnapshotNote]:
        """All snapshots, without their states.

        Raises:
            JournalUnreadable: the store cannot be read now.
        """
        return await self._read(lambda reader: reader.snapshots())


def _run(record: Record) -> Run:
    return record.feed, record.sequence, record.date, ((record.kind, record.body),)
