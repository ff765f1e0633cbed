"""REST requests: weights, refusals, and what callers are told."""

from __future__ import annotations

from collections.abc import Callable

import httpx2
import pytest
import trio

from zenithd.plugin import VenueUnavailable
from zenithd_binance.client import SPOT_INTERFACE, USDM_INTERFACE, Interface, RestClient, control_message

Handler = Callable[[httpx2.Request], httpx2.Response]


def new_client(handler: Handler, interface: Interface = SPOT_INTERFACE, weight_max: int = 100) -> RestClient:
    http = httpx2.AsyncClient(transport=httpx2.MockTransport(handler))
    return RestClient(http, "https://venue.example/", interface, weight_max)


def answering(*answers: httpx2.Response, seen: list[str] | None = None) -> Handler:
    remaining = list(answers)

    def handle(request: httpx2.Request) -> httpx2.Response:
        if seen is not None:
            seen.append(str(request.url))
        return remaining.pop(0) if len(remaining) > 1 else remaining[0]

    return handle


async def test_addresses() -> None:
    seen: list[str] = []
    handler = answering(httpx2.Response(200, content=b"[]"), seen=seen)
    spot, usdm = new_client(handler), new_client(handler, USDM_INTERFACE)
    assert await spot.exchange_information() == b"[]"
    await spot.depth("BTCUSDT", 1000)
    await usdm.depth("BTCUSDT", 500)
    await usdm.klines("BTCUSDT", "1m", 100, end=7)
    assert seen == [
        "https://venue.example/api/v3/exchangeInfo?showPermissionSets=false",
        "https://venue.example/api/v3/depth?symbol=BTCUSDT&limit=1000",
        "https://venue.example/fapi/v1/depth?symbol=BTCUSDT&limit=500",
        "https://venue.example/fapi/v1/klines?symbol=BTCUSDT&interval=1m&limit=100&endTime=7",
    ]


@pytest.mark.parametrize(
    ("interface", "levels", "weight"),
    [
        (SPOT_INTERFACE, 100, 5),
        (SPOT_INTERFACE, 500, 25),
        (SPOT_INTERFACE, 1000, 50),
        (SPOT_INTERFACE, 5000, 250),
        (USDM_INTERFACE, 50, 2),
        (USDM_INTERFACE, 1000, 20),
    ],
)
async def test_weight_of_a_snapshot(interface: Interface, levels: int, weight: int) -> None:
    client = new_client(answering(httpx2.Response(200)), interface, weight_max=1000)
    await client.depth("BTCUSDT", levels)
    assert client.limit.take(1000 - weight, trio.current_time()) == 0
    assert client.limit.take(1, trio.current_time()) > 0


async def test_short_wait_for_room_is_waited(autojump_clock: trio.testing.MockClock) -> None:
    client = new_client(answering(httpx2.Response(200)))
    began = trio.current_time()
    await client.depth("BTCUSDT", 1000)
    await trio.sleep(57)
    await client.depth("BTCUSDT", 1000)
    await client.depth("BTCUSDT", 1000)
    assert trio.current_time() - began == pytest.approx(60)


async def test_long_wait_for_room_is_told(autojump_clock: trio.testing.MockClock) -> None:
    client = new_client(answering(httpx2.Response(200)))
    await client.depth("BTCUSDT", 1000)
    await client.depth("BTCUSDT", 1000)
    with pytest.raises(VenueUnavailable, match="the request limit is used up") as caught:
        await client.depth("BTCUSDT", 1000)
    assert caught.value.retry_after_seconds == pytest.approx(60)


async def test_used_weight_in_the_answer_is_believed(autojump_clock: trio.testing.MockClock) -> None:
    client = new_client(answering(httpx2.Response(200, headers={"x-mbx-used-weight-1m": "99"})))
    await client.depth("BTCUSDT", 100)
    with pytest.raises(VenueUnavailable, match="used up"):
        await client.depth("BTCUSDT", 100)


@pytest.mark.parametrize(
    ("status", "header", "seconds"), [(429, "7", 7), (418, "172800", 172_800), (429, "", 60)]
)
async def test_too_many_requests_pause_everything(
    autojump_clock: trio.testing.MockClock, status: int, header: str, seconds: float
) -> None:
    seen: list[str] = []
    refusal = httpx2.Response(
        status, headers={"Retry-After": header}, content=b'{"code":-1003,"msg":"Way too much"}'
    )
    client = new_client(answering(refusal, httpx2.Response(200), seen=seen))
    with pytest.raises(VenueUnavailable, match=f"status {status} .*Way too much") as caught:
        await client.depth("BTCUSDT", 100)
    assert caught.value.retry_after_seconds == seconds
    with pytest.raises(VenueUnavailable, match="the venue demands a pause") as caught:
        await client.exchange_information()
    assert caught.value.retry_after_seconds == pytest.approx(seconds)
    assert len(seen) == 1  # nothing was sent meanwhile
    await trio.sleep(seconds)
    await client.depth("BTCUSDT", 100)
    assert len(seen) == 2


async def test_firewall_pauses_and_restricted_location_is_explained() -> None:
    client = new_client(answering(httpx2.Response(403, content=b"<html>")))
    with pytest.raises(VenueUnavailable, match="status 403") as caught:
        await client.depth("BTCUSDT", 100)
    assert caught.value.retry_after_seconds == 60
    client = new_client(answering(httpx2.Response(451, content=b"Service unavailable")))
    with pytest.raises(VenueUnavailable, match="does not serve this location"):
        await client.depth("BTCUSDT", 100)


@pytest.mark.parametrize("status", [400, 404, 500, 503])
async def test_other_refusals_are_told_without_a_pause(status: int) -> None:
    client = new_client(answering(httpx2.Response(status, content=b'{"code":-1121,"msg":"Invalid symbol."}')))
    with pytest.raises(VenueUnavailable, match=f"status {status} .*Invalid symbol") as caught:
        await client.depth("NOSUCH", 100)
    assert caught.value.retry_after_seconds is None


async def test_no_answer(autojump_clock: trio.testing.MockClock) -> None:
    async def handle(request: httpx2.Request) -> httpx2.Response:
        await trio.sleep_forever()
        raise AssertionError

    http = httpx2.AsyncClient(transport=httpx2.MockTransport(handle))
    with pytest.raises(VenueUnavailable, match="no answer within 10 s"):
        await RestClient(http, "https://venue.example", SPOT_INTERFACE, 100).depth("BTCUSDT", 100)


async def test_no_connection() -> None:
    def handle(request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ConnectError("refused")

    with pytest.raises(VenueUnavailable, match="ConnectError refused"):
        await new_client(handle).depth("BTCUSDT", 100)


def test_control_message() -> None:
    message = control_message("SUBSCRIBE", ["btcusdt@trade", "btcusdt@depth"], 3)
    assert message == b'{"method":"SUBSCRIBE","params":["btcusdt@trade","btcusdt@depth"],"id":3}'
