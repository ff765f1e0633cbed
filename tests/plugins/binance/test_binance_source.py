"""The sources against a local venue: joining, gaps, cuts, stalls, limits, days, statistics."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio.testing
from binance_samples import MIDNIGHT, NaiveSymbol, frame, futures_information, spot_information

from zenithd.domain.events import BookCleared, GapDetected, SecurityChanged, Stream, TradingDayStarted
from zenithd.domain.market_data import FeedStatus
from zenithd.testing import (
    FakeClock,
    MemoryDaemon,
    Request,
    Response,
    ScriptedVenue,
    network_clock,
    run_source,
    serve_venue,
)
from zenithd_binance import BinanceConfig, SpotSource, UsdmSource
from zenithd_binance.config import SpotSettings, UsdmSettings
from zenithd_binance.source import BinanceSource


@pytest.fixture
def clock() -> trio.testing.MockClock:
    return network_clock()


class LiveVenue:
    """A venue on this machine whose symbols the test changes; every change is sent at once."""

    def __init__(self, *symbols: NaiveSymbol, is_spot: bool = True) -> None:
        self.is_spot = is_spot
        self.symbols = {symbol.symbol: symbol for symbol in symbols or (NaiveSymbol(is_spot=is_spot),)}
        self.snapshots: list[str] = []
        """Symbols whose snapshot was asked for."""
        prefix = "/api/v3" if is_spot else "/fapi/v1"
        information = spot_information if is_spot else futures_information
        self.venue = ScriptedVenue(
            routes={
                f"{prefix}/exchangeInfo": information(*self.symbols),
                f"{prefix}/depth": self.depth,
                f"{prefix}/klines": self.klines,
            }
        )

    @property
    def symbol(self) -> NaiveSymbol:
        return next(iter(self.symbols.values()))

    @property
    def instrument(self) -> str:
        return f"{self.symbol.symbol}.{'BINANCE' if self.is_spot else 'BINANCE:USDM'}"

    def depth(self, request: Request) -> Response:
        self.snapshots.append(request.parameters["symbol"])
        symbol = self.symbols[request.parameters["symbol"]]
        return Response(symbol.book.snapshot(int(request.parameters["limit"])))

    def klines(self, request: Request) -> Response:
        begin = MIDNIGHT - 86_400_000
        row = [begin, "1", "2", "0.5", "97.25", "10", begin + 86_399_999, "970", 12, "5", "480", "0"]
        return Response(json.dumps([row]).encode())

    async def send(self, *frames: str) -> None:
        """Send frames on every connection of fast streams, once it has asked for something."""
        for client in list(self.venue.clients):
            if client.is_open and "/regular" not in client.path:
                for each in frames:
                    await client.send(each)

    async def subscribed(self, connections: int = 1) -> None:
        """Wait for the subscription on the newest connection, and confirm it."""
        venue = self.venue

        def asked() -> bool:
            fast = [client for client in venue.clients if "/regular" not in client.path]
            return len(fast) >= connections and any("SUBSCRIBE" in str(f) for f in fast[-1].received)

        await venue.wait_until(asked, f"a subscription on connection {connections}")
        client = [client for client in venue.clients if "/regular" not in client.path][-1]
        for message in client.received:
            await client.send(json.dumps({"result": None, "id": json.loads(message)["id"]}))

    def truth(self, name: str | None = None) -> Any:
        symbol = self.symbols[name] if name is not None else self.symbol
        return symbol.book.prices(3, 6) if self.is_spot else symbol.book.prices(2, 3)


def config_for(live: LiveVenue, **values: Any) -> BinanceConfig:
    venue = live.venue
    common = {"symbols": tuple(live.symbols), "rest_url": venue.http_url} | values
    if live.is_spot:
        return BinanceConfig(
            spot=SpotSettings(websocket_url=venue.websocket_url, **common), usdm=UsdmSettings(enabled=False)
        )
    return BinanceConfig(
        spot=SpotSettings(enabled=False),
        usdm=UsdmSettings(
            websocket_url=f"{venue.websocket_url}/fast",
            regular_websocket_url=f"{venue.websocket_url}/regular",
            **common,
        ),
    )


@asynccontextmanager
async def running(
    live: LiveVenue, *wanted: str, daemon: MemoryDaemon | None = None, **values: Any
) -> AsyncIterator[MemoryDaemon]:
    daemon = daemon or MemoryDaemon("binance", wanted=wanted or (live.instrument,))
    source: type[BinanceSource] = SpotSource if live.is_spot else UsdmSource
    async with serve_venue(live.venue), run_source(source, config_for(live, **values), daemon):
        yield daemon
    assert daemon.faults == []
    assert daemon.violations == []


async def settled(daemon: MemoryDaemon, live: LiveVenue) -> None:
    """Wait until the daemon's book is the venue's."""
    await daemon.wait_until(lambda: daemon.prices(live.instrument) == live.truth(), "the venue's book")


both = pytest.mark.parametrize("is_spot", [True, False], ids=["spot", "usdm"])


# What is declared


@both
async def test_market_is_declared_and_active(clock: trio.testing.MockClock, is_spot: bool) -> None:
    live = LiveVenue(is_spot=is_spot)
    async with running(live) as daemon:
        market = live.instrument.partition(".")[2]
        await daemon.wait_status(market, FeedStatus.ACTIVE)
        declared = daemon.markets[market]
        assert set(declared.instruments) == {live.instrument}
        assert declared.trading_state == "Trading"
        assert str(declared.trading_date) == "2026-01-05"
        assert declared.board_states[declared.definition.boards[0]] == "Trading"
        await live.venue.wait_frame("SUBSCRIBE")
        await daemon.wait_until(lambda: bool(daemon.events(SecurityChanged)))
        view = daemon.view(live.instrument)
        assert view is not None
        assert view.security.close == (97_250 if is_spot else 9_725)


async def test_market_that_is_switched_off_does_nothing() -> None:
    async with run_source(SpotSource, BinanceConfig(spot=SpotSettings(enabled=False))) as daemon:
        await trio.testing.wait_all_tasks_blocked()
        assert not daemon.markets


async def test_nothing_is_subscribed_until_it_is_wanted(clock: trio.testing.MockClock) -> None:
    live = LiveVenue()
    async with running(live, daemon=MemoryDaemon()) as daemon:
        await daemon.wait_status("BINANCE", FeedStatus.ACTIVE)
        assert not live.venue.clients[0].received
        daemon.want(live.instrument)
        await live.subscribed()
        await settled(daemon, live)
        assert json.loads(live.venue.clients[0].received[0]) == {
            "method": "SUBSCRIBE",
            "params": [
                "btcusdt@depth@100ms",
                "btcusdt@bookTicker",
                "btcusdt@trade",
                "btcusdt@kline_1d",
            ],
            "id": 1,
        }
        daemon.unwant(live.instrument)
        await live.venue.wait_frame("UNSUBSCRIBE")
        await daemon.wait_until(lambda: not any(daemon.prices(live.instrument)))


async def test_futures_streams_come_over_two_endpoints(clock: trio.testing.MockClock) -> None:
    live = LiveVenue(is_spot=False)
    async with running(live) as daemon:
        await live.venue.wait_frame("@kline_1d")
        await live.venue.wait_frame("@bookTicker")
        asked = {client.path: json.loads(client.received[0])["params"] for client in live.venue.clients}
        assert asked == {
            "/fast/stream": ["btcusdt@depth@100ms", "btcusdt@bookTicker", "btcusdt@trade"],
            "/regular/stream": ["btcusdt@kline_1d"],
        }
        regular = next(client for client in live.venue.clients if "/regular" in client.path)
        await regular.send(live.symbol.day_bar())
        await daemon.wait_until(lambda: _security(daemon, live).volume == 1_000_500)
        await regular.cut()  # books and trades go on
        await live.subscribed()
        await live.send(live.symbol.trade("104.00"))
        await daemon.wait_until(lambda: _security(daemon, live).high == 10_400)
        await settled(daemon, live)
        assert daemon.status("BINANCE:USDM") is FeedStatus.ACTIVE


def _security(daemon: MemoryDaemon, live: LiveVenue) -> Any:
    view = daemon.view(live.instrument)
    assert view is not None
    return view.security


# Books


@both
async def test_book_follows_the_venue(clock: trio.testing.MockClock, is_spot: bool) -> None:
    live = LiveVenue(is_spot=is_spot)
    async with running(live) as daemon:
        await live.subscribed()
        await settled(daemon, live)
        for number in range(1, 50):
            await live.send(
                live.symbol.set({f"{90 + number % 9}.50": str(number % 4)}, {"101.00": str(number)})
            )
        await settled(daemon, live)
        assert daemon.gaps == 0
        assert len(live.snapshots) == 1


async def test_snapshot_waits_for_the_subscription_to_be_confirmed(clock: trio.testing.MockClock) -> None:
    live = LiveVenue()
    async with running(live) as daemon:
        await live.venue.wait_frame("SUBSCRIBE")
        await trio.sleep(3)
        assert not live.snapshots
        await live.subscribed()
        await settled(daemon, live)


async def test_venue_that_confirms_nothing_is_asked_all_the_same(clock: trio.testing.MockClock) -> None:
    live = LiveVenue()
    async with running(live) as daemon:
        await settled(daemon, live)


@both
async def test_gap_is_reported_and_the_book_asked_for_anew(
    clock: trio.testing.MockClock, is_spot: bool
) -> None:
    live = LiveVenue(is_spot=is_spot)
    async with running(live) as daemon:
        await live.subscribed()
        await settled(daemon, live)
        live.symbol.set({"97.00": "1"})  # lost
        await live.send(live.symbol.set({"96.00": "1"}))
        await daemon.wait_until(lambda: daemon.gaps == 1)
        await settled(daemon, live)
        assert len(live.snapshots) == 2
        await live.send(live.symbol.set({"95.00": "1"}))
        await settled(daemon, live)
        assert daemon.gaps == 1


async def test_snapshot_that_is_too_old_is_asked_for_again(clock: trio.testing.MockClock) -> None:
    live = LiveVenue()
    old = live.symbol.book.snapshot()
    live.symbol.set({"97.00": "1"})
    bodies = [old, old]
    fresh = live.depth

    def depth(request: Request) -> Response:
        answer = fresh(request)
        return Response(bodies.pop()) if bodies else answer

    live.venue.routes["/api/v3/depth"] = depth
    async with running(live) as daemon:
        await live.venue.wait_frame("SUBSCRIBE")
        await live.send(live.symbol.set({"96.00": "1"}))
        await settled(daemon, live)
        assert daemon.gaps == 0
        assert len(live.snapshots) == 3


@both
@pytest.mark.parametrize("code", [None, 1001, 1008])
async def test_cut_connection_is_made_anew(
    clock: trio.testing.MockClock, is_spot: bool, code: int | None
) -> None:
    live = LiveVenue(is_spot=is_spot)
    async with running(live) as daemon:
        await live.subscribed()
        await settled(daemon, live)
        await next(client for client in live.venue.clients if "/regular" not in client.path).cut(code)
        live.symbol.set({"97.00": "1"})  # nobody heard it
        await live.subscribed(connections=2)
        await settled(daemon, live)
        statuses = [status.status for status in daemon.statuses]
        assert statuses[-2:] == [FeedStatus.IMPAIRED, FeedStatus.ACTIVE]
        await live.send(live.symbol.set({"96.00": "1"}))
        await settled(daemon, live)
        assert daemon.gaps == 1


async def test_silent_connection_is_made_anew(clock: trio.testing.MockClock) -> None:
    live = LiveVenue()
    async with running(live, stall_seconds_max=30.0) as daemon:
        await live.subscribed()
        await settled(daemon, live)
        began = trio.current_time()
        await live.subscribed(connections=2)
        assert trio.current_time() - began >= 29
        await settled(daemon, live)


async def test_connection_whose_book_died_is_made_anew(clock: trio.testing.MockClock) -> None:
    live = LiveVenue()
    async with running(live) as daemon:
        await live.subscribed()
        await settled(daemon, live)
        for second in range(12):
            update = live.symbol.book.last + 1 + second
            await live.send(live.symbol.ticker(bid="98.50", update=update))
            await trio.sleep(1)
        await live.subscribed(connections=2)
        reasons = [status.reason for status in daemon.statuses if status.status is FeedStatus.IMPAIRED]
        assert reasons == ["BTCUSDT.BINANCE: best prices change, but the book has stopped"]


async def test_shutdown_notice_makes_a_new_connection(clock: trio.testing.MockClock) -> None:
    live = LiveVenue()
    async with running(live) as daemon:
        await live.subscribed()
        await settled(daemon, live)
        await live.send(frame("!serverShutdown", {"e": "serverShutdown", "E": MIDNIGHT}))
        await live.subscribed(connections=2)
        await settled(daemon, live)


@both
async def test_connection_is_replaced_before_the_venue_cuts_it(
    clock: trio.testing.MockClock, is_spot: bool
) -> None:
    live = LiveVenue(is_spot=is_spot)
    async with running(live, reconnect_hours=0.01) as daemon:
        await live.subscribed()
        await settled(daemon, live)
        second = 0
        while sum("/regular" not in client.path for client in live.venue.clients) < 3 and second < 200:
            second += 1
            await live.send(live.symbol.set({"97.00": str(second)}), live.symbol.trade())
            await trio.sleep(1)
        await live.send(live.symbol.set({"96.00": "3"}))
        await settled(daemon, live)
        assert 60 < second < 100  # two times 36 s, and the overlap
        assert daemon.gaps == 0
        assert len(live.snapshots) == 1
        ids = daemon.trade_ids(live.instrument)
        assert ids == list(range(501, 501 + len(ids)))
        assert len(ids) >= second - 1


async def test_connections_are_replaced_before_24_hours_by_default() -> None:
    for source in (SpotSource, UsdmSource):
        policy = source(BinanceConfig(), MemoryDaemon()).policy
        assert policy.reconnect_after_seconds is not None
        assert 23 * 3600 < policy.reconnect_after_seconds < 24 * 3600


async def test_book_is_renewed_before_the_market_leaves_its_snapshot(clock: trio.testing.MockClock) -> None:
    live = LiveVenue()
    live.symbol.set(
        {f"{price}.00": "1" for price in range(50, 99)}, {f"{price}.00": "1" for price in range(103, 150)}
    )
    async with running(live, snapshot_levels=5) as daemon:
        await live.subscribed()
        await daemon.wait_book(live.instrument)
        assert len(daemon.prices(live.instrument)[0]) == 5
        gone = live.symbol.set({f"{price}.00": "0" for price in range(96, 100)})
        await live.send(gone, live.symbol.ticker(bid="95.00", ask="101.00"))
        await live.venue.wait_until(lambda: len(live.snapshots) == 2, "a second snapshot")
        await trio.sleep(1)
        await live.send(live.symbol.set({"94.50": "7"}))
        await daemon.wait_until(lambda: len(daemon.prices(live.instrument)[0]) == 6)
        bids = daemon.prices(live.instrument)[0]
        assert {91_000, 92_000, 93_000, 94_000, 94_500, 95_000} == set(bids)
        assert daemon.gaps == 0


async def test_aggregate_trades_of_futures_come_over_the_regular_endpoint(
    clock: trio.testing.MockClock,
) -> None:
    live = LiveVenue(is_spot=False)
    async with running(live, trade_stream="aggTrade") as daemon:
        await live.venue.wait_frame("btcusdt@aggTrade")
        regular = next(client for client in live.venue.clients if "/regular" in client.path)
        assert json.loads(regular.received[0])["params"] == ["btcusdt@kline_1d", "btcusdt@aggTrade"]
        for number in (7, 8, 8, 10):
            data = {"a": number, "p": "99.5", "q": "1", "f": 1, "l": 2, "T": live.symbol.time, "m": True}
            await regular.send(frame("btcusdt@aggTrade", data))
        await daemon.wait_until(lambda: daemon.gaps == 1)
        assert len([each for each in daemon.batches if "TradeReported" in str(each)]) == 3


# Trades, best prices, statistics, days


async def test_trades_best_prices_and_statistics(clock: trio.testing.MockClock) -> None:
    live = LiveVenue()
    async with running(live) as daemon:
        await live.subscribed()
        symbol = live.symbol
        await live.send(
            symbol.ticker(), symbol.day_bar(), symbol.trade("104.00", "0.5"), symbol.trade("98.00")
        )
        await daemon.wait_until(lambda: len(daemon.trade_ids(live.instrument)) == 2)
        security = _security(daemon, live)
        assert (security.best_bid, security.best_ask) == (99_000, 101_000)
        assert (security.open, security.high, security.low) == (95_000, 104_000, 94_000)
        assert (security.last, security.number_of_trades) == (98_000, 702)
        assert security.volume == 1_001_500_000


async def test_missing_trade_is_reported_and_repeats_are_dropped(clock: trio.testing.MockClock) -> None:
    live = LiveVenue()
    async with running(live) as daemon:
        await live.subscribed()
        frames = [live.symbol.trade() for _ in range(4)]
        await live.send(frames[0], frames[0], frames[3], frames[1])
        await daemon.wait_until(lambda: len(daemon.trade_ids(live.instrument)) == 1)
        await daemon.wait_until(lambda: daemon.gaps == 1)
        (gap,) = daemon.events(GapDetected)
        assert isinstance(gap, GapDetected)
        assert gap.stream is Stream.TRADES


async def test_day_begins_with_the_venues_first_trade(clock: trio.testing.MockClock) -> None:
    live = LiveVenue()
    daemon = MemoryDaemon(clock=FakeClock("2026-01-05T23:59:58+00:00"), wanted=(live.instrument,))
    async with running(live, daemon=daemon):
        await live.subscribed()
        live.symbol.time = MIDNIGHT + 86_400_000
        await live.send(live.symbol.trade())
        await daemon.wait_until(lambda: daemon.trade_ids(live.instrument) == [501])
        days = [event.trading_date.isoformat() for event in _days(daemon)]
        assert days == ["2026-01-05", "2026-01-06"]


async def test_quiet_day_begins_by_our_clock(clock: trio.testing.MockClock) -> None:
    live = LiveVenue()
    daemon = MemoryDaemon(clock=FakeClock("2026-01-05T23:59:58+00:00"))
    async with running(live, daemon=daemon):
        await daemon.wait_until(lambda: "2026-01-06" in [str(each.trading_date) for each in _days(daemon)])
        assert daemon.clock.now() == pytest.approx((MIDNIGHT + 86_405_000) * 1_000_000, abs=10**9)


def _days(daemon: MemoryDaemon) -> list[Any]:
    return daemon.events(TradingDayStarted)


# What goes wrong


async def test_frames_that_cannot_be_read_cost_one_book_at_most(clock: trio.testing.MockClock) -> None:
    live = LiveVenue(NaiveSymbol("BTCUSDT"), NaiveSymbol("ETHUSDT"))
    async with running(live, "BTCUSDT.BINANCE", "ETHUSDT.BINANCE") as daemon:
        await live.subscribed()
        await settled(daemon, live)
        await daemon.wait_book("ETHUSDT.BINANCE")
        await live.send(
            live.symbol.trade(p="a lot"),
            live.symbol.ticker(bid="-1"),
            live.symbol.day_bar(v=5),
            live.symbol.set({"97.00": "1"}).replace('"97.00"', "97"),
            live.symbols["ETHUSDT"].set({"50.00": "1"}),
        )
        await daemon.wait_until(lambda: daemon.gaps == 1)
        await settled(daemon, live)
        assert daemon.prices("ETHUSDT.BINANCE") == live.truth("ETHUSDT")
        (gap,) = daemon.events(GapDetected)
        assert isinstance(gap, GapDetected)
        assert "btcusdt@depth@100ms" in gap.reason
        assert len(live.venue.clients) == 1
        assert daemon.status("BINANCE") is FeedStatus.ACTIVE


async def test_unreadable_frame_makes_a_new_connection(clock: trio.testing.MockClock) -> None:
    live = LiveVenue()
    async with running(live) as daemon:
        await live.subscribed()
        await settled(daemon, live)
        await live.send("this is no JSON")
        await live.subscribed(connections=2)
        await settled(daemon, live)


async def test_refused_subscription_is_tried_again(clock: trio.testing.MockClock) -> None:
    live = LiveVenue()
    async with running(live) as daemon:
        await live.venue.wait_frame("SUBSCRIBE")
        await live.send('{"error":{"code":4,"msg":"Too many subscriptions"},"id":1}')
        await daemon.wait_status("BINANCE", FeedStatus.IMPAIRED)
        assert daemon.statuses[-1].reason == "request 1 refused: 4 Too many subscriptions"
        await live.subscribed(connections=2)
        await settled(daemon, live)


@pytest.mark.parametrize(("status", "seconds"), [(429, 30), (418, 300)])
async def test_demanded_pause_is_kept(clock: trio.testing.MockClock, status: int, seconds: int) -> None:
    live = LiveVenue()
    fresh, asked = live.depth, list[float]()

    def depth(request: Request) -> Response:
        asked.append(trio.current_time())
        if len(asked) == 1:
            return Response(b"{}", status, {"Retry-After": str(seconds)})
        return fresh(request)

    live.venue.routes["/api/v3/depth"] = depth
    async with running(live, stall_seconds_max=3600.0) as daemon:
        await live.subscribed()
        await trio.sleep(seconds + 60)
        await settled(daemon, live)
        assert len(asked) == 2
        assert asked[1] - asked[0] >= seconds


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Response(b"down", 503), "status 503 down"),
        (Response(b'{"symbols":{}}'), "exchangeInfo: Expected `array`"),
        (Response(b'{"symbols":[{"symbol":"\xff"}]}'), "exchangeInfo: 'utf-8' codec"),
    ],
    ids=["down", "form", "bytes"],
)
async def test_venue_that_is_down_is_impaired_until_it_comes_back(
    clock: trio.testing.MockClock, answer: Response, reason: str
) -> None:
    live = LiveVenue()
    information = live.venue.routes["/api/v3/exchangeInfo"]
    live.venue.routes["/api/v3/exchangeInfo"] = answer
    async with running(live) as daemon:
        await daemon.wait_status("BINANCE", FeedStatus.IMPAIRED)
        assert reason in daemon.statuses[-1].reason
        live.venue.routes["/api/v3/exchangeInfo"] = information
        await daemon.wait_status("BINANCE", FeedStatus.ACTIVE)


async def test_many_symbols_are_subscribed_in_small_messages_in_the_venues_pace(
    clock: trio.testing.MockClock,
) -> None:
    live = LiveVenue(*(NaiveSymbol(f"COIN{number}USDT") for number in range(70)))
    wanted = [f"{name}.BINANCE" for name in live.symbols]
    async with running(live, *wanted, streams_per_connection_max=200):
        began = trio.current_time()
        clients = live.venue.clients
        await live.venue.wait_until(lambda: sum(len(client.received) for client in clients) >= 4)
        assert trio.current_time() - began >= 2 / 3  # three on the first connection
        messages = [json.loads(each) for client in clients for each in client.received]
        assert all(len(str(each)) < 4096 for client in clients for each in client.received)
        assert sorted(len(each["params"]) for each in messages) == [40, 80, 80, 80]
        assert len({each["id"] for each in messages}) == 4
        streams = [stream for each in messages for stream in each["params"]]
        assert len(streams) == len(set(streams)) == 280


# Changes of the listing


async def test_trading_states_and_new_listings_are_followed(clock: trio.testing.MockClock) -> None:
    live = LiveVenue()
    async with running(
        live, symbols=(), quote_assets=("USDT",), instruments_refresh_minutes=1.0, stall_seconds_max=600.0
    ) as daemon:
        await live.subscribed()
        await settled(daemon, live)
        assert _security(daemon, live).trading_state == "Trading"
        body = json.loads(spot_information("BTCUSDT", "ETHUSDT"))
        body["symbols"][0]["status"] = "HALT"
        live.venue.routes["/api/v3/exchangeInfo"] = json.dumps(body).encode()
        await _wait_minutes(daemon, lambda: _security(daemon, live).trading_state == "Halt")
        assert daemon.view("ETHUSDT.BINANCE") is not None
        assert daemon.prices(live.instrument) == live.truth()
        live.venue.routes["/api/v3/exchangeInfo"] = spot_information("BTCUSDT")
        await _wait_minutes(daemon, lambda: _security(daemon, live).trading_state == "Trading")
        assert daemon.view("ETHUSDT.BINANCE") is None


async def _wait_minutes(daemon: MemoryDaemon, condition: Any) -> None:
    for _ in range(10):
        if condition():
            return
        await trio.sleep(30)
    await daemon.wait_until(condition)


async def test_changed_tick_size_begins_the_book_anew(clock: trio.testing.MockClock) -> None:
    live = LiveVenue()
    async with running(live, instruments_refresh_minutes=1.0, stall_seconds_max=600.0) as daemon:
        await live.subscribed()
        await settled(daemon, live)
        live.venue.routes["/api/v3/exchangeInfo"] = spot_information("BTCUSDT", tick="0.00100000")
        await _wait_minutes(
            daemon, lambda: daemon.markets["BINANCE"].instruments[live.instrument].instrument.price_scale == 4
        )
        await live.send(live.symbol.set({"99.001": "1"}))
        truth = live.symbol.book.prices(4, 6)
        await daemon.wait_until(lambda: daemon.prices(live.instrument) == truth, "the book in finer ticks")


async def test_price_that_does_not_fit_is_said_with_the_remedy(clock: trio.testing.MockClock) -> None:
    live = LiveVenue()
    async with running(live) as daemon:
        await live.subscribed()
        await settled(daemon, live)
        await live.send(live.symbol.set({"97.00001": "1"}))
        await daemon.wait_until(lambda: daemon.gaps == 1)
        (gap,) = daemon.events(GapDetected)
        assert isinstance(gap, GapDetected)
        assert gap.reason == "btcusdt@depth@100ms: price 97.00001 has more than 3 decimals"


def cleared(batches: Sequence[Any]) -> int:
    return sum(isinstance(event, BookCleared) for batch in batches for event in batch)
