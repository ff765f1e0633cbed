"""Records that a kept state stands for can go; what is left is checked, read, continued, copied as before."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio
from journal_support import LoopThread, Place, SqlitePlace, bodies, entries, fill, serving
from trio.testing import MockClock

from zenithd.journal import Appended, Conflict, Damaged, Journal, JournalUnreadable, reading
from zenithd.journal.chain import INDEX_EVERY
from zenithd.journal.copying import backup, restore
from zenithd.journal.journal import DAY_NANOSECONDS, PRUNE_SECONDS
from zenithd.journal.pruning import anchors, prunable
from zenithd.journal.sqlite import SqliteReader
from zenithd.journal.store import Pruned
from zenithd.journal.verification import verify


async def filled(journal: Journal) -> None:
    """Feed a all along, b at the beginning only, c between blocks of the index and late."""
    await fill(journal, range(3), feed="b")
    await fill(journal, range(40), each=40)
    await fill(journal, range(2), feed="c")
    await fill(journal, range(40, 80), each=40)
    await fill(journal, range(2, 4), feed="c")


async def keep_all(journal: Journal, position: int) -> None:
    for feed in "abc":
        await journal.put_snapshot(feed, position, 0, b"state")


async def test_what_is_left_is_as_it_was(place: Place, tmp_path: Path) -> None:
    async with serving(place.store()) as journal:
        await filled(journal)
        total = journal.head
        digest = [record.digest async for record in journal.read(1_000, 1_000)]
        await keep_all(journal, 2_500)
        before = [record async for record in journal.read(2_001)]
        anchor = await journal.prune(2_000)
        assert 1_960 <= anchor.position <= 2_000
        assert [record async for record in journal.read(2_001)] == before
        async for record in journal.read_feed("a", before[0].sequence):
            assert record == next(each for each in before if each.sequence == record.sequence)
            break
        assert [record.sequence async for record in journal.read_feed("c", 3)] == [3, 4]
        # Sequences go on, also of feeds of which nothing is left, and duplicates are known.
        again = await journal.append("b", entries("more"), 4, now=99)
        assert isinstance(again, Appended)
        assert again.last_sequence == 4
        conflict = await journal.append("c", entries("other"), 4, now=99)
        assert isinstance(conflict, Conflict)
        assert (await journal.prune(2_000)) == anchor
        with pytest.raises(JournalUnreadable, match="pruned"):
            await bodies(journal, 1_000)
        with pytest.raises(JournalUnreadable, match="sequence 3 were pruned"):
            [record async for record in journal.read_feed("b")]
        assert await journal.position_at(-1) == anchor.position
    assert digest != []
    reader = place.reader()
    verified = verify(reader)
    assert verified.head.position == total.position + 1
    assert verified.feeds == {"a": 3_200, "b": 4, "c": 4}
    assert reading.head_at(reader, anchor.position) == anchor
    with pytest.raises(Pruned):
        reading.head_at(reader, 5)
    target = tmp_path / "copy.journal"
    backup(reader, target, lambda _: None)
    reader.close()
    async with serving(place.store()) as journal:  # a restart
        for feed, sequence in (("a", 3_201), ("b", 5), ("c", 5)):
            appended = await journal.append(feed, entries("x"), now=100)
            assert isinstance(appended, Appended)
            assert appended.last_sequence == sequence
        await fill(journal, range(100, 100 + INDEX_EVERY // 40 + 2), feed="b", each=40)
    reader = place.reader()
    assert verify(reader).feeds["b"] > INDEX_EVERY
    reader.close()
    copy = SqliteReader(target)
    assert verify(copy) == verified
    other = SqlitePlace(tmp_path / "other")
    restore(copy, other.store(), lambda _: None)
    copy.close()
    reader = other.reader()
    assert verify(reader) == verified
    reader.close()
    async with serving(other.store()) as journal:
        appended = await journal.append("b", entries("x"), now=100)
        assert isinstance(appended, Appended)
        assert appended.last_sequence == 5


@pytest.mark.parametrize("until", [1, 3, 4, 42, 43, 44, 700, 1_603, 1_604, 1_605, 1_606, 3_000, 3_206])
async def test_it_can_be_pruned_anywhere(folder_place: SqlitePlace, until: int) -> None:
    async with serving(folder_place.store()) as journal:
        await filled(journal)
        head = journal.head
        await keep_all(journal, head.position)
        wanted = [record async for record in journal.read(until + 1)]
        feeds = {feed: [r async for r in journal.read_feed(feed)] for feed in "abc"}
        anchor = await journal.prune(until)
        assert anchor.position <= until
        assert [record async for record in journal.read(until + 1)] == wanted
        for feed, records in feeds.items():
            left = [record for record in records if record.position > anchor.position]
            first = left[0].sequence if left else records[-1].sequence + 1
            assert [record async for record in journal.read_feed(feed, first)] == left
    reader = folder_place.reader()
    assert verify(reader).head == head
    assert list(anchors(reader, anchor.position)) == []
    reader.close()


async def test_nothing_goes_that_is_needed(folder_place: SqlitePlace) -> None:
    async with serving(folder_place.store()) as journal:
        await filled(journal)
        await journal.put_snapshot("a", 2_000, 0, b"state")
        await journal.put_snapshot("b", 1_000, 0, b"state")
        reader = folder_place.reader()
        assert prunable(reader).without_state == ("c",)
        assert (await journal.prune(3_000)).position == 0
        await journal.put_snapshot("c", 3_000, 0, b"state")
        assert prunable(reader)[:2] == (1_000, "b")
        reader.close()
        follower = journal.follow(500)
        first = await anext(follower)
        assert first.position == 500
        assert 400 < (await journal.prune(3_000)).position < 500
        await follower.aclose()
        assert 900 < (await journal.prune(3_000)).position <= 1_000


async def test_a_damaged_record_is_not_pruned(folder_place: SqlitePlace) -> None:
    async with serving(folder_place.store()) as journal:
        await filled(journal)
        await keep_all(journal, journal.head.position)
    folder_place.change("UPDATE {block} SET payload = zeroblob(length(payload)) WHERE first = 84")
    reader, store = folder_place.reader(), folder_place.store()
    store.open()
    with pytest.raises(Damaged):
        for anchor in anchors(reader, 3_000):
            store.forget(anchor)
    assert reader.anchor().head.position == 0
    reader.close()
    store.close()


async def test_a_snapshot_of_another_record_stands_for_nothing(folder_place: SqlitePlace) -> None:
    async with serving(folder_place.store()) as journal:
        await filled(journal)
        await keep_all(journal, 1_000)
    folder_place.change("UPDATE {snapshot} SET digest = zeroblob(32) WHERE name = 'b'")
    reader = folder_place.reader()
    with pytest.raises(Damaged, match="snapshot b"):
        prunable(reader)
    reader.close()


async def test_old_records_go_by_themselves_only_when_every_feed_lets_them(
    folder_place: SqlitePlace, autojump_clock: MockClock
) -> None:
    async with serving(folder_place.store(), thread=LoopThread()) as journal:
        for feed in "ab":
            for day in range(10):
                await journal.append(feed, entries(f"{day}"), now=(10 + day) * DAY_NANOSECONDS)
            await journal.put_snapshot(feed, journal.head.position, 0, b"state")
        journal.keep_days("a", 2.0)
        await trio.sleep(PRUNE_SECONDS + 1)
        assert (await bodies(journal))[0] == "0"
        journal.keep_days("b", 3.5)
        await trio.sleep(PRUNE_SECONDS)
        with pytest.raises(JournalUnreadable):
            await bodies(journal)
    reader = folder_place.reader()
    assert verify(reader).feeds == {"a": 10, "b": 10}
    assert 0 < reader.anchor().head.position <= 10  # dates never go back: those of b are all of the last day
    reader.close()
