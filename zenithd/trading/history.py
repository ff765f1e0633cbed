"""What has been, for QueryTransactions and QueryOrderAudit: kept in memory, read from the journal once.

The newest entries of each account are gathered as they are kept. What was before this daemon's start is read
from the journal when somebody first asks for it, once for everybody; so is all of it after a failure of the
journal, when nobody knows what was kept untold.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import structlog
import trio

from zenithd.controllers.trading.desk import DeskClosed
from zenithd.oms.model.accounts import Account
from zenithd.oms.model.transactions import ClientTransaction
from zenithd.oms.model.updates import decode_updates
from zenithd.oms.state import OmsState
from zenithd.plugin.journal import JournalFeed, JournalUnavailable
from zenithd.trading.audit import AuditEntry, audited
from zenithd.trading.desk import RETRY, Told
from zenithd.wire.trading.requests import AccountQuery

COUNT_DEFAULT = 1_000
"""Newest entries that are told when the client does not say how many."""
COUNT_MAX = 10_000
RECORDS_PER_STEP = 16
"""Records that are read before others have their turn."""

Payload = dict[str, Any]
Log = deque[AuditEntry]

log: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(__name__)


class _Gathered:
    """The newest entries of every account, the oldest first.

    Trades are kept apart as well: they must not be pushed out by the many changes of orders.
    """

    def __init__(self, entries_max: int) -> None:
        self._entries_max = entries_max
        self.changes: dict[Account, Log] = {}
        self.trades: dict[Account, Log] = {}

    def add(self, entries: Iterable[AuditEntry]) -> None:
        for entry in entries:
            self._log(self.changes, entry.account).append(entry)
            if isinstance(entry.content, ClientTransaction):
                self._log(self.trades, entry.account).append(entry)

    def put_before(self, older: _Gathered) -> None:
        """Put older entries before these."""
        for mine, theirs in ((self.changes, older.changes), (self.trades, older.trades)):
            for account, entries in theirs.items():
                entries.extend(mine.get(account, ()))
                mine[account] = entries

    def _log(self, logs: dict[Account, Log], account: Account) -> Log:
        found = logs.get(account)
        if found is None:
            found = logs[account] = deque(maxlen=self._entries_max)
        return found


class OrderHistory:
    """Implements `zenithd.controllers.trading.queries.OrderHistory`; a listener of the order task."""

    def __init__(self, feed: JournalFeed, state: Callable[[], OmsState], entries_max: int) -> None:
        """`state`: the live one. `entries_max`: of each account, and as many trades."""
        self._feed = feed
        self._state = state
        self._entries_max = entries_max
        self._live = _Gathered(entries_max)
        self._since = 0
        """UpdateID after which all is gathered."""
        self._since_time = 0
        self._is_whole = False
        self._reading = trio.Lock()

    # As listener

    def begin(self) -> None:
        """The state was made anew: what was gathered may lack something."""
        self._live = _Gathered(self._entries_max)
        self._since, self._since_time = self._state().update_id, self._state().time
        self._is_whole = False

    def publish(self, told: Sequence[Told]) -> None:
        """Gather."""
        state = self._state()
        for each in told:
            self._live.add(audited(each, state))

    def feed_status(self) -> None:
        """What has been stays."""

    # As history

    async def transactions(self, account: Account, query: AccountQuery) -> list[Payload]:
        """Transaction of each trade, oldest first; the newest `Count` of them."""
        await self._reach(query)
        found = self._newest(self._live.trades.get(account, ()), query)
        return [entry["Transaction"] for entry in found]

    async def audit(self, account: Account, query: AccountQuery) -> list[Payload]:
        """Audit of each change of an order or request, and each trade, oldest first."""
        await self._reach(query)
        return self._newest(self._live.changes.get(account, ()), query)

    def _newest(self, entries: Iterable[AuditEntry], query: AccountQuery) -> list[Payload]:
        count = min(COUNT_DEFAULT if query.count is None else query.count, COUNT_MAX)
        found: deque[Payload] = deque(maxlen=count)
        for entry in entries:
            if _is_within(entry, query):
                payload = entry.payload()
                if payload is not None:
                    found.append(payload)
        return list(found)

    async def state_at(self, time: int) -> OmsState:
        """The state after the last update of that time or before, in nanoseconds since the Unix epoch."""
        state = OmsState(self._state().limits)
        records = 0
        async for _, body in self._feed.read():
            for kept in decode_updates(body):
                if kept.time > time:
                    return state
                state.replay(kept)
            records += 1
            if records % RECORDS_PER_STEP == 0:
                await trio.lowlevel.checkpoint()
        return state

    async def _reach(self, query: AccountQuery) -> None:
        """Have everything that the query may ask for."""
        async with self._reading:
            if self._is_whole or (query.from_date is not None and query.from_date > self._since_time):
                return
            live, since = self._live, self._since
            try:
                older = await self._read(since)
            except JournalUnavailable as error:
                log.warning("the history of orders cannot be read", reason=str(error))
                raise DeskClosed(RETRY) from error
            if live is not self._live:  # the journal failed meanwhile
                raise DeskClosed(RETRY)
            live.put_before(older)
            self._is_whole = True

    async def _read(self, last: int) -> _Gathered:
        """What was kept up to an UpdateID, made again."""
        gathered, state, records = _Gathered(self._entries_max), OmsState(self._state().limits), 0
        async for _, body in self._feed.read():
            if state.update_id >= last:
                break
            told = []
            for kept in decode_updates(body):
                events = state.replay(kept)
                told.append(Told(state.update_id, kept.time, events))
            for each in told:  # as when it was told: with all of the record applied
                gathered.add(audited(each, state))
            records += 1
            if records % RECORDS_PER_STEP == 0:
                await trio.lowlevel.checkpoint()
        return gathered


def _is_within(entry: AuditEntry, query: AccountQuery) -> bool:
    if query.order_id not in ("", entry.order_id):
        return False
    if query.from_date is not None and entry.time < query.from_date:
        return False
    if query.to_date is not None and entry.time > query.to_date:
        return False
    if not isinstance(entry.content, ClientTransaction):
        return True
    assets = entry.content.asset_transfer
    return assets is None or (
        query.trading_market in ("", assets.ex_destination)
        and query.exchange in ("", assets.exchange)
        and query.code in ("", assets.code)
    )
