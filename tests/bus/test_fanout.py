"""The fan-out over real sockets: order, blocking, lagging and catching up."""

from __future__ import annotations

import json
import socket
from typing import Any

import pytest
import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st

from zenithd.bus import Bus, Flusher, Outbox
from zenithd.bus.frames import BINARY, TEXT, frame, is_close
from zenithd.wire.codec import Codec, JsonCodec


class Peer:
    """The reading side of a connection; unpacks frames."""

    def __init__(self, bus: Bus, flusher: Flusher, bytes_max: int = 4096) -> None:
        self.reader, writer = socket.socketpair()
        for end in (self.reader, writer):
            end.setblocking(False)
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        self.writer = writer
        self.outbox = Outbox(writer.fileno(), bytes_max, flusher, flusher.outbox_statistics)
        self.buffer = b""
        self.bus = bus

    def subscribe(
        self,
        counter: Counter,
        entitlement: Any = "all",
        codec: Codec | None = None,
        wire_topic: str | None = None,
    ) -> Any:
        return self.bus.subscribe(
            self.outbox,
            codec or CODEC,
            controller="Market",
            name=counter.name,
            wire_topic=wire_topic or counter.name,
            entitlement=entitlement,
            snapshot=counter.snapshot,
        )

    def read(self) -> list[dict[str, Any]]:
        while True:
            try:
                data = self.reader.recv(65536)
            except BlockingIOError:
                break
            if not data:
                break
            self.buffer += data
        messages = []
        while len(self.buffer) >= 2:
            length, start = self.buffer[1], 2
            if length == 126:
                length, start = int.from_bytes(self.buffer[2:4], "big"), 4
            elif length == 127:
                length, start = int.from_bytes(self.buffer[2:10], "big"), 10
            if len(self.buffer) < start + length:
                break
            messages.append(json.loads(self.buffer[start : start + length]))
            self.buffer = self.buffer[start + length :]
        return messages


class Counter:
    """A topic whose state is a number: the snapshot is `{"is": n}`, an update `{"add": 1}`."""

    def __init__(self, bus: Bus, name: str, padding: int = 0) -> None:
        self.bus, self.name, self.value, self.padding = bus, name, 0, "x" * padding

    def snapshot(self, _entitlement: Any) -> list[Any]:
        return [{"is": self.value, "pad": self.padding}]

    def add(self) -> None:
        self.value += 1
        topic = self.bus.find("Market", self.name)
        if topic is not None:
            topic.publish(lambda _: {"add": 1, "pad": self.padding})


CODEC = JsonCodec()


def seen_value(messages: list[dict[str, Any]], name: str) -> int:
    """A client's idea of the counter; a first message that is no snapshot would be an error."""
    value: int | None = None
    for message in messages:
        if message["Topic"] != name:
            continue
        data = message["Data"]
        if "is" in data:
            value = data["is"]
        else:
            assert value is not None, "an update before the snapshot"
            value += data["add"]
    assert value is not None
    return value


@pytest.fixture
def flusher() -> Flusher:
    return Flusher(0.001, lambda: 0.0)


@pytest.fixture
def bus(flusher: Flusher) -> Bus:
    return Bus(flusher)


def test_snapshot_then_updates_in_order(bus: Bus, flusher: Flusher) -> None:
    peer, counter = Peer(bus, flusher), Counter(bus, "A")
    counter.add()
    peer.subscribe(counter)
    counter.add()
    flusher.flush()
    data = [message["Data"] for message in peer.read()]
    assert [("is" in d) for d in data] == [True, False]
    assert data[0]["is"] == 1


def test_one_encoding_per_group(bus: Bus, flusher: Flusher) -> None:
    peers, counter = [Peer(bus, flusher) for _ in range(5)], Counter(bus, "A")
    for index, peer in enumerate(peers):
        peer.subscribe(counter, entitlement="some" if index < 2 else "all")
    before = bus.statistics.published
    counter.add()
    flusher.flush()
    assert bus.statistics.published - before == 2
    assert bus.statistics.deliveries == 5
    assert all(seen_value(peer.read(), "A") == 1 for peer in peers)


def test_spellings_share_the_rendering_and_the_encoding(bus: Bus, flusher: Flusher) -> None:
    encoded: list[Any] = []

    class Counting(JsonCodec):
        def encode_data(self, data: Any) -> bytes:
            encoded.append(data)
            return super().encode_data(data)

    codec, counter, peers = Counting(), Counter(bus, "A"), [Peer(bus, flusher) for _ in range(3)]
    for peer, spelling in zip(peers, ("A", "a", "A"), strict=True):
        peer.subscribe(counter, codec=codec, wire_topic=spelling)
    assert encoded == [{"is": 0, "pad": ""}], "one snapshot for all who come between two updates"
    counter.add()
    flusher.flush()
    assert encoded[1:] == [{"add": 1, "pad": ""}]
    assert [[message["Topic"] for message in peer.read()] for peer in peers] == [
        ["A", "A"],
        ["a", "a"],
        ["A", "A"],
    ]


def test_who_leaves_between_publishing_and_flushing_still_gets_it(bus: Bus, flusher: Flusher) -> None:
    peer, counter = Peer(bus, flusher), Counter(bus, "A")
    subscription = peer.subscribe(counter)
    counter.add()
    bus.unsubscribe(subscription)
    flusher.flush()
    assert seen_value(peer.read(), "A") == 1


def test_unsubscribed_gets_nothing_and_the_topic_is_forgotten(bus: Bus, flusher: Flusher) -> None:
    first, second, counter = Peer(bus, flusher), Peer(bus, flusher), Counter(bus, "A")
    subscription = first.subscribe(counter)
    second.subscribe(counter)
    bus.unsubscribe(subscription)
    counter.add()
    flusher.flush()
    assert len(first.read()) == 1
    assert len(second.read()) == 2
    bus.leave(second.outbox)
    assert not bus.topics
    assert bus.statistics.subscriptions == 0


def test_entitlement_without_payload_gets_none(bus: Bus, flusher: Flusher) -> None:
    peer, counter = Peer(bus, flusher), Counter(bus, "A")
    peer.subscribe(counter, entitlement="nothing")
    topic = bus.find("Market", "A")
    assert topic is not None
    topic.publish(lambda _: None)
    flusher.flush()
    assert len(peer.read()) == 1


async def test_slow_reader_is_bounded_and_ends_with_the_state(bus: Bus, flusher: Flusher) -> None:
    slow, quick = Peer(bus, flusher, bytes_max=20_000), Peer(bus, flusher, bytes_max=20_000)
    counters = [Counter(bus, name, padding=500) for name in "ABC"]
    for counter in counters:
        slow.subscribe(counter)
        quick.subscribe(counter)
    received_slow: list[dict[str, Any]] = []
    received_quick: list[dict[str, Any]] = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(flusher.run)
        for _ in range(1000):
            for counter in counters:
                counter.add()
            flusher.flush()
            received_quick += quick.read()
            assert slow.outbox.bytes_waiting < 20_000 + 4 * 600
        assert slow.outbox.lagging
        assert flusher.outbox_statistics.conflations > 0
        while slow.outbox.lagging or slow.outbox.waiting:
            received_slow += slow.read()
            await trio.testing.wait_all_tasks_blocked()
        counters[0].add()
        flusher.flush()
        received_slow += slow.read()
        received_quick += quick.read()
        nursery.cancel_scope.cancel()
    for counter in counters:
        assert seen_value(received_slow, counter.name) == counter.value
        assert seen_value(received_quick, counter.name) == counter.value
    assert len(received_slow) < len(received_quick)


async def test_a_snapshot_larger_than_the_limit_gets_through(bus: Bus, flusher: Flusher) -> None:
    peer, counter = Peer(bus, flusher, bytes_max=1000), Counter(bus, "A", padding=100_000)
    peer.subscribe(counter)
    received: list[dict[str, Any]] = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(flusher.run)
        flusher.flush()
        for _ in range(20):
            counter.add()
            flusher.flush()
            received += peer.read()
            await trio.testing.wait_all_tasks_blocked()
        while peer.outbox.lagging or peer.outbox.waiting:
            received += peer.read()
            await trio.testing.wait_all_tasks_blocked()
        received += peer.read()
        nursery.cancel_scope.cancel()
    assert seen_value(received, "A") == counter.value


def test_a_broken_peer_tells_its_owner(bus: Bus, flusher: Flusher) -> None:
    peer, counter = Peer(bus, flusher), Counter(bus, "A")
    told: list[bool] = []
    peer.outbox.on_broken = lambda: told.append(True)
    peer.subscribe(counter)
    peer.reader.close()
    flusher.flush()
    counter.add()
    flusher.flush()
    assert told == [True]
    assert peer.outbox.closed


async def test_outbox_without_descriptor_waits_for_its_writer(bus: Bus, flusher: Flusher) -> None:
    told: list[str] = []
    outbox = Outbox(None, 1000, flusher, flusher.outbox_statistics)
    outbox.on_waiting = lambda: told.append("waiting")
    outbox.append(b"one")
    outbox.append(b"two")
    outbox.flush()
    assert told == ["waiting"]
    assert outbox.take() == b"onetwo"
    outbox.took(6)
    outbox.drained()
    assert outbox.bytes_waiting == 0


def test_a_reader_behind_a_writer_task_shows_when_the_kernel_does_not_take() -> None:
    """TLS: the task's writes hide the kernel's answer, so that only time tells."""
    now = [0.0]
    flusher = Flusher(1.0, lambda: now[0])
    outbox = Outbox(None, 1000, flusher, flusher.outbox_statistics)

    def send(data: bytes) -> None:
        outbox.append(data)
        outbox.flush()

    send(b"x" * 100)
    assert flusher.blocked_outboxes == []  # its task may just not have run yet
    now[0] = 0.2
    send(b"y" * 50)
    assert (flusher.blocked_outboxes, outbox.waiting_since, outbox.bytes_waiting) == ([outbox], 0.0, 150)
    assert flusher.outbox_statistics.blocked == 0
    outbox.took(len(outbox.take()))
    assert (flusher.outbox_statistics.blocked, outbox.waiting_since) == (1, 0.2)
    outbox.took(len(outbox.take()))
    outbox.drained()
    assert (flusher.blocked_outboxes, outbox.waiting_since) == ([], None)


def test_a_busy_reader_behind_a_writer_task_is_not_behind() -> None:
    """More always comes before the task is through, and yet each byte is taken soon."""
    now = [0.0]
    flusher = Flusher(1.0, lambda: now[0])
    outbox = Outbox(None, 1000, flusher, flusher.outbox_statistics)
    outbox.append(b"x" * 100)
    outbox.flush()
    for step in range(1, 100):
        now[0] = step * 0.01
        outbox.append(b"x" * 100)
        outbox.flush()
        outbox.took(len(outbox.take()))
        assert outbox.waiting
        assert flusher.blocked_outboxes == []
    assert flusher.outbox_statistics.blocked == 0


async def test_a_resumed_reader_behind_a_writer_task_still_counts(bus: Bus, flusher: Flusher) -> None:
    counter = Counter(bus, "A", padding=700)
    outbox = Outbox(None, 1000, flusher, flusher.outbox_statistics)
    bus.subscribe(
        outbox,
        CODEC,
        controller="Market",
        name="A",
        wire_topic="A",
        entitlement="all",
        snapshot=counter.snapshot,
    )
    for _ in range(4):
        counter.add()
        flusher.flush()
    assert (outbox.lagging, outbox.conflated) == (True, 3)
    while outbox.waiting:
        data = outbox.take()
        outbox.took(len(data))
    outbox.drained()
    assert (outbox.bytes_waiting > 700, outbox.waiting_since is not None) == (True, True)
    outbox.took(len(outbox.take()))
    outbox.drained()
    assert (outbox.lagging, outbox.waiting_since) == (False, None)
    assert flusher.blocked_outboxes == []


async def test_a_spent_slice_gives_way_and_goes_on(bus: Bus) -> None:
    ticks = iter(range(1_000_000))
    flusher = Flusher(0.5, lambda: float(next(ticks)))
    bus = Bus(flusher)
    counter = Counter(bus, "A")
    peers = [Peer(bus, flusher) for _ in range(100)]
    for peer in peers:
        peer.subscribe(counter)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(flusher.run)
        flusher.flush()
        assert flusher.backlog > 0
        await trio.testing.wait_all_tasks_blocked()
        assert flusher.backlog == 0
        nursery.cancel_scope.cancel()
    assert all(len(peer.read()) == 1 for peer in peers)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from(["add", "flush", "read", "resume", "subscribe", "unsubscribe"]), max_size=200)
)
def test_whatever_happens_a_drained_reader_holds_the_state(steps: list[str]) -> None:
    flusher = Flusher(1.0, lambda: 0.0)
    bus = Bus(flusher)
    peer, counter = Peer(bus, flusher, bytes_max=3000), Counter(bus, "A", padding=700)
    received: list[dict[str, Any]] = []
    subscription = peer.subscribe(counter)

    def resume() -> None:
        if peer.outbox.waiting and not peer.outbox.resume():
            flusher.forget(peer.outbox)

    for step in steps:
        if step == "add":
            counter.add()
        elif step == "flush":
            flusher.flush()
        elif step == "read":
            received += peer.read()
        elif step == "resume":
            resume()
        elif step == "subscribe" and subscription is None:
            subscription = peer.subscribe(counter)
        elif step == "unsubscribe" and subscription is not None:
            bus.unsubscribe(subscription)
            subscription = None
    if subscription is None:
        peer.subscribe(counter)
    flusher.flush()
    while peer.outbox.waiting or peer.outbox.lagging:
        received += peer.read()
        resume()
    received += peer.read()
    assert seen_value(received, "A") == counter.value
    flusher.forget(peer.outbox)
    peer.reader.close()
    peer.writer.close()


@pytest.mark.parametrize("length", [0, 1, 125, 126, 65535, 65536])
def test_frames_have_the_shortest_header(length: int) -> None:
    data = frame(TEXT, b"x" * length)
    assert len(data) - length == (2 if length < 126 else 4 if length < 65536 else 10)
    assert data[0] == TEXT


def test_close_frames_are_recognised() -> None:
    assert is_close(b"\x88\x02\x03\xe8")
    assert not is_close(frame(BINARY, b"\x88"))
    assert not is_close(b"")
