"""What a delayed market opens with where none is stored: the source without its trading so far."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

import msgspec

from zenithd.domain.events import MarketEvent, SecurityChanged, TradeReported
from zenithd.domain.identifiers import InstrumentId
from zenithd.market.day_statistics import DayStatistics
from zenithd.market.security import WITHOUT_TRADES
from zenithd.market.snapshot import DayTradesSnapshot, InstrumentSnapshot, MarketSnapshot
from zenithd.market.trade_order import in_order_of_time
from zenithd.market.trade_tape import TapeSnapshot
from zenithd.market.venue import VenueMarket
from zenithd.market.venue_instrument import VenueInstrument


def opening_snapshot(venue: VenueMarket) -> MarketSnapshot:
    """The state of a source without today's trades, charts and statistics, its own ones included.

    Books, best prices, trading states, closes, auctions and notes are as they are now. What is left out
    becomes due after the delay: pass `todays_trades` to `DelayedMarket.recall`, then `supplied_statistics`
    to `DelayedMarket.observe`.
    """
    snapshot = venue.state_snapshot(trades_max=0)
    return msgspec.structs.replace(
        snapshot,
        instruments=[_untraded(each, venue.instruments[each.instrument.id]) for each in snapshot.instruments],
    )


def _untraded(snapshot: InstrumentSnapshot, state: VenueInstrument) -> InstrumentSnapshot:
    tape = state.tape.snapshot(len(state.tape))
    empty = TapeSnapshot(tape.trading_date, 0, tape.complete, None, tape.evicted_until, [])
    return msgspec.structs.replace(
        snapshot,
        security=msgspec.structs.replace(snapshot.security, **WITHOUT_TRADES),
        supplied=(),
        last_traded=None,
        trades=DayTradesSnapshot(empty, [], DayStatistics()),
    )


def todays_trades(
    venue: VenueMarket, stored: Iterable[TradeReported] = (), stored_day: date | None = None
) -> list[TradeReported]:
    """The trades of the source's trading day so far, by time; those of an instrument in their sequence.

    A tape holds a limited number of trades. The older ones are taken from `stored`, trades of `stored_day`
    in any order, where that is the current day; a trade that is on a tape is taken from there.
    """
    trades: dict[tuple[InstrumentId, int], TradeReported] = {}
    if stored_day is not None and stored_day == venue.trading_date:
        trades = {
            (trade.instrument, trade.trade_id): trade
            for trade in stored
            if trade.instrument in venue.instruments
        }
    for instrument, state in venue.instruments.items():
        trades.update(((instrument, taped.trade.trade_id), taped.trade) for taped in state.tape)
    return [trade for _, trade in in_order_of_time(trades.values())]


def supplied_statistics(venue: VenueMarket) -> list[MarketEvent]:
    """The statistics that the venue itself has supplied today, as events that supply them again.

    The trend of a supplied last price is then that against the last trade, until the venue supplies it anew.
    """
    events: list[MarketEvent] = []
    for instrument, state in venue.instruments.items():
        supplied = state.snapshot(0).supplied
        # The trend follows from the last price.
        values = {name: getattr(state.security, name) for name in supplied if name != "trend"}
        if "value_traded" in values:
            scale = state.instrument.price_scale + state.instrument.quantity_scale
            values["value_traded"] /= 10**scale
        if values:
            events.append(SecurityChanged(instrument=instrument, **values))
    return events
