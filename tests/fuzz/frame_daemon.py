"""A daemon in this process, and clients on socket pairs that send it whatever bytes a test likes."""

from __future__ import annotations

import os
import re
import socket
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import msgspec
import trio

from tests.fuzz.codec_boundaries import CODECS
from tests.fuzz.draw import Draw
from tests.fuzz.frame_model import BINARY, CLOSE, PING, PONG, TEXT
from zenithd.app import Daemon
from zenithd.clock import SystemClock
from zenithd.config import Config
from zenithd.config.convert import Source
from zenithd.plugin.manager import PluginManager
from zenithd.wire.codec import Encoding

MESSAGE_BYTES_MAX = 4_096
ANSWER_SECONDS_MAX = 60.0
"""Generous: a busy machine must not look like a wedge."""
ACCEPTED = re.compile(rb"HTTP/1\.1 101 .*?\r\n\r\n", re.DOTALL)
HEAD = (
    b"GET /Zenith?version=2.0 HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAECAwQFBgcICQoLDA0ODw==\r\n"
)
NO_CHANCE = Draw(0)


def frame(draw: Draw, opcode: int, payload: bytes, first: int = 0x80) -> bytes:
    """A masked frame; `first` holds the bits beside the opcode."""
    key = draw.choice((b"\0\0\0\0", b"\xff\xff\xff\xff", draw.randbytes(4)))
    length = len(payload)
    if length < 126:
        head = bytes((first | opcode, 0x80 | length))
    elif length < 65536:
        head = bytes((first | opcode, 0xFE)) + length.to_bytes(2, "big")
    else:
        head = bytes((first | opcode, 0xFF)) + length.to_bytes(8, "big")
    return head + key + bytes(byte ^ key[index % 4] for index, byte in enumerate(payload))


LOOK_SECONDS = 0.01
"""How often it is looked whether orders are taken."""


@asynccontextmanager
async def running_daemon() -> AsyncIterator[Daemon]:
    """A daemon without plugins whose state lies in a folder of its own."""
    in_memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="zenithd-fuzz-", dir=in_memory) as folder:
        config = _config(Path(folder))
        daemon = Daemon(config, PluginManager.discover([]), SystemClock())
        daemon.state.mkdir(exist_ok=True)
        sockets = await trio.open_tcp_listeners(0, host="127.0.0.1")
        started = trio.Event()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(daemon.run, sockets, _never(), lambda _: started.set())
            with trio.fail_after(ANSWER_SECONDS_MAX):
                await started.wait()
                while daemon.trading is not None and daemon.trading.waiting_for():  # noqa: ASYNC110
                    await trio.sleep(LOOK_SECONDS)
            yield daemon
            nursery.cancel_scope.cancel()


def _config(folder: Path) -> Config:
    config = Config(source=Source(file=folder / "config.toml"))
    limits = msgspec.structs.replace(
        config.limits, message_bytes_max=MESSAGE_BYTES_MAX, requests_per_second=20, requests_burst=20
    )
    host = msgspec.structs.replace(config.plugin_host, watchdog_seconds=ANSWER_SECONDS_MAX)
    return msgspec.structs.replace(config, limits=limits, plugin_host=host)


async def _never() -> AsyncIterator[int]:
    await trio.sleep_forever()
    yield 0


class Client:
    """One end of a socket pair, the other end of which the listener serves."""

    def __init__(self, daemon: Daemon, nursery: trio.Nursery) -> None:
        ours, theirs = socket.socketpair()
        self.stream = trio.SocketStream(trio.socket.from_stdlib_socket(ours))
        self.received = b""
        self.frames: list[tuple[int, bytes]] = []
        self.served = trio.Event()
        nursery.start_soon(self._serve, daemon, trio.SocketStream(trio.socket.from_stdlib_socket(theirs)))

    async def _serve(self, daemon: Daemon, stream: trio.SocketStream) -> None:
        await daemon.listener.serve(stream)
        self.served.set()

    async def shake_hands(self, protocol: str, early: bytes = b"") -> None:
        await self.send(HEAD + f"Sec-WebSocket-Protocol: {protocol}\r\n\r\n".encode() + early)
        while (answer := ACCEPTED.match(self.received)) is None:
            assert await self.receive(), f"refused: {self.received!r}"
        self.received = self.received[answer.end() :]

    async def send(self, data: bytes) -> None:
        """Send bytes; the server may have closed already."""
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            await self.stream.send_all(data)

    def leave(self) -> None:
        """Send nothing more, whatever is being sent."""
        with suppress(OSError):
            self.stream.socket.shutdown(socket.SHUT_WR)

    async def receive(self) -> bool:
        """Take what has come; False at the end."""
        try:
            data = bytes(await self.stream.receive_some(65536))
        except trio.BrokenResourceError:
            return False
        self.received += data
        return bool(data)

    def take_frames(self) -> None:
        """Move whole frames to `frames`: unmasked, whole messages, nothing behind a close frame."""
        while (found := self._parse()) is not None:
            opcode, begin, end = found
            assert not self.frames or self.frames[-1][0] != CLOSE, "something after the close frame"
            self.frames.append((opcode, self.received[begin:end]))
            self.received = self.received[end:]

    def _parse(self) -> tuple[int, int, int] | None:
        data = self.received
        if len(data) < 2:
            return None
        opcode, length = data[0] & 0x0F, data[1]
        assert data[0] & 0xF0 == 0x80
        assert opcode in (TEXT, BINARY, CLOSE, PING, PONG)
        assert length <= 127
        size = {126: 2, 127: 8}.get(length, 0)
        assert not size or opcode < CLOSE
        if len(data) < 2 + size:
            return None
        length = int.from_bytes(data[2 : 2 + size], "big") if size else length
        end = 2 + size + length
        return (opcode, 2 + size, end) if len(data) >= end else None


class Bystander(Client):
    """A connection that asks something after each script and must be answered."""

    asked = 0

    async def ask(self) -> None:
        """Send a request and wait for its reply; that it may be `Limited` does not matter."""
        self.asked += 1
        request = {"Controller": "Zenith", "Topic": "QueryConfigure", "TransactionID": self.asked}
        payload = CODECS[Encoding.JSON].encode(request)
        await self.send(frame(NO_CHANCE, TEXT, payload))
        with trio.fail_after(ANSWER_SECONDS_MAX):
            while not self._is_answered():
                assert await self.receive(), "the bystander was cut off"

    def _is_answered(self) -> bool:
        self.take_frames()
        answers = [
            CODECS[Encoding.JSON].decode(data.decode()) for opcode, data in self.frames if opcode == TEXT
        ]
        self.frames.clear()
        return any(answer.get("TransactionID") == self.asked and "Action" not in answer for answer in answers)
