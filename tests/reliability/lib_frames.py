"""A WebSocket client that sends whatever bytes a test likes and checks every frame it gets (RFC 6455 5)."""

from __future__ import annotations

import base64
import hashlib
import os
import ssl
import struct
from typing import NamedTuple

import trio

from zenithd.server.listener import WEBSOCKET_PATH

FIN = 0x80
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA

ACCEPT_SUFFIX = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
"""RFC 6455 1.3."""

ANSWER_SECONDS_MAX = 20.0


class Frame(NamedTuple):
    """What the server sent: always whole messages."""

    opcode: int
    payload: bytes


def masked(opcode: int, payload: bytes = b"", *, fin: bool = True, reserved: int = 0) -> bytes:
    """A frame as a client must send it; `reserved` are the bits 0x70 of its first byte."""
    key = os.urandom(4)
    return _header(opcode, len(payload), fin, reserved, FIN) + key + _mask(payload, key)


def unmasked(opcode: int, payload: bytes) -> bytes:
    """A frame as no client may send it."""
    return _header(opcode, len(payload), True, 0, 0) + payload


def _header(opcode: int, length: int, fin: bool, reserved: int, mask: int) -> bytes:
    first = opcode | reserved | (FIN if fin else 0)
    if length < 126:
        return bytes((first, mask | length))
    if length < 65536:
        return struct.pack("!BBH", first, mask | 126, length)
    return struct.pack("!BBQ", first, mask | 127, length)


def _mask(payload: bytes, key: bytes) -> bytes:
    repeated = (key * (len(payload) // 4 + 1))[: len(payload)]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(repeated, "big")).to_bytes(len(payload), "big")


def close_payload(code: int, reason: bytes = b"") -> bytes:
    return struct.pack("!H", code) + reason


def handshake(key: str, **changed: str | None) -> bytes:
    """A request to upgrade; `changed` replaces headers (`_` for `-`), None leaves one out."""
    headers: dict[str, str | None] = {
        "host": "localhost",
        "connection": "Upgrade",
        "upgrade": "websocket",
        "sec-websocket-version": "13",
        "sec-websocket-key": key,
    }
    headers.update({name.replace("_", "-"): value for name, value in changed.items()})
    lines = [f"{name}: {value}" for name, value in headers.items() if value is not None]
    return "\r\n".join([f"GET {WEBSOCKET_PATH}?version=2.0 HTTP/1.1", *lines, "", ""]).encode()


def accept_of(key: str) -> str:
    """The Sec-WebSocket-Accept that answers a key."""
    return base64.b64encode(hashlib.sha1(key.encode() + ACCEPT_SUFFIX).digest()).decode()


class RawClient:
    """One connection; `connect` does the handshake."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self.stream = stream
        self._received = b""

    @classmethod
    async def connect(cls, port: int, early: bytes = b"", tls: ssl.SSLContext | None = None) -> RawClient:
        """Shake hands, with `early` sent in the same segment as the request."""
        key = base64.b64encode(os.urandom(16)).decode()
        stream: trio.abc.Stream = await trio.open_tcp_stream("127.0.0.1", port)
        if tls is not None:
            stream = trio.SSLStream(stream, tls, server_hostname="localhost", https_compatible=True)
        client = cls(stream)
        status, headers = await client.request(handshake(key) + early)
        assert status == 101, (status, headers)
        assert headers["sec-websocket-accept"] == accept_of(key)
        assert "sec-websocket-extensions" not in headers
        return client

    async def request(self, data: bytes) -> tuple[int, dict[str, str]]:
        """Send the bytes of a request; return the status and headers of its answer."""
        await self.stream.send_all(data)
        while b"\r\n\r\n" not in self._received:
            assert await self._receive(), self._received
        head, _, self._received = self._received.partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        pairs = (line.split(":", 1) for line in lines)
        return int(first.split()[1]), {name.lower(): value.strip() for name, value in pairs}

    async def send(self, data: bytes, cut: int | None = None) -> None:
        """Send bytes, `cut` at a time. The server may have closed: then the rest is left out."""
        try:
            for start in range(0, len(data), cut or len(data) or 1):
                await self.stream.send_all(data[start : start + (cut or len(data))])
        except trio.BrokenResourceError:
            pass

    async def receive(self) -> Frame | None:
        """The next frame, None at the end of the connection."""
        with trio.fail_after(ANSWER_SECONDS_MAX):
            while (frame := self._parse()) is None:
                if not await self._receive():
                    assert self._received == b"", "the connection ended within a frame"
                    return None
        return frame

    async def receive_to_the_end(self, *, answer: bool = False) -> list[Frame]:
        """All frames up to the end of the connection; `answer` a close frame if we did not send one."""
        frames = []
        while (frame := await self.receive()) is not None:
            frames.append(frame)
            if answer and frame.opcode == CLOSE:
                await self.send(masked(CLOSE, frame.payload[:2]))
        return frames

    async def _receive(self) -> bool:
        data = bytes(await self.stream.receive_some(65536))
        self._received += data
        return bool(data)

    def _parse(self) -> Frame | None:
        """The first frame of what was received; a frame that a server must not send fails the test."""
        data = self._received
        if len(data) < 2:
            return None
        assert data[0] & 0x70 == 0, "reserved bits"
        assert data[0] & FIN, "the daemon never sends fragments"
        assert data[1] & 0x80 == 0, "a server does not mask"
        opcode, length, begin = data[0] & 0x0F, data[1], 2
        assert opcode in (TEXT, BINARY, CLOSE, PING, PONG)
        if length >= 126:
            assert opcode < CLOSE, "control frames are short"
            begin = 4 if length == 126 else 10
            if len(data) < begin:
                return None
            shortest = 126 if length == 126 else 65536
            length = int.from_bytes(data[2:begin], "big")
            assert length >= shortest, "a length must be written in the shortest form"
        if len(data) < begin + length:
            return None
        self._received = data[begin + length :]
        return Frame(opcode, data[begin : begin + length])
