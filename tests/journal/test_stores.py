"""The same of both stores: order, sequences, reading, snapshots, restarts, versions, one daemon at a time."""

from __future__ import annotations

import contextlib

import pytest
import trio
from journal_support import Place, PostgresqlPlace, SqlitePlace, bodies, entries, fill, serving

from zenithd.journal import (
    Appended,
    Conflict,
    Gap,
    InvalidEntry,
    Journal,
    JournalRefuses,
    JournalSettings,
    State,
    StoreRefused,
)
from zenithd.journal.chain import INDEX_EVERY
from zenithd.journal.sqlite import SqliteReader, SqliteStore
from zenithd.journal.verification import verify


async def test_an_append_gives_positions_and_sequences(place: Place) -> None:
    async with serving(place.store()) as journal:
        assert await journal.append("a", entries("1", "2"), now=10) == Appended("a", 1, 2, 0, 2, 10)
        assert await journal.append("b", entries("3"), now=11) == Appended("b", 3, 1, 0, 1, 11)
        assert await journal.append("a", entries("4"), now=12) == Appended("a", 4, 1, 0, 3, 12)
        records = [record async for record in journal.read()]
        assert [(each.position, each.feed, each.sequence, each.date) for each in records] == [
            (1, "a", 1, 10),
            (2, "a", 2, 10),
            (3, "b", 1, 11),
            (4, "a", 3, 12),
        ]
        assert [(each.kind, each.body) for each in records[2:]] == [("event", b"3"), ("event", b"4")]
        assert (journal.head.position, journal.head.digest) == (4, records[-1].digest)
    assert journal.state is State.CLOSED


async def test_the_date_never_goes_back(place: Place) -> None:
    async with serving(place.store()) as journal:
        for now, date in ((100, 100), (50, 100), (101, 101), (-5, 101)):
            appended = await journal.append("a", entries("x"), now=now)
            assert isinstance(appended, Appended)
            assert appended.date == date
    async with serving(place.store()) as journal:
        assert await journal.append("a", entries("x"), now=7) == Appended("a", 5, 1, 0, 5, 101)


async def test_numbered_entries_are_written_once(place: Place) -> None:
    async with serving(place.store()) as journal:
        assert await journal.append("a", entries("1", "2"), 1, now=1) == Appended("a", 1, 2, 0, 2, 1)
        await journal.append("b", entries("other"), now=1)
        assert await journal.append("a", entries("1", "2"), 1, now=2) == Appended("a", 0, 0, 2, 2, 0)
        assert await journal.append("a", entries("2", "3"), 2, now=2) == Appended("a", 4, 1, 1, 3, 2)
        assert await journal.append("a", entries("2", "x"), 2, now=3) == Conflict("a", 3, 4)
        assert await journal.append("a", entries("1", kind="other"), 1, now=3) == Conflict("a", 1, 1)
        assert await journal.append("a", entries("5"), 5, now=3) == Gap("a", 4, 5)
        assert await journal.append("new", entries("2"), 2, now=3) == Gap("new", 1, 2)
        assert await bodies(journal) == ["1", "2", "other", "3"]
        counted = journal.statistics
        assert (counted.duplicates, counted.conflicts, counted.gaps, counted.records) == (3, 2, 2, 4)


async def test_numbered_entries_of_one_commit_are_compared_too(place: Place) -> None:
    results: dict[int, object] = {}

    async def append(number: int, first: int, *texts: str) -> None:
        await trio.lowlevel.checkpoint()
        results[number] = await journal.append("a", entries(*texts), first, now=1)

    async with serving(place.store()) as journal:
        await fill(journal, [0])
        async with trio.open_nursery() as nursery:
            for number in range(8):
                nursery.start_soon(append, number, 2, "same", "same")
        written = [result for result in results.values() if isinstance(result, Appended) and result.written]
        assert [(result.first_position, result.written) for result in written] == [(2, 2)]
        assert len([result for result in results.values() if result == Appended("a", 0, 0, 2, 3, 0)]) == 7
        results.clear()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(append, 0, 4, "one")
            nursery.start_soon(append, 1, 4, "other")
        assert {type(result) for result in results.values()} == {Appended, Conflict}
        assert journal.head.position == 4


async def test_a_restart_goes_on(place: Place) -> None:
    async with serving(place.store()) as journal:
        await fill(journal, range(1, 6))
        await fill(journal, range(6, 9), feed="b", each=3)
        head = journal.head
    async with serving(place.store()) as journal:
        assert journal.head == head
        assert await journal.append("b", entries("more"), now=99) == Appended("b", 15, 1, 0, 10, 99)
        assert await journal.append("a", entries("1.0"), 1, now=99) == Appended("a", 0, 0, 1, 1, 0)
        assert len(await bodies(journal)) == 15
    assert verify(place.reader()).feeds == {"a": 5, "b": 10}


async def test_reading_by_position_date_feed_and_sequence(place: Place) -> None:
    async with serving(place.store()) as journal:
        await fill(journal, range(10, 20), each=3)
        await fill(journal, [20], feed="b")
        assert await bodies(journal, 5, 8) == ["11.1", "11.2", "12.0", "12.1"]
        assert await bodies(journal, 31, 99) == ["20.0"]
        assert await bodies(journal, 32) == []
        for date, position in ((9, 0), (10, 3), (11, 6), (19, 30), (20, 31), (99, 31)):
            assert await journal.position_at(date) == position
        assert [each.body async for each in journal.read_dates(12, 13)] == [b"12.0", b"12.1", b"12.2"]
        assert [each async for each in journal.read_dates(1, 10)] == []
        assert [each.body async for each in journal.read_feed("a", 4, 5)] == [b"11.0", b"11.1"]
        assert [each.position async for each in journal.read_feed("b")] == [31]
        assert [each async for each in journal.read_feed("c")] == []
        assert [each.sequence async for each in journal.read_feed("a", 29)] == [29, 30]


async def test_feeds_that_are_rare_are_found(place: Place) -> None:
    async with serving(place.store()) as journal:
        for round_ in range(4):
            await fill(journal, [round_], feed="rare")
            await fill(journal, range(3), feed="busy", each=INDEX_EVERY // 2)
        assert [each.sequence async for each in journal.read_feed("rare")] == [1, 2, 3, 4]
        assert [each.body async for each in journal.read_feed("rare", 3, 3)] == [b"2.0"]
        busy = [each.sequence async for each in journal.read_feed("busy", 100)]
        assert busy == list(range(100, 12 * INDEX_EVERY // 2 + 1))
    async with serving(place.store()) as journal:
        assert isinstance(await journal.append("rare", entries("x"), 5, now=9), Appended)
        assert isinstance(await journal.append("busy", entries("x"), len(busy) + 100, now=9), Appended)
    verify(place.reader())


async def test_following_gives_each_record_once(place: Place) -> None:
    seen: list[int] = []

    async def follow() -> None:
        async for record in journal.follow(3):
            seen.append(record.position)
            if record.position == 60:
                nursery.cancel_scope.cancel()

    async with serving(place.store()) as journal:
        await fill(journal, range(10))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(follow)
            await fill(journal, range(25), each=2)
            await trio.sleep_forever()
        assert seen == list(range(3, 61))


async def test_following_ends_with_the_journal(place: Place) -> None:
    seen: list[int] = []
    both = trio.Event()

    async def follow(journal: Journal) -> None:
        async for record in journal.follow():
            seen.append(record.position)
            if record.position == 2:
                both.set()

    async with trio.open_nursery() as nursery, serving(place.store()) as journal:
        nursery.start_soon(follow, journal)
        await fill(journal, [1, 2])
        await both.wait()
    assert seen == [1, 2]


async def test_snapshots(place: Place) -> None:
    async with serving(place.store(), JournalSettings(snapshots_kept=2)) as journal:
        await fill(journal, range(1, 10))
        for position in (2, 4, 6):
            await journal.put_snapshot("book", position, position, str(position).encode())
        await journal.put_snapshot("other", 1, 1, b"")
        await journal.put_snapshot("other", 1, 1, b"again")
        assert [(note.name, note.position, note.bytes) for note in await journal.snapshots()] == [
            ("book", 4, 1),
            ("book", 6, 1),
            ("other", 1, 5),
        ]
        newest = await journal.snapshot("book")
        assert newest is not None
        assert (newest.position, newest.state) == (6, b"6")
        (record,) = [each async for each in journal.read(6, 6)]
        assert newest.digest == record.digest
        for found in (await journal.snapshot("book", position=5), await journal.snapshot("book", date=5)):
            assert found is not None
            assert found.position == 4
        assert await journal.snapshot("book", position=3) is None
        assert await journal.snapshot("none") is None
        for name, position in (("", 1), ("book", 10), ("book", -1)):
            with pytest.raises(InvalidEntry):
                await journal.put_snapshot(name, position, 1, b"")


@pytest.mark.parametrize(
    ("feed", "what", "first", "message"),
    [
        ("", entries("x"), None, "feed ''"),
        ("a", [("", b"x")], None, "kind ''"),
        ("a", [("k", "text")], None, "expected bytes, found str"),
        ("a", [], None, "found 0 of 0 bytes"),
        ("a", entries(*"12345"), None, "expected from 1 to 4 entries of 100 bytes in all, found 5"),
        ("a", entries("x" * 101), None, "found 1 of 101 bytes"),
        ("a", entries("x"), 0, "first sequence: expected 1 or more"),
    ],
)
async def test_what_cannot_be_appended(
    folder_place: SqlitePlace, feed: str, what: list[tuple[str, bytes]], first: int | None, message: str
) -> None:
    settings = JournalSettings(commit_records_max=4, commit_bytes_max=100)
    async with serving(folder_place.store(), settings) as journal:
        with pytest.raises(InvalidEntry, match=message):
            await journal.append(feed, what, first, now=1)
        assert journal.statistics.commits == 0


async def test_a_closed_journal_refuses(folder_place: SqlitePlace) -> None:
    journal = Journal(folder_place.store())
    with pytest.raises(JournalRefuses, match="not open") as refusal:
        await journal.append("a", entries("x"), now=1)
    assert not refusal.value.may_be_written


async def test_a_second_daemon_is_refused(place: Place) -> None:
    async with serving(place.store()) as journal:
        await fill(journal, [1])
        second = Journal(place.store())
        with pytest.raises(StoreRefused, match=r"is in use by another zenithd: stop it, or name another"):
            await second.open()
        await fill(journal, [2])
        assert len(await bodies(journal)) == 2
    async with serving(place.store()) as journal:
        assert journal.head.position == 2


async def test_a_newer_store_is_refused(place: Place) -> None:
    async with serving(place.store()) as journal:
        await fill(journal, [1])
    place.make_newer()
    with pytest.raises(StoreRefused, match=r"newer zenithd \(version 99, this one knows 2\)"):
        await Journal(place.store()).open()
    with pytest.raises(StoreRefused, match="newer"):
        place.reader()


async def test_an_older_store_is_migrated(place: Place) -> None:
    async with serving(place.store()) as journal:
        await fill(journal, range(3), each=INDEX_EVERY - 1)
        await fill(journal, range(3), feed="b")
        head = journal.head
    place.make_version_0()
    with pytest.raises(StoreRefused, match="start the daemon once"):
        place.reader()
    async with serving(place.store()) as journal:
        assert journal.head == head
        assert [each.sequence async for each in journal.read_feed("b", 2)] == [2, 3]
        assert await journal.append("b", entries("2.0"), 3, now=1) == Appended("b", 0, 0, 1, 3, 0)
        assert await journal.append("b", entries("x"), now=1) == Appended("b", head.position + 1, 1, 0, 4, 2)
    verify(place.reader())


async def test_a_migration_that_fails_leaves_the_store_as_it_was(place: Place) -> None:
    async with serving(place.store()) as journal:
        await fill(journal, range(3))
    place.make_version_0()
    place.change("UPDATE {block} SET first = 5 WHERE first = 2")
    journal = Journal(place.store())
    await journal.open()
    assert journal.state is State.DAMAGED
    assert "record 5 is damaged: a record of position 2 is in its place" in journal.reason
    place.change("UPDATE {block} SET first = 2 WHERE first = 5")
    async with serving(place.store()) as journal:
        assert journal.head.position == 3


def test_a_faulty_sqlite_is_refused(folder_place: SqlitePlace) -> None:
    for version, found in (((3, 51, 2), "3.51.2"), ((3, 40, 1), "3.40.1")):
        with pytest.raises(StoreRefused, match=f"SQLite {found} can lose .* 3.51.3 or later"):
            SqliteStore(folder_place.path, version).open()
        with pytest.raises(StoreRefused, match=found):
            SqliteReader(folder_place.path, version)
    assert not folder_place.path.exists()
    store = SqliteStore(folder_place.path, (3, 51, 3))
    store.open()
    store.close()


def test_other_programs_files_are_refused(folder_place: SqlitePlace) -> None:
    folder_place.path.parent.mkdir()
    folder_place.change("CREATE TABLE mine (x)")
    with pytest.raises(StoreRefused, match="another program's database"):
        folder_place.store().open()
    folder_place.store()  # and is not locked by the attempt
    with pytest.raises(StoreRefused, match="there is no journal"):
        SqliteReader(folder_place.path.with_name("none.db"))


def test_a_server_that_can_lose_commits_is_refused(server: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zenithd.journal.postgresql.DURABLE", {"synchronous_commit": ("remote_apply",)})
    store = PostgresqlPlace(server).store()  # type: ignore[arg-type]
    with contextlib.closing(store), pytest.raises(StoreRefused, match="synchronous_commit is on, with which"):
        store.open()


def test_an_unreadable_url_is_refused_without_its_password() -> None:
    from zenithd.journal.postgresql import PostgresqlStore

    with pytest.raises(StoreRefused, match="expected a PostgreSQL URL") as refusal:
        PostgresqlStore("postgresql://me:secret@host:port:1/?x=y")
    assert "secret" not in str(refusal.value)
