"""What trio-websocket is handed of a client's bytes, and when that counts as a sign of life."""

from __future__ import annotations

import trio
import trio.testing

from zenithd.bus import Flusher, Outbox
from zenithd.bus.outbox import OutboxStatistics
from zenithd.server.stream import FRAMES_PER_PART, OutboxStream
from zenithd.turns import Turns, belong_to

PING = b"\x89\x80\0\0\0\0"


async def opened() -> tuple[OutboxStream, trio.StapledStream]:
    ours, theirs = trio.testing.memory_stream_pair()
    flusher = Flusher(0.001, trio.current_time)
    outbox = Outbox(None, 65_536, flusher, OutboxStatistics())
    stream = OutboxStream(ours, None, outbox, b"", b"", 65_536)
    stream.upgrade()
    return stream, theirs


async def test_a_thousand_small_frames_are_handed_over_in_small_parts() -> None:
    stream, theirs = await opened()
    await theirs.send_all(PING * 1_000)
    received = b""
    while len(received) < len(PING) * 1_000:
        part = await stream.receive_some(4_096)
        assert len(part) <= len(PING) * (FRAMES_PER_PART + 1)
        received += part
    assert received == PING * 1_000


async def test_a_large_frame_is_handed_over_as_it_comes() -> None:
    stream, theirs = await opened()
    frame = b"\x82\xfe" + (3_000).to_bytes(2, "big") + b"\0\0\0\0" + bytes(3_000)
    await theirs.send_all(frame)
    assert await stream.receive_some(4_096) == frame


async def test_each_part_is_paid_for_with_a_turn(autojump_clock: trio.testing.MockClock) -> None:
    stream, theirs = await opened()
    turns = Turns(0.0003, trio.current_time)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(turns.serve)
        await trio.testing.wait_all_tasks_blocked()
        belong_to(turns, "peer")
        await theirs.send_all(PING * 100)
        for _ in range(100 // FRAMES_PER_PART):
            await stream.receive_some(4_096)
        nursery.cancel_scope.cancel()
    assert turns.statistics.seconds > 100 * 0.00004
    assert turns.statistics.taken == 100 // FRAMES_PER_PART


async def test_a_frame_that_never_ends_is_no_sign_of_life(autojump_clock: trio.testing.MockClock) -> None:
    stream, theirs = await opened()
    await theirs.send_all(b"\x82\xfe" + (1_000).to_bytes(2, "big") + b"\0\0\0\0")
    await stream.receive_some(4_096)
    begun = stream.last_received
    for _ in range(10):
        await trio.sleep(1)
        await theirs.send_all(b"x")
        await stream.receive_some(4_096)
    assert stream.last_received == begun
    await theirs.send_all(b"x" * 990 + PING)
    await stream.receive_some(4_096)
    assert stream.last_received == trio.current_time()
