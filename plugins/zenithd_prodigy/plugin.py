"""The reference exchange as a market source: pace, past and days around the pure demonstration."""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import date
from zoneinfo import ZoneInfo

import trio

from zenithd.domain.identifiers import InstrumentId, instrument_id, split_instrument
from zenithd.domain.market_data import FeedStatus
from zenithd.plugin import LastKnown, MarketSource, MarketSourceContext, ReservedTradeIds
from zenithd_prodigy import kept
from zenithd_prodigy.backfill import Backfill
from zenithd_prodigy.config import ProdigyConfig
from zenithd_prodigy.demonstration import Beginning, Demonstration, demonstration_markets
from zenithd_prodigy.history import PastOrigin, past_trade_ids
from zenithd_prodigy.kept import Kept
from zenithd_prodigy.listings import COMPANIES_BY_CODE, FIRST_MARKET
from zenithd_prodigy.schedule import Schedule
from zenithd_prodigy.trading_day import NANOSECONDS, day_end, trading_date_at

TRADE_IDS_PER_STEP_MAX = 10_000
"""Ids that are reserved ahead: many more than the trades of one step, or of one instrument's opening."""

UNRESERVED_IDS_MAX = 10_000
"""Ids left out above a known trade: versions that did not reserve may have used so many more."""

ORDER_NUMBER_BITS = 16
"""Order numbers begin at the start's second shifted by so many bits: more than are used in a second, so
that no later start can use one again."""


EARLY_SECONDS = 0.02
"""Who is due so soon acts at once: two or three instruments to a waking-up, which costs more than they do."""

Known = Mapping[InstrumentId, LastKnown | None]
"""What the daemon knows of each instrument from before the start; None at its first start."""


class Prodigy(MarketSource[ProdigyConfig]):
    """Runs the simulated markets XSX and XSY until cancelled."""

    Config = ProdigyConfig
    holds_readiness = True

    def __init__(self, config: ProdigyConfig, context: MarketSourceContext) -> None:
        super().__init__(config, context)
        self._zone = ZoneInfo(config.time_zone)
        self._markets = demonstration_markets(config.time_zone, second_market=config.second_market)

    async def run(self) -> None:
        """Open the books at once, make the past beside it, trade until cancelled."""
        for market in self._markets:
            self.context.declare_market(market.definition, market.instruments)
        now = self.context.clock.now()
        today = trading_date_at(now, self._zone)
        known = {instrument: await self.context.last_known(instrument) for instrument in self._listed()}
        state = self._load()
        ids = ReservedTradeIds(self.context.directory)
        first_id = _first_trade_id(ids, known)
        self._note_first_starts(state, known, now, first_id)
        if None in known.values():
            first_id += past_trade_ids(self.config.history_days)
        ids.reserve(first_id + TRADE_IDS_PER_STEP_MAX)
        backfill = Backfill(self.context, self._zone, self._unfinished(state))
        state.closes = _closes(state, known, backfill, today)
        state.trading_date = today
        kept.save(self.context.directory, state)
        demonstration = self._demonstration(known, first_id, now)
        for batch in demonstration.begin(today, now):
            await self.context.publish(batch)
        await backfill.last_day(instrument for instrument, last in known.items() if last is None)
        for batch in demonstration.opening(now, state.closes):
            await self.context.publish(batch)
        for market in self._markets:
            self.context.set_status(market.definition.id, FeedStatus.ACTIVE)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._make_past, backfill, state, name="prodigy: simulated past")
            nursery.start_soon(self._trade, demonstration, ids, state, today, name="prodigy: trading")

    def _listed(self) -> list[InstrumentId]:
        return [instrument.id for market in self._markets for instrument in market.instruments]

    def _load(self) -> Kept:
        try:
            return kept.load(self.context.directory)
        except ValueError as error:
            self.context.log.warning("what was kept is unreadable, closes are not known", error=str(error))
            return Kept()

    def _note_first_starts(self, state: Kept, known: Known, now: int, first_trade_id: int) -> None:
        """Give a simulated past to every instrument of which nothing is known."""
        for instrument, last in known.items():
            if last is None:
                price = self._price(instrument, known)
                days, seed = self.config.history_days, self.config.seed
                state.unfinished[instrument] = PastOrigin(now, price, days, seed, first_trade_id)

    def _unfinished(self, state: Kept) -> dict[InstrumentId, PastOrigin]:
        """The simulated pasts to be made; those of a market that is switched off wait."""
        listed = self._listed()
        return {
            instrument: state.unfinished[instrument]
            for instrument in listed
            if instrument in state.unfinished
        }

    def _price(self, instrument: InstrumentId, known: Known) -> int:
        """Where trading begins: at the last price, else at that of the first market, else at the mean."""
        code = split_instrument(instrument)[0]
        last = known[instrument] or known[instrument_id(code, FIRST_MARKET)]
        mean = COMPANIES_BY_CODE[code].price
        # A price from far off belongs to another version of the company; the ladder ends at 0.
        return min(max(last.price, mean // 2), mean * 2) if last is not None else mean

    def _demonstration(self, known: Known, first_trade_id: int, now: int) -> Demonstration:
        first_order_number = now // NANOSECONDS << ORDER_NUMBER_BITS
        beginnings = {
            instrument: Beginning(self._price(instrument, known), first_trade_id) for instrument in known
        }
        # With the start in it, a restart does not walk into the same crash again.
        seed = f"{self.config.seed}/{first_order_number}"
        return Demonstration(self._markets, beginnings, first_order_number, seed)

    async def _make_past(self, backfill: Backfill, state: Kept) -> None:
        await backfill.days_before()
        for instrument in self._listed():
            state.unfinished.pop(instrument, None)
        kept.save(self.context.directory, state)

    async def _trade(
        self, demonstration: Demonstration, ids: ReservedTradeIds, state: Kept, today: date
    ) -> None:
        """Move the instruments one after the other, each at its own pace, and roll the day at midnight."""
        intervals = {
            instrument: seconds / self.config.rate
            for instrument, seconds in demonstration.step_seconds.items()
        }
        source = random.Random(f"{self.config.seed}/schedule")
        schedule = Schedule(intervals, trio.current_time(), source)
        midnight = day_end(today, self._zone)
        while True:
            await trio.sleep_until(schedule.next_due)
            now = self.context.clock.now()
            if now >= midnight:
                today = trading_date_at(now, self._zone)
                midnight = day_end(today, self._zone)
                await self._start_day(demonstration, state, today, now)
            until = trio.current_time() + EARLY_SECONDS
            while schedule.next_due <= until:
                instrument = schedule.take(until)
                if instrument is not None:
                    ids.reserve(demonstration.newest_trade_id + TRADE_IDS_PER_STEP_MAX)
                    await self.context.publish(demonstration.step(instrument, now))

    async def _start_day(self, demonstration: Demonstration, state: Kept, today: date, now: int) -> None:
        state.trading_date = today
        state.closes = dict(demonstration.last_prices)
        kept.save(self.context.directory, state)
        for batch in demonstration.start_day(today, now):
            await self.context.publish(batch)


def _closes(state: Kept, known: Known, backfill: Backfill, today: date) -> dict[InstrumentId, int]:
    """Yesterday's closes: from the simulated past, from the last trade of an earlier day, or as kept."""
    closes = {}
    simulated = backfill.closes()
    for instrument, last in known.items():
        if last is None:
            close = simulated.get(instrument)
        elif last.trading_date < today:
            close = last.price
        else:
            close = state.closes.get(instrument) if state.trading_date == today else None
        if close is not None:
            closes[instrument] = close
    return closes


def _first_trade_id(ids: ReservedTradeIds, known: Known) -> int:
    """An id that no instrument has used yet."""
    stored = max((last.trade_id for last in known.values() if last is not None), default=None)
    return ids.first if stored is None else max(ids.first, stored + UNRESERVED_IDS_MAX + 1)
