"""Many producers, one commit; and what becomes of producers when a commit fails, lasts too long, or ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import trio
from journal_support import SqlitePlace, bodies, entries, serving
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.reliability.lib_stores import FaultStore, LoopThread, failing
from zenithd.journal import Appended, Journal, JournalRefuses, JournalSettings, State

SETTINGS = JournalSettings(commit_records_max=4, commit_bytes_max=100, commit_seconds_max=5, retry_seconds=1)


class Producers:
    """Appends that run beside each other, and what each of them got."""

    def __init__(self, journal: Journal, nursery: trio.Nursery) -> None:
        self.journal = journal
        self.nursery = nursery
        self.results: dict[str, object] = {}

    async def start(self, *names: str, size: int = 1, number: int = 1) -> None:
        """Start appends one after the other, so that they come in this order."""
        for name in names:
            self.nursery.start_soon(self._append, name, size, number)
            await wait_all_tasks_blocked()

    async def _append(self, name: str, size: int, number: int) -> None:
        try:
            self.results[name] = await self.journal.append(
                "a", [(name, bytes(size // number))] * number, now=1
            )
        except JournalRefuses as refusal:
            self.results[name] = (refusal.reason, refusal.may_be_written)

    @property
    def positions(self) -> dict[str, int]:
        return {
            name: result.first_position
            for name, result in self.results.items()
            if isinstance(result, Appended)
        }


@pytest.fixture
def store(folder_place: SqlitePlace) -> FaultStore:
    return FaultStore(folder_place.store())


async def with_producers(store: FaultStore, test: Callable[[Journal, LoopThread, Producers], Any]) -> None:
    thread = LoopThread()
    async with serving(store, SETTINGS, thread) as journal, trio.open_nursery() as nursery:
        await test(journal, thread, Producers(journal, nursery))
        thread.release()
        nursery.cancel_scope.cancel()


async def test_what_comes_during_a_commit_is_the_next(store: FaultStore, autojump_clock: MockClock) -> None:
    async def test(journal: Journal, thread: LoopThread, producers: Producers) -> None:
        thread.held = True
        await producers.start("1", "2", "3")
        assert not producers.results
        assert len(thread.waiting) == 1
        thread.step()
        await wait_all_tasks_blocked()
        assert producers.positions == {"1": 1}
        thread.step()
        await wait_all_tasks_blocked()
        assert producers.positions == {"1": 1, "2": 2, "3": 3}
        assert journal.statistics.commits == 2
        assert not thread.waiting

    await with_producers(store, test)


async def test_producers_that_come_together_are_one_commit(
    store: FaultStore, autojump_clock: MockClock
) -> None:
    async def test(journal: Journal, thread: LoopThread, producers: Producers) -> None:
        async with trio.open_nursery() as nursery:
            for _ in range(4):
                nursery.start_soon(lambda: journal.append("a", entries("x"), now=1))
        assert (journal.statistics.commits, journal.head.position) == (1, 4)

    await with_producers(store, test)


async def test_who_gathers_by_himself_waits_for_nobody(store: FaultStore, autojump_clock: MockClock) -> None:
    async def test(journal: Journal, thread: LoopThread, producers: Producers) -> None:
        thread.held = True
        async with trio.open_nursery() as nursery:
            for _ in range(4):  # one of them comes first, the others meet a commit under way
                nursery.start_soon(lambda: journal.append("a", entries("x"), now=1, at_once=True))
            await wait_all_tasks_blocked()
            thread.step()
            assert (journal.statistics.commits, journal.head.position) == (1, 1)
            await wait_all_tasks_blocked()
            thread.release()
        assert (journal.statistics.commits, journal.head.position) == (2, 4)

    await with_producers(store, test)


@pytest.mark.parametrize(("size", "number"), [(1, 3), (60, 1)])
async def test_those_beyond_the_bounds_wait_in_their_order(
    store: FaultStore, autojump_clock: MockClock, size: int, number: int
) -> None:
    async def test(journal: Journal, thread: LoopThread, producers: Producers) -> None:
        thread.held = True
        await producers.start("1")
        await producers.start("2", size=size, number=number)
        await producers.start("3", size=size, number=number)
        await producers.start("4")  # would fit beside 2, but came after 3
        assert journal.statistics.waits == 2
        for expected in (["1"], ["1", "2"], ["1", "2", "3", "4"]):
            thread.step()
            await wait_all_tasks_blocked()
            assert sorted(producers.positions, key=producers.positions.__getitem__) == expected

    await with_producers(store, test)


async def test_a_cancelled_producer_leaves_no_hole(store: FaultStore, autojump_clock: MockClock) -> None:
    async def test(journal: Journal, thread: LoopThread, producers: Producers) -> None:
        thread.held = True
        await producers.start("1")
        with trio.move_on_after(1) as scope:
            await journal.append("a", entries("cancelled", "cancelled too"), now=1)
        assert scope.cancelled_caught
        with trio.move_on_after(1):  # it waits for room
            await journal.append("a", entries("never", "never", "never"), now=1)
        await producers.start("2")
        thread.release()
        await wait_all_tasks_blocked()
        assert producers.positions == {"1": 1, "2": 4}
        assert await bodies(journal) == ["\0", "cancelled", "cancelled too", "\0"]

    await with_producers(store, test)


async def test_a_failed_commit_refuses_everybody_and_then_works_again(
    store: FaultStore, autojump_clock: MockClock
) -> None:
    async def test(journal: Journal, thread: LoopThread, producers: Producers) -> None:
        await producers.start("before")
        store.before_commit = failing("disk full")
        store.on_open = failing("still full")
        thread.held = True
        await producers.start("under way", "gathered", "gathered too")
        await producers.start("waits for room", number=3)
        thread.step()
        await wait_all_tasks_blocked()
        assert (journal.state, journal.reason) == (State.REFUSING, "disk full")
        assert producers.results["under way"] == ("disk full", True)
        for name in ("gathered", "gathered too", "waits for room"):
            assert producers.results[name] == ("disk full", False)
        thread.release()
        await trio.sleep(1.5)
        assert (journal.state, journal.reason) == (State.REFUSING, "still full")
        await producers.start("while it refuses")
        assert producers.results["while it refuses"] == ("still full", False)
        store.before_commit = store.on_open = lambda: None
        await trio.sleep(2)
        assert (journal.state, journal.reason) == (State.SERVING, "")
        await producers.start("after")
        assert producers.positions == {"before": 1, "after": 2}
        assert journal.statistics.refused == 5
        assert journal.statistics.failures >= 2

    await with_producers(store, test)


async def test_a_commit_that_failed_may_be_there(store: FaultStore, autojump_clock: MockClock) -> None:
    """As when the connection is lost before the answer: nothing is assumed, the end is read again."""

    async def test(journal: Journal, thread: LoopThread, producers: Producers) -> None:
        await producers.start("1")
        store.after_commit = failing("connection lost")
        await producers.start("2")
        assert producers.results["2"] == ("connection lost", True)
        assert journal.head.position == 1
        store.after_commit = lambda: None
        await trio.sleep(2)
        assert journal.head.position == 2
        assert await journal.append("a", [("2", b"\0")], 2, now=1) == Appended("a", 0, 0, 1, 2, 0)
        await producers.start("3")
        assert producers.positions == {"1": 1, "3": 3}

    await with_producers(store, test)


async def test_a_store_that_lied_is_found_out(store: FaultStore, autojump_clock: MockClock) -> None:
    async def test(journal: Journal, thread: LoopThread, producers: Producers) -> None:
        await producers.start("1")
        store.lies = True
        await producers.start("2", "3")
        assert producers.positions == {"1": 1, "2": 2, "3": 3}
        store.before_commit = failing("power cut")
        await producers.start("4")
        store.before_commit, store.lies = (lambda: None), False
        await trio.sleep(3)
        assert journal.state is State.DAMAGED
        assert "record 2 is damaged: it was acknowledged and is missing" in journal.reason
        await producers.start("5")
        assert producers.results["5"] == (journal.reason, False)

    await with_producers(store, test)


async def test_a_commit_that_lasts_too_long_counts_as_failed(
    store: FaultStore, autojump_clock: MockClock
) -> None:
    async def test(journal: Journal, thread: LoopThread, producers: Producers) -> None:
        thread.held = True
        await producers.start("slow", "gathered")
        await trio.sleep(6)
        assert journal.state is State.REFUSING
        assert producers.results["slow"] == ("a commit takes longer than 5 s", True)
        assert producers.results["gathered"] == ("a commit takes longer than 5 s", False)
        await trio.sleep(60)
        assert len(thread.waiting) == 1, "nothing else may begin before it has ended"
        thread.release()
        await trio.sleep(2)
        assert journal.state is State.SERVING
        assert journal.head.position == 1
        await producers.start("after")
        assert producers.positions == {"after": 2}

    await with_producers(store, test)


async def test_what_gathered_is_written_when_the_journal_is_closed(
    folder_place: SqlitePlace, autojump_clock: MockClock
) -> None:
    thread = LoopThread()
    journal = Journal(folder_place.store(), SETTINGS, thread, LoopThread())
    await journal.open()
    async with trio.open_nursery() as nursery:
        producers = Producers(journal, nursery)
        async with trio.open_nursery() as running:
            running.start_soon(journal.run)
            thread.held = True
            await producers.start("1", "2")
            running.cancel_scope.cancel()
            with trio.CancelScope(shield=True):
                await wait_all_tasks_blocked()
            thread.release()
        await producers.start("late")
    assert producers.positions == {"1": 1, "2": 2}
    assert producers.results["late"] == ("the journal is closed", False)
    async with serving(folder_place.store()) as again:
        assert again.head.position == 2


async def test_a_disk_that_hangs_does_not_hold_up_the_end(
    folder_place: SqlitePlace, autojump_clock: MockClock
) -> None:
    thread = LoopThread()
    journal = Journal(folder_place.store(), SETTINGS, thread, LoopThread())
    await journal.open()
    async with trio.open_nursery() as nursery:
        producers = Producers(journal, nursery)
        async with trio.open_nursery() as running:
            running.start_soon(journal.run)
            thread.held = True
            await producers.start("1", "2")
            running.cancel_scope.cancel()
        assert journal.state is State.CLOSED
    assert producers.results == {
        "1": ("the journal is closed", True),
        "2": ("the journal is closed", False),
    }
    thread.release()
