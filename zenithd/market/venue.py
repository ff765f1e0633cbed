"""The state of one venue's market: batches of events in, changes out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from math import isfinite
from typing import Any, Final

from zenithd.domain.events import (
    BestPricesChanged,
    BookCleared,
    GapDetected,
    InstrumentListed,
    InstrumentUnlisted,
    LevelChanged,
    MarketEvent,
    MarketStateChanged,
    OrderAdded,
    OrderChanged,
    OrderRemoved,
    SecurityChanged,
    Stream,
    TradeAmended,
    TradeReported,
    TradingDayStarted,
)
from zenithd.domain.identifiers import InstrumentId
from zenithd.domain.instrument import BestPriceSource, Instrument, MarketDefinition
from zenithd.domain.market_data import FeedStatus
from zenithd.market.changes import (
    Changes,
    InstrumentChanges,
    Op,
    SourceFault,
    SymbolChange,
)
from zenithd.market.instrument_book import InstrumentBook, book_events
from zenithd.market.snapshot import MarketSnapshot
from zenithd.market.venue_instrument import VenueInstrument

__all__ = ["SNAPSHOT_TRADES_MAX", "TAPE_TRADES_MAX", "MarketSnapshot", "VenueMarket"]

TAPE_TRADES_MAX: Final = 10_000
"""Trades of a day that are held per instrument, unless configured otherwise."""
SNAPSHOT_TRADES_MAX: Final = 1_000
"""Trades per instrument in a stored snapshot, unless asked otherwise: the store has them all."""

_BOOK_CHANGES: Final[dict[type[Any], Callable[[InstrumentBook, Any], str | None]]] = {
    OrderAdded: InstrumentBook.add_order,
    OrderChanged: InstrumentBook.change_order,
    OrderRemoved: InstrumentBook.remove_order,
    LevelChanged: InstrumentBook.change_level,
}
"""The many: events that change one instrument's book and return why they are a fault of the source."""


class VenueMarket:
    """One market as its source publishes it (a `MarketView`).

    `shows_books` False: books give the best prices, but neither views nor changes show them.

    Every method that changes something returns what changed. An event that breaks a rule is reported as
    a SourceFault and left out; where it concerned a book, that book is emptied and its events are left
    out until the next BookCleared. The rest of the batch is applied.
    """

    def __init__(
        self,
        definition: MarketDefinition,
        tape_trades_max: int = TAPE_TRADES_MAX,
        *,
        shows_books: bool = True,
    ) -> None:
        self.definition = definition
        self.instruments: dict[InstrumentId, VenueInstrument] = {}
        self.feed_status = FeedStatus.INITIALISING
        self.trading_date: date | None = None
        self.trading_state: str | None = None
        self.board_states: dict[str, str] = {}
        self.delay_ns = 0
        self._tape_trades_max = tape_trades_max
        self._shows_books = shows_books
        self._now = 0
        self._changes = Changes()
        self._touched: dict[InstrumentId, VenueInstrument] = {}
        self._moved: list[tuple[InstrumentId, VenueInstrument]] = []
        """Whose trading state followed the market's: thousands at once, mostly with nothing else."""
        self._faulty: set[InstrumentId | None] = set()
        self._handlers: dict[type[Any], Callable[[Any], None]] = {
            BookCleared: self._clear_book,
            BestPricesChanged: self._set_best_prices,
            TradeReported: self._report_trade,
            TradeAmended: self._amend_trade,
            SecurityChanged: self._change_security,
            InstrumentListed: self._list,
            InstrumentUnlisted: self._unlist,
            MarketStateChanged: self._change_states,
            TradingDayStarted: self._start_day,
            GapDetected: self._detect_gap,
        }

    def redefine(self, definition: MarketDefinition, instruments: Sequence[Instrument]) -> Changes:
        """Take over a declaration, the first or a later one: what it does not name is unlisted.

        Raises:
            ValueError: the definition or an instrument is of another market.
        """
        market = self.definition.id
        if definition.id != market or any(instrument.market != market for instrument in instruments):
            raise ValueError(f"a declaration of another market than {market}")
        self._changes.market = definition != self.definition
        self.definition = definition
        listed = {instrument.id: instrument for instrument in instruments}
        for instrument_id in [known for known in self.instruments if known not in listed]:
            self._remove(instrument_id)
        for instrument_id, instrument in listed.items():
            self._define(instrument_id, instrument)
        best_from_book = definition.best_prices is BestPriceSource.BOOK
        for state in self.instruments.values():
            state.best_from_book = best_from_book
        return self._finish()

    def set_status(self, status: FeedStatus) -> Changes:
        """Take over the status of the feed."""
        changes = Changes(market=status is not self.feed_status)
        self.feed_status = status
        return changes

    def apply(self, events: Sequence[MarketEvent], now: int) -> Changes:
        """Apply one batch. `now`: the daemon's clock, nanoseconds since the Unix epoch."""
        self._now = now
        touched, handlers, book_change = self._touched, self._handlers, _BOOK_CHANGES.get
        for event in events:
            change_book = book_change(type(event))
            if change_book is None:
                handlers[type(event)](event)
                continue
            instrument = event.instrument  # type: ignore[union-attr]  # events of books have one
            state = touched.get(instrument) or self._touch(instrument)
            if state is not None and (reason := change_book(state.book, event)):
                state.book.clear(is_snapshot=False)
                self._fault(instrument, reason)
        return self._finish()

    def restore_day(
        self, trading_date: date, trades: Mapping[InstrumentId, Sequence[TradeReported]]
    ) -> Changes:
        """Put stored trades (oldest first) of today on the tapes: after a restart, or backfilled.

        Does nothing if another day has begun; a market that does not know its day yet takes this one.
        Trades not newer than what a tape has are left out.
        """
        if self.trading_date is None:
            self.trading_date = trading_date
            self._changes.market = True
            for state in self.instruments.values():
                state.tape.trading_date = trading_date
        if trading_date == self.trading_date:
            for instrument_id, stored in trades.items():
                state_or_none = self._touch(instrument_id)
                if state_or_none is not None:
                    state_or_none.restore_trades(stored)
        return self._finish()

    def reset(self) -> Changes:
        """Be as after the declaration: for a batch that raised, so that the state cannot be trusted.

        Only what is listed and the feed status stay. Every book is empty and valid.
        """
        self._touched.clear()
        self._moved.clear()
        self._faulty.clear()
        self._changes = Changes(market=True)
        self.trading_date = self.trading_state = None
        self.board_states = {}
        for instrument_id, state in self.instruments.items():
            state.reset(self._tape_trades_max, None)
            self._touched[instrument_id] = state
            _empty(state)
        return self._finish()

    def state_snapshot(self, trades_max: int = SNAPSHOT_TRADES_MAX) -> MarketSnapshot:
        """The whole state, with at most the newest `trades_max` trades of each instrument."""
        return MarketSnapshot(
            definition=self.definition,
            trading_date=self.trading_date,
            trading_state=self.trading_state,
            board_states=dict(self.board_states),
            instruments=[state.snapshot(trades_max) for state in self.instruments.values()],
        )

    @classmethod
    def from_snapshot(
        cls,
        snapshot: MarketSnapshot,
        tape_trades_max: int = TAPE_TRADES_MAX,
        *,
        shows_books: bool = True,
    ) -> VenueMarket:
        """Make a market as it was when the snapshot was taken; its feed is Initialising."""
        market = cls(snapshot.definition, tape_trades_max, shows_books=shows_books)
        market.trading_date = snapshot.trading_date
        market.trading_state = snapshot.trading_state
        market.board_states = dict(snapshot.board_states)
        for stored in snapshot.instruments:
            state = market._make(stored.instrument)
            state.restore(stored)
            market.instruments[state.id] = state
        return market

    def _make(self, instrument: Instrument) -> VenueInstrument:
        state = VenueInstrument(instrument, self._tape_trades_max, self.trading_date)
        state.best_from_book = self.definition.best_prices is BestPriceSource.BOOK
        state.shows_book = self._shows_books
        return state

    def book_snapshot(self, instruments: Iterable[InstrumentId]) -> list[MarketEvent]:
        """The events that rebuild the books of these instruments from anything; unknown ones left out.

        A book that waits for its source's snapshot is left out too.
        """
        events: list[MarketEvent] = []
        for instrument_id in instruments:
            state = self.instruments.get(instrument_id)
            if state is not None and state.book.is_valid:
                events.append(BookCleared(instrument_id))
                events += book_events(instrument_id, state.book.orders(), state.book.levels())
        return events

    # Batches

    def _touch(self, instrument: InstrumentId) -> VenueInstrument | None:
        """The state of an instrument with a record of its changes in this batch; None: unknown."""
        state = self._touched.get(instrument)
        if state is None:
            state = self.instruments.get(instrument)
            if state is None:
                self._fault(instrument, "not listed")
                return None
            state.changes = InstrumentChanges()
            self._touched[instrument] = state
        return state

    def _finish(self) -> Changes:
        changes = self._changes
        instruments = changes.instruments
        for instrument_id, state in self._touched.items():
            state.finish()
            if not state.changes.is_empty:
                instruments[instrument_id] = state.changes
        if self._moved:
            self._finish_moved(instruments)
        self._touched.clear()
        self._faulty.clear()
        self._changes = Changes()
        return changes

    def _finish_moved(self, instruments: dict[InstrumentId, InstrumentChanges]) -> None:
        """Finish those whose trading state is all that changed; they share one record of it."""
        changes = InstrumentChanges(security={"trading_state"})
        touched, listed = self._touched, self.instruments
        for instrument_id, state in self._moved:
            if instrument_id not in touched and instrument_id in listed and state.finish_state():
                instruments[instrument_id] = changes
        self._moved.clear()

    def _fault(self, instrument: InstrumentId | None, reason: str) -> None:
        """Report a fault, for each instrument the first one of the batch."""
        if instrument not in self._faulty:
            self._faulty.add(instrument)
            self._changes.faults.append(SourceFault(instrument, reason))

    # Books

    def _clear_book(self, event: BookCleared) -> None:
        state = self._touch(event.instrument)
        if state is not None:
            state.book.clear(is_snapshot=True)

    def _set_best_prices(self, event: BestPricesChanged) -> None:
        state = self._touch(event.instrument)
        if state is not None:
            state.set_best_prices(event)

    def _detect_gap(self, event: GapDetected) -> None:
        state = self._touch(event.instrument)
        if state is None:
            return
        self._changes.gaps.append(event)
        if event.stream is Stream.BOOK:
            state.book.clear(is_snapshot=False)
        else:
            state.interrupt_tape()

    # Trades and securities

    def _report_trade(self, event: TradeReported) -> None:
        state = self._touched.get(event.instrument) or self._touch(event.instrument)
        if state is None:
            return
        tape = state.tape
        if event.trade_id > tape.newest_id:
            state.report_trade(event)
        elif tape.find(event.trade_id) is not None:
            self._changes.duplicate_trades += 1
        else:
            self._fault(event.instrument, f"trade {event.trade_id} came after trade {tape.newest_id}")

    def _amend_trade(self, event: TradeAmended) -> None:
        trade = event.trade
        state = self._touch(trade.instrument)
        if state is not None and (reason := state.amend_trade(trade)):
            self._fault(trade.instrument, reason)

    def _change_security(self, event: SecurityChanged) -> None:
        state = self._touch(event.instrument)
        if state is not None and _has_infinite(event):
            self._fault(event.instrument, "a value that is no finite number")
        elif state is not None:
            state.change_security(event, self._now)
            state.settle_state(self.trading_state, self.board_states)

    # The market and what it lists

    def _list(self, event: InstrumentListed) -> None:
        definition = event.definition
        if definition.market != self.definition.id:
            self._fault(definition.id, f"not of the market {self.definition.id}")
        else:
            self._define(definition.id, definition)

    def _define(self, instrument_id: InstrumentId, definition: Instrument) -> None:
        known = self.instruments.get(instrument_id)
        if known is not None and known.instrument == definition:
            return
        op = Op.ADD if known is None else Op.UPDATE
        if known is None or not _same_scales(known.instrument, definition):
            state = self._make(definition)
            self.instruments[instrument_id] = self._touched[instrument_id] = state
            if known is not None:
                _empty(state)
        else:
            state = known
            state.instrument = definition
            self._touch(instrument_id)
        state.changes.security_full = True
        state.settle_state(self.trading_state, self.board_states)
        self._changes.symbols.append(SymbolChange(op, definition))

    def _unlist(self, event: InstrumentUnlisted) -> None:
        if event.instrument in self.instruments:
            self._remove(event.instrument)
        else:
            self._fault(event.instrument, "not listed")

    def _remove(self, instrument: InstrumentId) -> None:
        state = self.instruments.pop(instrument)
        self._touched.pop(instrument, None)
        self._changes.symbols.append(SymbolChange(Op.REMOVE, state.instrument))

    def _change_states(self, event: MarketStateChanged) -> None:
        if event.market != self.definition.id:
            self._fault(None, f"a trading state of {event.market} came to {self.definition.id}")
            return
        boards = {**self.board_states, **event.boards}
        if event.trading_state == self.trading_state and boards == self.board_states:
            return
        self.trading_state = event.trading_state
        self.board_states = boards
        self._changes.market = True
        for instrument_id, state in self.instruments.items():
            if state.settle_state(event.trading_state, boards):
                self._moved.append((instrument_id, state))

    def _start_day(self, event: TradingDayStarted) -> None:
        if event.market != self.definition.id:
            self._fault(None, f"a trading day of {event.market} came to {self.definition.id}")
            return
        if event.trading_date == self.trading_date:
            return
        self.trading_date = event.trading_date
        self._changes.market = self._changes.new_day = True
        for instrument_id, state in self.instruments.items():
            self._touch(instrument_id)
            state.start_day(event.trading_date)


def _has_infinite(event: SecurityChanged) -> bool:
    """True if one of the few fields that are no integers is infinite or NaN."""
    return (
        (isinstance(event.vwap, float) and not isfinite(event.vwap))
        or (isinstance(event.value_traded, float) and not isfinite(event.value_traded))
        or (isinstance(event.extended, dict) and not all(map(isfinite, event.extended.values())))
    )


def _same_scales(one: Instrument, other: Instrument) -> bool:
    return one.price_scale == other.price_scale and one.quantity_scale == other.quantity_scale


def _empty(state: VenueInstrument) -> None:
    """Tell subscribers of an instrument that was made anew that all they have of it is void."""
    state.changes.security_full = True
    state.book.clear(is_snapshot=True)
    state.initialise_trades()
