"""QueryTrades: today from the tape, past days and what the tape let go from the store (spec 3.1.5)."""

from __future__ import annotations

import heapq
from collections.abc import Awaitable, Iterator, Sequence
from datetime import date
from functools import partial
from typing import Any

import msgspec

from zenithd.authority.access import Access
from zenithd.controllers.directory import MarketDirectory, TradeHistory
from zenithd.controllers.interface import Answer, Refusal
from zenithd.controllers.lookup import FoundSymbol, Lookup, refuse
from zenithd.controllers.origins import Origin, origins
from zenithd.controllers.slices import SLICE_RECORDS, gathered
from zenithd.domain.market_data import DataKind, Trend
from zenithd.history.store import HistoryUnavailable
from zenithd.market.changes import TapeTrade
from zenithd.market.trade_effect import trade_effect
from zenithd.market.trade_order import MixedTradeIds
from zenithd.market.trade_tape import select_trades, trend_between
from zenithd.turns import in_turns
from zenithd.wire import errors, translate
from zenithd.wire.long_lists import LongList
from zenithd.wire.requests import TradesRequest, decode


class Trades:
    """Answers QueryTrades."""

    def __init__(self, directory: MarketDirectory, lookup: Lookup, history: TradeHistory) -> None:
        self._directory = directory
        self._lookup = lookup
        self._history = history

    def query(self, data: Any, access: Access) -> Answer | Awaitable[Answer]:
        """Answer from the tape at once where it holds all that is asked for, else ask the store."""
        request = decode(data, TradesRequest)
        found = self._lookup.symbol(request.code, request.market, access, DataKind.TRADES)
        if isinstance(found, Refusal):
            return Answer(errors=found.errors)
        today = found.market.trading_date
        is_today = request.trading_date in (None, today) and today is not None
        if not is_today:
            return self._past(found, request)
        selection = request.count, request.first_trade_id, request.last_trade_id
        tape = found.instrument.tape
        taped = tape.select(*selection)
        if tape.covers(*selection):
            return Answer(self._records(found, taped))
        return self._today(found, request)

    async def _today(self, found: FoundSymbol, request: TradesRequest) -> Answer:
        tape = found.instrument.tape
        selection = request.count, request.first_trade_id, request.last_trade_id
        taped = tape.select(*selection)
        sources = origins(self._directory, found)
        if tape.covers(*selection) or len(sources) != 1:
            # What a mix let go is in the store under the ids of its sources: it cannot be asked for.
            return Answer(self._records(found, taped))
        (origin,) = sources
        last = tape.newest_id if request.last_trade_id is None else min(request.last_trade_id, tape.newest_id)
        day = found.market.trading_date
        assert day is not None, "the caller has checked"
        try:
            stored = await self._history.trades(
                origin.instrument, day, request.count, request.first_trade_id, last
            )
        except HistoryUnavailable:
            return Answer(self._records(found, taped), _fault(found))
        return Answer(self._records(found, [_renamed(trade, origin) for trade in stored]))

    async def _past(self, found: FoundSymbol, request: TradesRequest) -> Answer:
        sources = origins(self._directory, found)
        try:
            day = request.trading_date or await self._newest_day(found, sources)
            if day is None or not is_past(found, day):
                return Answer([])
            selection = request.count, request.first_trade_id, request.last_trade_id
            if len(sources) == 1:
                (origin,) = sources
                stored = await self._history.trades(origin.instrument, day, *selection)
                trades = [_renamed(trade, origin) for trade in stored]
            else:
                days = [await self._history.trades(origin.instrument, day) for origin in sources]
                blended = await in_turns(gathered(_blended(sources, days), SLICE_RECORDS))
                trades = select_trades(blended, *selection)
        except HistoryUnavailable:
            return Answer(errors=_fault(found))
        return Answer(self._records(found, trades))

    async def _newest_day(self, found: FoundSymbol, sources: Sequence[Origin]) -> date | None:
        """Give the most recent trading date while the market has not told one."""
        if found.market.delay_ns:
            return None
        days = [await self._history.newest_day(origin.instrument.id) for origin in sources]
        return max((day for day in days if day is not None), default=None)

    def _records(self, found: FoundSymbol, trades: Sequence[TapeTrade]) -> LongList[TapeTrade]:
        zone, instrument = found.market.definition.time_zone, found.instrument.instrument
        return LongList(
            trades, partial(translate.trade_records, instrument=instrument, zone=zone, view=found.view)
        )


def is_past(found: FoundSymbol, day: date) -> bool:
    """Tell whether a trading date is over for a market: later ones of its sources must not be seen yet."""
    today = found.market.trading_date
    if today is None:
        return found.market.delay_ns == 0
    return day < today


def _fault(found: FoundSymbol) -> tuple[str, ...]:
    return refuse(errors.SYMBOL_FAULT, found.id).errors


def _renamed(taped: TapeTrade, origin: Origin) -> TapeTrade:
    return taped if origin.market is None else TapeTrade(taped.trade, taped.trend, origin.market)


def _blended(sources: Sequence[Origin], days: Sequence[Sequence[TapeTrade]]) -> Iterator[TapeTrade]:
    """Blend a day of several sources by time, with ids and trends as a mixed market's own tape gives them."""
    newest_id, before = 0, None
    for trade_id, place, number in heapq.merge(*(_ranked(place, days) for place in range(len(days)))):
        trade = days[place][number].trade
        newest_id = max(newest_id + 1, trade_id)
        trend = Trend.NONE
        if trade_effect(trade).price:
            trend = trend_between(before, trade.price)
            before = trade.price
        renumbered = msgspec.structs.replace(trade, trade_id=newest_id, related_id=None)
        yield TapeTrade(renumbered, trend, sources[place].market)


def _ranked(place: int, days: Sequence[Sequence[TapeTrade]]) -> Iterator[tuple[int, int, int]]:
    """(id in the mix, place, number) of the trades of one source, ascending."""
    ids = MixedTradeIds(place, len(days))
    return ((ids.next(taped.trade.time), place, number) for number, taped in enumerate(days[place]))
