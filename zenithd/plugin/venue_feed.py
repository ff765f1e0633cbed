"""The running half of `VenueSource`: instruments, connections, snapshots and the feed status."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any, NoReturn

import structlog
import trio

from zenithd.domain.events import TradingDayStarted
from zenithd.domain.identifiers import InstrumentId
from zenithd.domain.instrument import MarketDefinition
from zenithd.domain.market_data import FeedStatus
from zenithd.plugin.backoff import Backoff
from zenithd.plugin.calendar_days import date_in, seconds_to_midnight
from zenithd.plugin.connection import ConnectionState, Listener, VenueConnection
from zenithd.plugin.joining import BookSnapshot, Item, StreamJoin
from zenithd.plugin.policy import VENUE_FAULTS, VenueUnavailable, venue_fault

if TYPE_CHECKING:
    from zenithd.plugin.venue import VenueSource

_DAY_CHECK_SECONDS = 60.0


class VenueFeed:
    """Follows the instruments that are wanted of one `VenueSource`, over as many connections as needed."""

    def __init__(self, source: VenueSource[Any]) -> None:
        self._source = source
        self._context = source.context
        self._policy = source.policy
        self._log: structlog.stdlib.BoundLogger = source.context.log
        self._streams = StreamJoin(
            source.join_rules, source.policy.deltas_held_max, source.policy.trade_ids_gapless
        )
        self._connections: list[VenueConnection] = []
        self._connections_made = 0
        self._placed: dict[InstrumentId, VenueConnection] = {}
        self._snapshots = _SnapshotQueue(self._new_backoff)
        self._order = trio.StrictFIFOLock()
        """Held from the join of a batch to its publication: what is joined first is published first."""
        self._status: tuple[FeedStatus, str] | None = None
        self._relisted = False
        """What is listed has changed since what is wanted was looked at."""
        self._waiting = trio.CancelScope()

    async def run(self) -> None:
        """Run until cancelled; raises what is not the venue's fault."""
        self._declare()
        self._set_status(FeedStatus.INITIALISING, "")
        await self._load_instruments()
        opening = list(self._source.opening_events())
        if opening:
            await self._context.publish(opening)
        async with trio.open_nursery() as nursery:
            if self._policy.calendar_days:
                for market in self._source.markets():
                    await self._begin_day(market)
                    nursery.start_soon(self._follow_days, market)
            nursery.start_soon(self._follow_wanted)
            if self._policy.snapshots_by_request:
                nursery.start_soon(self._fetch_snapshots)
            if self._policy.instruments_refresh_seconds is not None:
                nursery.start_soon(self._refresh_instruments, self._policy.instruments_refresh_seconds)

    # What is listed

    def _declare(self) -> None:
        for market in self._source.markets():
            listed = [each for each in self._source.instruments.values() if each.market == market.id]
            self._context.declare_market(market, listed)

    async def _load_instruments(self) -> None:
        """Load and declare; while the venue fails, say so and try again."""
        backoff = self._new_backoff()
        while True:
            try:
                with trio.fail_after(self._policy.load_seconds_max):
                    loaded = await self._source.load_instruments()
            except VENUE_FAULTS as problem:
                reason, seconds = venue_fault(problem), _pause_seconds(problem, backoff)
                self._log.warning("instruments not loaded", reason=reason, seconds=round(seconds, 3))
                if not self._source.instruments:
                    self._set_status(FeedStatus.IMPAIRED, f"instruments not loaded: {reason}")
                await trio.sleep(seconds)
            else:
                self._source.instruments = {each.id: each for each in loaded}
                self._declare()
                self._relisted = True
                self._waiting.cancel()
                return

    async def _refresh_instruments(self, pause_seconds: float) -> NoReturn:
        while True:
            await trio.sleep(pause_seconds)
            await self._load_instruments()

    # Trading days

    async def _begin_day(self, market: MarketDefinition) -> date:
        today = date_in(market.time_zone, self._context.clock.now())
        await self._context.publish([TradingDayStarted(market.id, today)])
        return today

    async def _follow_days(self, market: MarketDefinition) -> NoReturn:
        begun = date_in(market.time_zone, self._context.clock.now())
        while True:
            # Asked again each minute at the latest, since a wall clock can be set.
            now = self._context.clock.now()
            if date_in(market.time_zone, now) > begun:
                begun = await self._begin_day(market)
            await trio.sleep(min(_DAY_CHECK_SECONDS, seconds_to_midnight(market.time_zone, now)))

    # What is wanted, and the connections that carry it

    async def _follow_wanted(self) -> None:
        async with trio.open_nursery() as nursery:
            # One connection is there before anything is wanted: the status shall be the truth.
            self._open_connection(nursery)
            wanted: frozenset[InstrumentId] = frozenset()
            while True:
                wanted = await self._wait_change(wanted)
                known = wanted & self._source.instruments.keys()
                await self._drop(self._placed.keys() - known)
                await self._add(known - self._placed.keys(), nursery)
                self._apply_placement()

    async def _wait_change(self, known: frozenset[InstrumentId]) -> frozenset[InstrumentId]:
        """Return what is wanted as soon as that, or what is listed, has changed."""
        with trio.CancelScope() as self._waiting:
            if not self._relisted:
                return await self._context.wait_wanted(known)
        self._relisted = False
        return self._context.wanted

    async def _drop(self, instruments: Iterable[InstrumentId]) -> None:
        for instrument in sorted(instruments):
            del self._placed[instrument]
            self._snapshots.forget(instrument)
            async with self._order:
                events = self._streams.end(instrument)
                if events:
                    await self._context.publish(events)

    async def _add(self, instruments: Iterable[InstrumentId], nursery: trio.Nursery) -> None:
        carried = dict.fromkeys(self._connections, 0)
        for connection in self._placed.values():
            carried[connection] += 1
        for instrument in sorted(instruments):
            last = await self._context.last_known(instrument)
            self._streams.begin(instrument, last.trade_id if last is not None else 0)
            limit = self._policy.instruments_per_connection_max
            free = next((each for each, count in carried.items() if count < limit), None)
            if free is None:
                free = self._open_connection(nursery)
                carried[free] = 0
            carried[free] += 1
            self._placed[instrument] = free

    def _apply_placement(self) -> None:
        """Tell each connection what it carries; close those that carry nothing, but one."""
        for connection in list(self._connections):
            carried = [each for each, carrier in self._placed.items() if carrier is connection]
            if carried or len(self._connections) == 1:
                connection.want(carried)
            else:
                self._connections.remove(connection)
                connection.cancel_scope.cancel()
        self._update_status()

    def _open_connection(self, nursery: trio.Nursery) -> VenueConnection:
        self._connections_made += 1

        async def lost(reason: str, seconds: float) -> None:
            await self._lost(connection, reason, seconds)

        listener = Listener(self._received, self._subscribed, self._update_status, lost)
        connection = VenueConnection(
            self._connections_made, self._source, self._policy, listener, self._context.random, self._log
        )
        self._connections.append(connection)
        nursery.start_soon(connection.run)
        return connection

    # What connections tell

    async def _received(self, frame: str | bytes) -> None:
        items = self._source.parse(frame, self._context.clock.now())
        if items:
            await self._take(items)

    async def _take(self, items: Sequence[Item]) -> None:
        async with self._order:
            joined = self._streams.take(items)
            if joined.events:
                await self._context.publish(joined.events)
        for instrument in joined.snapshots_needed:
            self._need_snapshot(instrument)

    def _subscribed(self, instruments: Sequence[InstrumentId]) -> None:
        if self._policy.snapshots_by_request:
            for instrument in instruments:
                if self._streams.waits(instrument):
                    self._snapshots.ask(instrument)

    def _need_snapshot(self, instrument: InstrumentId) -> None:
        if self._policy.snapshots_by_request:
            self._snapshots.ask(instrument)
        elif instrument in self._placed:
            self._placed[instrument].subscribe_again(instrument)

    async def _lost(self, connection: VenueConnection, reason: str, seconds: float) -> None:
        self._update_status()
        for instrument in connection.wanted:
            self._snapshots.forget(instrument)
        async with self._order:
            events = self._streams.interrupted(connection.wanted, reason)
            if events:
                await self._context.publish(events)

    # Snapshots

    async def _fetch_snapshots(self) -> NoReturn:
        pause_seconds = 1 / self._policy.snapshots_per_second_max
        while True:
            instrument = await self._snapshots.next()
            if not self._streams.waits(instrument):
                continue
            began = trio.current_time()
            try:
                with trio.fail_after(self._policy.snapshot_seconds_max):
                    snapshot = await self._source.fetch_snapshot(instrument)
            except VENUE_FAULTS as problem:
                seconds = self._snapshots.failed(instrument)
                self._log.warning(
                    "snapshot not fetched",
                    instrument=instrument,
                    reason=venue_fault(problem),
                    seconds=round(seconds, 3),
                )
                await trio.sleep(_demanded_seconds(problem))
            else:
                await self._take_snapshot(snapshot)
            await trio.sleep_until(began + pause_seconds)

    async def _take_snapshot(self, snapshot: BookSnapshot) -> None:
        connection = self._placed.get(snapshot.instrument)
        self._snapshots.succeeded(snapshot.instrument)
        # Without a connection nothing would continue it; it is asked for again when there is one.
        if connection is not None and connection.state is not ConnectionState.LOST:
            await self._take([snapshot])

    # Status

    def _update_status(self) -> None:
        lost = [each for each in self._connections if each.state is ConnectionState.LOST]
        if lost:
            several = len(self._connections) > 1
            share = f"{len(lost)} of {len(self._connections)} connections: " if several else ""
            self._set_status(FeedStatus.IMPAIRED, f"{share}{lost[0].reason}")
        elif any(each.state is ConnectionState.READY for each in self._connections):
            self._set_status(FeedStatus.ACTIVE, "")

    def _set_status(self, status: FeedStatus, reason: str) -> None:
        if (status, reason) == self._status:
            return
        self._status = (status, reason)
        for market in self._source.markets():
            self._context.set_status(market.id, status, reason)

    def _new_backoff(self) -> Backoff:
        policy = self._policy
        return Backoff(policy.backoff_seconds_min, policy.backoff_seconds_max, self._context.random)


def _pause_seconds(problem: Exception, backoff: Backoff) -> float:
    return max(backoff.next_seconds(), _demanded_seconds(problem))


def _demanded_seconds(problem: Exception) -> float:
    """The pause that the venue itself demanded, 0 if none."""
    demanded = problem.retry_after_seconds if isinstance(problem, VenueUnavailable) else None
    return demanded or 0.0


class _SnapshotQueue:
    """Which snapshots are to be fetched, in the order asked for; one that failed waits for its back-off."""

    def __init__(self, new_backoff: Callable[[], Backoff]) -> None:
        self._new_backoff = new_backoff
        self._backoffs: dict[InstrumentId, Backoff] = {}
        self._due: dict[InstrumentId, float] = {}
        """When each may be fetched, in trio's time."""
        self._fetching: InstrumentId | None = None
        self._asked = trio.Event()

    def ask(self, instrument: InstrumentId) -> None:
        """Have the instrument's snapshot fetched; a back-off that is under way goes on."""
        self._due.setdefault(instrument, trio.current_time())
        self._asked.set()

    def forget(self, instrument: InstrumentId) -> None:
        """It is not needed any more."""
        self._due.pop(instrument, None)
        self._backoffs.pop(instrument, None)
        if self._fetching == instrument:
            self._fetching = None

    def failed(self, instrument: InstrumentId) -> float:
        """Fetching failed: ask again, after the seconds that are returned."""
        backoff = self._backoffs.setdefault(instrument, self._new_backoff())
        seconds = backoff.next_seconds()
        if self._fetching == instrument:
            self._due[instrument] = trio.current_time() + seconds
        return seconds

    def succeeded(self, instrument: InstrumentId) -> None:
        """It was fetched; the next back-off is short again."""
        self._backoffs.pop(instrument, None)

    async def next(self) -> InstrumentId:
        """Wait for the next one that may be fetched, and take it out."""
        while True:
            now = trio.current_time()
            for instrument, due in self._due.items():
                if due <= now:
                    del self._due[instrument]
                    self._fetching = instrument
                    return instrument
            self._asked = trio.Event()
            with trio.move_on_at(min(self._due.values(), default=math.inf)):
                await self._asked.wait()
