"""A market source for `kills`: a venue that can be asked again for the trades that were missed.

Trade number n happened at `began_ns + n * interval` and is always the same, so that a client knows what each
of them must be. After a restart the source goes on after the last trade that the daemon has stored.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, datetime

import trio

from zenithd.domain.events import (
    BookCleared,
    MarketEvent,
    OrderAdded,
    OrderChanged,
    OrderRemoved,
    TradeReported,
    TradingDayStarted,
)
from zenithd.domain.identifiers import InstrumentId, MarketId
from zenithd.domain.instrument import Instrument, MarketDefinition
from zenithd.domain.market_data import FeedStatus, Side
from zenithd.plugin import MarketSource, PluginConfig, hookimpl

API_VERSION = 1
MARKET = MarketId("VENUE")
SYMBOL = InstrumentId("V1.VENUE")
NANOSECONDS = 1_000_000_000
STEP_SECONDS = 0.005
TRADES_PER_BATCH_MAX = 1_000
ORDERS = 60


class VenueConfig(PluginConfig, frozen=True, kw_only=True):
    """Which trades the venue has."""

    began_ns: int
    """Time of trade 0."""
    trades_per_second: float = 100.0


class Source(MarketSource[VenueConfig]):
    """Catches up with the venue, then follows it."""

    Config = VenueConfig
    holds_readiness = True

    async def run(self) -> None:
        """Follow the venue until cancelled."""
        self.context.declare_market(MarketDefinition(id=MARKET), [Instrument(code="V1", market=MARKET)])
        last = await self.context.last_known(SYMBOL)
        today = datetime.fromtimestamp(self.config.began_ns / NANOSECONDS, UTC).date()
        await self.context.publish([TradingDayStarted(MARKET, today), BookCleared(SYMBOL), *_opening()])
        self.context.set_status(MARKET, FeedStatus.ACTIVE)
        number = 1 if last is None else last.trade_id + 1
        book = random.Random(number)
        while True:
            number = await self._publish_trades(number)
            await self.context.publish(_change(book))
            await trio.sleep(STEP_SECONDS)

    async def _publish_trades(self, number: int) -> int:
        """Everything that happened from trade `number` until now; returns the next number."""
        interval = int(NANOSECONDS / self.config.trades_per_second)
        newest = (self.context.clock.now() - self.config.began_ns) // interval
        while number <= newest:
            end = min(newest + 1, number + TRADES_PER_BATCH_MAX)
            await self.context.publish(
                [trade(each, self.config.began_ns + each * interval) for each in range(number, end)]
            )
            number = end
        return number


def trade(number: int, time: int) -> TradeReported:
    """Trade `number` of the venue."""
    side = Side.BID if number % 2 else Side.ASK
    return TradeReported(SYMBOL, number, 1_000 + number * 7_919 % 200, 1 + number * 31 % 500, time, side)


def _opening() -> list[MarketEvent]:
    return [
        OrderAdded(SYMBOL, str(place), *_place(place), quantity=100, position=place)
        for place in range(1, ORDERS + 1)
    ]


def _place(place: int) -> tuple[Side, int]:
    return (Side.BID, 990 - place % 10) if place % 2 else (Side.ASK, 1_210 + place % 10)


def _change(source: random.Random) -> Sequence[MarketEvent]:
    """An order leaves and comes back, and another changes."""
    place, other = source.sample(range(1, ORDERS + 1), 2)
    return [
        OrderRemoved(SYMBOL, str(place)),
        OrderAdded(SYMBOL, str(place), *_place(place), quantity=source.randint(1, 999), position=place),
        OrderChanged(SYMBOL, str(other), _place(other)[1], source.randint(1, 999), other),
    ]


@hookimpl
def zenithd_market_sources() -> Sequence[type[Source]]:
    """The source."""
    return [Source]
