"""The journal as plugins see it."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio
from structlog.testing import capture_logs

from zenithd.journal import Journal, JournalSettings
from zenithd.journal.sqlite import SqliteStore
from zenithd.journal_feeds import PluginFeeds
from zenithd.plugin import StateTooLarge


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
