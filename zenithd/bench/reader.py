"""Runs the C reader: thousands of WebSocket clients that take every byte, check it and measure.

The reader and its driver share a page of counters, so asking costs the reader nothing. Linux only.
"""

from __future__ import annotations

import enum
import mmap
import os
import socket
import struct
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from zenithd.bench.native import CannotMeasure, compiled

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
"""Every client's Sec-WebSocket-Key: that of RFC 6455 1.3, whose answer the reader knows."""

_COUNTERS = 11
_SUB_BITS = 6
_BUCKETS = 64 << _SUB_BITS
_SHARED_BYTES = 8 * (_COUNTERS + _BUCKETS)
_END_OF_TOPICS = 0xFFFFFFFF


class Mode(enum.IntEnum):
    """What the messages are; see `native/reader.c`."""

    FIXED = 0
    ZENITH = 1
    NATS = 2


class Client(NamedTuple):
    """One connection of the reader."""

    upgrade: bytes
    """The HTTP request; see `upgrade_request`."""
    after: bytes
    """Frames to send once it is open; see `client_frame`."""


class Counters(NamedTuple):
    """What the reader has counted so far."""

    connected: int
    upgraded: int
    frames: int
    """Messages taken and found right."""
    bytes: int
    errors: int
    """Wrong contents, gaps, refusals, closes: anything that should not be."""
    closed: int
    last_close: int
    ready_ns: int
    """When the last connection was upgraded, of the monotonic clock."""
    latencies: int
    latency_max_ns: int
    resets: int
    """How often latencies were forgotten."""


class Latency(NamedTuple):
    """Percentiles from the intended time of sending to the reader's taking it, in microseconds."""

    p50: float
    p99: float
    p999: float
    maximum: float
    samples: int


class Received(NamedTuple):
    """What one connection got under one topic."""

    connection: int
    topic: str
    messages: int
    digest: int


class Result(NamedTuple):
    """What the reader leaves behind (mode ZENITH)."""

    topics: list[Received]
    captured: list[tuple[int, bytes]]
    """Connection and payload, of the connections that were to be captured, in order."""


def upgrade_request(path: str = "/Zenith", subprotocol: str = "", headers: Sequence[str] = ()) -> bytes:
    """A request to upgrade."""
    lines = [
        f"GET {path} HTTP/1.1",
        "Host: localhost",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {KEY}",
        "Sec-WebSocket-Version: 13",
        *([f"Sec-WebSocket-Protocol: {subprotocol}"] if subprotocol else []),
        *headers,
    ]
    return "\r\n".join([*lines, "", ""]).encode()


def client_frame(payload: bytes, opcode: int = 1) -> bytes:
    """One masked frame; the mask is zero, so that the payload can be read in a dump."""
    length = len(payload)
    if length < 126:
        head = bytes((0x80 | opcode, 0x80 | length))
    elif length < 65536:
        head = struct.pack("!BBH", 0x80 | opcode, 0xFE, length)
    else:
        head = struct.pack("!BBQ", 0x80 | opcode, 0xFF, length)
    return head + bytes(4) + payload


class Reader:
    """The running program; a context manager.

    Args:
        port: of the server on this machine.
        clients: one for each connection; equal byte strings are stored once.
        per_second: connections made a second; 0: as fast as they are accepted.
        captured: the first so many connections' messages are kept whole (mode ZENITH).
        held: nothing happens before `release_connections`, and nothing is subscribed to before
            `release_subscriptions`.
        core: processor that it shall run on; None: any.

    Raises:
        CannotMeasure: there is no C compiler.
    """

    def __init__(
        self,
        port: int,
        mode: Mode,
        clients: Sequence[Client],
        *,
        topics: int = 1,
        per_second: int = 0,
        captured: int = 0,
        held: bool = False,
        core: int | None = None,
    ) -> None:
        self.clients = len(clients)
        self._folder = tempfile.TemporaryDirectory(prefix="zenithd-bench-")
        folder = Path(self._folder.name)
        plan, shared, self._result = folder / "plan", folder / "shared", folder / "result"
        plan.write_bytes(_plan(port, clients, (mode, len(clients), per_second, captured, topics, held)))
        shared.write_bytes(bytes(_SHARED_BYTES))
        with shared.open("r+b") as file:
            self._shared = mmap.mmap(file.fileno(), _SHARED_BYTES)
        self.process = subprocess.Popen(
            [str(compiled("reader")), str(plan), str(shared), str(self._result)], stdin=subprocess.PIPE
        )
        if core is not None:
            os.sched_setaffinity(self.process.pid, {core})

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.communicate()
        self._shared.close()
        self._folder.cleanup()

    def counters(self) -> Counters:
        """What has been counted so far."""
        return Counters._make(struct.unpack_from(f"<{_COUNTERS}Q", self._shared))

    def latency(self) -> Latency:
        """Percentiles since the last `reset`."""
        counters = self.counters()
        buckets = struct.unpack_from(f"<{_BUCKETS}Q", self._shared, 8 * _COUNTERS)
        total = sum(buckets)
        p50, p99, p999 = (_percentile(buckets, total * share) / 1000 for share in (0.5, 0.99, 0.999))
        return Latency(p50, p99, p999, counters.latency_max_ns / 1000, total)

    def reset(self) -> None:
        """Forget latencies."""
        before = self.counters().resets
        self._say(b"r")
        while self.counters().resets == before:
            self._check()
            time.sleep(0.001)

    def release_connections(self) -> None:
        """Let held connections be made."""
        self._say(b"c")

    def release_subscriptions(self) -> None:
        """Let held frames be sent."""
        self._say(b"s")

    def wait_upgraded(self, seconds: float = 60.0) -> None:
        """Return when every connection is open.

        Raises:
            CannotMeasure: not in time, or the reader has ended.
        """
        self._wait(lambda counters: counters.upgraded >= self.clients, seconds, "connections")

    def wait_frames(self, frames: int, seconds: float = 60.0) -> None:
        """Return when so many messages were taken, of all connections together.

        Raises:
            CannotMeasure: not in time, or more than that.
        """
        self._wait(lambda counters: counters.frames >= frames, seconds, "messages")
        if self.counters().frames > frames:
            raise CannotMeasure(f"the reader got {self.counters().frames} messages, {frames} were sent")

    def wait_quiet(self, quiet_seconds: float = 0.5, seconds: float = 60.0) -> None:
        """Return when nothing has come for so long."""
        deadline = time.monotonic() + seconds
        before, since = -1, time.monotonic()
        while time.monotonic() < deadline:
            self._check()
            now = self.counters().bytes
            if now != before:
                before, since = now, time.monotonic()
            elif time.monotonic() - since >= quiet_seconds:
                return
            time.sleep(0.01)
        raise CannotMeasure(f"messages were still coming after {seconds} s")

    def finish(self) -> Result:
        """End the program and read what it leaves behind."""
        self._say(b"q")
        self.process.wait(30)
        return _read_result(self._result.read_bytes())

    def _say(self, line: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line)
        self.process.stdin.flush()

    def _check(self) -> None:
        if self.process.poll() is not None:
            raise CannotMeasure("the reader has ended; what it said stands above")

    def _wait(self, done: Callable[[Counters], bool], seconds: float, what: str) -> None:
        deadline = time.monotonic() + seconds
        while not done(counters := self.counters()):
            self._check()
            if time.monotonic() > deadline:
                raise CannotMeasure(f"not all {what} came within {seconds:g} s: {counters}")
            time.sleep(0.0002)


def _plan(port: int, clients: Sequence[Client], settings: Sequence[int]) -> bytes:
    index: dict[bytes, int] = {}
    for client in clients:
        for blob in client:
            index.setdefault(blob, len(index))
    address = struct.unpack("=I", socket.inet_aton("127.0.0.1"))[0]
    head = struct.pack("<9I", address, port, *settings, len(index))
    blobs = b"".join(struct.pack("<I", len(blob)) + blob for blob in index)
    pairs = (struct.pack("<II", index[client.upgrade], index[client.after]) for client in clients)
    return b"".join((head, blobs, *pairs))


def _percentile(buckets: Sequence[int], rank: float) -> float:
    """The middle of the bucket in which the rank lies, in nanoseconds."""
    seen = 0
    for index, count in enumerate(buckets):
        seen += count
        if count and seen >= rank:
            exponent, position = divmod(index, 1 << _SUB_BITS)
            if exponent == 0:
                return position
            return (position + (1 << _SUB_BITS) + 0.5) * 2.0 ** (exponent - 1)
    return 0.0


def _read_result(data: bytes) -> Result:
    at, topics, captured = 0, [], []
    while at < len(data):
        (connection,) = struct.unpack_from("<I", data, at)
        at += 4
        if connection == _END_OF_TOPICS:
            captured = list(_read_captured(data, at))
            break
        (length,) = struct.unpack_from("<I", data, at)
        name = data[at + 4 : at + 4 + length].decode()
        topics.append(Received(connection, name, *struct.unpack_from("<QQ", data, at + 4 + length)))
        at += 4 + length + 16
    return Result(topics, captured)


def _read_captured(data: bytes, at: int) -> Iterator[tuple[int, bytes]]:
    while at < len(data):
        connection, length = struct.unpack_from("<II", data, at)
        yield connection, data[at + 8 : at + 8 + length]
        at += 8 + length
