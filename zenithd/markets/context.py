"""What a market source is given: the daemon as the source sees it."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import NamedTuple

import httpx2
import structlog

from zenithd.domain.events import MarketEvent, TradeReported
from zenithd.domain.identifiers import InstrumentId, MarketId, split_instrument
from zenithd.domain.instrument import Instrument, MarketDefinition
from zenithd.domain.market_data import FeedStatus
from zenithd.history.store import HistoryStore, HistoryUnavailable
from zenithd.markets.declarations import check_past
from zenithd.markets.feed import Past, SourceFeed
from zenithd.plugin.http import HttpOffers, HttpRoute
from zenithd.plugin.interfaces import Clock, LastKnown
from zenithd.plugin.journal import JournalFeed, JournalFeeds
from zenithd.plugin.shared import SharedByPlugin
from zenithd.supervisor import Attempt


class Host(NamedTuple):
    """What all sources share of the daemon."""

    history: HistoryStore
    clock: Clock
    http: httpx2.AsyncClient
    offers: HttpOffers
    feeds: JournalFeeds
    shared: SharedByPlugin


class SourceContext:
    """Implements `zenithd.plugin.MarketSourceContext` for one source."""

    def __init__(
        self,
        name: str,
        feed: SourceFeed,
        attempt: Attempt,
        host: Host,
        generator: random.Random,
        directory: Path,
    ) -> None:
        self.name = name
        self.clock = host.clock
        self.http = host.http
        self.random = generator
        self.log: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(f"zenithd.plugins.{name}").bind(
            plugin=name, attempt=attempt.number
        )
        self._feed = feed
        self._attempt = attempt
        self._history = host.history
        self._offers = host.offers
        self._feeds = host.feeds
        self._shared = host.shared[name.partition(".")[0]]
        self._directory = directory

    @property
    def directory(self) -> Path:
        """The source's own folder, made on first use."""
        self._directory.mkdir(parents=True, exist_ok=True)
        return self._directory

    def declare_market(self, definition: MarketDefinition, instruments: Sequence[Instrument]) -> None:
        """Declare a market and what it lists."""
        self._check()
        self._attempt.activity += 1
        self._feed.declare(definition, instruments)
        self._attempt.declared()

    async def publish(self, events: Sequence[MarketEvent]) -> None:
        """Hand over one batch."""
        if self._attempt.is_over:
            self._check()
        self._attempt.activity += 1
        await self._feed.publish(events)

    async def wait_drained(self) -> None:
        """Return when everything published so far has been applied."""
        await self._feed.inbound.wait_drained()

    async def stored(self) -> bool:
        """Write what was handed over; True when it is on the disk."""
        await self._feed.inbound.wait_drained()
        try:
            await self._history.flush()
        except HistoryUnavailable:
            return False
        return True

    def set_status(self, market: MarketId, status: FeedStatus, reason: str = "") -> None:
        """Say how the feed is."""
        self._check()
        self._attempt.activity += 1
        self._feed.set_status(market, status, reason)

    def journal(self, feed: str) -> JournalFeed:
        """A feed of the journal that belongs to the plugin."""
        return self._feeds.feed(self.name, feed)

    def offer(self, thing: object) -> None:
        """Let the plugin's other parts have something until this run is over."""
        self._check()
        self._shared.offer(thing)

    def serve_http(self, routes: Sequence[HttpRoute]) -> None:
        """Serve REST for operators until this run is over."""
        self._check()
        self._offers.offer(self.name, routes)

    def _check(self) -> None:
        """A source that was left behind must not disturb its successor."""
        if self._attempt.is_over:
            raise RuntimeError(f"this run of {self.name} is over")

    @property
    def wanted(self) -> frozenset[InstrumentId]:
        """The instruments that somebody wants."""
        return self._feed.wanted.current

    async def wait_wanted(self, known: frozenset[InstrumentId]) -> frozenset[InstrumentId]:
        """Return the wanted instruments as soon as they differ from `known`."""
        return await self._feed.wanted.wait(known)

    async def last_known(self, instrument: InstrumentId) -> LastKnown | None:
        """What is known from before: the tape if it has trades, else the store."""
        await self._feed.inbound.wait_drained()
        venue = self._feed.venues.get(split_instrument(instrument)[1])
        view = venue.instruments.get(instrument) if venue is not None else None
        if venue is not None and venue.trading_date is not None and view is not None and view.tape.newest_id:
            newest = view.tape.select(1, None, None)
            if newest:
                trade = newest[0].trade
                return LastKnown(venue.trading_date, trade.trade_id, trade.price)
        return await self._history.last_known(instrument)

    async def backfill(
        self, instrument: InstrumentId, trading_date: date, trades: Sequence[TradeReported]
    ) -> None:
        """Store trades that were not seen live; today's also go on the tape."""
        market = split_instrument(instrument)[1]
        if market not in self._feed.owned:
            raise ValueError(f"market {market} was not declared by {self.name}")
        check_past(trading_date, trades)
        await self._history.backfill(instrument, trading_date, trades)
        await self._feed.inbound.put(Past(instrument, trading_date, trades), len(trades))
