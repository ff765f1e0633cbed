"""The journal as plugins see it."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio
from journal_support import Place, SqlitePlace, serving
from structlog.testing import capture_logs
from trio.testing import MockClock

from tests.reliability.lib_stores import FaultStore, LoopThread, failing
from zenithd.journal import Journal, JournalSettings, State
from zenithd.journal.sqlite import SqliteStore
from zenithd.journal_feeds import PluginFeeds
from zenithd.plugin import StateTooLarge
from zenithd.plugin.journal import JournalUnavailable, KeptState


async def test_states_come_back_and_one_too_large_is_said(tmp_path: Path) -> None:
    journal = Journal(SqliteStore(tmp_path / "journal.db"), JournalSettings(snapshot_bytes_max=100))
    await journal.open()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(journal.run)
        feed = PluginFeeds(journal, lambda: 1).feed("plugin", "one")
        assert await feed.append([b"record"]) == 1
        await feed.keep_state(1, [b"a", b"", b"bc"])
        with capture_logs() as logged, pytest.raises(StateTooLarge):
            await feed.keep_state(1, [b"x" * 60, b"y" * 60])
        assert [line["feed"] for line in logged] == ["plugin/one"]
        assert "snapshot_bytes_max" in logged[0]["hint"]
        assert journal.statistics.snapshots_refused == 1
        kept = await feed.kept_state()
        assert kept is not None
        assert (kept.sequence, kept.state) == (1, b"abc")
        assert await feed.append([b"goes on"]) == 2
        nursery.cancel_scope.cancel()


async def test_a_kept_state_that_is_damaged_is_not_used(place: Place) -> None:
    async with serving(place.store()) as journal:
        feed = PluginFeeds(journal, lambda: 1).feed("exchange", "market 1")
        for number, state in enumerate((b"first", b"second", b"third"), 1):
            assert await feed.append([b"record"]) == number
            await feed.keep_state(number, [state[:2], state[2:]])
        assert await feed.kept_state() == KeptState(3, b"third")
    for state, flipped in (("third", "thirt"), ("second", "seconT")):
        if isinstance(place, SqlitePlace):
            changed = f"unhex(replace(hex(state), hex('{state}'), hex('{flipped}')))"
        else:
            old, new = state.encode().hex(), flipped.encode().hex()
            changed = f"decode(replace(encode(state, 'hex'), '{old}', '{new}'), 'hex')"
        place.change(f"UPDATE {{snapshot}} SET state = {changed}")
    async with serving(place.store()) as journal:
        feed = PluginFeeds(journal, lambda: 1).feed("exchange", "market 1")
        with capture_logs() as logs:
            assert await feed.kept_state() == KeptState(1, b"first")
    assert [log["position"] for log in logs if "kept state is damaged" in log["event"]] == [3, 2]


async def test_nobody_begins_without_what_a_failed_commit_wrote(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    store = FaultStore(SqliteStore(tmp_path / "journal.db"))
    journal = Journal(store, JournalSettings(), LoopThread(), LoopThread())
    await journal.open()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(journal.run)
        feed = PluginFeeds(journal, lambda: 1).feed("plugin", "one")
        await feed.append([b"first"])
        store.after_commit = store.on_open = failing("the disk said no")
        with capture_logs(), pytest.raises(JournalUnavailable):
            await feed.append([b"written all the same"])
        with pytest.raises(JournalUnavailable, match="the disk said no"):
            [body async for _, body in feed.read()]
        store.after_commit = store.on_open = lambda: None
        with capture_logs():
            await journal.wait_state(State.SERVING)
        assert [body async for _, body in feed.read()] == [b"first", b"written all the same"]
        nursery.cancel_scope.cancel()
