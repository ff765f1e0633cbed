"""The simulated past of a company: days of trades that end where live trading begins. Pure.

Each day can be made by itself and in any order: the prices at the midnights are fixed first, walking back
from the present, and a day's walk leads from one midnight to the next. The second market trades along the
first one's walk, so that both charts tell the same story.
"""

from __future__ import annotations

import math
import random
from datetime import date, timedelta
from zoneinfo import ZoneInfo

import msgspec

from zenithd.domain.events import TradeReported
from zenithd.domain.identifiers import InstrumentId
from zenithd.domain.market_data import Side
from zenithd_prodigy.listings import AGENTS, MARKET_MAKERS, Company
from zenithd_prodigy.participants import party_of, plausible_quantity
from zenithd_prodigy.reference_price import SECONDS_PER_DAY, VOLATILITY_PER_DAY, step
from zenithd_prodigy.tick_ladder import TickLadder
from zenithd_prodigy.trading_day import NANOSECONDS, day_end, day_start, trading_date_at

TRADE_IDS_PER_DAY = 3_000
"""Trade ids set aside for a simulated day, more than it ever has trades."""

_SPARSE_TRADES_MIN, _SPARSE_TRADES_MAX = 300, 500
_DENSE_HOURS = 2
_DENSE_SPACING_SECONDS = 5.0
_DAY_NANOSECONDS = round(SECONDS_PER_DAY) * NANOSECONDS


class PastOrigin(msgspec.Struct, frozen=True):
    """From which a simulated past is made, and made again."""

    time: int
    """When it ends, nanoseconds since the Unix epoch."""
    price: int
    """Where it ends, in ticks."""
    days: int
    """Full days before that in which it ends."""
    seed: int
    first_trade_id: int = 1


class Moment(msgspec.Struct, frozen=True, gc=False):
    """What a company was worth at an instant (nanoseconds since the Unix epoch, ticks)."""

    time: int
    price: float


class SimulatedPast:
    """A company's past `days` full days and the part of the current day before `end`.

    Args:
        company: whose past; the price wandered around its mean.
        origin: the same one gives the same past.
        zone: time zone whose midnights part the days.
    """

    def __init__(self, company: Company, origin: PastOrigin, zone: ZoneInfo) -> None:
        self._company = company
        self._origin = origin
        self._end = origin.time
        self._zone = zone
        self.today = trading_date_at(origin.time, zone)
        self.dates = tuple(self.today - timedelta(days=back) for back in range(origin.days, -1, -1))
        """The days, oldest first; the last is that in which the past ends."""
        self._starts = self._midnight_deviations(math.log(origin.price / company.price))

    def first_trade_id(self, trading_date: date) -> int:
        """Where the ids of a day begin."""
        return self._origin.first_trade_id + (trading_date - self.dates[0]).days * TRADE_IDS_PER_DAY

    def walk(self, trading_date: date) -> list[Moment]:
        """The moments of the day at which somebody traded, oldest first; may be empty."""
        source = self._random(trading_date)
        times = self._times(trading_date, source)
        if not times:
            return []
        deviation = self._starts[trading_date]
        drift = self._starts[trading_date + timedelta(days=1)] - deviation
        wandered = [0.0]
        previous = day_start(trading_date, self._zone)
        origin = previous
        for time in times:
            spread = VOLATILITY_PER_DAY * math.sqrt((time - previous) / _DAY_NANOSECONDS)
            wandered.append(wandered[-1] + source.gauss(0.0, spread))
            previous = time
        # A bridge: what the walk has wandered too far in the end is taken back evenly over its time.
        correction = (drift - wandered[-1]) / max(times[-1] - origin, 1)
        mean = self._company.price
        return [
            Moment(time, mean * math.exp(deviation + off + correction * (time - origin)))
            for time, off in zip(times, wandered[1:], strict=True)
        ]

    def trades(
        self,
        instrument: InstrumentId,
        ladder: TickLadder,
        trading_date: date,
        walk: list[Moment],
        share: float,
    ) -> list[TradeReported]:
        """The trades of an instrument along the company's walk of a day, oldest first.

        `share` is the part of the moments at which this instrument traded.
        """
        source = self._random(instrument, trading_date)
        trade_id = self.first_trade_id(trading_date)
        trades: list[TradeReported] = []
        for moment in walk:
            is_last = moment is walk[-1]
            if is_last or share >= 1 or source.random() < share:
                number = ladder.number_at(moment.price)
                buys = source.random() < 0.5
                rounded = round(number) if is_last else math.ceil(number) if buys else math.floor(number)
                price = ladder.price(rounded)
                trades.append(_trade(instrument, trade_id + len(trades), price, moment.time, buys, source))
        return trades

    def close_before(self, trading_date: date, ladder: TickLadder) -> int:
        """Price of the last trade of the day before; every instrument's day ends at the walk's last price."""
        price = self._company.price * math.exp(self._starts[trading_date])
        return ladder.price(round(ladder.number_at(price)))

    def _midnight_deviations(self, at_end: float) -> dict[date, float]:
        """Deviation from the mean at the start of each day; for the day after the last, at `end`."""
        source = self._random("midnights")
        deviations = {self.today + timedelta(days=1): at_end}
        since_midnight = (self._end - day_start(self.today, self._zone)) / _DAY_NANOSECONDS
        deviation = at_end + step(at_end, since_midnight, source)
        deviations[self.today] = deviation
        for trading_date in reversed(self.dates[:-1]):
            deviation += step(deviation, 1.0, source)
            deviations[trading_date] = deviation
        return deviations

    def _times(self, trading_date: date, source: random.Random) -> list[int]:
        """When there were trades: a few all day long, many in the last hours before `end`."""
        start = day_start(trading_date, self._zone)
        end = min(day_end(trading_date, self._zone), self._end)
        dense_start = self._end - _DENSE_HOURS * 3600 * NANOSECONDS
        sparse_end = max(start, min(end, dense_start))
        count = (
            source.randint(_SPARSE_TRADES_MIN, _SPARSE_TRADES_MAX) * (sparse_end - start) // _DAY_NANOSECONDS
        )
        times = [start + int(source.random() * (sparse_end - start)) for _ in range(count)]
        count = round((end - sparse_end) / (_DENSE_SPACING_SECONDS * NANOSECONDS))
        times += [sparse_end + int(source.random() * (end - sparse_end)) for _ in range(count)]
        times.sort()
        return times

    def _random(self, *parts: object) -> random.Random:
        return random.Random("/".join(map(str, (self._origin.seed, self._company.code, *parts))))


def past_trade_ids(days: int) -> int:
    """How many trade ids a simulated past of so many full days and a part of one takes up."""
    return (days + 1) * TRADE_IDS_PER_DAY


def _trade(
    instrument: InstrumentId, trade_id: int, price: int, time: int, buys: bool, source: random.Random
) -> TradeReported:
    buyer = party_of(source.choice(AGENTS if buys else MARKET_MAKERS), source)
    seller = party_of(source.choice(MARKET_MAKERS if buys else AGENTS), source)
    return TradeReported(
        instrument,
        trade_id,
        price,
        plausible_quantity(price, source),
        time,
        Side.BID if buys else Side.ASK,
        buy_broker=buyer.entity,
        sell_broker=seller.entity,
        buy_cross_reference=buyer.account,
        sell_cross_reference=seller.account,
    )
