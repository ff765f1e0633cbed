"""What the sources of both markets have in common, over `VenueSource`."""

from __future__ import annotations

import abc
import itertools
import math
from collections.abc import Sequence
from typing import NoReturn

import msgspec
import trio

from zenithd.domain.events import MarketEvent, MarketStateChanged, SecurityChanged, TradingDayStarted
from zenithd.domain.identifiers import (
    InstrumentId,
    MarketId,
    instrument_id,
    parse_market,
    split_instrument,
)
from zenithd.domain.instrument import Instrument, MarketDefinition
from zenithd.domain.market_data import TickTable
from zenithd.plugin import (
    BookSnapshot,
    Item,
    MarketSourceContext,
    VenueFault,
    VenuePolicy,
    VenueSource,
    VenueUnavailable,
)
from zenithd_binance.client import Interface, RestClient, control_message
from zenithd_binance.config import BinanceConfig, MarketSettings, SpotSettings, UsdmSettings
from zenithd_binance.listing import SHOWN_AS_TRADING, Selection, boards, market_definition, read_listing
from zenithd_binance.parse import (
    ConnectionFault,
    FrameFault,
    FrameParser,
    Notices,
)
from zenithd_binance.payloads import UNREADABLE, decode_exchange_information

DAY_GRACE_NANOSECONDS = 5_000_000_000
"""Nothing of the new day came for so long after midnight: it begins by our own clock."""
ACKNOWLEDGE_SECONDS_MAX = 5.0
"""A snapshot waits so long for the subscription to be confirmed, so that it is not older than the stream."""
RENEWALS_MAX = 5
"""Attempts at renewing a book near the edge of its snapshot; the next edge is another occasion."""
RENEWAL_PAUSE_SECONDS = 5.0
CLOSE_RETRY_SECONDS = 30.0
FAULT_LOG_SECONDS = 1.0
INSTRUMENTS_PER_FRAME = 20
"""Their streams make about 2 KiB; the venue does not take messages of more than 4 KiB."""


class _Subscription(msgspec.Struct, frozen=True):
    """The newest request that subscribes an instrument."""

    request: int
    confirmed: trio.Event


class BinanceSource(VenueSource[BinanceConfig], abc.ABC):
    """What both markets have in common."""

    Config = BinanceConfig
    interface: Interface
    is_spot: bool
    settings: SpotSettings | UsdmSettings
    snapshot_levels: int

    def __init__(self, config: BinanceConfig, context: MarketSourceContext) -> None:
        super().__init__(config, context)
        self.market: MarketId = parse_market(self.settings.market).id
        self.rest = RestClient(
            context.http, self.settings.rest_url, self.interface, self.settings.weight_per_minute_max
        )
        notices = Notices(answered=self._answered, near_edge=self._near_edge)
        self.parser = FrameParser(
            self.market, self.join_rules, context.clock.now(), self.snapshot_levels, notices
        )
        self._tick_tables: tuple[TickTable, ...] = ()
        self._states: dict[InstrumentId, str] = {}
        """Trading states as the venue gave them last."""
        self._listed = trio.Event()
        """Set by each listing, for its trading states to be published."""
        self.loaded = trio.Event()
        """Set by the first listing."""
        self.requests = itertools.count(1)
        """Ids of requests."""
        self._subscriptions: dict[InstrumentId, _Subscription] = {}
        self._renewals_send, self._renewals = trio.open_memory_channel[str](10_000)
        self._faulty_frames = 0
        self._fault_logged = -math.inf

    def markets(self) -> Sequence[MarketDefinition]:
        """The one market, or none if it is switched off."""
        if not self.settings.enabled:
            return ()
        return (market_definition(self.settings.market, self.is_spot, self._tick_tables),)

    async def load_instruments(self) -> Sequence[Instrument]:
        """Ask for exchangeInfo.

        Raises:
            VenueFault: it cannot be had or read.
        """
        body = await self.rest.exchange_information()
        selection = Selection(
            frozenset(self.settings.symbols),
            frozenset(self.settings.quote_assets),
            frozenset(instrument.code for instrument in self.instruments.values()),
        )
        try:
            information = decode_exchange_information(body)
        except UNREADABLE as fault:
            raise VenueFault(f"exchangeInfo: {fault}") from fault
        listing = read_listing(
            information, self.market, self.is_spot, selection, self.settings.decimals_extra
        )
        for symbol, reason in listing.faulty.items():
            self.context.log.warning("symbol not listed", symbol=symbol, reason=reason)
        if listing.missing and not self.instruments:
            self.context.log.warning("symbols unknown to the venue", symbols=list(listing.missing))
        self.parser.relist(listing.listed)
        self._tick_tables = listing.tick_tables
        instruments = [listed.instrument for listed in listing.listed]
        self._states = {each.id: listing.states[each.code] for each in instruments}
        self._listed.set()
        self.loaded.set()
        return instruments

    def subscribe_frames(self, instruments: Sequence[InstrumentId]) -> Sequence[bytes]:
        """One SUBSCRIBE message."""
        request = next(self.requests)
        for instrument in instruments:
            self._subscriptions[instrument] = _Subscription(request, trio.Event())
            self.parser.begin(_code(instrument))
        return (control_message("SUBSCRIBE", self._streams(instruments), request),)

    def unsubscribe_frames(self, instruments: Sequence[InstrumentId]) -> Sequence[bytes]:
        """One UNSUBSCRIBE message."""
        return (control_message("UNSUBSCRIBE", self._streams(instruments), next(self.requests)),)

    def parse(self, frame: str | bytes, received: int) -> Sequence[Item]:
        """Read one frame; what cannot be read of one instrument is logged, counted and made good.

        Raises:
            VenueFault: the connection has to be made anew.
        """
        try:
            return self.parser.parse(frame, received)
        except FrameFault as fault:
            self._note_fault(fault)
            return fault.remedy
        except ConnectionFault as fault:
            raise VenueFault(str(fault)) from fault

    async def fetch_snapshot(self, instrument: InstrumentId) -> BookSnapshot:
        """Ask for the book once the subscription is confirmed."""
        subscription = self._subscriptions.get(instrument)
        if subscription is not None:
            with trio.move_on_after(ACKNOWLEDGE_SECONDS_MAX):
                await subscription.confirmed.wait()
        body = await self.rest.depth(_code(instrument), self.snapshot_levels)
        try:
            return self.parser.snapshot(_code(instrument), body)
        except FrameFault as fault:
            raise VenueFault(str(fault)) from fault

    async def run(self) -> None:
        """Follow the venue, and what it does not send: midnight, trading states, yesterday's closes."""
        if not self.settings.enabled:
            return
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._follow_states)
            nursery.start_soon(self._follow_days)
            nursery.start_soon(self._follow_closes)
            nursery.start_soon(self._renew_books)
            await super().run()

    @abc.abstractmethod
    def _streams(self, instruments: Sequence[InstrumentId]) -> list[str]:
        """Names of the streams of `endpoint` that bring the instruments."""

    def _note_fault(self, fault: FrameFault) -> None:
        """Count, and log at most once a second: what cannot be read often comes in floods."""
        self._faulty_frames += 1
        now = self.context.clock.monotonic()
        if now >= self._fault_logged + FAULT_LOG_SECONDS:
            self._fault_logged = now
            self.context.log.warning("frame not read", reason=str(fault), count=self._faulty_frames)

    def _answered(self, request: int) -> None:
        for subscription in self._subscriptions.values():
            if subscription.request == request:
                subscription.confirmed.set()

    def _near_edge(self, code: str) -> None:
        try:
            self._renewals_send.send_nowait(code)
        except trio.WouldBlock:
            self.context.log.warning("book not renewed, too many wait", symbol=code)

    async def _renew_books(self) -> NoReturn:
        """Renew books whose market moves out of what their snapshot covered, one at a time."""
        while True:
            code = await self._renewals.receive()
            for _ in range(RENEWALS_MAX):
                if await self._renew(code):
                    break
                await trio.sleep(RENEWAL_PAUSE_SECONDS)

    async def _renew(self, code: str) -> bool:
        if instrument_id(code, self.market) not in self.context.wanted:
            return True
        try:
            self.parser.hold(code)
            body = await self.rest.depth(code, self.snapshot_levels)
            return self.parser.renew(code, body)
        except (VenueUnavailable, FrameFault) as fault:
            self.context.log.warning("book not renewed", symbol=code, reason=str(fault))
            return False

    async def _follow_states(self) -> NoReturn:
        """Publish the market's state, and those of instruments that are in another."""
        published: dict[InstrumentId, str] = {}
        while True:
            # The base class declares what `load_instruments` returned before any other task runs.
            await self._listed.wait()
            self._listed = trio.Event()
            events: list[MarketEvent] = [
                MarketStateChanged(
                    self.market,
                    SHOWN_AS_TRADING,
                    dict.fromkeys(boards(self.market, self.is_spot), SHOWN_AS_TRADING),
                ),
                TradingDayStarted(self.market, self.parser.trading_date),
            ]
            for instrument, state in self._states.items():
                if published.get(instrument, SHOWN_AS_TRADING) != state:
                    own = None if state == SHOWN_AS_TRADING else state
                    events.append(SecurityChanged(instrument=instrument, trading_state=own))
            published = dict(self._states)
            await self.context.publish(events)

    async def _follow_days(self) -> NoReturn:
        """Begin a new day that no trade has begun; the clock may be set, so it is asked again each minute."""
        while True:
            now = self.context.clock.now()
            until = (self.parser.day_end + DAY_GRACE_NANOSECONDS - now) / 1_000_000_000
            if until > 0:
                await trio.sleep(min(until, 60.0))
            elif events := self.parser.begin_day(now):
                await self.context.publish(events)

    async def _follow_closes(self) -> NoReturn:
        """Ask for yesterday's close of what begins to be wanted."""
        await self.loaded.wait()
        wanted: frozenset[InstrumentId] = frozenset()
        pending: frozenset[InstrumentId] = frozenset()
        while True:
            pending = await self._publish_closes(pending)
            with trio.move_on_after(CLOSE_RETRY_SECONDS if pending else math.inf):
                before, wanted = wanted, await self.context.wait_wanted(wanted)
                pending = (pending | (wanted - before)) & wanted

    async def _publish_closes(self, instruments: frozenset[InstrumentId]) -> frozenset[InstrumentId]:
        """Publish what can be had; what is left is to be asked for later."""
        left = instruments
        for instrument in sorted(instruments):
            try:
                body = await self.rest.klines(_code(instrument), "1d", 2)
                changed = self.parser.daily_bars(_code(instrument), body)
            except (VenueUnavailable, FrameFault) as fault:
                self.context.log.warning("close not fetched", instrument=instrument, reason=str(fault))
            else:
                left -= {instrument}
                if changed is not None:
                    await self.context.publish([changed])
        return left


def venue_policy(
    settings: MarketSettings, frames_per_second_max: float, instruments_per_connection_max: int
) -> VenuePolicy:
    """The venue's limits as `VenueSource` keeps them."""
    return VenuePolicy(
        stall_seconds_max=settings.stall_seconds_max,
        backoff_seconds_min=1.0,  # the venue counts attempts: 300 in five minutes
        reconnect_after_seconds=settings.reconnect_hours * 3600,
        instruments_per_connection_max=instruments_per_connection_max,
        instruments_per_frame_max=INSTRUMENTS_PER_FRAME,
        frames_per_second_max=frames_per_second_max,
        instruments_refresh_seconds=settings.instruments_refresh_minutes * 60,
        trade_ids_gapless=True,
        frames_waiting_max=4096,  # what comes on the next connection waits while the old one is followed
    )


def stream_names(instruments: Sequence[InstrumentId], kinds: Sequence[str]) -> list[str]:
    """Names of the streams of these kinds."""
    return [f"{_code(instrument).lower()}@{kind}" for instrument in instruments for kind in kinds]


def _code(instrument: InstrumentId) -> str:
    return split_instrument(instrument)[0]
