"""A market as it was some time ago, made from the events of another one (spec: platform D.1)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Final

from zenithd.domain.events import (
    BestPricesChanged,
    BookCleared,
    GapDetected,
    LevelChanged,
    MarketEvent,
    OrderAdded,
    OrderChanged,
    OrderRemoved,
    Stream,
    TradeReported,
    TradingDayStarted,
)
from zenithd.domain.identifiers import InstrumentId, MarketId
from zenithd.domain.instrument import BestPriceSource, Instrument, MarketDefinition
from zenithd.domain.market_data import DataKind, FeedStatus
from zenithd.market.changes import Changes
from zenithd.market.delay_line import Declaration, Delayed, DelayLine
from zenithd.market.renaming import Renaming
from zenithd.market.snapshot import MarketSnapshot
from zenithd.market.trade_order import in_order_of_time
from zenithd.market.venue import SNAPSHOT_TRADES_MAX, TAPE_TRADES_MAX, VenueMarket
from zenithd.market.venue_instrument import VenueInstrument

EVENTS_MAX: Final = 5_000_000
"""Held events, at 10 to 30 bytes each, unless the owner says otherwise."""
EVENTS_PER_STEP: Final = 500
"""Events after which `due` returns although more may be due."""
_ORDERS_AND_LEVELS: Final = (OrderAdded, OrderChanged, OrderRemoved, LevelChanged, BookCleared)
_BOOK: Final = (*_ORDERS_AND_LEVELS, BestPricesChanged)


class DelayedMarket:
    """A `MarketView` of a source market, `delay_ns` late.

    Before the delay has passed it shows the opening state. That may be a snapshot of the source itself
    (`opening_snapshot`), which recalled trades and observed events continue, or one of this market from
    before a restart: its books are then void as soon as the first observed event is due.

    With `asset_only` there is Security and nothing else: books are followed for their best prices, but
    not shown; where best prices come from events, book events are not even held.

    Memory: at most `events_max` events are held. Beyond that the events of books are dropped, the
    delayed books are emptied at the right time, and once half of the room is free again `lost_books`
    names the instruments whose books the owner should observe anew. Other events are never dropped:
    they are few, and the day's statistics would be wrong without them.
    """

    def __init__(
        self,
        market: MarketId,
        source_definition: MarketDefinition,
        delay_ns: int,
        asset_only: bool,
        opening: MarketSnapshot | None,
        *,
        tape_trades_max: int = TAPE_TRADES_MAX,
        events_max: int = EVENTS_MAX,
    ) -> None:
        self.delay_ns = delay_ns
        self._asset_only = asset_only
        self._events_max = events_max
        data = DataKind.ASSET if asset_only else DataKind.ALL
        self._renaming = Renaming(source_definition.id, market, data)
        self._line = DelayLine()
        self._lost: set[InstrumentId] = set()
        self._books_are_void = opening is not None and opening.definition.id == market
        """True while the books are from before a restart and nothing was observed yet."""
        if opening is None:
            definition = self._renaming.definition(source_definition)
            self._venue = VenueMarket(definition, tape_trades_max, shows_books=not asset_only)
            return
        if not self._books_are_void:
            opening = self._renaming.snapshot(opening)
        self._venue = VenueMarket.from_snapshot(opening, tape_trades_max, shows_books=not asset_only)

    # What is read

    @property
    def definition(self) -> MarketDefinition:
        """The source's definition under this market's code."""
        return self._venue.definition

    @property
    def instruments(self) -> dict[InstrumentId, VenueInstrument]:
        """What the market lists."""
        return self._venue.instruments

    @property
    def feed_status(self) -> FeedStatus:
        """The source's status now."""
        return self._venue.feed_status

    @property
    def trading_date(self) -> date | None:
        """The source's trading date of `delay_ns` ago."""
        return self._venue.trading_date

    @property
    def trading_state(self) -> str | None:
        """The source's trading state of `delay_ns` ago."""
        return self._venue.trading_state

    @property
    def board_states(self) -> dict[str, str]:
        """The boards' states of `delay_ns` ago."""
        return self._venue.board_states

    @property
    def events_held(self) -> int:
        """Events that are not due yet."""
        return self._line.events_held

    def next_due(self) -> int | None:
        """When the oldest held batch is due (the clock of `observe`); None if nothing is held."""
        return self._line.next_due()

    def state_snapshot(self, trades_max: int = SNAPSHOT_TRADES_MAX) -> MarketSnapshot:
        """The state that is shown now, to be this market's opening after a restart."""
        return self._venue.state_snapshot(trades_max)

    # What changes

    def set_status(self, status: FeedStatus) -> Changes:
        """Take over the status of the source's feed, at once: it is about the line, not the market."""
        return self._venue.set_status(status)

    def declare(self, definition: MarketDefinition, instruments: Sequence[Instrument], now: int) -> Changes:
        """Take over a declaration of the source: the first one at once, later ones after the delay."""
        if self._venue.instruments:
            declaration = Declaration(definition, tuple(instruments))
            self._line.add(Delayed(now + self.delay_ns, declaration=declaration))
            return Changes()
        return self._declare(Declaration(definition, tuple(instruments)))

    def recall(self, trades: Iterable[TradeReported], trading_date: date | None = None) -> None:
        """Hold trades of the newest day, in any order, until the delay since each was made has passed.

        Those that the opening state reached are left out. To be called before the first event is observed.
        `trading_date` is theirs: if it is not that of the opening state, a new day begins with the first.
        """
        begins_day = trading_date is not None and trading_date != self.trading_date
        is_same_day = not begins_day
        for reached, trade in in_order_of_time(trades):
            if is_same_day and self._has_reached(trade):
                continue
            events: list[MarketEvent] = [trade]
            if begins_day and trading_date is not None:
                begins_day = False
                events.insert(0, TradingDayStarted(self.definition.id, trading_date))
            self._line.add(Delayed(reached + self.delay_ns, tuple(events)))

    def _has_reached(self, trade: TradeReported) -> bool:
        state = self._venue.instruments.get(self._renaming.id(trade.instrument))
        return state is not None and trade.trade_id <= state.tape.newest_id

    def restore_day(self, trading_date: date, trades: Iterable[TradeReported], now: int) -> None:
        """Hold trades that the source was given beside its events: see `VenueMarket.restore_day`."""
        self._line.add(Delayed(now + self.delay_ns, tuple(trades), restores=trading_date))

    def reset(self, now: int) -> None:
        """Begin anew when the delay has passed, as the source did."""
        self._line.add(Delayed(now + self.delay_ns, resets=True))

    def observe(self, events: Sequence[MarketEvent], now: int) -> None:
        """Hold a batch of the source until `now + delay_ns`."""
        if self._asset_only and self.definition.best_prices is BestPriceSource.EVENTS:
            events = [event for event in events if not isinstance(event, _ORDERS_AND_LEVELS)]
        if self._lost or self._line.events_held + len(events) > self._events_max:
            events = self._admit(events)
        if events:
            clears_books, self._books_are_void = self._books_are_void, False
            self._line.add(Delayed(now + self.delay_ns, tuple(events), None, clears_books))

    def lost_books(self) -> list[InstrumentId]:
        """Instruments of the source whose book events were dropped, once there is room again.

        The owner then observes `source.book_snapshot(instruments)`.
        """
        return sorted(self._lost) if self._has_room() else []

    def due(self, now: int) -> Changes:
        """Apply what is due. Returns after some hundred events: call again while `next_due() <= now`."""
        events: list[MarketEvent] = []
        last_due = now
        while len(events) < EVENTS_PER_STEP:
            delayed = self._line.take(now)
            if delayed is None:
                break
            if delayed.stands_alone:
                if not events:
                    return self._apply_alone(delayed)
                self._line.put_back(delayed)
                break
            last_due = delayed.due
            if delayed.clears_books:
                events += [BookCleared(instrument) for instrument in self._venue.instruments]
            events += map(self._renaming.event, delayed.events)
        return self._venue.apply(events, last_due - self.delay_ns)

    def _apply_alone(self, delayed: Delayed) -> Changes:
        if delayed.declaration is not None:
            return self._declare(delayed.declaration)
        if delayed.restores is None:
            return self._venue.reset()
        trades: dict[InstrumentId, list[TradeReported]] = {}
        for event in map(self._renaming.event, delayed.events):
            if isinstance(event, TradeReported):
                trades.setdefault(event.instrument, []).append(event)
        return self._venue.restore_day(delayed.restores, trades)

    def _declare(self, declaration: Declaration) -> Changes:
        renaming = self._renaming
        instruments = [renaming.instrument(instrument) for instrument in declaration.instruments]
        return self._venue.redefine(renaming.definition(declaration.definition), instruments)

    def _has_room(self) -> bool:
        return self._line.events_held <= self._events_max // 2

    def _admit(self, events: Sequence[MarketEvent]) -> list[MarketEvent]:
        """Leave out events of books for which there is no room, and of books that lost some already."""
        has_room = self._has_room()
        is_full = self._line.events_held + len(events) > self._events_max
        admitted: list[MarketEvent] = []
        for event in events:
            if not isinstance(event, _BOOK):
                admitted.append(event)
                continue
            instrument = event.instrument
            if instrument in self._lost:
                if type(event) is BookCleared and has_room:
                    self._lost.discard(instrument)
                    admitted.append(event)
            elif is_full:
                self._lost.add(instrument)
                admitted.append(GapDetected(instrument, Stream.BOOK, "more events than the delay can hold"))
            else:
                admitted.append(event)
        return admitted
