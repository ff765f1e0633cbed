"""One round of `python -m tests.reliability.store_faults` in each store; what it looks for is found."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from tests.reliability import store_faults
from tests.reliability.crash_points import Different
from tests.reliability.lib_exchange import JournalDaemon
from tests.reliability.lib_stores import LoopThread
from zenithd.domain.events import BookCleared
from zenithd.domain.identifiers import InstrumentId
from zenithd.journal import Journal
from zenithd.journal.sqlite import SqliteStore
from zenithd.testing.clock import FakeClock
from zenithd_prodigy.engine import commands as c
from zenithd_prodigy.floor import Floor
from zenithd_prodigy.keeper import KeeperSettings


@pytest.mark.parametrize("store", ["sqlite", "postgresql"])
def test_every_fault_once(store: str) -> None:
    result = store_faults.run(store, 1, 5)
    assert result.faults == len(store_faults.FAULTS)
    assert result.confirmed > 50
    assert result.starts > 5
    assert "is missing" in result.damage


def test_what_is_told_before_it_is_kept_is_found(tmp_path: Path) -> None:
    async def tell_early() -> None:
        journal = Journal(SqliteStore(tmp_path / "journal.db"), None, LoopThread(), LoopThread())
        await journal.open()
        daemon = JournalDaemon(journal, FakeClock())
        daemon.floor = floor = Floor(daemon, KeeperSettings(), lambda definition, _: definition)
        async with daemon.http, trio.open_nursery() as nursery:
            nursery.start_soon(journal.run)
            keeper = await floor.found([c.CreateMarket(market="M")])
            await floor.show(keeper, lambda _: [])
            keeper.market.handle(c.ChangeMarket(market="M", name="not kept"), 1)
            with pytest.raises(AssertionError, match="told that is not in the journal"):
                await daemon.publish([BookCleared(InstrumentId("S.M"))])
            nursery.cancel_scope.cancel()

    trio.run(tell_early, clock=MockClock(autojump_threshold=0))


def test_a_confirmation_that_is_lost_is_found(tmp_path: Path) -> None:
    async def lose_one() -> None:
        site = store_faults.Site(store_faults.FaultStore(SqliteStore(tmp_path / "journal.db")))
        site.confirmed = [1]
        with pytest.raises(Different, match="something confirmed is lost"):
            store_faults.compare(site, store_faults.Result())
        await site.daemon.http.aclose()

    trio.run(lose_one)
