"""Backup beside a running journal, restore into either store; all or nothing."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
import trio
from journal_support import Place, SqlitePlace, bodies, fill, serving

from zenithd.journal import Damaged, StoreRefused
from zenithd.journal.copying import backup, restore
from zenithd.journal.sqlite import SqliteReader
from zenithd.journal.store import Reader
from zenithd.journal.verification import verify


def nothing(_: int) -> None:
    """A progress that nobody sees."""


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "backups" / "one.journal"


@pytest.fixture(params=["sqlite", "postgresql"])
def other_place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    from journal_support import PostgresqlPlace

    if request.param == "sqlite":
        return SqlitePlace(tmp_path / "other")
    return PostgresqlPlace(request.getfixturevalue("server"))


async def test_a_backup_is_of_one_moment_while_the_journal_goes_on(place: Place, target: Path) -> None:
    reached: list[int] = []

    def progress(position: int) -> None:
        if not reached:  # the copy is under way: the journal goes on, and the copy must not see it
            trio.from_thread.run(partial(fill, journal, range(50)))
        reached.append(position)

    async with serving(place.store()) as journal:
        await fill(journal, range(100), each=100)
        await fill(journal, range(3), feed="b")
        await journal.put_snapshot("book", 5_000, 50, b"state")
        head = journal.head
        reader = place.reader()
        await trio.to_thread.run_sync(backup, reader, target, progress)
        reader.close()
        assert journal.head.position == head.position + 50
    copy = SqliteReader(target)
    verified = verify(copy)
    assert (verified.head, verified.feeds, verified.snapshots) == (head, {"a": 10_000, "b": 3}, 1)
    assert reached[-1] == head.position
    assert sorted(path.name for path in target.parent.iterdir()) == ["one.journal"]


async def test_a_backup_is_restored_into_either_store(
    folder_place: SqlitePlace, other_place: Place, target: Path
) -> None:
    async with serving(folder_place.store()) as journal:
        await fill(journal, range(5), each=3)
        await journal.put_snapshot("book", 7, 2, b"state")
        before, head = await bodies(journal), journal.head
    backup(folder_place.reader(), target, nothing)
    restore(SqliteReader(target), other_place.store(), nothing)
    assert verify(other_place.reader()).head == head
    async with serving(other_place.store()) as journal:
        assert await bodies(journal) == before
        snapshot = await journal.snapshot("book")
        assert snapshot is not None
        assert (snapshot.position, snapshot.state) == (7, b"state")
        await fill(journal, [9])
        assert journal.head.position == head.position + 1


async def test_nothing_is_overwritten(place: Place, target: Path) -> None:
    async with serving(place.store()) as journal:
        await fill(journal, [1])
        with pytest.raises(StoreRefused, match="in use by another"):
            restore(place.reader(), place.store(), nothing)
    backup(place.reader(), target, nothing)
    with pytest.raises(StoreRefused, match="journal exists: a backup is a new file"):
        backup(place.reader(), target, nothing)
    with pytest.raises(StoreRefused, match="holds a journal: nothing is overwritten"):
        restore(SqliteReader(target), place.store(), nothing)


async def test_a_copy_of_damage_is_refused_and_leaves_nothing(
    place: Place, other_place: Place, target: Path
) -> None:
    async with serving(place.store()) as journal:
        await fill(journal, range(1, 9), each=2)
    backup(place.reader(), target, nothing)
    place.change("UPDATE {block} SET payload = (SELECT payload FROM {block} WHERE first = 3) WHERE first = 7")
    with pytest.raises(Damaged, match="record 7 "):
        backup(place.reader(), target.with_name("two.journal"), nothing)
    assert [path.name for path in target.parent.iterdir()] == ["one.journal"]
    damaged = SqlitePlace(target.parent)
    damaged.path = target
    damaged.change("DELETE FROM {block} WHERE first = 5")
    with pytest.raises(Damaged, match="record 5 is damaged: it is missing"):
        restore(SqliteReader(target), other_place.store(), nothing)
    async with serving(other_place.store()) as journal:
        assert journal.head.position == 0


@pytest.fixture
def reader(folder_place: SqlitePlace) -> Iterator[Reader]:
    folder_place.store().open()
    found = folder_place.reader()
    yield found
    found.close()


def test_an_empty_journal_is_copied_too(reader: Reader, other_place: Place, target: Path) -> None:
    backup(reader, target, nothing)
    restore(SqliteReader(target), other_place.store(), nothing)
    assert verify(other_place.reader()).head.position == 0
