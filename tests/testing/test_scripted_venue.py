"""The scripted venue, seen by clients that are not ours to test."""

from __future__ import annotations

import httpx2
import pytest
import trio
import trio.testing
import trio_websocket

from zenithd.testing import (
    Cut,
    Expect,
    Pause,
    Request,
    Response,
    ScriptedVenue,
    Send,
    Stall,
    expect_text,
    frames,
    network_clock,
    serve_venue,
    with_cut,
    with_delay,
    with_gap,
    with_repeat,
    with_stall,
)

SCRIPT = frames(["a", "b", "c", "d"])


@pytest.fixture
def clock() -> trio.testing.MockClock:
    return network_clock()


async def received_until_closed(venue: ScriptedVenue, *sent: str) -> list[str | bytes]:
    received: list[str | bytes] = []
    async with trio_websocket.open_websocket_url(venue.websocket_url) as socket:
        for frame in sent:
            await socket.send_message(frame)
        with pytest.raises(trio_websocket.ConnectionClosed):
            while True:
                received.append(await socket.get_message())
    return received


def test_scripts_are_spoilt_in_one_place() -> None:
    assert with_gap(SCRIPT, at=1, count=2) == frames(["a", "d"])
    assert with_repeat(SCRIPT, at=1, count=2) == frames(["a", "b", "c", "b", "c", "d"])
    assert with_cut(SCRIPT, at=2, code=1001) == [*frames(["a", "b"]), Cut(1001)]
    assert with_stall(SCRIPT, at=1) == [*frames(["a"]), Stall()]
    assert with_delay(SCRIPT, at=3, seconds=9) == [*frames(["a", "b", "c"]), Pause(9), *frames(["d"])]
    assert frames(["a", "b"], pause_seconds=2) == [Send("a"), Pause(2), Send("b"), Pause(2)]


async def test_script_is_played_in_order(clock: trio.testing.MockClock) -> None:
    async with serve_venue(ScriptedVenue([[*SCRIPT, Send(b"\x00"), Cut(1000)]])) as venue:
        assert await received_until_closed(venue) == ["a", "b", "c", "d", b"\x00"]


async def test_each_connection_has_its_script_and_the_last_one_stays(clock: trio.testing.MockClock) -> None:
    venue = ScriptedVenue([[Send("first"), Cut(1000)], [Send("later"), Cut()]])
    async with serve_venue(venue):
        assert await received_until_closed(venue) == ["first"]
        assert await received_until_closed(venue) == ["later"]
        assert await received_until_closed(venue) == ["later"]


async def test_pause_is_in_trio_time(clock: trio.testing.MockClock) -> None:
    async with serve_venue(ScriptedVenue([[Pause(1000), Send("late"), Cut(1000)]])) as venue:
        began = trio.current_time()
        assert await received_until_closed(venue) == ["late"]
        assert trio.current_time() - began >= 1000


async def test_expectations_wait_for_frames_in_turn(clock: trio.testing.MockClock) -> None:
    script = [expect_text("one"), Send("1"), Expect(lambda frame: frame == "two"), Send("2"), Cut(1000)]
    async with serve_venue(ScriptedVenue([script])) as venue:
        assert await received_until_closed(venue, "zero", "one", "other", "two") == ["1", "2"]
        assert venue.clients[0].received == ["zero", "one", "other", "two"]
        await venue.wait_frame("other")


async def test_stall_leaves_the_connection_open(clock: trio.testing.MockClock) -> None:
    async with (
        serve_venue(ScriptedVenue([with_stall(SCRIPT, at=1)])) as venue,
        trio_websocket.open_websocket_url(venue.websocket_url) as socket,
    ):
        assert await socket.get_message() == "a"
        with trio.move_on_after(3600) as scope:
            await socket.get_message()
        assert scope.cancelled_caught
        assert venue.clients[0].is_open


@pytest.mark.parametrize("code", [None, 1013])
async def test_test_can_send_and_cut(code: int | None, clock: trio.testing.MockClock) -> None:
    async with (
        serve_venue(ScriptedVenue()) as venue,
        trio_websocket.open_websocket_url(f"{venue.websocket_url}/path?x=1") as socket,
    ):
        client = await venue.wait_connections(1)
        assert client.path == "/path?x=1"
        await venue.send("hello")
        assert await socket.get_message() == "hello"
        await venue.cut(code)
        with pytest.raises(trio_websocket.ConnectionClosed) as caught:
            await socket.get_message()
        assert caught.value.reason is not None
        assert caught.value.reason.code == (code or 1006)
        assert not client.is_open
        await venue.send("to nobody")


async def test_refusal(clock: trio.testing.MockClock) -> None:
    async with serve_venue(ScriptedVenue()) as venue:
        venue.refusing = True
        with pytest.raises(trio_websocket.ConnectionRejected):
            async with trio_websocket.open_websocket_url(venue.websocket_url):
                pass


async def test_rest(clock: trio.testing.MockClock) -> None:
    def echo(request: Request) -> Response:
        return Response(request.parameters["x"].encode(), 201, {"X-Seen": request.path}, delay_seconds=60)

    venue = ScriptedVenue(routes={"/fixed": b"always", "/echo": echo})
    async with serve_venue(venue), httpx2.AsyncClient(trust_env=False, timeout=None) as http:
        assert (await http.get(f"{venue.http_url}/fixed")).content == b"always"
        began = trio.current_time()
        answer = await http.get(f"{venue.http_url}/echo", params={"x": "7"})
        assert trio.current_time() - began >= 60
        assert (answer.status_code, answer.content, answer.headers["x-seen"]) == (201, b"7", "/echo")
        assert (await http.get(f"{venue.http_url}/none")).status_code == 404
        assert [request.path for request in venue.requests] == ["/fixed", "/echo", "/none"]


async def test_what_is_no_http_is_dropped(clock: trio.testing.MockClock) -> None:
    async with serve_venue(ScriptedVenue()) as venue:
        stream = await trio.open_tcp_stream("127.0.0.1", venue.port)
        async with stream:
            await stream.send_all(b"\x16\x03\x01 nonsense\r\n\r\n")
            assert await stream.receive_some() == b""
        stream = await trio.open_tcp_stream("127.0.0.1", venue.port)
        await stream.aclose()


async def test_waiting_has_an_end(clock: trio.testing.MockClock) -> None:
    async with serve_venue(ScriptedVenue()) as venue:
        with pytest.raises(AssertionError, match="connection 1 did not come within 60 s"):
            await venue.wait_connections(1)
