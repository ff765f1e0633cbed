"""The journal as the daemon uses it: nothing here blocks the loop; what was acknowledged is on the disk.

Group commit: while the store's thread commits, what producers bring gathers, and is the next commit. A
producer is woken when its commit is on the disk. One that brings more than fits into what gathers waits for
room, in the order of arrival.

A commit that fails, or lasts longer than `commit_seconds_max`, makes the journal refuse (see `states`).
Nothing is assumed of what that commit was to write: its producers are told that it may or may not be there.
The store is then opened again until its end shows that all that was acknowledged is there; records of the
failed commit may be there as well, so whoever derives a state from the journal reads on from where it was.

A producer that is cancelled while it waits leaves its entries: they may be written or not, but all of one
append or none, and never with a hole.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial

import structlog
import trio

from zenithd.journal import reading
from zenithd.journal.chain import Damaged, Head
from zenithd.journal.gathering import Gathering, JournalRefuses, JournalSettings, JournalStatistics
from zenithd.journal.pruning import anchors, known_feeds, prunable
from zenithd.journal.record import (
    Entry,
    InvalidEntry,
    Outcome,
    Snapshot,
    SnapshotTooLarge,
    check_name,
)
from zenithd.journal.states import TRANSITIONS, Happening, State
from zenithd.journal.store import Reader, Store, StoreFault, StoreRefused
from zenithd.journal.streams import JournalUnreadable, Streams
from zenithd.journal.thread import Reply, StoreThread, Thread
from zenithd.journal.writer import Append, Committed, Writer

PRUNE_SECONDS = 600.0
"""How often old records are looked for."""

DAY_NANOSECONDS = 86_400_000_000_000

CLOSE_SECONDS_MAX = 10.0
"""How long closing waits for the disk."""

_log: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(__name__)


class Journal(Streams):
    """One journal in one store. `open`, then `run` until cancelled.

    Attributes:
        state: what is done with appends; `reason` says why they are refused.
        head: the end of what is acknowledged; other tasks read no further.
        on_commit: told of each commit: seconds it took.
    """

    def __init__(
        self,
        store: Store,
        settings: JournalSettings | None = None,
        thread: Thread | None = None,
        reading_thread: Thread | None = None,
    ) -> None:
        super().__init__(store.reader, reading_thread or StoreThread("journal reading"))
        self.settings = settings or JournalSettings()
        self.reason = "the journal is not open"
        self.statistics = JournalStatistics()
        self.on_commit: Callable[[float], None] | None = None
        self._store = store
        self._thread: Thread = thread or StoreThread("journal")
        self._writer: Writer | None = None
        self._gathering = Gathering()
        self._under_way: Gathering | None = None
        self._commit_reply: Reply[Committed] | None = None
        self._began = 0.0
        """When the commit that is under way began, in trio's time."""
        self._wake = trio.Event()
        self._changed = trio.Event()
        self._queue = trio.StrictFIFOLock()
        self._queued = 0
        self._names: set[str] = set()
        self._keep_days: dict[str, float] = {}
        self._pruned = Head()

    # Life

    async def open(self) -> None:
        """Open the store and read its end. One that fails leaves the journal refusing; `run` tries again.

        Raises:
            StoreRefused: the operator has to do something first.
        """
        if self.state is not State.CLOSED:
            raise RuntimeError("the journal is open already")
        try:
            await self._open()
        except StoreFault as error:
            self._happens(Happening.FAILED, str(error))
        except Damaged as error:
            self._happens(Happening.FOUND_DAMAGE, str(error))

    async def _open(self) -> None:
        reply = self._thread.start(self._open_store)
        with trio.CancelScope(shield=True):  # what it opens must be known, to be closed
            writer = await reply.wait()
        acknowledged = self.head
        if acknowledged.position:
            await self._thread.start(lambda: _require(writer.reader, acknowledged)).wait()
        self.head = writer.head
        self._happens(Happening.OPENED, "")
        self._tell_readers()

    def _open_store(self) -> Writer:
        self._close_store()
        self._store.open()
        with ExitStack() as opened:
            opened.callback(self._store.close)
            self._writer = Writer(self._store)
            opened.pop_all()
        return self._writer

    def _close_store(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()
        self._store.close()

    async def run(self) -> None:
        """Commit what gathers until cancelled; then commit the rest and close."""
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._watch)
                nursery.start_soon(self._forget_old)
                await self._work()
        finally:
            with trio.CancelScope(shield=True, deadline=trio.current_time() + CLOSE_SECONDS_MAX):
                await self._close()

    async def _work(self) -> None:
        while True:
            if self.state is State.SERVING:
                await self._wake.wait()
                self._wake = trio.Event()
                if self.state is State.SERVING and self._under_way is None and self._gathering.appends:
                    self._commit()
            elif self.state is State.REFUSING:
                await trio.sleep(self.settings.retry_seconds)
                if self._commit_reply is not None:  # it may have lasted too long: it has to end first
                    await self._commit_reply.ended.wait()
                await self._try_again()
            else:
                await trio.sleep_forever()

    async def _try_again(self) -> None:
        try:
            await self._open()
        except (StoreFault, StoreRefused) as error:
            self._happens(Happening.FAILED, str(error))
        except Damaged as error:
            self._happens(Happening.FOUND_DAMAGE, str(error))

    async def _close(self) -> None:
        try:
            while self.state is State.SERVING and (self._under_way or self._gathering.appends):
                if self._under_way is None:
                    self._commit()
                if self._commit_reply is not None:
                    await self._commit_reply.ended.wait()
        finally:
            self._happens(Happening.CLOSED, "the journal is closed")
            if self._under_way is not None:
                self._refuse(self._under_way)
            self._reading_thread.start(self._close_reader)
            self._reading_thread.stop()
            closed = self._thread.start(self._close_store)
            self._thread.stop()
        await closed.wait()

    def _happens(self, happening: Happening, reason: str) -> None:
        """Change the state; whoever gathers or waits for room is told."""
        before = self.state
        self.state = TRANSITIONS[before, happening]
        if happening in (Happening.FAILED, Happening.FOUND_DAMAGE):
            self.statistics.failures += 1
            if before is not self.state or reason != self.reason:
                _log.error("journal refuses", reason=reason, position=self.head.position)
        elif happening is Happening.OPENED and before is State.REFUSING:
            _log.info("journal works again", position=self.head.position)
        self.reason = reason
        self._changed.set()
        self._changed = trio.Event()
        if self.state is not State.SERVING:
            gathering, self._gathering = self._gathering, Gathering()
            gathering.taken.set()
            self._refuse(gathering)
            self._wake.set()
            self._tell_readers()

    async def wait_change(self) -> None:
        """Return when `state` or `reason` may have changed."""
        await self._changed.wait()

    async def wait_state(self, *states: State) -> None:
        """Return once the journal is in one of the states."""
        while self.state not in states:
            await self._changed.wait()

    def _found_damage(self, damage: Damaged) -> None:
        if self.state is not State.CLOSED:
            self._happens(Happening.FOUND_DAMAGE, str(damage))

    def _refuse(self, gathered: Gathering) -> None:
        gathered.reason = self.reason
        gathered.wake()

    # Appending

    async def append(
        self,
        feed: str,
        entries: Sequence[Entry],
        first_sequence: int | None = None,
        *,
        now: int,
        at_once: bool = False,
    ) -> Outcome:
        """Append entries of one feed, one after the other; returns once they are on the disk.

        `first_sequence`: the sequence of the first entry where the producer numbers them itself; leading
        entries that are there already are compared, not written again. `now`: nanoseconds since 1970.

        `at_once`: for a producer that gathers by itself, and so need not wait for others: if no commit is
        under way one begins now, and not at the end of this pass of the loop.

        Returns `Gap` or `Conflict` only where `first_sequence` is given.

        Raises:
            InvalidEntry: the entries cannot stand in a journal, or are too many or too large for one commit.
            JournalRefuses: nothing was acknowledged.
        """
        size = self._check(feed, entries, first_sequence)
        if self._queued or not self._fits(len(entries), size):
            await self._wait_room(len(entries), size)
        if self.state is not State.SERVING:
            self.statistics.refused += 1
            raise JournalRefuses(self.reason, may_be_written=False)
        append = Append(feed, entries, first_sequence, now, None)
        gathering = self._gathering
        gathering.appends.append(append)
        gathering.records += len(entries)
        gathering.bytes += size
        if self._under_way is None:
            if at_once:
                self._commit()
            else:
                self._wake.set()

        def abandon(_: object) -> trio.lowlevel.Abort:
            append.task = None
            return trio.lowlevel.Abort.SUCCEEDED

        if append.outcome is None and not gathering.reason:  # a store may answer at once
            append.task = trio.lowlevel.current_task()
            await trio.lowlevel.wait_task_rescheduled(abandon)
        else:
            await trio.lowlevel.checkpoint()
        if append.outcome is None:
            self.statistics.refused += 1
            raise JournalRefuses(gathering.reason, may_be_written=gathering.may_be_written)
        return append.outcome

    def _fits(self, records: int, size: int) -> bool:
        gathering, settings = self._gathering, self.settings
        return (
            gathering.records + records <= settings.commit_records_max
            and gathering.bytes + size <= settings.commit_bytes_max
        )

    async def _wait_room(self, records: int, size: int) -> None:
        self.statistics.waits += 1
        self._queued += 1
        try:
            async with self._queue:
                while self.state is State.SERVING and not self._fits(records, size):
                    await self._gathering.taken.wait()
        finally:
            self._queued -= 1

    def _check(self, feed: str, entries: Sequence[Entry], first_sequence: int | None) -> int:
        """The size of the bodies."""
        if feed not in self._names:
            self._learn("feed", feed)
        size = 0
        for kind, body in entries:
            if kind not in self._names:
                self._learn("kind", kind)
            if type(body) is not bytes:
                raise InvalidEntry(f"body of {kind}: expected bytes, found {type(body).__name__}")
            size += len(body)
        limits = self.settings
        if not 0 < len(entries) <= limits.commit_records_max or size > limits.commit_bytes_max:
            raise InvalidEntry(
                f"expected from 1 to {limits.commit_records_max} entries of {limits.commit_bytes_max} bytes"
                f" in all, found {len(entries)} of {size} bytes"
            )
        if first_sequence is not None and first_sequence < 1:
            raise InvalidEntry(f"first sequence: expected 1 or more, found {first_sequence}")
        return size

    def _learn(self, what: str, name: str) -> None:
        check_name(what, name)
        if len(self._names) < NAMES_KNOWN_MAX:
            self._names.add(name)

    def _commit(self) -> None:
        gathered, self._gathering = self._gathering, Gathering()
        gathered.taken.set()
        gathered.may_be_written = True
        writer = self._writer
        assert writer is not None
        self._began = trio.current_time()
        self._under_way = gathered
        self._commit_reply = self._thread.start(lambda: writer.commit(gathered.appends), self._settle)

    async def _watch(self) -> None:
        """Notice a commit that lasts too long; what waits for it is refused, and it is left to end."""
        limit = self.settings.commit_seconds_max
        while True:
            now = trio.current_time()
            is_awaited = self._under_way is not None and self.state is State.SERVING
            if is_awaited and self._began + limit <= now:
                assert self._under_way is not None
                self._happens(Happening.FAILED, f"a commit takes longer than {limit} s")
                self._refuse(self._under_way)
            else:
                await trio.sleep_until((self._began if is_awaited else now) + limit)

    def _settle(self, reply: Reply[Committed]) -> None:
        """A commit has ended: everybody who waits for it is woken at once."""
        gathered, self._under_way = self._under_way, None
        assert gathered is not None
        if gathered.reason:  # it lasted too long, and is not believed any more
            return
        try:
            committed = reply.result()
        except StoreFault as error:
            self._happens(Happening.FAILED, str(error))
            self._refuse(gathered)
            return
        except Damaged as error:
            self._happens(Happening.FOUND_DAMAGE, str(error))
            self._refuse(gathered)
            return
        head, duplicates, gaps, conflicts, runs = committed
        statistics = self.statistics
        statistics.commits += 1
        statistics.records += head.position - self.head.position
        statistics.duplicates += duplicates
        statistics.gaps += gaps
        statistics.conflicts += conflicts
        if runs:
            self._recent.add(self.head.position + 1, runs)
        self.head = head
        gathered.wake()
        if self._gathering.appends:
            self._wake.set()
        self._tell_readers()
        if self.on_commit is not None:
            self.on_commit(trio.current_time() - self._began)

    async def put_snapshot(self, name: str, position: int, date: int, state: bytes) -> None:
        """Keep a state made of all records up to a position; older ones beyond `snapshots_kept` go.

        Raises:
            InvalidEntry: no such name or position is possible.
            SnapshotTooLarge: the state has more bytes than `snapshot_bytes_max`.
            JournalRefuses: it may be kept or not.
        """
        check_name("snapshot", name)
        if not 0 <= position <= self.head.position:
            raise InvalidEntry(f"position: expected from 0 to {self.head.position}, found {position}")
        if len(state) > self.settings.snapshot_bytes_max:
            self.statistics.snapshots_refused += 1
            raise SnapshotTooLarge(
                f"state: expected at most {self.settings.snapshot_bytes_max} bytes, found {len(state)}"
            )
        if self.state is not State.SERVING:
            raise JournalRefuses(self.reason, may_be_written=False)
        keep = self.settings.snapshots_kept

        def put() -> None:
            if self._writer is None:
                raise StoreFault("the store is closed")
            digest = reading.head_at(self._writer.reader, position).digest
            self._store.put_snapshot(Snapshot(name, position, date, digest, state), keep)

        try:
            await self._thread.start(put).wait()
        except (StoreFault, Damaged) as error:
            is_fault = isinstance(error, StoreFault)
            self._happens(Happening.FAILED if is_fault else Happening.FOUND_DAMAGE, str(error))
            raise JournalRefuses(str(error), may_be_written=True) from error

    async def prune(self, until: int) -> Head:
        """Forget records up to a position, as far as nobody needs them; returns the anchor's head.

        A step of some thousand records at a time, so that commits get their turn.

        Raises:
            JournalRefuses: some may be forgotten and others not.
        """
        while True:
            if self.state is not State.SERVING:
                raise JournalRefuses(self.reason, may_be_written=False)
            limit = min(until, self.needed - 1)
            try:
                head, more = await self._thread.start(partial(self._forget_step, limit)).wait()
            except (StoreFault, Damaged) as error:
                is_fault = isinstance(error, StoreFault)
                self._happens(Happening.FAILED if is_fault else Happening.FOUND_DAMAGE, str(error))
                raise JournalRefuses(str(error), may_be_written=True) from error
            if not more:
                return head

    def _forget_step(self, until: int) -> tuple[Head, bool]:
        """In the store's thread: the anchor's head, and whether it has moved."""
        if self._writer is None:
            raise StoreFault("the store is closed")
        reader = self._writer.reader
        anchor = next(anchors(reader, min(until, prunable(reader).position)), None)
        if anchor is None:
            return reader.anchor().head, False
        self._store.forget(anchor)
        return anchor.head, True

    def keep_days(self, feed: str, days: float) -> None:
        """Let records of a feed go that are older, once a state has been made of them and kept.

        As the chain is one, a record goes only when all before it may go too: while a single feed of the
        journal is not named here, everything stays.
        """
        self._keep_days[feed] = days

    async def _forget_old(self) -> None:
        while True:
            await trio.sleep(PRUNE_SECONDS)
            try:
                feeds = await self._read(known_feeds)
                if not self._keep_days or not feeds <= self._keep_days.keys():
                    continue
                age = int(max(self._keep_days[feed] for feed in feeds) * DAY_NANOSECONDS) if feeds else 0
                before = self._pruned
                self._pruned = await self.prune(await self.position_at(self.head.date - age))
            except (JournalRefuses, JournalUnreadable):
                continue  # the state says so; it is tried again
            if self._pruned != before:
                _log.info("old records were pruned", position=self._pruned.position)


NAMES_KNOWN_MAX = 10_000
"""Feeds and kinds that are not looked at again."""


def _require(reader: Reader, acknowledged: Head) -> None:
    """Look whether the records up to a head are there: its own digest stands for those before it."""
    there = reading.read_head(reader)
    if there.position < acknowledged.position:
        raise Damaged(there.position + 1, "it was acknowledged and is missing")
    if reading.head_at(reader, acknowledged.position) != acknowledged:
        raise Damaged(acknowledged.position, "another record is in its place than was acknowledged")
