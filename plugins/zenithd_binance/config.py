"""The `[plugins.binance]` section: a table per market, with the venue's published limits as defaults."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from zenithd.plugin import PluginConfig


class MarketSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the spot and the futures market have in common."""

    enabled: Annotated[
        bool, Meta(description="Whether this market is served; switch one off to follow only the other.")
    ] = True
    symbols: Annotated[
        tuple[str, ...],
        Meta(
            description="Symbols that are listed whatever their status; only those that a client subscribes"
            " to are followed at the venue."
        ),
    ] = ("BTCUSDT", "ETHUSDT", "BNBUSDT", "SOLUSDT", "XRPUSDT")
    quote_assets: Annotated[
        tuple[str, ...],
        Meta(
            description="Also list every symbol in trading that is quoted in one of these assets, for example"
            ' ["USDT", "USDC"]; ["*"] lists everything in trading.'
        ),
    ] = ()
    decimals_extra: Annotated[
        int,
        Meta(
            ge=0,
            le=8,
            description="Decimals kept beyond those of the tick and lot size: orders that rested in the book"
            " when the venue made its steps coarser keep their finer ones. Raise it if a price or quantity is"
            " reported not to fit.",
        ),
    ] = 1
    trade_stream: Annotated[
        Literal["trade", "aggTrade"],
        Meta(
            description="trade shows every fill; aggTrade joins the fills of one incoming order at one price,"
            " for less traffic."
        ),
    ] = "trade"
    reconnect_hours: Annotated[
        float,
        Meta(
            gt=0,
            lt=24,
            description="Age at which a connection is replaced by a new one without a pause; the venue cuts"
            " every connection at 24 hours.",
        ),
    ] = 23.5
    stall_seconds_max: Annotated[
        float,
        Meta(
            ge=5,
            le=3600,
            description="Silence on a connection with subscriptions after which it is made anew; raise it if"
            " only quiet symbols are followed.",
        ),
    ] = 60.0
    instruments_refresh_minutes: Annotated[
        float,
        Meta(ge=1, le=1440, description="Pause between looks for new listings and changed trading states."),
    ] = 10.0


class SpotSettings(MarketSettings, frozen=True):
    """The spot market."""

    market: Annotated[
        str,
        Meta(description="Market code under which spot appears.", extra_json_schema={"format": "market"}),
    ] = "BINANCE"
    rest_url: Annotated[
        str,
        Meta(
            description="Base address of the REST interface; https://api.binance.com serves the same, and"
            " regional or test venues have their own.",
            extra_json_schema={"format": "url"},
        ),
    ] = "https://data-api.binance.vision"
    websocket_url: Annotated[
        str,
        Meta(
            description="Base address of the streams; wss://stream.binance.com:9443 serves the same.",
            extra_json_schema={"format": "url"},
        ),
    ] = "wss://data-stream.binance.vision"
    depth_speed: Annotated[
        Literal["100ms", "1000ms"],
        Meta(description="Pause between the venue's book updates; 1000ms for less traffic."),
    ] = "100ms"
    snapshot_levels: Annotated[
        int,
        Meta(
            ge=5,
            le=5000,
            description="Price levels per side in a book's snapshot; levels beyond it are unknown until they"
            " change. Costs 5 (to 100), 25 (to 500), 50 (to 1000) or 250 (to 5000) of the weight.",
        ),
    ] = 1000
    weight_per_minute_max: Annotated[
        int,
        Meta(
            ge=100,
            le=6000,
            description="Part of the venue's 6000 request weight a minute and address that is used; lower it"
            " if other programs share the address.",
        ),
    ] = 3000
    frames_per_second_max: Annotated[
        float,
        Meta(gt=0, le=5, description="Messages sent on one connection; the venue cuts it at more than 5."),
    ] = 3.0
    streams_per_connection_max: Annotated[
        int,
        Meta(ge=4, le=1024, description="Streams on one connection; the venue allows 1024."),
    ] = 800


class UsdmSettings(MarketSettings, frozen=True):
    """The market of futures margined in USD stablecoins."""

    market: Annotated[
        str,
        Meta(
            description="Market code under which USD-M futures appear.",
            extra_json_schema={"format": "market"},
        ),
    ] = "BINANCE:USDM"
    rest_url: Annotated[
        str,
        Meta(
            description="Base address of the REST interface; test venues have their own.",
            extra_json_schema={"format": "url"},
        ),
    ] = "https://fapi.binance.com"
    websocket_url: Annotated[
        str,
        Meta(
            description="Base address of the fast streams: depth, bookTicker and trade.",
            extra_json_schema={"format": "url"},
        ),
    ] = "wss://fstream.binance.com/public"
    regular_websocket_url: Annotated[
        str,
        Meta(
            description="Base address of the regular streams: kline and aggTrade. The venue serves the two"
            " groups on separate paths and sends nothing for a stream asked for on the wrong one.",
            extra_json_schema={"format": "url"},
        ),
    ] = "wss://fstream.binance.com/market"
    depth_speed: Annotated[
        Literal["100ms", "250ms", "500ms"],
        Meta(description="Pause between the venue's book updates; longer for less traffic."),
    ] = "100ms"
    snapshot_levels: Annotated[
        Literal[5, 10, 20, 50, 100, 500, 1000],
        Meta(
            description="Price levels per side in a book's snapshot; levels beyond it are unknown until they"
            " change. Costs 2 (to 50), 5 (100), 10 (500) or 20 (1000) of the weight."
        ),
    ] = 1000
    weight_per_minute_max: Annotated[
        int,
        Meta(
            ge=50,
            le=2400,
            description="Part of the venue's 2400 request weight a minute and address that is used; lower it"
            " if other programs share the address.",
        ),
    ] = 1200
    frames_per_second_max: Annotated[
        float,
        Meta(gt=0, le=10, description="Messages sent on one connection; the venue cuts it at more than 10."),
    ] = 5.0
    streams_per_connection_max: Annotated[
        int,
        Meta(ge=4, le=200, description="Streams on one connection; the venue allows 200."),
    ] = 180


class BinanceConfig(PluginConfig, frozen=True):
    """The whole section."""

    spot: Annotated[SpotSettings, Meta(description="The spot market.")] = SpotSettings()
    usdm: Annotated[UsdmSettings, Meta(description="The market of USD-M futures.")] = UsdmSettings()
