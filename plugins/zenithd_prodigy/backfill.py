"""Hands the simulated past to the daemon, a piece at a time so that live trading is not disturbed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from datetime import date
from zoneinfo import ZoneInfo

import msgspec
import trio

from zenithd.domain.identifiers import InstrumentId, split_instrument
from zenithd.plugin import MarketSourceContext
from zenithd_prodigy.history import PastOrigin, SimulatedPast
from zenithd_prodigy.listings import COMPANIES_BY_CODE, FIRST_MARKET, PRICE_SCALE, TICK_TABLE
from zenithd_prodigy.tick_ladder import TickLadder

SECOND_MARKET_SHARE = 0.3
"""How much of a company's trading takes place on a market other than the first."""


class _CompanyPast(msgspec.Struct, frozen=True):
    """One past and the instruments that trade along it."""

    past: SimulatedPast
    instruments: tuple[InstrumentId, ...]


class Backfill:
    """Makes and stores the simulated past of those instruments that `origins` names.

    Attributes:
        instruments: those.
    """

    def __init__(
        self,
        context: MarketSourceContext,
        zone: ZoneInfo,
        origins: Mapping[InstrumentId, PastOrigin],
        last_day_stored: Set[InstrumentId] = frozenset(),
    ) -> None:
        self.instruments = frozenset(origins)
        self._last_day_stored = frozenset(last_day_stored)
        self._context = context
        self._ladder = TickLadder(TICK_TABLE, PRICE_SCALE)
        self._pasts = tuple(_company_pasts(zone, origins))

    def closes(self) -> dict[InstrumentId, int]:
        """The last price before the day in which the past ends, where there is such a day."""
        return {
            instrument: each.past.close_before(each.past.today, self._ladder)
            for each in self._pasts
            for instrument in each.instruments
            if len(each.past.dates) > 1
        }

    async def last_day(self) -> None:
        """Store the day in which the past ends, where that was not done in an earlier run."""
        for each in self._pasts:
            left = [one for one in each.instruments if one not in self._last_day_stored]
            if left:
                await self._store(each.past, each.past.today, left)

    async def days_before(self) -> None:
        """Store the full days, the newest first: that is what people look at first."""
        dates = {trading_date for each in self._pasts for trading_date in each.past.dates[:-1]}
        for trading_date in sorted(dates, reverse=True):
            for each in self._pasts:
                if trading_date in each.past.dates:
                    await self._store(each.past, trading_date, each.instruments)

    async def _store(
        self, past: SimulatedPast, trading_date: date, instruments: Iterable[InstrumentId]
    ) -> None:
        walk = past.walk(trading_date)
        await trio.lowlevel.checkpoint()
        for instrument in instruments:
            share = 1.0 if split_instrument(instrument)[1] == FIRST_MARKET else SECOND_MARKET_SHARE
            trades = past.trades(instrument, self._ladder, trading_date, walk, share)
            if trades:
                await self._context.backfill(instrument, trading_date, trades)
            await trio.lowlevel.checkpoint()


def _company_pasts(zone: ZoneInfo, origins: Mapping[InstrumentId, PastOrigin]) -> Iterable[_CompanyPast]:
    together: dict[tuple[str, PastOrigin], list[InstrumentId]] = {}
    for instrument, origin in origins.items():
        together.setdefault((split_instrument(instrument)[0], origin), []).append(instrument)
    for (code, origin), instruments in together.items():
        yield _CompanyPast(SimulatedPast(COMPANIES_BY_CODE[code], origin, zone), tuple(instruments))
