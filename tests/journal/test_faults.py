"""Disks, files and servers that fail: refused with a reason, and what was acknowledged stays."""

from __future__ import annotations

import shutil
from pathlib import Path

import psycopg
import pytest
import trio
from journal_support import RETRY_SECONDS, Place, PostgresqlPlace, SqlitePlace, bodies, entries, fill, serving

from tests.reliability.lib_stores import FaultStore, failing
from zenithd.bench.postgresql import Server
from zenithd.journal import Damaged, Journal, JournalRefuses, JournalSettings, JournalUnreadable, State
from zenithd.journal.sqlite import SqliteReader, SqliteStore
from zenithd.journal.verification import verify


async def refused(journal: Journal) -> JournalRefuses:
    """What an append says that is refused."""
    with pytest.raises(JournalRefuses) as refusal:
        await journal.append("a", entries("refused"), now=1)
    return refusal.value


async def works_again(journal: Journal) -> None:
    with trio.fail_after(30):
        await journal.wait_state(State.SERVING)


@pytest.mark.parametrize("written", [False, True])
async def test_a_commit_that_fails(place: Place, written: bool) -> None:
    store = FaultStore(place.store())
    async with serving(store) as journal:
        await fill(journal, [1, 2])
        if written:
            store.after_commit = failing("the disk said no")
        else:
            store.before_commit = failing("the disk said no")
        store.on_open = failing("and it still does")
        refusal = await refused(journal)
        assert (refusal.reason, refusal.may_be_written) == ("the disk said no", True)
        assert journal.state is State.REFUSING
        assert not (await refused(journal)).may_be_written
        assert await bodies(journal) == ["1.0", "2.0"], "what was acknowledged can be read"
        store.before_commit = store.after_commit = store.on_open = lambda: None
        await works_again(journal)
        assert journal.head.position == (3 if written else 2)
        await fill(journal, [4])
        assert (await bodies(journal))[-1] == "4.0"
    verify(place.reader())


async def test_a_snapshot_that_fails(place: Place) -> None:
    store = FaultStore(place.store())
    async with serving(store) as journal:
        await fill(journal, [1, 2])
        store.before_commit = failing("the disk said no")
        with pytest.raises(JournalRefuses, match="the disk said no"):
            await journal.put_snapshot("book", 1, 1, b"")
        store.before_commit = lambda: None
        await works_again(journal)
        await journal.put_snapshot("book", 1, 1, b"")


async def test_a_store_that_lied(place: Place) -> None:
    store = FaultStore(place.store())
    async with serving(store) as journal:
        await fill(journal, [1, 2])
        store.lies = True
        await fill(journal, [3])
        store.before_commit = failing("power cut")
        await refused(journal)
        with trio.fail_after(30):
            await journal.wait_state(State.DAMAGED)
        assert "record 3 is damaged: it was acknowledged and is missing" in (await refused(journal)).reason


async def test_a_store_that_fails_at_the_start_is_tried_again(place: Place) -> None:
    store = FaultStore(place.store())
    store.on_open = failing("not mounted")
    async with serving(store) as journal:
        assert (journal.state, journal.reason) == (State.REFUSING, "not mounted")
        assert (await refused(journal)).reason == "not mounted"
        store.on_open = lambda: None
        await works_again(journal)
        await fill(journal, [1])


async def test_another_daemon_that_took_the_store_meanwhile(place: Place) -> None:
    store = FaultStore(place.store())
    async with serving(store) as journal:
        await fill(journal, [1])
        other = place.store()
        store.before_commit = failing("gone")

        def open_other() -> None:
            store.on_open = lambda: None
            other.open()

        store.on_open = open_other
        await refused(journal)
        attempts = journal.statistics.failures
        while journal.statistics.failures < attempts + 2:
            await journal.wait_change()
        assert "is in use by another zenithd" in journal.reason
        other.close()
        store.before_commit = lambda: None
        await works_again(journal)
        await fill(journal, [2])


async def test_a_flipped_byte(place: Place) -> None:
    async with serving(place.store()) as journal:
        await fill(journal, range(1, 10), each=2)
    if isinstance(place, SqlitePlace):
        changed = "unhex(replace(hex(payload), hex('3.1'), hex('3.7')))"
    else:
        changed = "decode(replace(encode(payload, 'hex'), '332e31', '332e37'), 'hex')"
    place.change(f"UPDATE {{block}} SET payload = {changed} WHERE first = 5")
    with pytest.raises(Damaged, match="record 6 is damaged: its digest is not that of its content"):
        verify(place.reader())
    async with serving(place.store()) as journal:
        assert journal.state is State.SERVING, "the end is whole"
        assert await bodies(journal, 1, 4) == ["1.0", "1.1", "2.0", "2.1"]
        with pytest.raises(Damaged):
            await bodies(journal)
        assert journal.state is State.DAMAGED
        assert "record 6 is damaged" in (await refused(journal)).reason


async def test_a_flipped_byte_in_a_feed(place: Place) -> None:
    """What a source makes its state of is checked as everything else is."""
    async with serving(place.store()) as journal:
        await fill(journal, range(1, 10), each=2)
    if isinstance(place, SqlitePlace):
        changed = "unhex(replace(hex(payload), hex('3.1'), hex('3.7')))"
    else:
        changed = "decode(replace(encode(payload, 'hex'), '332e31', '332e37'), 'hex')"
    place.change(f"UPDATE {{block}} SET payload = {changed} WHERE first = 5")
    async with serving(place.store()) as journal:
        whole = [record.body async for record in journal.read_feed("a", 1, 4)]
        assert whole == [b"1.0", b"1.1", b"2.0", b"2.1"]
        with pytest.raises(Damaged, match="record 6 is damaged"):
            [record async for record in journal.read_feed("a")]
        assert journal.state is State.DAMAGED


async def test_a_flipped_byte_at_the_end_is_found_at_the_start(place: Place) -> None:
    async with serving(place.store()) as journal:
        await fill(journal, range(1, 10))
    place.change("UPDATE {block} SET payload = (SELECT payload FROM {block} WHERE first = 8) WHERE first = 9")
    async with serving(place.store()) as journal:
        assert journal.state is State.DAMAGED
        assert "record 9 is damaged" in (await refused(journal)).reason


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("DELETE FROM {block} WHERE first = 3", "record 3 is damaged: it is missing"),
        ("DELETE FROM {block} WHERE first = 1", "record 1 is damaged: it is missing"),
        ("UPDATE {block} SET sizes = {sizes} WHERE first = 3", "record 3 is damaged: the sizes of its block"),
        (
            "DELETE FROM {feed_index} WHERE feed = 'a'",
            "record 1 is damaged: the index of feed a is not whole",
        ),
        (
            "UPDATE {feed_index} SET block = 2 WHERE feed = 'a'",
            "record 1 is damaged: the index of feed a is wrong",
        ),
        (
            "INSERT INTO {feed_index} VALUES ('ghost', 1, 2)",
            "record 1 is damaged: the index of feed ghost is not whole",
        ),
        (
            "UPDATE {snapshot} SET position = 4",
            "record 4 is damaged: snapshot book was not made at this record",
        ),
        ("UPDATE {snapshot} SET position = 40", "record 40 is damaged: snapshot book was not made"),
    ],
)
async def test_verification_names_what_is_wrong(place: Place, statement: str, message: str) -> None:
    async with serving(place.store()) as journal:
        await fill(journal, range(1, 8))
        await journal.put_snapshot("book", 5, 5, b"")
    verify(place.reader())
    sizes = "x'0102'" if isinstance(place, SqlitePlace) else "'\\x0102'::bytea"
    place.change(statement.replace("{sizes}", sizes))
    with pytest.raises(Damaged, match=message):
        verify(place.reader())


async def test_a_full_disk(folder_place: SqlitePlace) -> None:
    """SQLite's own: it may not have more pages."""
    store = SqliteStore(folder_place.path)
    settings = JournalSettings(retry_seconds=RETRY_SECONDS)
    async with serving(store, settings) as journal:
        await fill(journal, range(1, 10))
        store._connection.execute("PRAGMA max_page_count = 1")  # what it has is never taken away
        with pytest.raises(JournalRefuses, match=r"journal.db: database or disk is full"):
            for _ in range(100):
                await journal.append("a", entries("x" * 10_000), now=1)
        acknowledged = journal.head
        await works_again(journal)  # the limit is the connection's, and it has a new one
        assert journal.head == acknowledged
        await fill(journal, [1])
    verify(folder_place.reader())


@pytest.mark.parametrize("fault", ["torn", "flipped", "gone"])
async def test_a_torn_tail(folder_place: SqlitePlace, tmp_path: Path, fault: str) -> None:
    """A power cut before the last commit had reached the disk, on a disk that said it had."""
    cut = tmp_path / "cut"
    cut.mkdir()
    async with serving(folder_place.store()) as journal:
        await fill(journal, range(1, 11))
        for file in folder_place.path.parent.glob("journal.db*"):
            if not file.name.endswith(("-shm", ".lock")):
                shutil.copy(file, cut)
    wal = cut / "journal.db-wal"
    content = bytearray(wal.read_bytes())
    if fault == "torn":
        content = content[:-100]
    elif fault == "flipped":
        content[-100] ^= 1
    else:
        content = content[:-4120]
    wal.write_bytes(content)
    place = SqlitePlace(tmp_path)
    place.path = cut / "journal.db"
    async with serving(place.store()) as journal:
        assert await bodies(journal) == [f"{number}.0" for number in range(1, 10)]
        await fill(journal, [10])
    assert verify(place.reader()).head.position == 10


async def test_a_folder_that_cannot_be_written() -> None:
    async with serving(SqliteStore(Path("/proc/zenithd/journal.db"))) as journal:
        assert journal.state is State.REFUSING
        assert "/proc/zenithd" in (await refused(journal)).reason


async def test_a_file_that_is_overwritten_with_rubbish(folder_place: SqlitePlace) -> None:
    async with serving(folder_place.store()) as journal:
        await fill(journal, range(1, 10), each=200)
    content = bytearray(folder_place.path.read_bytes())
    middle = len(content) // 2 // 4096 * 4096
    content[middle : middle + 4096] = b"\xa5" * 4096
    folder_place.path.write_bytes(content)
    with pytest.raises(Damaged) as damage:
        verify(SqliteReader(folder_place.path))
    assert 1 < damage.value.position <= 1800


async def test_a_connection_that_is_lost(server: Server) -> None:
    place = PostgresqlPlace(server)
    async with serving(place.store()) as journal:
        await fill(journal, [1, 2])
        with psycopg.connect(server.url, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
                " AND application_name = 'zenithd journal'"
            )
        refusal = await refused(journal)
        assert refusal.may_be_written
        assert "PostgreSQL database postgres at" in refusal.reason
        await works_again(journal)
        await fill(journal, [3])
        assert await bodies(journal) == ["1.0", "2.0", "3.0"]


async def test_a_server_that_crashes(server: Server) -> None:
    place = PostgresqlPlace(server)
    async with serving(place.store()) as journal:
        await fill(journal, range(1, 30))
        await bodies(journal)
        server.stop("immediate")
        await refused(journal)
        with pytest.raises(JournalUnreadable):
            await bodies(journal)
        server.start()
        await works_again(journal)
        assert len(await bodies(journal)) == 29
        await fill(journal, [30])
    verify(place.reader())


async def test_a_server_that_turns_read_only(server: Server) -> None:
    place = PostgresqlPlace(server)
    store = FaultStore(place.store())
    async with serving(store) as journal:
        await fill(journal, [1])
        connection = store.inner._connection  # type: ignore[attr-defined]
        connection.execute("SET default_transaction_read_only = on")
        assert "read-only transaction" in (await refused(journal)).reason
        await works_again(journal)
        await fill(journal, [2])
