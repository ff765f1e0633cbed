"""A store that was not closed in order is known as such at the next start, with the trades it lost."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import trio
from pysqlite3 import dbapi2

from tests.history.store_support import DAY, XS01, InLoop, made, opened, trade
from zenithd.history.store import HistoryStore, UncleanStop


async def killed(path: Path, written: int, unwritten: int) -> None:
    """Leave a folder behind as a killed daemon does: some trades written, later ones only sent."""
    store = await started(path / "running")
    store.record(XS01.id, DAY, [trade(n) for n in range(1, written + 1)])
    store.note_sent()
    await store.flush()
    store.record(XS01.id, DAY, [trade(n) for n in range(written + 1, written + unwritten + 1)])
    store.note_sent()
    shutil.copytree(path / "running", path / "left")
    await store.close()


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def started(path: Path) -> HistoryStore:
    store = made(path)
    await store.open()
    store.declare([XS01])
    return store


async def stopped_before(path: Path) -> UncleanStop | None:
    async with opened(path) as store:
        return store.unclean_stop


async def test_an_orderly_end_is_no_news(tmp_path: Path) -> None:
    assert await stopped_before(tmp_path) is None
    async with opened(tmp_path) as store:
        store.record(XS01.id, DAY, [trade(1), trade(2)])
        store.note_sent()
    assert await stopped_before(tmp_path) is None


@pytest.mark.parametrize(("written", "unwritten"), [(0, 0), (0, 3), (5, 0), (5, 7)])
async def test_trades_that_were_sent_and_not_written_are_counted(
    tmp_path: Path, written: int, unwritten: int
) -> None:
    await killed(tmp_path, written, unwritten)
    async with opened(tmp_path / "left") as store:
        assert store.unclean_stop == UncleanStop(unwritten)
        assert len(await store.trades(XS01, DAY)) == written
        store.record(XS01.id, DAY, [trade(n) for n in range(101, 104)])
        store.note_sent()
    assert await stopped_before(tmp_path / "left") is None


async def test_several_kills_are_counted_each_for_itself(tmp_path: Path) -> None:
    await killed(tmp_path, 2, 3)
    store = await started(tmp_path / "left")
    store.record(XS01.id, DAY, [trade(n) for n in range(11, 15)])
    store.note_sent()
    shutil.copytree(tmp_path / "left", tmp_path / "again")
    await store.close()
    assert await stopped_before(tmp_path / "again") == UncleanStop(4)


async def test_after_a_power_cut_the_number_is_not_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await killed(tmp_path, 2, 3)
    monkeypatch.setattr("zenithd.history.store.boot_id", lambda: "another run of the system")
    assert await stopped_before(tmp_path / "left") == UncleanStop(None)


async def test_a_count_that_cannot_be_opened_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "history.sent").mkdir()
    async with opened(tmp_path) as store:
        store.record(XS01.id, DAY, [trade(1)])
        store.note_sent()
        await store.flush()
        assert store.healthy
    async with opened(tmp_path) as store:
        assert store.unclean_stop is None
        assert len(await store.trades(XS01, DAY)) == 1


async def test_a_store_that_cannot_begin_leaves_no_file_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise dbapi2.OperationalError("database or disk is full")

    store = made(tmp_path)
    before = open_files()
    with monkeypatch.context() as full:
        full.setattr("zenithd.history.database.Database.begin", refuse)
        for _ in range(5):
            await store.open()
    assert not store.healthy
    assert open_files() <= before + 1
    await store.open()
    await store.flush()
    assert store.healthy
    await store.close()


async def test_without_the_count_the_number_is_not_known(tmp_path: Path) -> None:
    await killed(tmp_path, 2, 3)
    (tmp_path / "left" / "history.sent").unlink()
    assert await stopped_before(tmp_path / "left") == UncleanStop(None)


async def test_a_disk_that_refuses_to_the_end_is_no_orderly_end(tmp_path: Path) -> None:
    thread = InLoop()
    store = made(tmp_path, thread)
    await store.open()

    def refuse() -> None:
        thread.before = None
        raise dbapi2.OperationalError("disk I/O error")

    store.record(XS01.id, DAY, [trade(1)])
    store.note_sent()
    thread.before = refuse
    await store.close()
    assert await stopped_before(tmp_path) == UncleanStop(1)


async def test_what_comes_while_the_last_write_is_under_way_is_written_too(tmp_path: Path) -> None:
    """Sources end at the same time as the store."""
    thread = InLoop()
    store = made(tmp_path, thread)
    await store.open()
    store.declare([XS01])
    store.record(XS01.id, DAY, [trade(1)])
    thread.gate = trio.Event()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(store.close)
        await trio.testing.wait_all_tasks_blocked()
        store.record(XS01.id, DAY, [trade(2)])
        store.note_sent()
        thread.gate.set()
    async with opened(tmp_path) as again:
        assert again.unclean_stop is None
        assert len(await again.trades(XS01, DAY)) == 2


async def test_a_trade_waits_at_most_the_time_that_is_set(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    store = made(tmp_path, flush_seconds=0.1)
    await store.open()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(store.run)
        for number in range(1, 200):
            store.record(XS01.id, DAY, [trade(number)])
            await trio.sleep(0.101)
            assert store.pending == 0
            await trio.sleep(0.013)
        nursery.cancel_scope.cancel()


async def test_a_count_that_cannot_be_written_is_logged_and_then_unknown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr("zenithd.history.sent_count.os.pwrite", full)
        store = await started(tmp_path)
    store.record(XS01.id, DAY, [trade(1)])
    store.note_sent()
    await store.flush()
    store.note_sent()
    shutil.copytree(tmp_path, tmp_path.with_name("left"))
    await store.close()
    assert await stopped_before(tmp_path.with_name("left")) == UncleanStop(None)
