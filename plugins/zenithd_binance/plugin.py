"""The market sources: spot and USD-M futures."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import trio

from zenithd.domain.identifiers import InstrumentId
from zenithd.domain.instrument import Instrument, MarketDefinition
from zenithd.plugin import Item, MarketSourceContext, VenueSource
from zenithd.plugin.venue_feed import VenueFeed
from zenithd_binance.client import SPOT_INTERFACE, USDM_INTERFACE, control_message
from zenithd_binance.config import BinanceConfig
from zenithd_binance.parse import FUTURES_RULES, SPOT_RULES
from zenithd_binance.source import BinanceSource, stream_names, venue_policy


class SpotSource(BinanceSource):
    """The spot market."""

    interface = SPOT_INTERFACE
    is_spot = True
    join_rules = SPOT_RULES

    def __init__(self, config: BinanceConfig, context: MarketSourceContext) -> None:
        self.settings = config.spot
        self.snapshot_levels = config.spot.snapshot_levels
        depth = "depth" if config.spot.depth_speed == "1000ms" else f"depth@{config.spot.depth_speed}"
        self._kinds = (depth, "bookTicker", config.spot.trade_stream, "kline_1d")
        self.policy = venue_policy(
            config.spot,
            config.spot.frames_per_second_max,
            config.spot.streams_per_connection_max // len(self._kinds),
        )
        super().__init__(config, context)

    def endpoint(self) -> str:
        """Combined streams, subscribed by message."""
        return self.config.spot.websocket_url.rstrip("/") + "/stream"

    def _streams(self, instruments: Sequence[InstrumentId]) -> list[str]:
        return stream_names(instruments, self._kinds)


class UsdmSource(BinanceSource):
    """The market of USD-M futures. Its streams come over two endpoints; see `_RegularStreams`."""

    interface = USDM_INTERFACE
    is_spot = False
    join_rules = FUTURES_RULES

    def __init__(self, config: BinanceConfig, context: MarketSourceContext) -> None:
        usdm = self.settings = config.usdm
        self.snapshot_levels = usdm.snapshot_levels
        depth = "depth" if usdm.depth_speed == "250ms" else f"depth@{usdm.depth_speed}"
        self._kinds = (depth, "bookTicker") + (("trade",) if usdm.trade_stream == "trade" else ())
        self.policy = venue_policy(
            usdm, usdm.frames_per_second_max, usdm.streams_per_connection_max // len(self._kinds)
        )
        super().__init__(config, context)

    def endpoint(self) -> str:
        """Combined fast streams, subscribed by message."""
        return self.config.usdm.websocket_url.rstrip("/") + "/stream"

    def _streams(self, instruments: Sequence[InstrumentId]) -> list[str]:
        return stream_names(instruments, self._kinds)

    async def run(self) -> None:
        """Follow both endpoints."""
        if not self.settings.enabled:
            return
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._follow_regular_streams)
            await super().run()

    async def _follow_regular_streams(self) -> None:
        await self.loaded.wait()
        await VenueFeed(_RegularStreams(self)).run()


class _RegularStreams(VenueSource[BinanceConfig]):
    """The regular streams of futures, which the venue serves on a path of their own.

    It declares no market. While it fails, books, best prices and trades go on, and statistics are carried
    on from the trades.
    """

    def __init__(self, source: UsdmSource) -> None:
        super().__init__(source.config, source.context)
        usdm = source.config.usdm
        self._source = source
        self._kinds = ("kline_1d",) if usdm.trade_stream == "trade" else ("kline_1d", "aggTrade")
        self.policy = msgspec.structs.replace(
            source.policy,
            snapshots_by_request=False,
            instruments_per_connection_max=usdm.streams_per_connection_max // len(self._kinds),
        )

    def markets(self) -> Sequence[MarketDefinition]:
        """None: the market is the source's."""
        return ()

    async def load_instruments(self) -> Sequence[Instrument]:
        """What the source has loaded."""
        return list(self._source.instruments.values())

    def endpoint(self) -> str:
        """Combined regular streams, subscribed by message."""
        return self.config.usdm.regular_websocket_url.rstrip("/") + "/stream"

    def subscribe_frames(self, instruments: Sequence[InstrumentId]) -> Sequence[bytes]:
        """One SUBSCRIBE message."""
        streams = stream_names(instruments, self._kinds)
        return (control_message("SUBSCRIBE", streams, next(self._source.requests)),)

    def unsubscribe_frames(self, instruments: Sequence[InstrumentId]) -> Sequence[bytes]:
        """One UNSUBSCRIBE message."""
        streams = stream_names(instruments, self._kinds)
        return (control_message("UNSUBSCRIBE", streams, next(self._source.requests)),)

    def parse(self, frame: str | bytes, received: int) -> Sequence[Item]:
        """As the source reads it."""
        return self._source.parse(frame, received)
