"""QueryChartHistory: today's minutes, the store and history sources, joined (spec 3.1.6)."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Awaitable, Sequence
from datetime import date, datetime, timedelta
from functools import partial
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from zenithd.authority.access import Access
from zenithd.controllers.directory import MarketDirectory, RemoteBars, TradeHistory
from zenithd.controllers.interface import Answer, Refusal
from zenithd.controllers.lookup import FoundSymbol, Lookup, refuse
from zenithd.controllers.origins import origins
from zenithd.controllers.slices import gathered, sliced
from zenithd.domain.market_data import Bar, DataKind
from zenithd.history.bars import BarQuery, join_minutes
from zenithd.history.store import HistoryUnavailable
from zenithd.market.chart import DAY_SECONDS, Minute, join_periods, merge_minutes, minute_bar, select_bars
from zenithd.turns import Steps, in_turns
from zenithd.wire import errors, translate
from zenithd.wire.dates import NANOSECONDS, InvalidDate, parse_date, parse_date_time
from zenithd.wire.long_lists import LongList
from zenithd.wire.requests import ChartRequest, InvalidRequest, decode

RECORDS_MAX = 50_000
"""Most records of one answer; of more that match, those that `Count` of this many would give."""

REMOTE_BARS_MAX = 5_000
"""Most bars that history sources are asked for."""

PERIODS_PER_BAR_MAX = 5
"""How many periods there may be for each traded one, where bars are counted from the oldest."""

MINUTES_MAX = 100_000
"""Most minutes that are read from the store for one answer."""


SLICE_BARS = 200
"""Bars that are looked at before giving way: a tenth of a millisecond."""

SLICE_PERIODS = 10
"""Longer bars, of up to thirty each, that are made before giving way."""


class _Range(msgspec.Struct, frozen=True):
    """What a request asks for: start <= time < end, and how many from which end."""

    start: int | None
    end: int | None
    count: int
    period: int
    """Seconds."""

    @property
    def from_oldest(self) -> bool:
        """Count from the oldest: only with a start and no end."""
        return self.start is not None and self.end is None

    @property
    def is_daily(self) -> bool:
        """Bars of whole trading dates; their times are midnight UTC of the dates."""
        return self.period == DAY_SECONDS


class Chart:
    """Answers QueryChartHistory."""

    def __init__(
        self, directory: MarketDirectory, lookup: Lookup, history: TradeHistory, remote: RemoteBars
    ) -> None:
        self._directory = directory
        self._lookup = lookup
        self._history = history
        self._remote = remote

    def query(self, data: Any, access: Access) -> Answer | Awaitable[Answer]:
        """Answer with bars, newest first; periods without a trade are left out."""
        request = decode(data, ChartRequest)
        found = self._lookup.symbol(request.code, request.market, access, DataKind.ASSET)
        if isinstance(found, Refusal):
            return Answer(errors=found.errors)
        try:
            wanted = _range(request, ZoneInfo(found.market.definition.time_zone))
        except InvalidDate:
            raise InvalidRequest(errors.DATA_DESERIALISE) from None
        return self._answer(found, wanted)

    async def _answer(self, found: FoundSymbol, wanted: _Range) -> Answer:
        zone = ZoneInfo(found.market.definition.time_zone)
        faults: tuple[str, ...] = ()
        try:
            past = await self._past(found, wanted)
        except HistoryUnavailable:
            past, faults = [], refuse(errors.SYMBOL_FAULT, found.id).errors
        charts = [past, _today(found, wanted)]
        remote = await self._remote_bars(found, wanted, zone)
        chosen = await in_turns(_chosen(charts, remote, found, wanted))
        write = translate.daily_records if wanted.is_daily else translate.chart_records
        name = found.market.definition.time_zone
        make = partial(write, instrument=found.instrument.instrument, zone=name)
        return Answer(LongList(chosen, make), faults)

    async def _past(self, found: FoundSymbol, wanted: _Range) -> list[Minute]:
        """Give the stored minutes or days before the market's trading date, blended for a mix."""
        today = found.market.trading_date
        if today is None and found.market.delay_ns:
            return []
        read = self._history.days if wanted.is_daily else self._history.minutes
        query = _bar_query(wanted, today)
        charts = [await read(origin.instrument, query) for origin in origins(self._directory, found)]
        return charts[0] if len(charts) == 1 else await in_turns(_merged(charts))

    async def _remote_bars(self, found: FoundSymbol, wanted: _Range, zone: ZoneInfo) -> Sequence[Bar]:
        """Ask the history sources. A blend of several markets is nothing that any of them has."""
        sources = origins(self._directory, found)
        if len(sources) != 1:
            return ()
        start, end, count = wanted.start, wanted.end, min(wanted.count, REMOTE_BARS_MAX)
        if wanted.is_daily:
            start = None if start is None else _midnight(translate.trading_date(start), zone)
            end = None if end is None else _midnight(translate.trading_date(end), zone)
        if start is not None and end is None:
            # Sources count from the newest, this request from the oldest: bound it on the other side.
            count = min(count * PERIODS_PER_BAR_MAX, REMOTE_BARS_MAX)
            end = start + count * wanted.period * NANOSECONDS
        if found.market.delay_ns:
            visible_until = _visible_until(found, wanted, zone, self._directory.now())
            end = visible_until if end is None else min(end, visible_until)
        bars = await self._remote(sources[0].instrument, wanted.period, start, end, count)
        if not wanted.is_daily:
            return bars
        return [_dated(bar, zone) for bar in bars]


def _range(request: ChartRequest, zone: ZoneInfo) -> _Range:
    count = RECORDS_MAX if request.count is None else min(request.count, RECORDS_MAX)
    start, end = (_bound(text, request.period, zone) for text in (request.from_date, request.to_date))
    return _Range(start, end, count, request.period)


def _bound(text: str | None, period: int, zone: ZoneInfo) -> int | None:
    """Read a bound; of a daily one the date as it is written, whatever time and offset stand with it."""
    if text is None:
        return None
    return translate.day_time(parse_date(text)) if period == DAY_SECONDS else parse_date_time(text, zone)


def _bar_query(wanted: _Range, today: date | None) -> BarQuery:
    """Ask the store for what the bars are made of: one period more at each end that may be cut."""
    if wanted.is_daily:
        return BarQuery(
            start=wanted.start,
            end=wanted.end,
            before_day=today,
            count=wanted.count,
            from_oldest=wanted.from_oldest,
        )
    minutes = wanted.period // 60
    return BarQuery(
        start=wanted.start,
        end=None if wanted.end is None else wanted.end + wanted.period * NANOSECONDS,
        before_day=today,
        count=min((wanted.count + 1) * minutes, MINUTES_MAX),
        from_oldest=wanted.from_oldest,
    )


def _today(found: FoundSymbol, wanted: _Range) -> list[Minute]:
    minutes = found.instrument.chart.minutes()
    today = found.market.trading_date
    if not wanted.is_daily or today is None:
        return [] if wanted.is_daily else minutes
    return [join_minutes(translate.day_time(today), minutes)]


def _chosen(
    charts: Sequence[Sequence[Minute]], remote: Sequence[Bar], found: FoundSymbol, wanted: _Range
) -> Steps[list[Bar]]:
    """Choose the bars, newest first, from what there is of each origin, oldest first."""
    minutes = yield from _merged(charts)
    bars = yield from sliced(minutes, _priced, SLICE_BARS)
    if not wanted.is_daily and wanted.period != 60:
        zone = ZoneInfo(found.market.definition.time_zone)
        bars = yield from gathered(join_periods(bars, wanted.period, zone), SLICE_PERIODS)
    bars = yield from _joined(bars, remote)
    return select_bars(bars, wanted.start, wanted.end, wanted.count)


def _merged(charts: Sequence[Sequence[Minute]]) -> Steps[list[Minute]]:
    """Blend charts part by part; those that follow each other in time need no blending."""
    charts = [chart for chart in charts if chart]
    if all(before[-1].time < after[0].time for before, after in pairwise(charts)):
        return [minute for chart in charts for minute in chart]
    times = max(charts, key=len)[SLICE_BARS::SLICE_BARS]
    merged: list[Minute] = []
    places = [0] * len(charts)
    for time in [minute.time for minute in times] + [None]:
        ends = [
            len(chart) if time is None else bisect_left(chart, time, lo=place, key=_minute_time)
            for chart, place in zip(charts, places, strict=True)
        ]
        merged += merge_minutes(
            [chart[place:end] for chart, place, end in zip(charts, places, ends, strict=True)]
        )
        places = ends
        yield
    return merged


def _minute_time(minute: Minute) -> int:
    return minute.time


def _priced(minutes: Sequence[Minute]) -> list[Bar]:
    return [bar for minute in minutes if (bar := minute_bar(minute)) is not None]


def _joined(local: list[Bar], remote: Sequence[Bar]) -> Steps[list[Bar]]:
    """Join bars, oldest first. Of two for one period the one with more volume has seen more of it."""
    if not remote:
        return local
    joined = {bar.time: bar for bar in remote}
    for number, bar in enumerate(local, 1):
        other = joined.get(bar.time)
        if other is None or bar.volume >= other.volume:
            joined[bar.time] = bar
        if number % SLICE_BARS == 0:
            yield
    return [joined[time] for time in sorted(joined)]


def _visible_until(found: FoundSymbol, wanted: _Range, zone: ZoneInfo, now: int) -> int:
    """Give the end of what a delayed market may show of bars made elsewhere: whole periods only."""
    if wanted.is_daily:
        today = found.market.trading_date
        return 0 if today is None else _midnight(today, zone)
    period = wanted.period * NANOSECONDS
    return (now - found.market.delay_ns) // period * period - period


def _midnight(day: date, zone: ZoneInfo) -> int:
    since = datetime(day.year, day.month, day.day, tzinfo=zone) - _EPOCH
    return (since.days * DAY_SECONDS + since.seconds) * NANOSECONDS


_EPOCH = datetime(1970, 1, 1, tzinfo=ZoneInfo("UTC"))


def _dated(bar: Bar, zone: ZoneInfo) -> Bar:
    local = (_EPOCH + timedelta(seconds=bar.time // NANOSECONDS)).astimezone(zone)
    return msgspec.structs.replace(bar, time=translate.day_time(local.date()))
