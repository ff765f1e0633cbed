"""One instrument of a venue: its book, trades and security record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Final

from msgspec import UNSET

from zenithd.domain.events import BestPricesChanged, SecurityChanged, TradeReported
from zenithd.domain.instrument import Instrument
from zenithd.market.changes import BookOrder, InstrumentChanges, Op, PriceLevel, TapeTrade, TradeChange
from zenithd.market.chart import MinuteBars
from zenithd.market.day_trades import DayTrades
from zenithd.market.instrument_book import InstrumentBook
from zenithd.market.security import WITHOUT_TRADES, SecurityRecord, rounded_vwap
from zenithd.market.snapshot import InstrumentSnapshot
from zenithd.market.trade_tape import TradeTape, trend_between

# An attribute of an enumeration costs as much as a dict look-up and a call on Python 3.11.
_ADD: Final = Op.ADD
_TAKEN_AS_GIVEN: Final = (
    "close",
    "settlement",
    "auction_price",
    "auction_quantity",
    "auction_remainder",
    "open_interest",
    "share_issue",
    "status_note",
    "quotation_basis",
    "extended",
)
"""SecurityChanged fields that only the venue knows."""
_SUPPLIED_STATISTICS: Final = ("open", "high", "low", "volume", "number_of_trades")
"""SecurityChanged fields that win over derived ones and need no conversion."""
_NEW_DAY_VALUES: Final[dict[str, object]] = {
    **WITHOUT_TRADES,
    "settlement": None,
    "auction_price": None,
    "auction_quantity": None,
    "auction_remainder": None,
}
"""What the record starts a day with; everything else goes on."""


class VenueInstrument:
    """Applies the events of one instrument. Used by `VenueMarket` only; others read it as InstrumentView.

    `changes` gathers what a batch changed: the market sets it before the first event and calls `finish`
    after the last.
    """

    __slots__ = (
        "_before",
        "_best_prices",
        "_own_state",
        "_supplied",
        "_trades",
        "best_from_book",
        "book",
        "changes",
        "id",
        "instrument",
        "last_traded",
        "security",
        "shows_book",
    )

    def __init__(self, instrument: Instrument, tape_trades_max: int, trading_date: date | None) -> None:
        self.id = instrument.id
        self.instrument = instrument
        self.best_from_book = True
        """False: best prices come from BestPricesChanged."""
        self.shows_book = True
        """False: the book gives the best prices, but nobody sees it."""
        self.reset(tape_trades_max, trading_date)

    def reset(self, tape_trades_max: int, trading_date: date | None) -> None:
        """Be as just listed."""
        self.security = SecurityRecord()
        self.book = InstrumentBook()
        self.changes = InstrumentChanges()
        self._before: dict[str, object] = {}
        """Fields that `SecurityRecord.update` set in this batch, as they were before it."""
        self._best_prices: BestPricesChanged | None = None
        """The newest of this batch."""
        self.last_traded: int | None = None
        self._trades = DayTrades(tape_trades_max, trading_date)
        self._supplied: set[str] = set()
        self._own_state: str | None = None

    @property
    def tape(self) -> TradeTape:
        """Today's trades."""
        return self._trades.tape

    @property
    def chart(self) -> MinuteBars:
        """Today's minute bars."""
        return self._trades.chart

    def orders(self) -> list[BookOrder]:
        """The order book in any order; empty for a venue that shows only levels."""
        return self.book.orders() if self.shows_book else []

    def levels(self) -> list[PriceLevel]:
        """The price levels in any order."""
        return self.book.levels() if self.shows_book else []

    def finish(self) -> None:
        """End the batch: bring levels, best prices and statistics up to date."""
        changes, record = self.changes, self.security
        if self.book.touched:
            self.book.take(changes)
            if self.best_from_book:
                self.book.show_best(record, changes.security)
            if not self.shows_book:
                changes.depth, changes.levels = [], []
        if self._best_prices is not None:
            self._show_best_prices(self._best_prices, changes.security)
            self._best_prices = None
        if self._trades.touched:
            if self._supplied:
                self._settle_statistics()
            else:
                self._trades.touched = False
                self._trades.show(record, self.instrument.price_scale, changes.security)
                self.last_traded = self._trades.statistics.last_traded
        if self._before:
            record.settle(self._before, changes.security)
            self._before.clear()

    def finish_state(self) -> bool:
        """Do as `finish` where `settle_state` alone was called; True if the trading state is another now."""
        if not self._before:
            return False
        before = self._before.pop("trading_state")
        return self.security.trading_state != before

    # Trades

    def report_trade(self, trade: TradeReported) -> None:
        """Put a trade on the tape and count it. The caller has checked that its id is the highest."""
        self.changes.trades.append(TradeChange(_ADD, None, self._trades.count(trade)))

    def amend_trade(self, trade: TradeReported) -> str | None:
        """Replace a trade and correct what was derived from it.

        A trade that is no longer held is passed on to subscribers and corrects nothing.
        Returns why it is a fault of the source, or None.
        """
        amended = self._trades.amend(trade)
        if not amended:
            if self.tape.complete or trade.trade_id > self.tape.newest_id:
                return f"amends trade {trade.trade_id}, which is not on today's tape"
            amended = [TapeTrade(trade)]
        self.changes.trades += [TradeChange(Op.UPDATE, None, taped) for taped in amended]
        return None

    def restore_trades(self, trades: Sequence[TradeReported]) -> None:
        """Count stored trades of today, oldest first, that are newer than those on the tape."""
        for trade in trades:
            if trade.trade_id > self.tape.newest_id:
                self._trades.count(trade)
        self.initialise_trades()

    def interrupt_tape(self) -> None:
        """Trades were lost: subscribers begin anew."""
        self.tape.interrupt()
        self.initialise_trades()

    def initialise_trades(self) -> None:
        """Tell subscribers to begin a new tape."""
        self.changes.trades.append(TradeChange(Op.INITIALISE, self.tape.newest_id))

    def _settle_statistics(self) -> None:
        """Bring the statistics up to date with the trades so far."""
        if not self._trades.touched:
            return
        self._trades.touched = False
        values = self._trades.values(self.instrument.price_scale)
        for name in self._supplied:
            del values[name]
        if "last" in values:
            self.last_traded = self._trades.statistics.last_traded
        self.security.update(values, self._before)

    # The security

    def set_best_prices(self, event: BestPricesChanged) -> None:
        """Take the best prices from an event, unless they come from the book; the batch's last one counts."""
        if not self.best_from_book:
            self._best_prices = event

    def _show_best_prices(self, event: BestPricesChanged, changed: set[str]) -> None:
        record = self.security
        if event.bid is None:
            record.show_best_bid(None, 0, 0, False, changed)
        else:
            record.show_best_bid(event.bid, event.bid_quantity, event.bid_count, False, changed)
        if event.ask is None:
            record.show_best_ask(None, 0, 0, False, changed)
        else:
            record.show_best_ask(event.ask, event.ask_quantity, event.ask_count, False, changed)

    def change_security(self, event: SecurityChanged, now: int) -> None:
        """Take over what the venue supplied; the market settles `trading_state` afterwards."""
        self._settle_statistics()
        values: dict[str, object] = {}
        for name in _TAKEN_AS_GIVEN:
            value = getattr(event, name)
            if value is not UNSET:
                values[name] = value
        for name in _SUPPLIED_STATISTICS:
            value = getattr(event, name)
            if value is not UNSET:
                self._supply(name, value, values)
        if event.vwap is not UNSET:
            self._supply("vwap", rounded_vwap(event.vwap, self.instrument.price_scale), values)
        if event.value_traded is not UNSET:
            scale = self.instrument.price_scale + self.instrument.quantity_scale
            self._supply("value_traded", round(event.value_traded * 10**scale), values)
        if event.last is not UNSET:
            last = self.security.last
            moved = last != event.last
            trend = trend_between(last, event.last) if moved and event.last is not None else None
            self._supply("last", event.last, values)
            self._supply("trend", None if event.last is None else trend or self.security.trend, values)
            self.last_traded = now if moved else self.last_traded
        if event.trading_state is not UNSET:
            self._own_state = event.trading_state
        self.security.update(values, self._before)

    def _supply(self, name: str, value: object, values: dict[str, object]) -> None:
        """Let the venue's value win for the day; None gives the statistic back to derivation."""
        if value is None:
            self._supplied.discard(name)
            self._trades.touched = True
        else:
            self._supplied.add(name)
            values[name] = value

    def settle_state(self, market_state: str | None, board_states: Mapping[str, str]) -> bool:
        """Bring `trading_state` up to date: the own state, else the board's, else the market's.

        Returns whether it has become another one.
        """
        board = self.instrument.board
        state = self._own_state or (board_states.get(board) if board else None) or market_state
        before = self.security.trading_state
        if state == before:
            return False
        self.security.trading_state = state
        self._before.setdefault("trading_state", before)
        return True

    def start_day(self, trading_date: date) -> None:
        """Begin a trading day: the last price becomes the close, everything derived from trades is new."""
        self._settle_statistics()
        values = dict(_NEW_DAY_VALUES)
        if self.security.last is not None:
            values["close"] = self.security.last
        self.security.update(values, self._before)
        self.changes.security_full = True
        self.changes.trades.clear()
        self._supplied.clear()
        self.last_traded = None
        self._trades.restart(trading_date)
        self.initialise_trades()

    # Stored state

    def snapshot(self, trades_max: int) -> InstrumentSnapshot:
        """The state with at most the newest `trades_max` trades."""
        orders = self.book.orders()
        return InstrumentSnapshot(
            instrument=self.instrument,
            security=self.security.copy(),
            supplied=tuple(sorted(self._supplied)),
            own_state=self._own_state,
            last_traded=self.last_traded,
            book_valid=self.book.is_valid,
            orders=orders,
            levels=[] if orders else self.book.levels(),
            trades=self._trades.snapshot(trades_max),
        )

    def restore(self, snapshot: InstrumentSnapshot) -> None:
        """Be as the instrument was that gave the snapshot."""
        self.security = snapshot.security.copy()
        self.last_traded = snapshot.last_traded
        self._supplied = set(snapshot.supplied)
        self._own_state = snapshot.own_state
        self._trades.restore(snapshot.trades)
        self.book.restore(self.id, snapshot.orders, snapshot.levels)
        self.book.is_valid = snapshot.book_valid
