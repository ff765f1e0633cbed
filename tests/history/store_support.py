"""A store whose thread is the event loop, and trades to put into it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

import structlog
import trio

from zenithd.domain.events import TradeReported
from zenithd.domain.identifiers import InstrumentId, MarketId
from zenithd.domain.instrument import Instrument
from zenithd.history.store import HistorySettings, HistoryStore

T = TypeVar("T")

XS01 = Instrument(code="XS01", market=MarketId("XSX"))
XS02 = Instrument(code="XS02", market=MarketId("XSX"))
DAY = date(2026, 11, 20)
MIDNIGHT = (DAY - date(1970, 1, 1)).days * 86_400 * 10**9
MINUTE = 60 * 10**9


class InLoop:
    """Runs the store's calls at once; a hook may fail or hold them."""

    def __init__(self) -> None:
        self.calls = 0
        self.before: Callable[[], Any] | None = None
        self.gate = trio.Event()
        self.gate.set()

    async def __call__(self, call: Callable[[], T], *, abandon_on_cancel: bool) -> T:
        await trio.lowlevel.checkpoint()
        await self.gate.wait()
        self.calls += 1
        if self.before is not None:
            self.before()
        return call()


def made(path: Path, thread: InLoop | None = None, now: int = MIDNIGHT, **settings: Any) -> HistoryStore:
    """Make a store that is not open yet."""
    log = structlog.get_logger()
    return HistoryStore(
        path / "history.db", HistorySettings(**settings), lambda: now, log, thread or InLoop()
    )


@asynccontextmanager
async def opened(path: Path, **settings: Any) -> AsyncIterator[HistoryStore]:
    """Give an open store, closed at the end."""
    store = made(path, **settings)
    await store.open()
    store.declare([XS01, XS02])
    yield store
    await store.close()


def trade(
    trade_id: int, price: int = 1000, quantity: int = 100, minute: float = 0, **more: Any
) -> TradeReported:
    """Make a trade some minutes after midnight."""
    instrument = more.pop("instrument", InstrumentId("XS01.XSX"))
    return TradeReported(instrument, trade_id, price, quantity, MIDNIGHT + int(minute * MINUTE), **more)
