"""The task that owns the markets of one source: it alone changes them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import date
from typing import TYPE_CHECKING

import msgspec
import structlog
import trio

from zenithd.domain.events import (
    BookCleared,
    InstrumentListed,
    MarketEvent,
    MarketStateChanged,
    Stream,
    TradeReported,
    TradingDayStarted,
)
from zenithd.domain.identifiers import InstrumentId, MarketId, split_instrument
from zenithd.domain.instrument import Instrument, MarketDefinition
from zenithd.domain.market_data import FeedStatus
from zenithd.market.changes import Changes
from zenithd.market.venue import VenueMarket
from zenithd.markets.declarations import check_declaration, check_events, check_instruments
from zenithd.markets.inbound import Inbound
from zenithd.markets.wanted import WantedInstruments
from zenithd.metrics import Metrics
from zenithd.rare_log import RareLog

if TYPE_CHECKING:
    from zenithd.markets.directory import Markets

BATCH_EVENTS_MAX = 50_000
"""Most events in one batch; applying a batch does not give way to other tasks."""

CONTROL_ITEMS_MAX = 20_000
CONTROL_SIZE_MAX = 1_000_000
"""Most declarations and statuses (and instruments in them) that wait to be applied."""

JOIN_FROM = 16
"""With so many batches waiting the daemon is behind: they are applied together, so that what changes twice
is rendered and encoded once. Each is still applied whole before anybody sees any of it."""

JOIN_EVENTS_MAX = 256
"""Events applied together at most, unless one batch has more."""

SLICE_SECONDS = 0.002
"""A busy feed gives way to everything else after so long."""

FLOOD_SLICE_SECONDS = 0.00025
"""So does one of several whose queue was full lately: others' subscribers shall not feel its flood."""

STATUS_LOG_SECONDS = 1.0
"""A status of a market is logged at most so often: a source may lose its venue a thousand times a second."""


class SourceFaulty(Exception):
    """The source published values of wrong types. Blame: the plugin; its supervisor restarts it."""


class Batch(msgspec.Struct, frozen=True):
    """Events published together."""

    events: Sequence[MarketEvent]
    kinds: set[type[MarketEvent]]
    """The types of the events."""
    published: float
    """`perf_counter` at the plugin's call."""


class Declaration(msgspec.Struct, frozen=True):
    """A market declared, for the first time or again."""

    definition: MarketDefinition
    instruments: Sequence[Instrument]


class Status(msgspec.Struct, frozen=True):
    """How the source says a feed is, after everything it published before."""

    market: MarketId
    status: FeedStatus
    reason: str


class Restart(msgspec.Struct, frozen=True):
    """The source was built anew: what its books held is no longer maintained by anybody."""


class Reset(msgspec.Struct, frozen=True):
    """A batch could not be applied whole: the markets begin anew from what the store holds."""


class Past(msgspec.Struct, frozen=True):
    """Trades of today that were not seen live."""

    instrument: InstrumentId
    trading_date: date
    trades: Sequence[TradeReported]


Control = Declaration | Status | Restart | Reset | Past
Item = Batch | Control


class _Slice(msgspec.Struct):
    """What was applied between two flushes. Times are of `perf_counter`."""

    batches: int
    events: int
    began: float
    oldest: float
    """When the first of its batches was published."""


class SourceFeed:
    """One source's inbound queue, its markets and their status."""

    def __init__(
        self,
        name: str,
        markets: Markets,
        metrics: Metrics,
        inbound_events_max: int,
        linger_seconds: float,
        log: structlog.stdlib.BoundLogger,
    ) -> None:
        self.name = name
        self.inbound: Inbound[Item] = Inbound(inbound_events_max)
        self.wanted = WantedInstruments(linger_seconds, trio.current_time)
        self.begun = trio.Event()
        self.on_status: Callable[[FeedStatus, str], None] | None = None
        """Told of the worst status of the source's markets whenever it says one."""
        self.owned: set[MarketId] = set()
        """Markets declared; some may still wait to be applied."""
        self.venues: dict[MarketId, VenueMarket] = {}
        self.status_reasons: dict[MarketId, str] = {}
        self.updates: dict[MarketId, int] = {}
        """Events applied, by market."""
        self.updated: dict[MarketId, int] = {}
        """When the last one was (nanoseconds since 1970)."""
        self.refused: str | None = None
        """Why a batch could not be applied; the source's next call raises it."""
        self._statuses: dict[MarketId, tuple[FeedStatus, str]] = {}
        self._status_logged: dict[tuple[MarketId, FeedStatus], float] = {}
        self._impaired: str | None = None
        self._flooding = False
        self._markets = markets
        self._log = log.bind(plugin=name)
        self._updates = metrics.updates.labels(name)
        self._batches = metrics.batches.labels(name)
        self._faults = metrics.source_faults.labels(name)
        self._gaps = {stream: metrics.gaps.labels(name, stream.value) for stream in Stream}
        self._path_seconds = metrics.path_seconds.labels(name)
        self._flush_seconds = metrics.flush_seconds
        self._broken_rules = RareLog(self._log, "source broke a rule")
        metrics.inbound_depth.labels(name).set_function(lambda: float(self.inbound.size))

    # What the source's context calls

    async def publish(self, events: Sequence[MarketEvent]) -> None:
        """Queue a batch; waits while the daemon is behind."""
        if self.refused is not None:
            raise SourceFaulty(self.refused)
        if len(events) > BATCH_EVENTS_MAX:
            raise ValueError(f"a batch of {len(events)} events; at most {BATCH_EVENTS_MAX} are taken at once")
        check_events(events)
        kinds = set(map(type, events))
        if InstrumentListed in kinds:
            check_instruments([event.definition for event in events if isinstance(event, InstrumentListed)])
        if events:
            await self.inbound.put(Batch(events, kinds, time.perf_counter()), len(events))

    def declare(self, definition: MarketDefinition, instruments: Sequence[Instrument]) -> None:
        """Queue a declaration before everything published later."""
        check_declaration(definition, instruments)
        self._check_control_room(len(instruments))
        self._markets.claim(definition.id, self)
        self.owned.add(definition.id)
        self._statuses.setdefault(definition.id, (FeedStatus.INITIALISING, ""))
        self.inbound.put_nowait(Declaration(definition, instruments), len(instruments))

    def set_status(self, market: MarketId, status: FeedStatus, reason: str) -> None:
        """The source says how its feed is; takes effect after what it published before."""
        if market not in self.owned:
            raise ValueError(f"market {market} was not declared by {self.name}")
        if not isinstance(status, FeedStatus) or not isinstance(reason, str):
            raise TypeError(f"a status is a FeedStatus with a text as reason, not {status!r}, {reason!r}")
        self._check_control_room(1)
        self.inbound.put_nowait(Status(market, status, reason), 0)

    def _check_control_room(self, size: int) -> None:
        """Declarations and statuses do not wait for room, so there is a last limit to them."""
        if len(self.inbound) >= CONTROL_ITEMS_MAX or self.inbound.size + size > CONTROL_SIZE_MAX:
            raise SourceFaulty("more declarations or statuses than the daemon can take")

    def _set_status(self, status: Status) -> None:
        now = (status.status, status.reason)
        if self._statuses[status.market] != now:
            self._log_status(status)
        self._statuses[status.market] = now
        self._show_status(status.market)
        if self.on_status is not None:
            self.on_status(*self._overall())

    def _log_status(self, status: Status) -> None:
        key, now = (status.market, status.status), trio.current_time()
        if now - self._status_logged.get(key, -STATUS_LOG_SECONDS) >= STATUS_LOG_SECONDS:
            self._status_logged[key] = now
            self._log.info(
                "feed status", market=status.market, status=status.status.value, reason=status.reason
            )

    # What the supervisor says

    def impaired(self, reason: str | None) -> None:
        """The source is down (a reason) or runs again (None); overrides what the source said itself."""
        self._impaired = reason
        if reason is not None and not self.owned:
            self.begun.set()
        for market in self.owned:
            self._show_status(market)

    def finished(self, reason: str) -> None:
        """The source is at its end or was stopped: its markets are Closed, what they show stays."""
        for market in self.owned:
            self._statuses[market] = (FeedStatus.CLOSED, reason)
        self.impaired(None)
        self.begun.set()

    async def wait_begun(self) -> None:
        """Return when every declared market has left Initialising, or the first attempt has failed."""
        await self.begun.wait()

    def restarted(self) -> None:
        """A new object of the source begins; its markets start as Initialising."""
        self.refused = None
        for market in self.owned:
            self._statuses[market] = (FeedStatus.INITIALISING, "starting again")
        self.inbound.put_nowait(Restart(), 1)

    def check_backpressure(self, now: float, seconds_max: float) -> None:
        """Show a source that publishes faster than the daemon can distribute as Impaired."""
        since = self.inbound.full_since(now)
        flooding = since is not None and now - since >= seconds_max
        if flooding != self._flooding:
            self._flooding = flooding
            log = self._log.warning if flooding else self._log.info
            log("source publishes too fast" if flooding else "source is keeping up again")
            for market in self.owned:
                self._show_status(market)
            if self.on_status is not None:
                self.on_status(*self._overall())

    def status(self, market: MarketId) -> tuple[FeedStatus, str]:
        """The status that subscribers see, and why."""
        if self._impaired is not None:
            return FeedStatus.IMPAIRED, self._impaired
        if self._flooding:
            return FeedStatus.IMPAIRED, "publishes faster than the daemon can distribute"
        return self._statuses[market]

    @property
    def expects_events(self) -> bool:
        """Whether silence of the source would be odd: Active, with subscribers, and not kept waiting."""
        is_active = any(status is FeedStatus.ACTIVE for status, _ in self._statuses.values())
        return is_active and bool(self.wanted.current) and not self.inbound

    def _overall(self) -> tuple[FeedStatus, str]:
        """The worst of what the source says of its markets."""
        order = (FeedStatus.IMPAIRED, FeedStatus.INITIALISING)
        return min(
            [self.status(market) for market in self._statuses],
            key=lambda status: order.index(status[0]) if status[0] in order else len(order),
        )

    def _show_status(self, market: MarketId) -> None:
        venue = self.venues.get(market)
        if venue is None:
            return
        status, reason = self.status(market)
        self.status_reasons[market] = reason
        changes = venue.set_status(status)
        if status is not FeedStatus.INITIALISING:
            self._markets.opened(venue)
        self._markets.spread(venue, changes)
        self._markets.flush()
        if all(
            owned in self.venues and self.venues[owned].feed_status is not FeedStatus.INITIALISING
            for owned in self.owned
        ):
            self.begun.set()

    # The task

    async def run(self, monotonic: Callable[[], float] = time.perf_counter) -> None:
        """Apply what is queued until cancelled; what is applied in one go is written in one go."""
        inbound = self.inbound
        while True:
            await inbound.wait_item()
            began = monotonic()
            batches = events = 0
            oldest = began
            is_flood = len(self._markets.feeds) > 1 and inbound.full_since(trio.current_time()) is not None
            until = began + (FLOOD_SLICE_SECONDS if is_flood else SLICE_SECONDS)
            while (item := inbound.take()) is not None:
                taken = 1
                if isinstance(item, Batch):
                    oldest = min(oldest, item.published)
                    item, taken = self._joined(item)
                    if self.refused is None:  # else what follows builds on what could not be applied
                        self._apply(item)
                    batches += taken
                    events += len(item.events)
                else:
                    self._markets.flush()  # while this one waits, others may write what was published
                    await self._guarded(item)
                for _ in range(taken):
                    inbound.applied()
                if self._markets.history.congested:
                    self._markets.flush()
                    await self._markets.history.wait_room()
                if monotonic() >= until:
                    break
            self._markets.flush()
            if batches:
                self._count(_Slice(batches, events, began, oldest), monotonic())
            await trio.lowlevel.checkpoint()

    def _joined(self, first: Batch) -> tuple[Batch, int]:
        """The oldest batch with those behind it, if many wait; and how many it was made of."""
        if len(self.inbound) < JOIN_FROM:
            return first, 1
        events, kinds, taken = list(first.events), set(first.kinds), 1
        while isinstance(item := self.inbound.peek(taken), Batch):
            if len(events) + len(item.events) > JOIN_EVENTS_MAX:
                break
            events += item.events
            kinds |= item.kinds
            taken += 1
        return Batch(events, kinds, first.published), taken

    def _count(self, work: _Slice, ended: float) -> None:
        """Counted once a slice: per event it would cost as much as applying it."""
        self._updates.inc(work.events)
        self._batches.inc(work.batches)
        self._flush_seconds.observe(ended - work.began)
        self._path_seconds.observe(ended - work.oldest)

    async def _guarded(self, item: Control) -> None:
        try:
            await self._control(item)
        except Exception as error:  # as in _apply: what the source handed over, and its fault alone
            self._refuse(error)

    async def _control(self, item: Control) -> None:
        if isinstance(item, Declaration):
            await self._declared(item)
        elif isinstance(item, Status):
            self._set_status(item)
        elif isinstance(item, Past):
            venue = self.venues[split_instrument(item.instrument)[1]]
            self._markets.restored(venue, {item.instrument: item.trades}, item.trading_date)
        elif isinstance(item, Reset):
            for venue in self.venues.values():
                await self._markets.reset(venue)
        else:
            for venue in self.venues.values():
                cleared = [BookCleared(instrument) for instrument in venue.instruments]
                self._spread(venue, venue.apply(cleared, self._markets.now()), cleared)
                self._show_status(venue.definition.id)

    async def _declared(self, declaration: Declaration) -> None:
        definition = declaration.definition
        venue = self.venues.get(definition.id)
        if venue is None:
            venue = VenueMarket(definition, self._markets.settings.tape_trades_max)
            changes = venue.redefine(definition, declaration.instruments)
            self.venues[definition.id] = venue
            await self._markets.added(venue)
        else:
            changes = venue.redefine(definition, declaration.instruments)
            self._markets.redeclared(venue)
        self._spread(venue, changes, ())
        self._show_status(definition.id)

    def _apply(self, batch: Batch) -> None:
        now = self._markets.now()
        try:
            for venue, part in self._parts(batch):
                self._spread(venue, venue.apply(part, now), part)
                market = venue.definition.id
                self.updates[market] = self.updates.get(market, 0) + len(part)
                self.updated[market] = now
        except Exception as error:  # events that are not what their types say; their source's fault alone
            self._refuse(error)

    def _refuse(self, error: Exception) -> None:
        """A batch broke the markets: empty them, and let the source hear of it when it next calls.

        The good path pays nothing for this: checking every field of every event beforehand would cost
        more than applying it.
        """
        self.refused = f"a batch could not be applied: {type(error).__name__}: {error}"
        self._log.error("source published what cannot be applied", exc_info=error)
        self._fault(self.refused)
        self.inbound.put_nowait(Reset(), 1)

    def _parts(self, batch: Batch) -> list[tuple[VenueMarket, Sequence[MarketEvent]]]:
        """Split a batch by market, and before each new day: trades are stored under the day they are of."""
        events = batch.events
        if len(self.venues) == 1 and TradingDayStarted not in batch.kinds:
            return [(venue, events) for venue in self.venues.values()]
        parts: list[tuple[VenueMarket, Sequence[MarketEvent]]] = []
        start = 0
        current: VenueMarket | None = None
        for index, event in enumerate(events):
            venue = self._venue_of(event)
            if type(event) is TradingDayStarted and not isinstance(event.trading_date, date):
                raise TypeError(f"{event.trading_date!r} is not a date")
            if venue is not current or type(event) is TradingDayStarted:
                if current is not None and index > start:
                    parts.append((current, events[start:index]))
                current, start = venue, index
        if current is not None:
            parts.append((current, events[start:]))
        return parts

    def _venue_of(self, event: MarketEvent) -> VenueMarket | None:
        if isinstance(event, MarketStateChanged | TradingDayStarted):
            market = event.market
        else:
            market = MarketId(event.instrument.rpartition(".")[2])
        venue = self.venues.get(market)
        if venue is None:
            self._fault(f"event for market {market}, which {self.name} did not declare")
        return venue

    def _spread(self, venue: VenueMarket, changes: Changes, events: Sequence[MarketEvent]) -> None:
        for gap in changes.gaps:
            self._gaps[gap.stream].inc()
            self._log.warning("gap", instrument=gap.instrument, stream=gap.stream.value, reason=gap.reason)
        for fault in changes.faults:
            self._fault(f"{fault.instrument}: {fault.reason}")
        self._markets.spread(venue, changes, events)

    def _fault(self, reason: str) -> None:
        self._faults.inc()
        self._broken_rules.warning(reason=reason)
