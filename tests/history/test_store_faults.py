"""Disks that refuse, files that are damaged or foreign, floods, and a process that is killed."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
import trio
import trio.testing
from pysqlite3 import dbapi2

from tests.history.store_support import DAY, MIDNIGHT, XS01, InLoop, made, opened, trade
from zenithd.history import schema
from zenithd.history.bars import BarQuery
from zenithd.history.schema import StoreRefused
from zenithd.history.store import HistoryUnavailable


def refuse() -> None:
    raise dbapi2.OperationalError("database or disk is full")


async def test_the_newer_version_of_a_store_is_refused_with_what_to_do(tmp_path: Path) -> None:
    async with opened(tmp_path):
        pass
    connection = dbapi2.connect(str(tmp_path / "history.db"))
    connection.execute(f"PRAGMA user_version = {schema.VERSION + 1}")
    connection.close()
    with pytest.raises(StoreRefused, match="written by a newer zenithd"):
        await made(tmp_path).open()


async def test_another_programs_database_is_refused(tmp_path: Path) -> None:
    connection = dbapi2.connect(str(tmp_path / "history.db"))
    connection.execute("CREATE TABLE theirs (a)")
    connection.close()
    with pytest.raises(StoreRefused, match="another program"):
        await made(tmp_path).open()


async def test_a_file_that_is_no_database_leaves_the_store_unhealthy(tmp_path: Path) -> None:
    (tmp_path / "history.db").write_bytes(b"not a database" * 1000)
    store = made(tmp_path)
    failures: list[int] = []
    store.on_failure = lambda: failures.append(1)
    await store.open()
    assert not store.healthy
    assert "not a database" in store.reason
    assert failures
    assert await store.last_known(XS01.id) is None
    with pytest.raises(HistoryUnavailable):
        await store.trades(XS01, DAY)
    await store.close()


async def test_a_damaged_page_is_a_reason_and_no_crash(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        for back in range(30):
            store.record(XS01.id, DAY - timedelta(days=back), [trade(n) for n in range(200)])
    path = tmp_path / "history.db"
    content = bytearray(path.read_bytes())
    content[8192:] = b"\xff" * (len(content) - 8192)
    path.write_bytes(content)
    store = made(tmp_path)
    await store.open()
    with pytest.raises(HistoryUnavailable):
        await store.trades(XS01, DAY)
    assert not store.healthy
    await store.close()


async def test_what_a_full_disk_refused_is_written_when_there_is_room(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        store.record(XS01.id, DAY, [trade(1)])
        await store.flush()
        connection = store._database._connection  # type: ignore[union-attr]
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages}").fetchone()
        many = [trade(n, minute=n) for n in range(2, 3000)]
        store.record(XS01.id, DAY, many)
        with pytest.raises(HistoryUnavailable, match="full"):
            await store.flush()
        assert (store.healthy, store.pending) == (False, len(many))
        connection.execute("PRAGMA max_page_count = 1000000").fetchone()
        await store.flush()
        assert (store.healthy, store.reason, store.pending) == (True, "", 0)
        assert len(await store.trades(XS01, DAY)) == 2999
        assert len(await store.minutes(XS01, BarQuery(count=9999))) == 2999


async def test_congestion_makes_the_caller_wait_until_the_disk_has_caught_up(tmp_path: Path) -> None:
    thread = InLoop()
    store = made(tmp_path, thread, pending_trades_max=10, flush_trades=5, flush_seconds=1000)
    await store.open()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(store.run)
        await trio.testing.wait_all_tasks_blocked()
        thread.gate = trio.Event()
        store.record(XS01.id, DAY, [trade(1)] * 5)
        await trio.testing.wait_all_tasks_blocked()
        assert (store.pending, store.congested) == (0, False)
        store.record(XS01.id, DAY, [trade(n) for n in range(2, 12)])
        assert store.congested
        waited = trio.Event()

        async def wait() -> None:
            await store.backfill(XS01.id, DAY, [trade(12)])
            waited.set()

        nursery.start_soon(wait)
        await trio.testing.wait_all_tasks_blocked()
        assert not waited.is_set()
        thread.gate.set()
        await waited.wait()
        assert len(await store.trades(XS01, DAY)) == 12
        nursery.cancel_scope.cancel()


async def test_while_the_disk_refuses_live_data_goes_on_and_losses_are_counted(tmp_path: Path) -> None:
    thread = InLoop()
    store = made(tmp_path, thread, pending_trades_max=10)
    await store.open()
    thread.before = refuse
    store.record(XS01.id, DAY, [trade(n) for n in range(10)])
    with pytest.raises(HistoryUnavailable):
        await store.flush()
    assert not store.congested
    await store.wait_room()
    store.record(XS01.id, DAY, [trade(n) for n in range(10, 13)])
    assert (store.pending, store.trades_lost) == (10, 3)
    thread.before = None
    await store.flush()
    assert (store.healthy, store.trades_stored, store.trades_lost) == (True, 10, 3)
    await store.close()


async def test_the_store_writes_by_itself_and_tries_again_after_a_failure(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    thread = InLoop()
    store = made(tmp_path, thread, flush_seconds=0.25)
    await store.open()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(store.run)
        store.record(XS01.id, DAY, [trade(1)])
        await trio.sleep(0.3)
        assert store.trades_stored == 1
        thread.before = refuse
        store.record(XS01.id, DAY, [trade(2)])
        await trio.sleep(60)
        assert (store.healthy, store.pending) == (False, 1)
        attempts = thread.calls
        await trio.sleep(60)
        assert 6 <= thread.calls - attempts <= 15
        thread.before = None
        await trio.sleep(20)
        assert (store.healthy, store.trades_stored) == (True, 2)
        nursery.cancel_scope.cancel()


async def test_running_removes_what_is_older_than_the_retention(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    store = made(tmp_path, now=MIDNIGHT + 1, retention_days=10)
    await store.open()
    for back in (0, 10, 11, 300):
        store.record(XS01.id, DAY - timedelta(days=back), [trade(1)])
    async with trio.open_nursery() as nursery:
        nursery.start_soon(store.run)
        await trio.sleep(1)
        assert len(await store.days(XS01, BarQuery(count=99))) == 2
        nursery.cancel_scope.cancel()


async def test_what_was_recorded_last_is_written_when_running_ends(tmp_path: Path) -> None:
    store = made(tmp_path, flush_seconds=1000)
    await store.open()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(store.run)
        store.record(XS01.id, DAY, [trade(1)])
        nursery.cancel_scope.cancel()
    async with opened(tmp_path) as again:
        assert len(await again.trades(XS01, DAY)) == 1


async def test_a_cancelled_flush_loses_nothing(tmp_path: Path) -> None:
    thread = InLoop()
    store = made(tmp_path, thread)
    await store.open()
    store.record(XS01.id, DAY, [trade(1)])
    thread.gate = trio.Event()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(store.flush)
        await trio.testing.wait_all_tasks_blocked()
        store.record(XS01.id, DAY, [trade(2)])
        nursery.cancel_scope.cancel()
    assert store.pending == 2
    thread.gate.set()
    assert [taped.trade.trade_id for taped in await store.trades(XS01, DAY)] == [1, 2]
    await store.close()


async def test_a_disk_that_hangs_does_not_keep_the_daemon_from_ending(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    thread = InLoop()
    store = made(tmp_path, thread)
    await store.open()
    store.record(XS01.id, DAY, [trade(1)])
    thread.gate = trio.Event()
    began = trio.current_time()
    await store.close()
    assert trio.current_time() - began < 10


async def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "var").write_text("a file")
    store = made(tmp_path / "var")
    await store.open()
    assert not store.healthy
    assert await store.load_state("x") is None


KILLED = """
import sys, trio, structlog
from pathlib import Path
from tests.history.store_support import DAY, XS01, trade
from zenithd.history.store import HistorySettings, HistoryStore

async def main():
    store = HistoryStore(Path(sys.argv[1]), HistorySettings(), lambda: 0, structlog.get_logger())
    await store.open()
    store.declare([XS01])
    number = 0
    while True:
        store.record(XS01.id, DAY, [trade(n, minute=n % 1440) for n in range(number + 1, number + 201)])
        await store.flush()
        number += 200
        print(number, flush=True)

trio.run(main)
"""


@pytest.mark.parametrize("flushes", [1, 7, 20])
def test_what_was_flushed_survives_kill_9(tmp_path: Path, flushes: int) -> None:
    path = tmp_path / "history.db"
    root = Path(__file__).parents[2]
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(path)], cwd=root, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    flushed = 0
    for _ in range(flushes):
        flushed = int(process.stdout.readline())
    process.send_signal(signal.SIGKILL)
    flushed = max([flushed, *(int(line) for line in process.stdout.read().split())])
    process.wait()
    process.stdout.close()
    trio.run(check_survivors, tmp_path, flushed)


async def check_survivors(tmp_path: Path, flushed: int) -> None:
    async with opened(tmp_path) as store:
        found = [taped.trade.trade_id for taped in await store.trades(XS01, DAY)]
        assert found[:flushed] == list(range(1, flushed + 1))
        assert len(found) % 200 == 0
        minutes = await store.minutes(XS01, BarQuery(count=9999))
        assert sum(minute.trades for minute in minutes) == len(found)


async def test_a_copy_made_while_open_is_a_whole_store(tmp_path: Path) -> None:
    async with opened(tmp_path / "a") as store:
        store.record(XS01.id, DAY, [trade(n) for n in range(500)])
        await store.flush()
        shutil.copytree(tmp_path / "a", tmp_path / "b")
    async with opened(tmp_path / "b") as copy:
        assert len(await copy.trades(XS01, DAY)) == 500
