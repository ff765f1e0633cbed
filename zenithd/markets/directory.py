"""Every market of the daemon: those of the sources, and the mixed and delayed ones made from them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date

import msgspec
import structlog
import trio

from zenithd.authority.access import Access
from zenithd.bus import Bus
from zenithd.domain.events import MarketEvent, TradeReported
from zenithd.domain.identifiers import (
    InstrumentId,
    InvalidIdentifier,
    MarketCode,
    MarketId,
    MixedMarketCode,
    instrument_id,
    parse_market,
    split_instrument,
)
from zenithd.domain.market_data import FeedStatus
from zenithd.history.store import HistoryStore
from zenithd.market.changes import Changes, Op
from zenithd.market.delayed_market import DelayedMarket
from zenithd.market.mixed_market import MixedMarket
from zenithd.market.opening import opening_snapshot, present_events, todays_trades
from zenithd.market.venue import MarketSnapshot, VenueMarket
from zenithd.market.view import MarketView
from zenithd.markets.feed import SourceFeed
from zenithd.markets.publishing import Publisher
from zenithd.metrics import Metrics
from zenithd.rare_log import RareLog

STRATEGIES = ("", "Default")
"""How mixes may be blended (zenith-websocket 4.H); both mean the same."""

ON_DEMAND_CHECK_SECONDS = 5.0
"""How often mixes that nobody uses any more are looked for."""

HOUSEKEEPING_SECONDS = 0.05
"""How often sources that publish too fast, and instruments that nobody wants any more, are looked for."""

DELAYED_TICK_SECONDS = 0.1
"""How often delayed markets look for what has become due."""

DELAYED_SAVE_SECONDS = 60.0
"""How often the state of delayed markets is stored."""


class DelayedSettings(msgspec.Struct, frozen=True):
    """A delayed market made from `market`."""

    market: MarketId
    delay_seconds: float
    asset_only: bool


class MarketSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What the directory needs of the configuration."""

    mixed: tuple[str, ...] = ()
    mixed_on_demand_max: int = 100
    delayed: tuple[DelayedSettings, ...] = ()
    linger_seconds: float = 30.0
    tape_trades_max: int = 10_000
    inbound_events_max: int = 10_000
    backpressure_seconds_max: float = 5.0


class Markets:
    """Finds markets, spreads their changes to derived markets, subscribers and the history."""

    def __init__(
        self,
        settings: MarketSettings,
        bus: Bus,
        history: HistoryStore,
        metrics: Metrics,
        now: Callable[[], int],
        log: structlog.stdlib.BoundLogger,
    ) -> None:
        self.settings = settings
        self.history = history
        self.now = now
        self.on_unlisted: Callable[[InstrumentId], None] | None = None
        """Told of each instrument that is gone, so that its subscriptions can be ended."""
        self.on_changes: Callable[[MarketView, Changes], None] | None = None
        """Told of every change of a market that is not derived from others, after subscribers."""
        self.feeds: dict[str, SourceFeed] = {}
        self._bus = bus
        self._publisher = Publisher(bus, now)
        self._metrics = metrics
        self._log = log
        self._too_many_mixes = RareLog(log, "too many mixed markets on demand")
        self._markets: dict[MarketId, MarketView] = {}
        self._claims: dict[MarketId, SourceFeed] = {}
        self._mixes: dict[MarketId, list[MixedMarket]] = {}
        self._on_demand: dict[MarketId, float] = {}
        """Mixes that a client asked for, with the time they were last looked at."""
        self._delayed: dict[MarketId, list[DelayedMarket]] = {}
        self._unopened: dict[MarketId, list[DelayedSettings]] = {}
        """Delayed markets that have no stored state and wait for the source's first one."""
        self._recalled: dict[MarketId, tuple[date, list[TradeReported]]] = {}
        """The stored trades of the newest day of their sources."""
        self._wants: dict[InstrumentId, tuple[int, list[tuple[SourceFeed, InstrumentId]]]] = {}

    # Sources

    def add_source(self, name: str) -> SourceFeed:
        """Make the feed of a market source."""
        feed = SourceFeed(
            name,
            self,
            self._metrics,
            self.settings.inbound_events_max,
            self.settings.linger_seconds,
            self._log,
        )
        self.feeds[name] = feed
        return feed

    def claim(self, market: MarketId, feed: SourceFeed) -> None:
        """Give a market to a feed.

        Raises:
            ValueError: another feed has it, or the identifier is not a canonical single market.
        """
        parsed = parse_market(market)
        if not isinstance(parsed, MarketCode) or parsed.id != market:
            raise ValueError(f"{market!r} is not the canonical code of a single market")
        owner = self._claims.setdefault(market, feed)
        if owner is not feed:
            raise ValueError(f"market {market} already belongs to {owner.name}")

    async def added(self, venue: VenueMarket) -> None:
        """Take a source's new market in: restore its day, and make the markets derived from it."""
        identifier = venue.definition.id
        self._markets[identifier] = venue
        recalled = await self._restore_day(venue)
        for settings in self.settings.delayed:
            if settings.market == identifier:
                delayed_id = _delayed_id(identifier)
                stored = await self.history.load_state(_delayed_key(delayed_id))
                if stored is None:
                    self._unopened.setdefault(identifier, []).append(settings)
                    if recalled is not None:
                        self._recalled[identifier] = recalled
                else:
                    opening = msgspec.msgpack.decode(stored, type=MarketSnapshot)
                    delayed = self._add_delayed(venue, settings, opening)
                    if recalled is not None:
                        day, trades = recalled
                        delayed.recall(trades, day)
        for code in self.settings.mixed:
            if MarketId(code) not in self._markets:
                self._mix(MarketId(code))

    def redeclared(self, venue: VenueMarket) -> None:
        """A source declared a market again: its delayed markets follow after their delay."""
        instruments = [view.instrument for view in venue.instruments.values()]
        for delayed in self._delayed.get(venue.definition.id, ()):
            self._spread(delayed, delayed.declare(venue.definition, instruments, self.now()))

    def opened(self, venue: VenueMarket) -> None:
        """A market shows its first state: delayed markets without a stored one open with it."""
        identifier = venue.definition.id
        stored_day, stored = self._recalled.pop(identifier, (None, []))
        for settings in self._unopened.pop(identifier, ()):
            delayed = self._add_delayed(venue, settings, opening_snapshot(venue))
            delayed.recall(todays_trades(venue, stored, stored_day), venue.trading_date)
            delayed.observe(present_events(venue), self.now())
            delayed.set_status(venue.feed_status)

    def _add_delayed(
        self, venue: VenueMarket, settings: DelayedSettings, opening: MarketSnapshot
    ) -> DelayedMarket:
        identifier = _delayed_id(venue.definition.id)
        delay_ns = int(settings.delay_seconds * 1_000_000_000)
        delayed = DelayedMarket(
            identifier,
            venue.definition,
            delay_ns,
            settings.asset_only,
            opening,
            tape_trades_max=self.settings.tape_trades_max,
        )
        self._markets[identifier] = delayed
        self._delayed.setdefault(venue.definition.id, []).append(delayed)
        return delayed

    async def reset(self, venue: VenueMarket) -> None:
        """Have a market begin anew, with what the store holds of the newest day on its tapes."""
        self.spread(venue, venue.reset())
        for delayed in self._delayed.get(venue.definition.id, ()):
            delayed.reset(self.now())
        await self._restore_day(venue)

    async def _restore_day(self, venue: VenueMarket) -> tuple[date, list[TradeReported]] | None:
        stored = await self.history.load_latest_day(venue.definition.id)
        if stored is None:
            return None
        day, trades = stored
        self.restored(venue, trades, day)
        return day, [trade for several in trades.values() for trade in several]

    def restored(
        self, venue: VenueMarket, trades: Mapping[InstrumentId, Sequence[TradeReported]], trading_date: date
    ) -> None:
        """Put trades of today that were not seen live on the tape. They are in the store already."""
        self._spread(venue, venue.restore_day(trading_date, trades))
        for delayed in self._delayed.get(venue.definition.id, ()):
            several = [trade for stored in trades.values() for trade in stored]
            delayed.restore_day(trading_date, several, self.now())

    # Finding

    def find(self, market: MarketId) -> MarketView | None:
        """The market, if it exists; a mix of existing markets is made on demand."""
        found = self._markets.get(market)
        if found is None and "+" in market:
            found = self._mix(market)
        if market in self._on_demand:
            self._on_demand[market] = trio.current_time()
        return found

    def visible(self, access: Access) -> list[MarketView]:
        """The markets to show to a user: all but the mixes that somebody else asked for."""
        return [
            market
            for identifier, market in self._markets.items()
            if identifier not in self._on_demand and access.view(identifier) is not None
        ]

    def origin(self, market: MarketId) -> MarketId:
        """The market under whose code the trades of a market are stored: a delayed one's source."""
        for source, delayed in self._delayed.items():
            if any(one.definition.id == market for one in delayed):
                return source
        return market

    def status_reason(self, market: MarketId) -> str:
        """Why a market's feed is as it is; "" where there is nothing to say."""
        feed = self._claims.get(market)
        return feed.status_reasons.get(market, "") if feed is not None else ""

    def source_of(self, market: MarketId) -> SourceFeed | None:
        """The feed that publishes a market; None: it is mixed or delayed."""
        return self._claims.get(market)

    def __iter__(self) -> Iterator[MarketView]:
        return iter(list(self._markets.values()))

    def _mix(self, market: MarketId) -> MarketView | None:
        try:
            code = parse_market(market)
        except InvalidIdentifier:
            return None
        if not isinstance(code, MixedMarketCode) or code.id != market or code.strategy not in STRATEGIES:
            return None
        sources = [self._markets.get(source.id) for source in code.sources]
        found = [source for source in sources if source is not None]
        if len(found) < len(sources):
            return None
        if market not in self.settings.mixed:
            if len(self._on_demand) >= self.settings.mixed_on_demand_max:
                self._too_many_mixes.warning(market=market)
                return None
            self._on_demand[market] = trio.current_time()
        mixed = MixedMarket(code, found)
        for source in code.sources:
            self._mixes.setdefault(source.id, []).append(mixed)
        self._markets[market] = mixed
        return mixed

    def _free_unused_mixes(self, now: float) -> None:
        """Forget mixes that were made on demand and that nobody has used for the linger time."""
        due = [mix for mix, used in self._on_demand.items() if now - used >= self.settings.linger_seconds]
        if not due:
            return
        listened = {name.rpartition(".")[2] for _, name in self._bus.topics}
        for mix in due:
            if mix in listened:
                continue
            mixed = self._markets.pop(mix)
            del self._on_demand[mix]
            for several in self._mixes.values():
                if mixed in several:
                    several.remove(mixed)

    # Who wants what

    def want(self, instrument: InstrumentId) -> None:
        """Somebody subscribed to the instrument: its sources are told."""
        count, targets = self._wants.get(instrument, (0, []))
        if count == 0:
            targets = list(self._targets(instrument))
            for feed, source in targets:
                feed.wanted.want(source)
        self._wants[instrument] = count + 1, targets

    def unwant(self, instrument: InstrumentId) -> None:
        """The subscriber left."""
        count, targets = self._wants[instrument]
        if count > 1:
            self._wants[instrument] = count - 1, targets
            return
        del self._wants[instrument]
        for feed, source in targets:
            feed.wanted.unwant(source)

    def _targets(self, instrument: InstrumentId) -> Iterator[tuple[SourceFeed, InstrumentId]]:
        code, market = split_instrument(instrument)
        for source in self._sources_of(market):
            feed = self._claims.get(source)
            if feed is not None:
                yield feed, instrument_id(code, source)

    def _sources_of(self, market: MarketId) -> list[MarketId]:
        parsed = parse_market(market)
        if isinstance(parsed, MixedMarketCode):
            return [self.origin(source.id) for source in parsed.sources]
        return [self.origin(market)]

    # Changes

    def spread(self, market: MarketView, changes: Changes, events: Sequence[MarketEvent] = ()) -> None:
        """Publish a market's changes, keep its trades, and pass everything on to derived markets."""
        if isinstance(market, VenueMarket):
            if changes.symbols:
                self.history.declare(
                    symbol.instrument for symbol in changes.symbols if symbol.op is not Op.REMOVE
                )
            self._keep_trades(market, changes)
        self._spread(market, changes, events)
        if self.on_changes is not None and isinstance(market, VenueMarket):
            self.on_changes(market, changes)

    def _spread(self, market: MarketView, changes: Changes, events: Sequence[MarketEvent] = ()) -> None:
        self._publisher.publish(market, changes)
        identifier = market.definition.id
        if isinstance(market, VenueMarket):
            for delayed in self._delayed.get(identifier, ()):
                delayed.observe(events, self.now())
                if changes.market:
                    self._follow_status(delayed, market.feed_status)
        for mixed in self._mixes.get(identifier, ()):
            self._spread(mixed, mixed.apply(identifier, changes))
        if changes.symbols:
            self._tell_unlisted(changes)

    def _follow_status(self, delayed: DelayedMarket, status: FeedStatus) -> None:
        """A feed that is down is down at once, also where its data is shown later."""
        self._spread(delayed, delayed.set_status(status))

    def _keep_trades(self, venue: VenueMarket, changes: Changes) -> None:
        if venue.trading_date is None:
            return
        for instrument, change in changes.instruments.items():
            if not change.trades:
                continue
            trades = [one.trade.trade for one in change.trades if one.trade is not None]
            if trades:
                self.history.record(instrument, venue.trading_date, trades)

    def _tell_unlisted(self, changes: Changes) -> None:
        if self.on_unlisted is None:
            return
        for symbol in changes.symbols:
            if symbol.op is Op.REMOVE:
                self.on_unlisted(symbol.instrument.id)

    def flush(self) -> None:
        """Write what was published."""
        self.history.note_sent()
        self._bus.flusher.flush()

    # Tasks

    async def run_delayed(self) -> None:
        """Apply to the delayed markets what has become due; store their state now and then."""
        saved_at = trio.current_time()
        try:
            while True:
                await trio.sleep(DELAYED_TICK_SECONDS)
                now = self.now()
                for source, several in list(self._delayed.items()):
                    for delayed in several:
                        await self._advance(self._markets[source], delayed, now)
                if trio.current_time() - saved_at >= DELAYED_SAVE_SECONDS:
                    saved_at = trio.current_time()
                    self.save_delayed()
        finally:
            self.save_delayed()

    async def _advance(self, source: MarketView, delayed: DelayedMarket, now: int) -> None:
        lost = delayed.lost_books()
        if lost and isinstance(source, VenueMarket):
            delayed.observe(source.book_snapshot(lost), now)
        while (due := delayed.next_due()) is not None and due <= now:
            self._spread(delayed, delayed.due(now))
            self.flush()
            await trio.lowlevel.checkpoint()

    def save_delayed(self) -> None:
        """Queue the state of every delayed market for the store."""
        for delayed in self._all_delayed():
            state = msgspec.msgpack.encode(delayed.state_snapshot())
            self.history.save_state(_delayed_key(delayed.definition.id), state)

    def _all_delayed(self) -> list[DelayedMarket]:
        return [delayed for several in self._delayed.values() for delayed in several]

    async def run_housekeeping(self) -> None:
        """Expire lingering wants and unused mixes, look for sources that publish too fast."""
        mixes_checked = trio.current_time()
        while True:
            await trio.sleep(HOUSEKEEPING_SECONDS)
            now = trio.current_time()
            if now - mixes_checked >= ON_DEMAND_CHECK_SECONDS:
                mixes_checked = now
                self._free_unused_mixes(now)
            for feed in self.feeds.values():
                feed.wanted.expire()
                feed.check_backpressure(now, self.settings.backpressure_seconds_max)

    # Readiness

    def unready(self) -> list[str]:
        """Why markets that must be up are not: [] when all are Active with two-sided books."""
        reasons = []
        for market in self._markets.values():
            if not market.definition.readiness:
                continue
            if market.feed_status is not FeedStatus.ACTIVE:
                reasons.append(f"market {market.definition.id} is {market.feed_status.value}")
                continue
            empty = [
                instrument
                for instrument, view in market.instruments.items()
                if view.security.best_bid is None or view.security.best_ask is None
            ]
            if empty:
                reasons.append(f"market {market.definition.id}: no two-sided book of {', '.join(empty[:5])}")
        return reasons


def _delayed_id(market: MarketId) -> MarketId:
    parsed = parse_market(market)
    assert isinstance(parsed, MarketCode), "a source's market is a single one"
    return MarketCode(parsed.exchange, parsed.alternative, "Delayed").id


def _delayed_key(market: MarketId) -> str:
    return f"delayed:{market}"
