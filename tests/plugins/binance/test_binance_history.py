"""Charts from klines: the newest bars asked for, in order, over as many pages as needed."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx2
import pytest
import structlog
from binance_samples import MIDNIGHT

from zenithd.domain.identifiers import MarketId
from zenithd.domain.instrument import Instrument
from zenithd.plugin import VenueFault
from zenithd_binance import BinanceConfig, BinanceHistory
from zenithd_binance.config import SpotSettings, UsdmSettings

MINUTE = 60_000
NANOSECONDS = 1_000_000
SPOT = Instrument(code="BTCUSDT", market=MarketId("BINANCE"), price_scale=2, quantity_scale=3)


class NaiveKlines:
    """A venue with a kline for each minute since MIDNIGHT."""

    def __init__(self, minutes: int, untraded: Callable[[int], bool] = lambda minute: False) -> None:
        self.rows = [
            [
                MIDNIGHT + minute * MINUTE,
                f"{minute}.00",
                f"{minute + 2}.00",
                f"{minute}.00",
                f"{minute + 1}.00",
                "1.5" if not untraded(minute) else "0",
                MIDNIGHT + minute * MINUTE + MINUTE - 1,
                "150",
                3 if not untraded(minute) else 0,
                "1",
                "100",
                "0",
            ]
            for minute in range(minutes)
        ]
        self.requests: list[dict[str, str]] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        parameters = dict(request.url.params)
        self.requests.append(parameters)
        end = int(parameters["endTime"])
        rows = [row for row in self.rows if int(row[0]) <= end]
        return httpx2.Response(200, content=json.dumps(rows[-int(parameters["limit"]) :]))


class Context:
    """The daemon as a history source sees it."""

    name = "binance"
    log: Any = structlog.get_logger()

    def __init__(self, handler: Callable[[httpx2.Request], httpx2.Response]) -> None:
        self.http = httpx2.AsyncClient(transport=httpx2.MockTransport(handler))
        self.clock = self

    def now(self) -> int:
        return (MIDNIGHT + 10_000 * MINUTE) * NANOSECONDS

    def monotonic(self) -> float:
        return 0.0


def history(handler: Callable[[httpx2.Request], httpx2.Response]) -> BinanceHistory:
    return BinanceHistory(BinanceConfig(), Context(handler))


def at(minute: int) -> int:
    return (MIDNIGHT + minute * MINUTE) * NANOSECONDS


async def test_newest_bars_before_the_end() -> None:
    venue = NaiveKlines(100)
    bars = await history(venue).bars(SPOT, 60, None, at(50), 3)
    assert [bar.time for bar in bars] == [at(47), at(48), at(49)]
    assert (bars[0].open, bars[0].high, bars[0].low, bars[0].close) == (4700, 4900, 4700, 4800)
    assert (bars[0].volume, bars[0].trades) == (1500, 3)
    assert venue.requests[0]["interval"] == "1m"


async def test_bars_from_a_start() -> None:
    bars = await history(NaiveKlines(100)).bars(SPOT, 60, at(90), None, 50)
    assert [bar.time for bar in bars] == [at(minute) for minute in range(90, 100)]


async def test_many_bars_come_over_pages() -> None:
    venue = NaiveKlines(2500)
    bars = await history(venue).bars(SPOT, 60, None, None, 2200)
    assert [bar.time for bar in bars] == [at(minute) for minute in range(300, 2500)]
    assert [request["limit"] for request in venue.requests] == ["1000", "1000", "200"]


async def test_untraded_periods_are_left_out() -> None:
    venue = NaiveKlines(20, untraded=lambda minute: minute % 2 == 0)
    bars = await history(venue).bars(SPOT, 60, None, None, 5)
    assert [bar.time for bar in bars] == [at(minute) for minute in (11, 13, 15, 17, 19)]


@pytest.mark.parametrize(("seconds", "interval"), [(300, "5m"), (900, "15m"), (1800, "30m"), (86_400, "1d")])
async def test_periods(seconds: int, interval: str) -> None:
    venue = NaiveKlines(5)
    await history(venue).bars(SPOT, seconds, None, None, 1)
    assert venue.requests[0]["interval"] == interval


async def test_nothing_is_asked_where_nothing_can_be_had() -> None:
    venue = NaiveKlines(5)
    assert not await history(venue).bars(SPOT, 61, None, None, 5)
    assert not await history(venue).bars(SPOT, 60, at(5), at(5), 5)
    assert not await history(venue).bars(SPOT, 60, None, None, 0)
    assert not venue.requests


async def test_prices_finer_than_the_scale_are_cut_off() -> None:
    venue = NaiveKlines(1)
    venue.rows[0][4] = "0.98765"
    (bar,) = await history(venue).bars(SPOT, 60, None, None, 1)
    assert bar.close == 98


@pytest.mark.parametrize("body", [b"{}", b"[[1]]", b'[[1,"x","1","1","1","1",2,"1",3]]'])
async def test_what_cannot_be_read_is_the_venues_fault(body: bytes) -> None:
    source = history(lambda request: httpx2.Response(200, content=body))
    with pytest.raises(VenueFault, match=r"klines of BTCUSDT\.BINANCE"):
        await source.bars(SPOT, 60, None, None, 5)


def test_markets_served() -> None:
    source = history(NaiveKlines(0))
    assert source.serves(MarketId("BINANCE"))
    assert source.serves(MarketId("BINANCE:USDM"))
    assert not source.serves(MarketId("XSX"))
    config = BinanceConfig(spot=SpotSettings(market="BIN"), usdm=UsdmSettings(enabled=False))
    other = BinanceHistory(config, Context(NaiveKlines(0)))
    assert other.serves(MarketId("BIN"))
    assert not other.serves(MarketId("BINANCE:USDM"))
