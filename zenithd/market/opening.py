"""What a delayed market opens with where none is stored: the source before anybody has seen it trade."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any, Final

import msgspec

from zenithd.domain.events import BestPricesChanged, MarketEvent, SecurityChanged, TradeReported
from zenithd.domain.identifiers import InstrumentId
from zenithd.market.day_statistics import DayStatistics
from zenithd.market.security import WITHOUT_TRADES, SecurityRecord
from zenithd.market.snapshot import DayTradesSnapshot, InstrumentSnapshot, MarketSnapshot
from zenithd.market.trade_order import in_order_of_time
from zenithd.market.trade_tape import TapeSnapshot
from zenithd.market.venue import VenueMarket
from zenithd.market.venue_instrument import VenueInstrument

_UNSEEN: Final[dict[str, object]] = {
    **WITHOUT_TRADES,
    "best_bid": None,
    "bid_count": 0,
    "bid_quantity": 0,
    "bid_undisclosed": False,
    "best_ask": None,
    "ask_count": 0,
    "ask_quantity": 0,
    "ask_undisclosed": False,
    "auction_price": None,
    "auction_quantity": None,
    "auction_remainder": None,
}
"""What nobody has seen yet whose market opens now."""


def opening_snapshot(venue: VenueMarket) -> MarketSnapshot:
    """The state of a source without what its participants do: no books, auctions, trades and statistics.

    Trading states, closes and notes are as they are now. What is left out becomes due after the delay: pass
    `todays_trades` to `DelayedMarket.recall`, then `present_events` to `DelayedMarket.observe`.
    """
    snapshot = venue.state_snapshot(trades_max=0)
    return msgspec.structs.replace(
        snapshot,
        instruments=[_unseen(each, venue.instruments[each.instrument.id]) for each in snapshot.instruments],
    )


def _unseen(snapshot: InstrumentSnapshot, state: VenueInstrument) -> InstrumentSnapshot:
    tape = state.tape.snapshot(len(state.tape))
    empty = TapeSnapshot(tape.trading_date, 0, tape.complete, None, tape.evicted_until, [])
    return msgspec.structs.replace(
        snapshot,
        security=msgspec.structs.replace(snapshot.security, **_UNSEEN),
        supplied=(),
        last_traded=None,
        orders=[],
        levels=[],
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


def present_events(venue: VenueMarket) -> list[MarketEvent]:
    """Events that make of an opening state the present one, trades and what follows from them aside.

    The trend of a supplied last price is then that against the last trade, until the venue supplies it anew.
    """
    events = venue.book_snapshot(venue.instruments)
    for instrument, state in venue.instruments.items():
        if not state.best_from_book:
            events.append(_best_prices(instrument, state.security))
        values = _supplied(state)
        if values:
            events.append(SecurityChanged(instrument=instrument, **values))
    return events


def _best_prices(instrument: InstrumentId, record: SecurityRecord) -> BestPricesChanged:
    return BestPricesChanged(
        instrument,
        record.best_bid,
        record.bid_quantity,
        record.best_ask,
        record.ask_quantity,
        record.bid_count,
        record.ask_count,
    )


def _supplied(state: VenueInstrument) -> dict[str, Any]:
    """The auction, and the statistics that the venue itself has supplied today."""
    # The trend follows from the last price.
    names = [name for name in state.snapshot(0).supplied if name != "trend"]
    values: dict[str, Any] = {name: getattr(state.security, name) for name in names}
    if "value_traded" in values:
        scale = state.instrument.price_scale + state.instrument.quantity_scale
        values["value_traded"] /= 10**scale
    for name in ("auction_price", "auction_quantity", "auction_remainder"):
        value = getattr(state.security, name)
        if value is not None:
            values[name] = value
    return values
