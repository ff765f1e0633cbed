"""The synchronous side of the store: runs in the store's thread, one call at a time.

Every method may raise `dbapi2.Error` (disk full, file damaged, locked by another process); what it had
begun is then undone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from typing import Any

import msgspec

from zenithd.domain.events import TradeReported
from zenithd.domain.identifiers import InstrumentId, MarketId
from zenithd.history.bars import BarTable
from zenithd.history.batch import Batch, Scales
from zenithd.history.rows import STORED_MAX, MinuteRow, TradeRow, Unstorable, minute_row, row_trade, trade_row
from zenithd.history.schema import transaction
from zenithd.history.series import Scaling, Series, SeriesTable
from zenithd.market.chart import MINUTE_NS, Minute, MinuteBars
from zenithd.market.trade_effect import trade_effect

REFOLD_MINUTES_MAX = 4
"""Up to so many minutes are worked out anew one by one, more by reading the day once."""

EXPIRE_DAYS_PER_STEP = 20
"""Days of instruments that one step of expiry removes, so that it never blocks the thread for long."""

VACUUM_PAGES_PER_STEP = 2_000
NEWEST_KNOWN_MAX = 100_000

STORE_STATE = "store"
"""Name under which the store keeps what it says of itself, among the states."""


class Written(msgspec.Struct, frozen=True):
    """What became of a batch."""

    stored: int
    unstorable: tuple[str, ...]
    """A sentence for each trade that no column holds."""


class StoreState(msgspec.Struct, frozen=True):
    """What the file says of the store, committed together with the trades."""

    recorded: int = 0
    """Trades recorded in all, over all runs, when this was written."""
    is_open: bool = False
    """A daemon uses it. True at a start: the one before did not come to an orderly end."""
    boot: str = ""
    """`boot_id` of the system on which that daemon runs."""


class Database:
    """Trades, minutes, days and states in one file."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._series = SeriesTable(connection)
        self.bars = BarTable(connection, self._series)
        self._newest: dict[tuple[int, int], int] = {}
        self._boot = ""

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with transaction(self._connection) as undo:
            undo.callback(self._newest.clear)
            undo.callback(self._series.forget)
            yield

    # Its own state

    def begin(self, recorded: int, boot: str) -> StoreState:
        """Mark the store as open, after `recorded` trades at least; return what its state was before."""
        self._boot = boot
        content = self.load_state(STORE_STATE)
        before = StoreState() if content is None else msgspec.msgpack.decode(content, type=StoreState)
        with self._transaction():
            self._put_state(StoreState(max(recorded, before.recorded), True, boot))
        return before

    def end(self, recorded: int) -> None:
        """Mark the store as closed in order, with everything written."""
        with self._transaction():
            self._put_state(StoreState(recorded))

    def _put_state(self, state: StoreState) -> None:
        self._connection.execute(_PUT_STATE, (STORE_STATE, msgspec.msgpack.encode(state)))

    # Writing

    def write(self, batch: Batch) -> Written:
        """Write a batch as one transaction."""
        unstorable: list[str] = []
        with self._transaction():
            for key, trades in batch.trades.items():
                try:
                    series = self._series.made(key.instrument, key.scales)
                except UnicodeEncodeError as error:
                    unstorable += [f"instrument {key.instrument!r}: {error}"] * len(trades)
                    continue
                scaling = Scaling.between(key.scales, series.scales)
                self._write_day(series, key.trading_date.toordinal(), trades, scaling, unstorable)
            self._connection.executemany(_PUT_STATE, batch.states.items())
            self._put_state(StoreState(batch.recorded, True, self._boot))
        return Written(batch.size - len(unstorable), tuple(unstorable))

    def _write_day(
        self,
        series: Series,
        day: int,
        trades: Iterable[TradeReported],
        scaling: Scaling,
        unstorable: list[str],
    ) -> None:
        """Add trades that are newer than all known ones to the minutes; work the others' minutes out anew."""
        newest = self._newest_id(series.id, day)
        rows: list[TradeRow] = []
        known: list[TradeRow] = []
        minutes = MinuteBars()
        for trade in trades:
            try:
                row = trade_row(trade, series.id, day, scaling.price_up, scaling.quantity_up)
            except Unstorable as reason:
                unstorable.append(str(reason))
                continue
            if trade.trade_id > newest:
                newest = trade.trade_id
                rows.append(row)
                minutes.add(trade, trade_effect(trade))
            else:
                known.append(row)
        self._put_trades(rows)
        self._add_minutes(minute_row(_scaled(one, scaling), series.id, day) for one in minutes.minutes())
        self._newest[series.id, day] = newest
        if known:
            self._rewrite(series.id, day, known)
        self._connection.execute(
            "INSERT INTO day (series, day, is_stale) VALUES (?, ?, 1) ON CONFLICT DO UPDATE SET is_stale = 1",
            (series.id, day),
        )

    def _newest_id(self, series: int, day: int) -> int:
        if len(self._newest) > NEWEST_KNOWN_MAX:
            self._newest.clear()
        newest = self._newest.get((series, day))
        if newest is None:
            (found,) = self._connection.execute(
                "SELECT max(id) FROM trade WHERE series = ? AND day = ?", (series, day)
            ).fetchone()
            newest = -(2**63) if found is None else found
        return newest

    def _put_trades(self, rows: Sequence[TradeRow]) -> None:
        self._connection.executemany("INSERT OR REPLACE INTO trade VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)

    def _add_minutes(self, rows: Iterable[MinuteRow]) -> None:
        self._connection.executemany(_ADD_MINUTE, rows)

    def _rewrite(self, series: int, day: int, rows: Sequence[TradeRow]) -> None:
        """Put trades in the place of those with their ids, and make their minutes anew."""
        starts = {row[3] // MINUTE_NS for row in rows}
        for row in rows:
            found = self._connection.execute(
                "SELECT time FROM trade WHERE series = ? AND day = ? AND id = ?", (series, day, row[2])
            ).fetchone()
            if found is not None:
                starts.add(found[0] // MINUTE_NS)
        self._put_trades(rows)
        if len(starts) > REFOLD_MINUTES_MAX:
            self._refold(series, day, -(2**63), 2**63 - 1)
            return
        for start in starts:
            self._refold(series, day, start * MINUTE_NS, (start + 1) * MINUTE_NS)

    def _refold(self, series: int, day: int, start: int, end: int) -> None:
        """Make the minutes of a day with start <= time < end from its trades."""
        minutes = MinuteBars()
        found = self._connection.execute(
            "SELECT id, time, price, quantity, marks FROM trade "
            "WHERE series = ? AND day = ? AND time >= ? AND time < ? ORDER BY id",
            (series, day, start, end),
        )
        for trade_id, time, price, quantity, marks in found:
            trade = row_trade(_NOBODY, (trade_id, time, marks, None), price, quantity)
            minutes.add(trade, trade_effect(trade))
        self._connection.execute(
            "DELETE FROM minute WHERE series = ? AND day = ? AND time >= ? AND time < ?",
            (series, day, start // MINUTE_NS, -(-end // MINUTE_NS)),
        )
        self._add_minutes(minute_row(minute, series, day) for minute in minutes.minutes())

    # Reading

    def trades(
        self,
        instrument: InstrumentId,
        wanted: Scales | None,
        trading_date: date,
        count: int | None,
        first: int | None,
        last: int | None,
    ) -> tuple[list[TradeReported], int | None]:
        """Select trades as QueryTrades does, oldest first, and the price before them that sets a trend.

        `first` and `last` are ids; both belong to the range. With `first`, `count` takes the oldest of the
        range, otherwise the newest.
        """
        series = self._series.find(instrument)
        if series is None:
            return [], None
        scaling = Scaling.between(series.scales, wanted)
        day = trading_date.toordinal()
        order = "ASC" if first is not None else "DESC"
        rows = self._connection.execute(
            "SELECT id, time, price, quantity, marks, rest FROM trade WHERE series = ? AND day = ? "
            f"AND id >= ? AND id <= ? ORDER BY id {order} LIMIT ?",
            (
                series.id,
                day,
                -(2**63) if first is None else first,
                2**63 - 1 if last is None else last,
                -1 if count is None else count,
            ),
        ).fetchall()
        if first is None:
            rows.reverse()
        trades = [
            row_trade(
                instrument, (trade_id, time, marks, rest), scaling.price(price), scaling.quantity(quantity)
            )
            for trade_id, time, price, quantity, marks, rest in rows
        ]
        before = self._price_before(series.id, day, trades[0].trade_id) if trades else None
        return trades, None if before is None else scaling.price(before)

    def _price_before(self, series: int, day: int, trade_id: int) -> int | None:
        found = self._connection.execute(
            "SELECT id, time, price, quantity, marks FROM trade WHERE series = ? AND day = ? AND id < ? "
            "ORDER BY id DESC",
            (series, day, trade_id),
        )
        for earlier, time, price, quantity, marks in found:
            trade = row_trade(_NOBODY, (earlier, time, marks, None), price, quantity)
            if trade_effect(trade).price:
                return trade.price
        return None

    def newest_day(self, instrument: InstrumentId) -> date | None:
        """Give the newest trading date of which an instrument has trades."""
        series = self._series.find(instrument)
        return None if series is None else self._newest_day(series.id)

    def _newest_day(self, series: int) -> date | None:
        (day,) = self._connection.execute("SELECT max(day) FROM trade WHERE series = ?", (series,)).fetchone()
        return None if day is None else date.fromordinal(day)

    def newest_trade(
        self, instrument: InstrumentId, wanted: Scales | None
    ) -> tuple[date, TradeReported] | None:
        """Give the newest trade of an instrument and its trading date."""
        day = self.newest_day(instrument)
        if day is None:
            return None
        trades, _ = self.trades(instrument, wanted, day, 1, None, None)
        return day, trades[-1]

    def load_latest_day(
        self, market: MarketId, scales: Mapping[InstrumentId, Scales]
    ) -> tuple[date, dict[InstrumentId, list[TradeReported]]] | None:
        """Give all trades of the newest trading date of a market, oldest first."""
        days = [(self._newest_day(series.id), series) for series in self._series.of_market(market)]
        newest = max((day for day, _ in days if day is not None), default=None)
        if newest is None:
            return None
        loaded = {}
        for day, series in days:
            if day == newest:
                instrument = series.instrument
                loaded[instrument], _ = self.trades(
                    instrument, scales.get(instrument), newest, None, None, None
                )
        return newest, loaded

    def load_state(self, name: str) -> bytes | None:
        """Give a state as it was written last."""
        found = self._connection.execute("SELECT content FROM state WHERE name = ?", (name,)).fetchone()
        return None if found is None else found[0]

    # Expiry

    def expire_step(self, before: date) -> bool:
        """Remove some of what is older than a trading date; False when nothing is left to remove."""
        with self._transaction():
            found = self._connection.execute(
                "SELECT series, day FROM day WHERE day < ? ORDER BY day LIMIT ?",
                (before.toordinal(), EXPIRE_DAYS_PER_STEP),
            ).fetchall()
            for table in ("trade", "minute", "day"):
                self._connection.executemany(f"DELETE FROM {table} WHERE series = ? AND day = ?", found)
        self._connection.execute(f"PRAGMA incremental_vacuum({VACUUM_PAGES_PER_STEP})").fetchall()
        return len(found) == EXPIRE_DAYS_PER_STEP


_NOBODY = InstrumentId("")

_PUT_STATE = "INSERT OR REPLACE INTO state (name, content) VALUES (?, ?)"

_ADD_MINUTE = f"""
INSERT INTO minute VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET
    opened = CASE WHEN open IS NULL THEN excluded.opened ELSE opened END,
    closed = CASE WHEN excluded.close IS NULL THEN closed ELSE excluded.closed END,
    open = coalesce(open, excluded.open),
    high = max(coalesce(high, excluded.high), coalesce(excluded.high, high)),
    low = min(coalesce(low, excluded.low), coalesce(excluded.low, low)),
    close = coalesce(excluded.close, close),
    volume = min(volume + excluded.volume, {STORED_MAX}),
    trades = trades + excluded.trades
"""


def _scaled(minute: Minute, scaling: Scaling) -> Minute:
    price, quantity = scaling.price_up, scaling.quantity_up
    if price == quantity == 1:
        return minute
    return Minute(
        minute.time,
        minute.opened,
        minute.closed,
        None if minute.open is None else minute.open * price,
        None if minute.high is None else minute.high * price,
        None if minute.low is None else minute.low * price,
        None if minute.close is None else minute.close * price,
        minute.volume * quantity,
        minute.trades,
    )
