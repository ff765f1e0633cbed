"""What the market controllers need of the rest of the daemon, as protocols."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import date
from typing import Protocol

from zenithd.authority.access import Access
from zenithd.domain.identifiers import InstrumentId, MarketId
from zenithd.domain.instrument import Instrument
from zenithd.domain.market_data import Bar
from zenithd.history.bars import BarQuery
from zenithd.market.changes import TapeTrade
from zenithd.market.chart import Minute
from zenithd.market.view import MarketView


class MarketDirectory(Protocol):
    """Every market of the daemon, and who wants what of them."""

    def find(self, market: MarketId) -> MarketView | None:
        """Give a market by its canonical code; a mix of existing ones is made on demand."""
        ...

    def visible(self, access: Access) -> list[MarketView]:
        """Give the markets to show to a user."""
        ...

    def origin(self, market: MarketId) -> MarketId:
        """Give the single market under whose code the trades of a single market are stored.

        For a delayed market that is the one it is made of; for any other, itself.
        """
        ...

    def want(self, instrument: InstrumentId) -> None:
        """Say that somebody listens to an instrument; its sources subscribe to it upstream."""
        ...

    def unwant(self, instrument: InstrumentId) -> None:
        """Take one `want` back; the sources let go some time after the last one."""
        ...

    def now(self) -> int:
        """Wall clock, nanoseconds since the Unix epoch."""
        ...


class TradeHistory(Protocol):
    """The store of past trades and bars. Everything may raise `HistoryUnavailable`."""

    async def trades(
        self,
        instrument: Instrument,
        trading_date: date,
        count: int | None = None,
        first: int | None = None,
        last: int | None = None,
    ) -> list[TapeTrade]:
        """Select trades of a day, oldest first, in the scales of `instrument`."""
        ...

    async def newest_day(self, instrument: InstrumentId) -> date | None:
        """Give the newest trading date of which an instrument has trades."""
        ...

    async def minutes(self, instrument: Instrument, query: BarQuery) -> list[Minute]:
        """Give minutes, oldest first, in the scales of `instrument`."""
        ...

    async def days(self, instrument: Instrument, query: BarQuery) -> list[Minute]:
        """Give trading dates, oldest first; their times are midnight UTC of the dates."""
        ...


RemoteBars = Callable[[Instrument, int, int | None, int | None, int], Awaitable[Sequence[Bar]]]
"""Asks the history sources: instrument, period in seconds, start <= time < end, number of newest bars. Oldest
first, in the instrument's scales; [] where no source has any, or none answers before its deadline."""


async def no_remote_bars(
    instrument: Instrument, period_seconds: int, start: int | None, end: int | None, count: int
) -> Sequence[Bar]:
    """Answer for a daemon without history sources."""
    return ()
