"""The journal as plugins see it: their own feeds, and all of them in the one order."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from zenithd.journal import Journal
from zenithd.journal.sqlite import SqliteStore
from zenithd.journal_feeds import PluginFeeds
from zenithd.plugin.journal import Followed, FollowedRecord, JournalUnavailable


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[tuple[Journal, PluginFeeds]]:
    journal = Journal(SqliteStore(folder / "journal.db"))
    await journal.open()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(journal.run)
        yield journal, PluginFeeds(journal, lambda: 1)
        nursery.cancel_scope.cancel()


async def test_a_plugin_follows_its_own_feeds_in_the_order_in_which_they_were_kept(tmp_path: Path) -> None:
    async with running(tmp_path) as (_, feeds):
        await feeds.feed("a", "one").append([b"1", b"2"])
        await feeds.feed("ab", "one").append([b"not mine"])
        await feeds.feed("a", "two").append([b"3"])
        seen: list[FollowedRecord] = []
        positions: list[int] = []
        more = trio.Event()

        async def follow() -> None:
            async for part in feeds.follow("a", 1):
                seen.extend(part.records)
                positions.append(part.position)
                more.set()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(follow)
            await more.wait()
            more = trio.Event()
            assert [(each.feed, each.sequence, each.body) for each in seen] == [
                ("one", 2, b"2"),
                ("two", 1, b"3"),
            ]
            assert positions[-1] == feeds.position == 4
            await feeds.feed("b", "one").append([b"not mine"])
            await more.wait()
            more = trio.Event()
            assert positions[-1] == 5  # it is known that nothing of one's own came
            await feeds.feed("a", "one").append([b"4"])
            await more.wait()
            assert seen[-1] == FollowedRecord("one", 3, b"4")
            nursery.cancel_scope.cancel()


async def test_who_follows_is_told_when_the_journal_is_closed(tmp_path: Path) -> None:
    ended: list[str] = []

    async def follow(feeds: PluginFeeds) -> None:
        with pytest.raises(JournalUnavailable, match="closed"):
            async for part in feeds.follow("a", 0):
                assert part == Followed(1, [FollowedRecord("one", 1, b"1")])
        ended.append("told")

    async with trio.open_nursery() as nursery, running(tmp_path) as (_, feeds):
        await feeds.feed("a", "one").append([b"1"])
        nursery.start_soon(follow, feeds)
        await wait_all_tasks_blocked(0.05)
    assert ended == ["told"]
