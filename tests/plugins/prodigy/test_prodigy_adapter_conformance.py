"""The checks that every adapter passes, in this process and with encoded messages."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from prodigy_exchange import Exchange, new
from trio.testing import MockClock

from zenithd.oms.model.orders import Side
from zenithd.plugin.shared import Shared
from zenithd.testing import adapter_conformance
from zenithd.testing.memory_journal import MemoryJournal
from zenithd_prodigy import ProdigyAdapter, ProdigyConfig


@asynccontextmanager
async def venue(journal: MemoryJournal, shared: Shared) -> AsyncIterator[None]:
    async with Exchange(journal, shared).running():
        yield


@pytest.mark.parametrize("is_remote", [False, True], ids=["in process", "encoded"])
@pytest.mark.parametrize("check", adapter_conformance.CHECKS, ids=str)
async def test_conformance(
    check: adapter_conformance.Check, is_remote: bool, autojump_clock: MockClock
) -> None:
    await check(
        adapter_conformance.Subject(
            adapter=ProdigyAdapter,
            config=ProdigyConfig(),
            feed_id="Prodigy",
            venue=venue,
            resting=new(Side.BUY, 100, "1.50"),
            taking=new(Side.SELL, 40, "1.50"),
            refused=new(Side.BUY, 100, "0", market="XSY::XSY"),
            is_remote=is_remote,
        )
    )
