"""The history store as the daemon uses it: nothing here blocks the event loop, nothing is lost in silence.

What is recorded is gathered in memory and written by one thread, a transaction every `flush_seconds`. Every
reading call first writes what is gathered, so that it sees everything recorded before. While the disk
refuses, up to `pending_trades_max` trades wait for it; those beyond are counted as lost, and the store says
that it is not healthy and why. Live data goes on.

So trades are sent before they are written. A daemon that is killed loses those of the last `flush_seconds`
(and of the write under way); the next start knows that, and how many there were (`UncleanStop`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from datetime import date, timedelta
from pathlib import Path
from typing import Protocol, TypeVar

import msgspec
import structlog
import trio
from pysqlite3 import dbapi2

from zenithd.domain.events import TradeReported
from zenithd.domain.identifiers import InstrumentId, MarketId
from zenithd.domain.instrument import Instrument
from zenithd.domain.market_data import Trend
from zenithd.history import schema
from zenithd.history.bars import BarQuery
from zenithd.history.batch import Batch, DayKey, Scales
from zenithd.history.database import Database, StoreState, Written
from zenithd.history.sent_count import SentCount, boot_id
from zenithd.market.changes import TapeTrade
from zenithd.market.chart import Minute
from zenithd.market.trade_effect import trade_effect
from zenithd.market.trade_tape import trend_between
from zenithd.plugin.interfaces import LastKnown

HISTORY_FILE = "history.db"
"""Name of the store in the state folder."""

NANOSECONDS = 1_000_000_000
EPOCH = date(1970, 1, 1)
CLOSE_SECONDS_MAX = 5.0
"""How long closing waits for the disk."""

RETRY_SECONDS_MAX = 5.0
"""Longest pause between attempts to write to a disk that refuses."""

_FAILURES = (dbapi2.Error, OSError, schema.StoreRefused)
"""What the disk or the file can be at fault of while the daemon runs."""

T = TypeVar("T")


class HistoryUnavailable(Exception):
    """The store cannot answer now: the disk or the file is at fault. The text says what is wrong."""


class HistorySettings(msgspec.Struct, frozen=True, kw_only=True):
    """How the store works."""

    retention_days: int = 365
    flush_seconds: float = 0.1
    """A recorded trade waits at most so long until its write begins."""
    flush_trades: int = 10_000
    """So many waiting trades are written at once, without waiting for `flush_seconds`."""
    pending_trades_max: int = 100_000
    """With so many waiting trades the store is congested."""


class UncleanStop(msgspec.Struct, frozen=True):
    """The daemon before this one did not close the store: it was killed, or the disk refused to the end."""

    trades_unwritten: int | None
    """Trades that it had sent and that are not in the store. None: not known, as after a power cut."""


class Thread(Protocol):
    """Runs a call in the store's thread, one at a time; under test in the event loop."""

    async def __call__(self, call: Callable[[], T], *, abandon_on_cancel: bool) -> T:
        """Return what the call returns."""
        ...


class WorkerThread:
    """One thread at a time of trio's pool."""

    def __init__(self) -> None:
        self._limiter = trio.CapacityLimiter(1)

    async def __call__(self, call: Callable[[], T], *, abandon_on_cancel: bool) -> T:
        """Run the call; a caller that is cancelled leaves it behind only if it may be abandoned."""
        return await trio.to_thread.run_sync(call, abandon_on_cancel=abandon_on_cancel, limiter=self._limiter)


class HistoryStore:
    """Records trades and answers for past days. `open`, then `run` until cancelled."""

    def __init__(
        self,
        path: Path,
        settings: HistorySettings,
        now: Callable[[], int],
        log: structlog.stdlib.BoundLogger,
        thread: Thread | None = None,
    ) -> None:
        self.path = path
        self.settings = settings
        self.healthy = True
        self.reason = ""
        """Why the store is not healthy."""
        self.trades_stored = 0
        self.trades_lost = 0
        """Trades that were not kept because the disk refused for too long, or that no column holds."""
        self.on_failure: Callable[[], None] | None = None
        """Told of each failed write, for counting."""
        self.on_lost: Callable[[int], None] | None = None
        """Told how many trades were lost, for counting."""
        self.unclean_stop: UncleanStop | None = None
        """How the run before this one ended, unless it ended in order; known once the file is open."""
        self._now = now
        self._log = log
        self._thread = thread or WorkerThread()
        self._database: Database | None = None
        self._sent = SentCount(path.with_suffix(".sent"))
        self._recorded = 0
        """Trades recorded in all, over all runs."""
        self._scales: dict[InstrumentId, Scales] = {}
        self._pending = Batch()
        self._wake = trio.Event()
        self._room = trio.Event()
        self._flushing = trio.Lock()

    # Life

    async def open(self) -> None:
        """Open the file. A damaged one leaves the store unhealthy; the daemon runs without history.

        Raises:
            StoreRefused: a newer version's store, or another program's file.
        """
        try:
            await self._thread(self._open, abandon_on_cancel=False)
        except (dbapi2.Error, OSError) as error:
            self._failed(error)

    def _open(self) -> Database:
        if self._database is None:
            with ExitStack() as undo:
                database = Database(schema.connect(self.path))
                undo.callback(database.close)
                sent = self._open_count()
                self._begin(sent, database.begin(sent, boot_id()))
                undo.pop_all()
            self._database = database
        return self._database

    def _open_count(self) -> int:
        try:
            return self._sent.open()
        except OSError as error:
            self._log.error("trades that are sent cannot be counted", reason=f"{self._sent.path}: {error}")
            return 0

    def _begin(self, sent: int, before: StoreState) -> None:
        """Find out how the run before this one ended, and go on counting where it stopped."""
        if before.is_open and self.unclean_stop is None:
            # After a power cut the file may be as it was some time before.
            is_sure = before.boot == boot_id() and sent >= before.recorded
            unwritten = sent - before.recorded if is_sure else None
            self.unclean_stop = UncleanStop(unwritten)
            self._log.warning("the daemon did not end in order the last time", trades_unwritten=unwritten)
        self._recorded += max(sent, before.recorded)

    async def run(self) -> None:
        """Write what is recorded and remove what is too old, until cancelled; then write the rest."""
        try:
            pause = self.settings.flush_seconds
            due = trio.current_time() + pause
            expired_on: date | None = None
            while True:
                with trio.move_on_at(due):
                    await self._wake.wait()
                due = trio.current_time() + self.settings.flush_seconds  # the time of the write counts too
                succeeded = await self._flush()
                pause = self.settings.flush_seconds if succeeded else min(pause * 2, RETRY_SECONDS_MAX)
                if not succeeded:
                    await trio.sleep(pause)
                elif (today := self._today()) != expired_on:
                    expired_on = today
                    await self._expire_old(today)
        finally:
            with trio.CancelScope(shield=True):
                await self.close()

    async def close(self) -> None:
        """Write what waits and close the file; gives up on a disk that hangs."""
        with trio.move_on_after(CLOSE_SECONDS_MAX) as deadline:
            # While the first write is under way, sources that end may still bring something.
            while await self._flush(abandon_on_cancel=True) and self._pending:
                pass
            if self._database is not None:
                await self._thread(self._close, abandon_on_cancel=True)
        if deadline.cancelled_caught or self._pending:
            self._log.error("history store closed before everything was written", pending=self._pending.size)

    def _close(self) -> None:
        database, self._database = self._database, None
        if database is None:
            return
        try:
            if self.healthy and not self._pending:
                database.end(self._recorded)
        except _FAILURES as error:
            self._failed(error)
        finally:
            self._sent.close()
            database.close()

    def _today(self) -> date:
        return EPOCH + timedelta(seconds=self._now() // NANOSECONDS)

    # Recording

    def declare(self, instruments: Iterable[Instrument]) -> None:
        """Say in which scales the trades of instruments are, before they are recorded and at each change."""
        for instrument in instruments:
            self._scales[instrument.id] = Scales(instrument.price_scale, instrument.quantity_scale)

    def record(self, instrument: InstrumentId, trading_date: date, trades: Sequence[TradeReported]) -> None:
        """Keep trades, in ascending order of ids; one whose id is known replaces the older one."""
        self._recorded += len(trades)
        pending = self._pending
        if pending.size >= self.settings.pending_trades_max and not self.healthy:
            self._lost(len(trades))
            return
        pending.add(DayKey(instrument, trading_date, self._scales.get(instrument)), trades)
        if pending.size >= self.settings.flush_trades:
            self._wake.set()

    def note_sent(self) -> None:
        """What was recorded so far is about to be sent: call it before, so that a kill cannot hide it."""
        self._sent.write(self._recorded)

    def save_state(self, name: str, content: bytes) -> None:
        """Keep a state under a name, in the place of the one before."""
        self._pending.states[name] = content

    @property
    def congested(self) -> bool:
        """True while whoever records should wait. Never for a disk that refuses: live data goes on."""
        return self.healthy and self._pending.size >= self.settings.pending_trades_max

    @property
    def pending(self) -> int:
        """Number of trades that wait to be written."""
        return self._pending.size

    async def wait_room(self) -> None:
        """Return when the store is not congested."""
        while self.congested:
            await self._room.wait()

    async def backfill(
        self, instrument: InstrumentId, trading_date: date, trades: Sequence[TradeReported]
    ) -> None:
        """Keep trades of the past; waits where the disk is slower than the source."""
        self.record(instrument, trading_date, trades)
        await self.wait_room()
        await trio.lowlevel.checkpoint()

    async def flush(self) -> None:
        """Write everything recorded so far.

        Raises:
            HistoryUnavailable: the disk refused; nothing is lost yet, it will be tried again.
        """
        if not await self._flush():
            raise HistoryUnavailable(self.reason)

    async def _flush(self, *, abandon_on_cancel: bool = False) -> bool:
        async with self._flushing:
            batch, self._pending = self._pending, Batch()
            batch.recorded = self._recorded
            self._wake = trio.Event()
            if not batch and self.healthy:
                return True
            written: Written | None = None
            try:
                written = await self._thread(
                    lambda: self._open().write(batch), abandon_on_cancel=abandon_on_cancel
                )
            except _FAILURES as error:
                self._failed(error)
                return False
            except Exception:  # values that no column takes, from a plugin: they must not stop the others'
                self._lost(batch.size)
                self._log.exception("a batch of trades cannot be stored", trades=batch.size)
                written = Written(0, ())
            finally:
                if written is None:
                    self._pending = batch.put_before(self._pending)
                self._room.set()
                self._room = trio.Event()
            self._succeeded(written)
            return True

    def _succeeded(self, written: Written) -> None:
        self.trades_stored += written.stored
        if written.unstorable:
            self._lost(len(written.unstorable))
            self._log.warning(
                "trades that cannot be stored", number=len(written.unstorable), first=written.unstorable[0]
            )
        if not self.healthy:
            self._log.info("history store works again", trades_lost=self.trades_lost)
            self.healthy, self.reason = True, ""

    def _lost(self, trades: int) -> None:
        self.trades_lost += trades
        if self.on_lost is not None:
            self.on_lost(trades)

    def _failed(self, error: Exception) -> None:
        reason = f"{self.path}: {error}"
        if self.healthy or self.reason != reason:
            self._log.error("history store refuses", reason=reason, pending=self._pending.size)
        self.healthy, self.reason = False, reason
        if self.on_failure is not None:
            self.on_failure()

    # Reading

    async def _read(self, call: Callable[[Database], T]) -> T:
        if self._pending:
            await self._flush()
        try:
            return await self._thread(lambda: call(self._open()), abandon_on_cancel=True)
        except _FAILURES as error:
            self._failed(error)
            raise HistoryUnavailable(self.reason) from error

    async def trades(
        self,
        instrument: Instrument,
        trading_date: date,
        count: int | None = None,
        first: int | None = None,
        last: int | None = None,
    ) -> list[TapeTrade]:
        """Select trades of a day, oldest first, in the instrument's scales (spec 3.1.5).

        `first` and `last` are ids; both belong to the range. With `first`, `count` takes the oldest of the
        range, otherwise the newest. None: no such bound.

        Raises:
            HistoryUnavailable: the store cannot answer now.
        """
        trades, before = await self._read(
            lambda database: database.trades(
                instrument.id, _scales(instrument), trading_date, count, first, last
            )
        )
        return _with_trends(trades, before)

    async def minutes(self, instrument: Instrument, query: BarQuery) -> list[Minute]:
        """Give the minutes in which a trade affected the price, oldest first, in the instrument's scales.

        Raises:
            HistoryUnavailable: the store cannot answer now.
        """
        return await self._read(
            lambda database: database.bars.minutes(instrument.id, _scales(instrument), query)
        )

    async def days(self, instrument: Instrument, query: BarQuery) -> list[Minute]:
        """Give the trading dates in which a trade affected the price; times are midnight UTC of the dates.

        Raises:
            HistoryUnavailable: the store cannot answer now.
        """
        return await self._read(
            lambda database: database.bars.days(instrument.id, _scales(instrument), query)
        )

    async def newest_day(self, instrument: InstrumentId) -> date | None:
        """Give the newest trading date of which an instrument has trades.

        Raises:
            HistoryUnavailable: the store cannot answer now.
        """
        return await self._read(lambda database: database.newest_day(instrument))

    async def last_known(self, instrument: InstrumentId) -> LastKnown | None:
        """Give the newest trade of an instrument; None if there is none or the store cannot answer."""
        scales = self._scales.get(instrument)
        found = await self._try_read(lambda database: database.newest_trade(instrument, scales))
        if found is None:
            return None
        trading_date, trade = found
        return LastKnown(trading_date, trade.trade_id, trade.price)

    async def load_latest_day(
        self, market: MarketId
    ) -> tuple[date, dict[InstrumentId, list[TradeReported]]] | None:
        """Give all trades of the newest trading date of a market, for its tapes after a restart.

        None if there are none or the store cannot answer.
        """
        scales = {key: value for key, value in self._scales.items() if key.endswith(f".{market}")}
        return await self._try_read(lambda database: database.load_latest_day(market, scales))

    async def load_state(self, name: str) -> bytes | None:
        """Give a state as it was saved last; None if there is none or the store cannot answer."""
        return await self._try_read(lambda database: database.load_state(name))

    async def _try_read(self, call: Callable[[Database], T | None]) -> T | None:
        try:
            return await self._read(call)
        except HistoryUnavailable:
            return None

    # Expiry

    async def expire(self, before: date) -> None:
        """Remove everything of trading dates before one, in small steps.

        Raises:
            HistoryUnavailable: the store cannot answer now.
        """
        while await self._read(lambda database: database.expire_step(before)):
            pass

    async def _expire_old(self, today: date) -> None:
        try:
            await self.expire(today - timedelta(days=self.settings.retention_days))
        except (HistoryUnavailable, OverflowError):
            return


def _scales(instrument: Instrument) -> Scales:
    return Scales(instrument.price_scale, instrument.quantity_scale)


def _with_trends(trades: Iterable[TradeReported], before: int | None) -> list[TapeTrade]:
    taped = []
    for trade in trades:
        trend = Trend.NONE
        if trade_effect(trade).price:
            trend = trend_between(before, trade.price)
            before = trade.price
        taped.append(TapeTrade(trade, trend))
    return taped
