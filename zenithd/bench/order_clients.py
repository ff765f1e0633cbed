"""Clients that send order requests at given times, and take their answers: raw sockets, in one task each.

A request is late from the moment at which it was to be sent, whether or not its connection was free: what a
server holds up at one request is not hidden by the others waiting in the client (coordinated omission).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import orjson
import trio

from zenithd.bench.native import CannotMeasure
from zenithd.bench.reader import client_frame, upgrade_request

Message = dict[str, Any]


class OrderClient:
    """One connection.

    Attributes:
        latencies: of each request in seconds, from its intended time to its answer.
        results: answers by result and error codes.
        told: called with every message that is no answer.
    """

    def __init__(self, port: int, token: str) -> None:
        self._port = port
        self._token = token
        self._transaction = 1
        self._waiting: dict[int, tuple[float, Callable[[Message], None] | None]] = {}
        self._answered = trio.Event()
        self._stream: trio.SocketStream
        self.latencies: list[float] = []
        self.results: dict[str, int] = {}
        self.told: Callable[[Message], None] = _ignore
        self.sent = 0

    async def connect(self) -> None:
        """Open the connection and log in."""
        self._stream = await trio.open_tcp_stream("127.0.0.1", self._port)
        await self._stream.send_all(upgrade_request("/Zenith?version=2.0", "ZenithJson"))
        head = b""
        while b"\r\n\r\n" not in head:
            head += await self._stream.receive_some(65_536)
        if b" 101 " not in head.partition(b"\r\n")[0]:
            raise CannotMeasure(f"no WebSocket: {head[:200]!r}")
        self._buffer = head.partition(b"\r\n\r\n")[2]
        login = {"Provider": "Bearer", "AccessToken": self._token}
        await self._say({"Controller": "Auth", "Topic": "AuthToken", "TransactionID": 1, "Data": login})

    async def subscribe(self, controller: str, topic: str) -> None:
        """Ask for a topic."""
        await self._say({"Controller": controller, "Topic": topic, "Action": "Sub"})

    async def send(
        self, topic: str, data: Message, due: float, then: Callable[[Message], None] | None = None
    ) -> None:
        """Send an order request that was to be sent at `due` (of the monotonic clock)."""
        self._transaction += 1
        self._waiting[self._transaction] = (due, then)
        self.sent += 1
        container = {
            "Controller": "Trading",
            "Topic": topic,
            "TransactionID": self._transaction,
            "Data": data,
        }
        await self._say(container)

    async def wait_answered(self) -> None:
        """Return when every request has its answer."""
        while self._waiting:
            await self._answered.wait()

    async def read(self) -> None:
        """Take what comes until cancelled."""
        while True:
            for message in self._messages():
                self._take(message)
            received = await self._stream.receive_some(1 << 18)
            if not received:
                raise CannotMeasure("the daemon closed the connection")
            self._buffer += received

    def _take(self, message: Message) -> None:
        waiting = self._waiting.pop(message.get("TransactionID", 0), None)
        if waiting is None:
            self.told(message)
            return
        due, then = waiting
        self.latencies.append(time.monotonic() - due)
        data = message.get("Data") or {}
        result = " ".join([str(data.get("Result")), *data.get("Errors", ())])
        self.results[result] = self.results.get(result, 0) + 1
        if then is not None:
            then(data)
        if not self._waiting:
            self._answered.set()
            self._answered = trio.Event()

    def _messages(self) -> Iterator[Message]:
        buffer, at = self._buffer, 0
        while len(buffer) - at >= 2:
            length, start = buffer[at + 1] & 0x7F, at + 2
            if length == 126:
                length, start = int.from_bytes(buffer[at + 2 : at + 4], "big"), at + 4
            elif length == 127:
                length, start = int.from_bytes(buffer[at + 2 : at + 10], "big"), at + 10
            if len(buffer) < start + length:
                break
            if buffer[at] & 0x0F == 1:
                yield orjson.loads(buffer[start : start + length])
            at = start + length
        self._buffer = buffer[at:]

    async def _say(self, container: Message) -> None:
        await self._stream.send_all(client_frame(orjson.dumps(container)))


def _ignore(message: Message) -> None:
    """Market data and the like."""
