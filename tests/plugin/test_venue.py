"""`VenueSource` against a local venue: connecting, joining, losing, resubscribing."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest
import trio
import trio.testing
from example_venue import ABC, DEF, MARKET, ExampleConfig, ExampleSource, book_body, delta_frame
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection
from wsproto.events import Request as UpgradeRequest

from zenithd.domain.events import BookCleared, GapDetected, LevelChanged, Stream
from zenithd.domain.market_data import FeedStatus
from zenithd.plugin import UNNUMBERED, LastKnown, VenuePolicy
from zenithd.testing import (
    MemoryDaemon,
    Request,
    Response,
    ScriptedVenue,
    Send,
    Step,
    expect_text,
    frames,
    network_clock,
    run_source,
    serve_venue,
    with_cut,
    with_gap,
    with_repeat,
)

SUBSCRIBED = expect_text(f"subscribe {ABC}")


@pytest.fixture
def clock() -> trio.testing.MockClock:
    return network_clock()


def venue_with_book(*scripts: Sequence[Step], last: int = 10) -> ScriptedVenue:
    routes = {"/instruments": b'["ABC", "DEF"]', "/book": book_body(last, {100: 5}, {101: 6})}
    return ScriptedVenue(scripts, routes)


def trade_frame(number: int, price: int = 100) -> str:
    return json.dumps({"type": "trade", "code": "ABC", "id": number, "price": price})


def policy(**values: Any) -> VenuePolicy:
    usual = {"frames_per_second_max": 100.0, "snapshots_per_second_max": 100.0}
    return VenuePolicy(**(usual | values))


@asynccontextmanager
async def running(
    venue: ScriptedVenue,
    *wanted: str,
    daemon: MemoryDaemon | None = None,
    source: type[ExampleSource] = ExampleSource,
    **values: Any,
) -> AsyncIterator[MemoryDaemon]:
    daemon = daemon or MemoryDaemon(wanted=wanted)

    class Source(source):
        pass

    Source.policy = policy(**values)
    async with serve_venue(venue):
        config = ExampleConfig(websocket_url=venue.websocket_url, http_url=venue.http_url)
        async with run_source(Source, config, daemon):
            yield daemon
    assert daemon.faults == []
    assert daemon.violations == []


async def test_snapshot_and_deltas_make_the_book(clock: trio.testing.MockClock) -> None:
    deltas = [delta_frame("ABC", 9, 10, {100: 1}, {}), delta_frame("ABC", 11, 12, {99: 7}, {101: 0, 102: 3})]
    async with running(venue_with_book([SUBSCRIBED, *frames(deltas)]), ABC) as daemon:
        await daemon.wait_status(MARKET, FeedStatus.ACTIVE)
        await daemon.wait_until(lambda: daemon.prices(ABC) == ({100: 5, 99: 7}, {102: 3}))
        assert daemon.gaps == 0


async def test_gap_empties_the_book_and_fetches_a_new_snapshot(clock: trio.testing.MockClock) -> None:
    deltas = frames([delta_frame("ABC", n, n, {100 - n: n}, {}) for n in range(11, 20)], pause_seconds=1)
    venue = venue_with_book([SUBSCRIBED, *with_gap(deltas, at=6, count=2)])
    answers = iter([10, 15])
    venue.routes["/book"] = lambda request: Response(book_body(next(answers), {100: 5}, {101: 6}))
    async with running(venue, ABC) as daemon:
        await daemon.wait_until(lambda: daemon.prices(ABC)[0].get(81) == 19)
        (gap,) = daemon.events(GapDetected)
        assert isinstance(gap, GapDetected)
        assert gap.stream is Stream.BOOK
        assert gap.reason == "update 15 does not follow 13"
        assert len(daemon.events(BookCleared)) == 2


async def test_repeats_change_nothing(clock: trio.testing.MockClock) -> None:
    recorded = frames(
        [
            delta_frame("ABC", 11, 11, {99: 1}, {}),
            trade_frame(1),
            delta_frame("ABC", 12, 12, {99: 2}, {}),
            trade_frame(2),
        ],
        pause_seconds=1,
    )
    async with running(venue_with_book([SUBSCRIBED, *with_repeat(recorded, at=0, count=8)]), ABC) as daemon:
        await trio.sleep(20)
        assert daemon.trade_ids(ABC) == [1, 2]
        assert daemon.prices(ABC) == ({100: 5, 99: 2}, {101: 6})
        assert daemon.gaps == 0


async def test_cut_is_said_and_everything_is_subscribed_again(clock: trio.testing.MockClock) -> None:
    script = [SUBSCRIBED, *frames([delta_frame("ABC", 11, 12, {99: 7}, {})], pause_seconds=5)]
    venue = venue_with_book(with_cut(script, at=3), [SUBSCRIBED], last=20)
    async with running(venue, ABC, DEF) as daemon:
        await daemon.wait_book(ABC)
        await daemon.wait_status(MARKET, FeedStatus.IMPAIRED)
        assert "closed" in daemon.statuses[-1].reason
        await daemon.wait_until(lambda: daemon.prices(ABC) == ({}, {}))
        await daemon.wait_status(MARKET, FeedStatus.ACTIVE)
        await daemon.wait_book(ABC)
        await daemon.wait_book(DEF)
        assert venue.clients[1].received == [f"subscribe {ABC} {DEF}"]


async def test_stall_leads_to_a_new_connection(clock: trio.testing.MockClock) -> None:
    venue = venue_with_book()
    async with running(venue, ABC, stall_seconds_max=7.0) as daemon:
        await daemon.wait_status(MARKET, FeedStatus.ACTIVE)
        await daemon.wait_status(MARKET, FeedStatus.IMPAIRED)
        assert daemon.statuses[-1].reason == "no message for 7 s"
        await venue.wait_connections(2)


async def test_quiet_connection_without_subscriptions_is_no_stall(clock: trio.testing.MockClock) -> None:
    venue = venue_with_book()
    async with running(venue, stall_seconds_max=7.0) as daemon:
        await daemon.wait_status(MARKET, FeedStatus.ACTIVE)
        await trio.sleep(100)
        assert len(venue.clients) == 1


async def test_venue_that_answers_no_ping_is_left(clock: trio.testing.MockClock) -> None:
    venue = venue_with_book()

    async def accept_and_freeze(stream: trio.SocketStream) -> None:
        websocket = WSConnection(ConnectionType.SERVER)
        upgraded = False
        while not upgraded:
            websocket.receive_data(await stream.receive_some())
            upgraded = any(isinstance(event, UpgradeRequest) for event in websocket.events())
        await stream.send_all(websocket.send(AcceptConnection()))
        await trio.sleep_forever()

    async with trio.open_nursery() as nursery, serve_venue(venue):
        serve = partial(trio.serve_tcp, accept_and_freeze, 0, host="127.0.0.1")
        (listener,) = await nursery.start(serve)
        url = f"ws://127.0.0.1:{listener.socket.getsockname()[1]}"
        async with run_source(
            ExampleSource, ExampleConfig(websocket_url=url, http_url=venue.http_url)
        ) as daemon:
            await daemon.wait_status(MARKET, FeedStatus.IMPAIRED)
            assert daemon.statuses[-1].reason == "no answer to a ping for 10 s"
        nursery.cancel_scope.cancel()


async def test_snapshot_that_is_too_old_is_fetched_again(clock: trio.testing.MockClock) -> None:
    venue = venue_with_book([SUBSCRIBED, *frames([delta_frame("ABC", 20, 21, {99: 7}, {})])])
    answers = iter([10, 12, 20])
    venue.routes["/book"] = lambda request: Response(book_body(next(answers), {100: 5}, {101: 6}))
    async with running(venue, ABC, snapshots_per_second_max=1.0) as daemon:
        await daemon.wait_until(lambda: daemon.prices(ABC) == ({100: 5, 99: 7}, {101: 6}))


async def test_pause_that_the_venue_demands_is_kept(clock: trio.testing.MockClock) -> None:
    venue = venue_with_book()
    asked: list[float] = []

    def busy_once(request: Request) -> Response:
        asked.append(trio.current_time())
        if len(asked) == 1:
            return Response(b"too many", 429, {"Retry-After": "30"})
        return Response(book_body(10, {100: 5}, {101: 6}))

    venue.routes["/book"] = busy_once
    async with running(venue, ABC, stall_seconds_max=None) as daemon:
        await daemon.wait_book(ABC)
        assert asked[1] - asked[0] >= 30


async def test_instrument_without_a_snapshot_holds_up_no_other(clock: trio.testing.MockClock) -> None:
    venue = venue_with_book()
    venue.routes["/book"] = lambda request: (
        Response(b"unknown", 400)
        if request.parameters["code"] == "ABC"
        else Response(book_body(1, {1: 1}, {2: 2}))
    )
    async with running(venue, ABC, DEF) as daemon:
        await daemon.wait_book(DEF)
        assert daemon.prices(ABC) == ({}, {})


async def test_venue_that_is_down_at_the_start_is_impaired_until_it_answers(
    clock: trio.testing.MockClock,
) -> None:
    venue = venue_with_book()
    venue.routes["/instruments"] = Response(b"maintenance", 503)
    async with running(venue, ABC) as daemon:
        await daemon.wait_status(MARKET, FeedStatus.IMPAIRED)
        assert "status 503 maintenance" in daemon.statuses[-1].reason
        venue.routes["/instruments"] = b'["ABC"]'
        await daemon.wait_book(ABC)
        assert daemon.status(MARKET) is FeedStatus.ACTIVE


async def test_refused_connection_is_tried_again(clock: trio.testing.MockClock) -> None:
    venue = venue_with_book()
    venue.refusing = True
    async with running(venue, ABC) as daemon:
        await daemon.wait_status(MARKET, FeedStatus.IMPAIRED)
        assert "ConnectionRejected" in daemon.statuses[-1].reason
        venue.refusing = False
        await daemon.wait_book(ABC)


async def test_wanted_instruments_are_followed_and_left(clock: trio.testing.MockClock) -> None:
    venue = venue_with_book()
    async with running(venue) as daemon:
        await daemon.wait_status(MARKET, FeedStatus.ACTIVE)
        daemon.want(ABC)
        await daemon.wait_book(ABC)
        daemon.want(DEF)
        await daemon.wait_book(DEF)
        daemon.unwant(ABC)
        await venue.wait_frame("unsubscribe")
        assert venue.clients[0].received == [f"subscribe {ABC}", f"subscribe {DEF}", f"unsubscribe {ABC}"]
        assert daemon.prices(ABC) == ({}, {})


async def test_unknown_instruments_are_not_subscribed(clock: trio.testing.MockClock) -> None:
    venue = venue_with_book()
    async with running(venue, "NONE.XEX", ABC) as daemon:
        await daemon.wait_book(ABC)
        assert venue.clients[0].received == [f"subscribe {ABC}"]


async def test_planned_reconnect_loses_nothing(clock: trio.testing.MockClock) -> None:
    venue = venue_with_book()
    async with running(venue, ABC, reconnect_after_seconds=50.0, stall_seconds_max=None) as daemon:
        await daemon.wait_book(ABC)
        second = await venue.wait_connections(2)
        await venue.clients[0].send(delta_frame("ABC", 11, 11, {99: 1}, {}))
        await second.send(delta_frame("ABC", 11, 11, {99: 1}, {}))
        await daemon.wait_until(lambda: daemon.prices(ABC)[0].get(99) == 1)
        await second.send(delta_frame("ABC", 12, 12, {98: 2}, {}))
        assert venue.clients[0].is_open
        await venue.wait_until(lambda: not venue.clients[0].is_open)
        await daemon.wait_until(lambda: daemon.prices(ABC) == ({100: 5, 99: 1, 98: 2}, {101: 6}))
        assert [each.status for each in daemon.statuses] == [FeedStatus.INITIALISING, FeedStatus.ACTIVE]
        assert daemon.gaps == 0


async def test_planned_reconnect_that_fails_keeps_the_old_connection(clock: trio.testing.MockClock) -> None:
    venue = venue_with_book()
    async with running(venue, ABC, reconnect_after_seconds=50.0, stall_seconds_max=None) as daemon:
        await daemon.wait_book(ABC)
        venue.refusing = True
        await trio.sleep(100)
        assert venue.clients[0].is_open
        venue.refusing = False
        await venue.wait_connections(2)
        await venue.wait_until(lambda: not venue.clients[0].is_open)
        assert daemon.status(MARKET) is FeedStatus.ACTIVE


async def test_frames_are_batched_and_paced(clock: trio.testing.MockClock) -> None:
    codes = [f"S{n}" for n in range(5)]
    venue = venue_with_book()
    venue.routes["/instruments"] = json.dumps(codes).encode()
    wanted = [f"{code}.{MARKET}" for code in codes]
    began = trio.current_time()
    limits = {"instruments_per_frame_max": 2, "frames_per_second_max": 0.5}
    async with running(venue, *wanted, **limits) as daemon:
        await daemon.wait_status(MARKET, FeedStatus.ACTIVE)
        await venue.wait_frame("S4")
        assert trio.current_time() - began >= 4
        assert [len(frame.split()) - 1 for frame in venue.clients[0].received if isinstance(frame, str)] == [
            2,
            2,
            1,
        ]


async def test_instruments_are_spread_over_connections(clock: trio.testing.MockClock) -> None:
    venue = venue_with_book()
    async with running(venue, ABC, DEF, instruments_per_connection_max=1) as daemon:
        await daemon.wait_book(ABC)
        await daemon.wait_book(DEF)
        assert sorted(str(client.received) for client in venue.clients) == [
            f"['subscribe {ABC}']",
            f"['subscribe {DEF}']",
        ]
        second = next(client for client in venue.clients if str(DEF) in str(client.received))
        await second.cut()
        await daemon.wait_status(MARKET, FeedStatus.IMPAIRED)
        assert daemon.statuses[-1].reason.startswith("1 of 2 connections: ")
        assert all(daemon.prices(ABC))
        await daemon.wait_status(MARKET, FeedStatus.ACTIVE)
        daemon.unwant(DEF)
        await venue.wait_until(lambda: sum(client.is_open for client in venue.clients) == 1)
        assert all(daemon.prices(ABC))


class InStreamSource(ExampleSource):
    join_rules = UNNUMBERED


def snapshot_frame(bids: dict[int, int]) -> str:
    return json.dumps({"type": "snapshot", "code": "ABC", "last": 0, "bids": bids, "asks": {200: 1}})


async def test_snapshots_in_the_stream_and_resynchronisation(clock: trio.testing.MockClock) -> None:
    script: list[Step] = [
        SUBSCRIBED,
        Send(delta_frame("ABC", 0, 0, {1: 1}, {})),
        Send(snapshot_frame({100: 5})),
        Send(delta_frame("ABC", 0, 0, {99: 1}, {})),
        Send(json.dumps({"type": "checksum", "code": "ABC"})),
        expect_text(f"unsubscribe {ABC}"),
        SUBSCRIBED,
        Send(snapshot_frame({98: 3})),
    ]
    venue = venue_with_book(script)
    async with running(venue, ABC, source=InStreamSource, snapshots_by_request=False) as daemon:
        await daemon.wait_until(lambda: daemon.prices(ABC)[0] == {98: 3})
        bids = [e.price for e in daemon.events(LevelChanged) if isinstance(e, LevelChanged) and e.price < 200]
        assert bids == [100, 99, 98]
        assert [e.reason for e in daemon.events(GapDetected) if isinstance(e, GapDetected)] == [
            "wrong checksum"
        ]
        assert not any(request.path == "/book" for request in venue.requests)


@pytest.mark.parametrize("frame", ['{"type": "nonsense", "code": "ABC"}'])
async def test_unreadable_frame_is_the_venues_fault(frame: str, clock: trio.testing.MockClock) -> None:
    venue = venue_with_book([SUBSCRIBED, Send(frame)], [SUBSCRIBED])
    async with running(venue, ABC) as daemon:
        await daemon.wait_status(MARKET, FeedStatus.IMPAIRED)
        assert daemon.statuses[-1].reason == "unknown message nonsense"
        await daemon.wait_book(ABC)


async def test_bug_of_the_parser_goes_to_the_supervisor(clock: trio.testing.MockClock) -> None:
    venue = venue_with_book([SUBSCRIBED, Send('{"kind": "delta"}')])
    with pytest.raises(ExceptionGroup) as caught:
        async with running(venue, ABC):
            await trio.sleep_forever()
    assert caught.value.split(KeyError)[1] is None


async def test_trades_go_on_above_what_is_known(clock: trio.testing.MockClock) -> None:
    daemon = MemoryDaemon(wanted=[ABC])
    daemon.known[ABC] = LastKnown(trading_date=None, trade_id=6, price=100)  # type: ignore[arg-type]
    venue = venue_with_book([SUBSCRIBED, *frames(trade_frame(n) for n in (5, 6, 8, 10))])
    async with running(venue, daemon=daemon, trade_ids_gapless=True):
        await daemon.wait_until(lambda: daemon.trade_ids(ABC) == [8, 10])
        (gap,) = daemon.events(GapDetected)
        assert isinstance(gap, GapDetected)
        assert gap.reason == "trades 9 to 9 are missing"


async def test_slow_daemon_slows_the_venue_and_loses_nothing(clock: trio.testing.MockClock) -> None:
    count = 1000
    deltas = frames(delta_frame("ABC", n, n, {100 + n: n}, {}) for n in range(11, 11 + count))
    venue = venue_with_book([SUBSCRIBED, *deltas])
    async with running(venue, ABC, frames_waiting_max=1) as daemon:
        await daemon.wait_book(ABC)
        with daemon.held():
            await trio.sleep(300)
            assert daemon.publishing <= 2
        await daemon.wait_until(lambda: daemon.prices(ABC)[0].get(110 + count) == 10 + count)
        assert daemon.gaps == 0
        assert len(venue.clients) == 1


async def test_source_without_markets_is_finished(clock: trio.testing.MockClock) -> None:
    class Nothing(ExampleSource):
        def markets(self) -> list:
            return []

    async with MemoryDaemon().http:
        await Nothing(ExampleConfig(), MemoryDaemon()).run()


async def test_what_was_wanted_before_it_was_listed_is_subscribed(clock: trio.testing.MockClock) -> None:
    venue = venue_with_book([SUBSCRIBED, expect_text(f"subscribe {DEF}")])
    listings = iter([b'["ABC"]'])
    venue.routes["/instruments"] = lambda request: Response(next(listings, b'["ABC", "DEF"]'))
    async with running(venue, ABC, DEF, instruments_refresh_seconds=10.0) as daemon:
        await daemon.wait_status(MARKET, FeedStatus.ACTIVE)
        await daemon.wait_until(lambda: daemon.prices(DEF) == ({100: 5}, {101: 6}))
