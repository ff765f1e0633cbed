"""The reference exchange as a market source: restores its markets, shows them, and lets the crowd in."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from datetime import date
from functools import partial
from zoneinfo import ZoneInfo

import trio

from zenithd.domain.events import MarketEvent
from zenithd.domain.identifiers import InstrumentId, instrument_id, split_instrument
from zenithd.plugin import LastKnown, MarketSource, MarketSourceContext, ReservedTradeIds
from zenithd_prodigy import kept
from zenithd_prodigy.backfill import Backfill
from zenithd_prodigy.config import ProdigyConfig
from zenithd_prodigy.control import routes
from zenithd_prodigy.crowd import Crowd
from zenithd_prodigy.demonstration import (
    Beginning,
    DemonstrationMarket,
    admission,
    decorated,
    demonstration_markets,
    founding,
    withdrawal,
)
from zenithd_prodigy.floor import Floor
from zenithd_prodigy.history import PastOrigin, past_trade_ids
from zenithd_prodigy.keeper import Keeper, KeeperSettings, KeeperStopped
from zenithd_prodigy.kept import Kept
from zenithd_prodigy.listings import COMPANIES_BY_CODE, FIRST_MARKET, PRICE_SCALE, SECOND_MARKET
from zenithd_prodigy.seats import make_seats, symbol_of
from zenithd_prodigy.trading_day import trading_date_at
from zenithd_prodigy.translator import EarlierTrade

UNRESERVED_IDS_MAX = 10_000
"""Ids left out above a known trade: versions that kept no journal may have used so many more."""

Known = Mapping[InstrumentId, LastKnown | None]
"""What the daemon knows of each instrument from before the start; None at its first start."""


class Prodigy(MarketSource[ProdigyConfig]):
    """Runs the markets of the exchange, the demonstration's XSX and XSY among them, until cancelled."""

    Config = ProdigyConfig
    holds_readiness = True
    needs_journal = True
    http_paths = ("market",)

    def __init__(self, config: ProdigyConfig, context: MarketSourceContext) -> None:
        super().__init__(config, context)
        self._zone = ZoneInfo(config.time_zone)
        self._markets = demonstration_markets(config.time_zone, second_market=config.second_market)
        self._places = {
            each.id: (market, place)
            for market in self._markets
            for place, each in enumerate(market.instruments)
        }
        settings = KeeperSettings(
            commands_waiting_max=config.commands_waiting_max,
            checkpoint_records=config.checkpoint_records,
            keep_days=config.keep_days,
        )
        self._floor = Floor(context, settings, decorated)

    async def run(self) -> None:
        """Restore or found the markets, show them, make the past beside them, trade until cancelled."""
        await self._floor.open()
        known = {instrument: await self.context.last_known(instrument) for instrument in self._listed()}
        now = self.context.clock.now()
        backfill = await self._found(self._missing(), known, now)
        for keeper in self._floor:
            await keeper.catch_up()
            if keeper.market.model.definition.code in (FIRST_MARKET, SECOND_MARKET):
                await keeper.prepare(
                    admission(keeper.market.model.definition.code, keeper.market.model.entities)
                )
            if not self.config.participants_orders_survive:
                model = keeper.market.model
                await keeper.prepare(withdrawal(model.definition.code, model.symbols))
            await self._show(keeper)
        await backfill.last_day()
        try:
            await self._trade(known, now, backfill)
        except BaseExceptionGroup as group:
            _, causes = group.split(KeeperStopped)  # who waited for a market that failed is not the cause
            if causes is None:
                raise
            raise causes from None

    async def _trade(self, known: Known, now: int, backfill: Backfill) -> None:
        async with trio.open_nursery() as nursery:
            for keeper in self._floor:
                self._floor.start(keeper, nursery)
            crowd = self._crowd(known, now)
            await crowd.fill()
            for keeper in self._floor:
                self._floor.open_to_all(keeper)
            self.context.serve_http(routes(self._floor))
            self.context.offer(self._floor)
            nursery.start_soon(crowd.run, name="prodigy: participants")
            nursery.start_soon(self._make_past, backfill, name="prodigy: simulated past")

    def _missing(self) -> list[DemonstrationMarket]:
        """The markets that are to be founded. One that an operator removed stays removed."""
        missing = []
        for market in self._markets:
            code = market.definition.id
            if self._floor.of_origin(code) is not None:
                continue
            if self._floor.find(code) is None:
                missing.append(market)
            else:
                self.context.log.warning("an operator's market has the code of a simulated one", market=code)
        return missing

    def _listed(self) -> list[InstrumentId]:
        return list(self._places)

    async def _found(self, founded: Sequence[DemonstrationMarket], known: Known, now: int) -> Backfill:
        """Found the markets that are not there yet; returns the past that is to be made.

        Which past is to be made is noted before its market is there: wherever it crashes, it will be made.
        """
        state = self._load()
        ids = ReservedTradeIds(self.context.directory)
        fresh = [each.id for market in founded for each in market.instruments if known[each.id] is None]
        first_id = _first_trade_id(ids, known)
        for instrument in fresh:
            state.unfinished[instrument] = PastOrigin(
                now, self._price(instrument, known), self.config.history_days, self.config.seed, first_id
            )
        if fresh:
            first_id += past_trade_ids(self.config.history_days)
            state.last_day_stored -= set(fresh)
        kept.save(self.context.directory, state)
        closes = _closes(state, known, self._backfill(state, founded), trading_date_at(now, self._zone))
        for market in founded:
            code = market.definition.id
            beginnings = {each.id: Beginning(first_id, closes.get(each.id)) for each in market.instruments}
            commands = founding(market, beginnings, now, self.config.auction_at)
            await self._floor.found(commands, origin=code)
        return self._backfill(state, ())

    def _backfill(self, state: Kept, founded: Sequence[DemonstrationMarket]) -> Backfill:
        """The simulated pasts that are to be made.

        Those of a market that is switched off, or has another code now, wait.

        Args:
            state: what was kept.
            founded: markets that are about to be founded.
        """
        there = [
            market
            for market in self._markets
            if market in founded or self._floor.find(market.definition.id) is not None
        ]
        origins = {
            each.id: state.unfinished[each.id]
            for market in there
            for each in market.instruments
            if each.id in state.unfinished
        }
        return Backfill(self.context, self._zone, origins, state.last_day_stored)

    def _load(self) -> Kept:
        try:
            return kept.load(self.context.directory)
        except ValueError as error:
            self.context.log.warning("what was kept is unreadable", error=str(error))
            return Kept()

    def _price(self, instrument: InstrumentId, known: Known) -> int:
        """Where trading begins: at the last price, else at that of the first market, else at the mean."""
        code = split_instrument(instrument)[0]
        market, place = self._places[instrument]
        keeper = self._floor.of_origin(market.definition.id)
        symbol = None if keeper is None else symbol_of(market, place, keeper.market.model)
        if symbol is not None and symbol.last_price is not None:
            return round(symbol.last_price * 10.0 ** (PRICE_SCALE - symbol.definition.price_scale))
        last = known[instrument] or known[instrument_id(code, FIRST_MARKET)]
        mean = COMPANIES_BY_CODE[code].price
        # A price from far off belongs to another version of the company; the ladder ends at 0.
        return min(max(last.price, mean // 2), mean * 2) if last is not None else mean

    # Showing

    async def _show(self, keeper: Keeper) -> None:
        """Publish a market as it is, with the trades of its day that the daemon had not stored when it ended.

        Those of earlier days are only in the market's own journal: that is said. Cancellations and
        corrections of trades that it had stored are told again, as nobody knows which of them it got.
        """
        model, translator = keeper.market.model, keeper.market.translator
        zone, market = ZoneInfo(model.definition.time_zone), model.definition.code
        missing: dict[str, list[MarketEvent]] = {}
        corrected: list[EarlierTrade] = []
        for code in model.symbols:
            last = await self.context.last_known(instrument_id(code, market))
            stored = 0 if last is None else last.trade_id
            unstored = translator.trades(code, stored)
            today = [each for each in unstored if trading_date_at(each.time, zone) == model.trading_date]
            changed, changed_before = translator.changed_trades(code, stored)
            missing[code] = [*changed, *today]
            corrected += changed_before
            if len(today) < len(unstored):
                self.context.log.warning(
                    "trades of earlier days are not in the history",
                    symbol=f"{code}.{market}",
                    trades=len(unstored) - len(today),
                )

        def extra(code: str) -> list[MarketEvent]:
            return missing.get(code, [])

        await self._floor.show(keeper, extra)
        await self._floor.correct(corrected)

    # Participants

    def _crowd(self, known: Known, now: int) -> Crowd:
        keepers = [(market, self._floor.of_origin(market.definition.id)) for market in self._markets]
        there = [(market, keeper) for market, keeper in keepers if keeper is not None]
        seats = make_seats(
            [market for market, _ in there],
            partial(self._price, known=known),
            f"{self.config.seed}/{now}",  # with the start in it, a restart does not walk into the same crash
        )
        owners = {each.id: keeper for market, keeper in there for each in market.instruments}
        return Crowd(seats, owners, self.config.rate, random.Random(f"{self.config.seed}/schedule"))

    async def _make_past(self, backfill: Backfill) -> None:
        """Make it beside trading; what is not on the disk when all ends is made again at the next start."""
        if await self.context.stored():
            state = self._load()
            state.last_day_stored |= backfill.instruments
            kept.save(self.context.directory, state)
        await backfill.days_before()
        if await self.context.stored():
            state = self._load()
            for instrument in backfill.instruments:
                state.unfinished.pop(instrument, None)
            state.last_day_stored -= backfill.instruments
            kept.save(self.context.directory, state)


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
